//! Puts load on a depot, or on any server of the same files, and prints what it takes.
//!
//! ```text
//! load get ADDRESS CONNECTIONS SECONDS PATH…        requests per second of some files
//! load checkin ADDRESS CONNECTIONS SECONDS FOLDER   check-ins per second
//! load evidence ADDRESS CONNECTIONS SECONDS FOLDER BATCH [BYTES]   bundles per second, in batches
//! load limits                                       this machine's strict verifies and fsyncs per second
//! load prepare FOLDER APPLIANCES                    a trust root, keys, and a release with that many appliances
//! load publish ADDRESS FOLDER APPLIANCES            publishes that release
//! ```
//!
//! Everything is signed before the clock starts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::SecretKey;
use writ_trust::numbers::{Epoch, Serial, TrustVersion};
use writ_trust::release::{Generation, PolicyRef, Release, ReleaseSchema, Source};
use writ_trust::role::Role;
use writ_trust::root::{TrustKey, TrustRoot, TrustSchema};
use writ_trust::time::Time;
use writ_wire::check_in::{CheckIn, CheckInSchema};
use writ_wire::courier::{self, Delegation};
use writ_wire::evidence_batch::{EvidenceBatch, EvidenceBatchSchema};
use writ_wire::heartbeat::{Heartbeat, HeartbeatSchema};
use writ_wire::http::Request;
use writ_wire::http::sign::sign;
use writ_wire::{Blob, Signed};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const POLICY: &[u8] = b"{\"schema\":\"writ.policy.v1\"}";

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or_default())
}

/// Key number `n`, always the same.
fn key(n: u32) -> SecretKey {
    let mut random = [0; 40];
    random[..32].copy_from_slice(Digest::of(&n.to_be_bytes()).as_bytes());
    random[32..36].copy_from_slice(&n.to_be_bytes());
    SecretKey::generate(&random)
}

const TRUST: u32 = 1_000_001;
const RELEASE: u32 = 1_000_002;
const LOG: u32 = 1_000_003;
const READ: u32 = 1_000_004;
const COURIER: u32 = 1_000_005;

fn site() -> Result<SiteId> {
    Ok("clinic-001".parse()?)
}

fn appliance(n: u32) -> Result<ApplianceId> {
    Ok(format!("appliance-{n:05}").parse()?)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["get", address, connections, seconds, ref paths @ ..] => {
            let requests: Vec<Vec<u8>> =
                paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\nhost: d\r\n\r\n").into_bytes()).collect();
            let each = vec![requests; connections.parse()?];
            report("requests", run(address, each, seconds.parse()?, true)?, 1);
        }
        ["checkin", address, connections, seconds, appliances] => {
            let (connections, seconds): (u32, u64) = (connections.parse()?, seconds.parse()?);
            let each = 14_000 * u32::try_from(seconds)? / connections;
            let requests = check_ins(connections, each, appliances.parse()?)?;
            report("check-ins", run(address, requests, seconds, false)?, 1);
        }
        ["evidence", address, connections, seconds, batch, ref rest @ ..] => {
            let (connections, seconds, batch): (u32, u64, u32) =
                (connections.parse()?, seconds.parse()?, batch.parse()?);
            let bytes: usize = rest.first().map_or(Ok(2000), |bytes| bytes.parse())?;
            let first: u64 = rest.get(1).map_or(Ok(1), |first| first.parse())?;
            let each = 14_000 * u32::try_from(seconds)? / connections / batch;
            let requests = evidence(connections, each, batch, bytes, first)?;
            report("bundles", run(address, requests, seconds, false)?, u64::from(batch));
        }
        ["limits"] => limits()?,
        ["prepare", folder, ..] => prepare(Path::new(folder))?,
        ["publish", address, appliances] => publish(address, appliances.parse()?)?,
        _ => return Err("see the head of this file".into()),
    }
    Ok(())
}

fn report(what: &str, (count, took, bytes, failed): (u64, Duration, u64, u64), each: u64) {
    let rate = (count * each) as f64 / took.as_secs_f64();
    let megabytes = bytes as f64 / took.as_secs_f64() / 1e6;
    println!("{rate:.0} {what}/s ({count} answers in {took:.2?}, {megabytes:.0} MB/s, {failed} failed)");
}

/// Sends each connection's requests, one after another, until they or the time are used up.
fn run(address: &str, each: Vec<Vec<Vec<u8>>>, seconds: u64, again: bool) -> Result<(u64, Duration, u64, u64)> {
    let barrier = Barrier::new(each.len() + 1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = each
            .into_iter()
            .map(|requests| {
                let (barrier, address) = (&barrier, address.to_owned());
                scope.spawn(move || {
                    let stream = TcpStream::connect(address).and_then(|s| s.set_nodelay(true).map(|()| s));
                    barrier.wait();
                    let mut stream = stream?;
                    let deadline = Instant::now() + Duration::from_secs(seconds);
                    let (mut count, mut bytes, mut failed, mut buffer) = (0, 0, 0, vec![0; 256 * 1024]);
                    'all: loop {
                        for request in &requests {
                            if Instant::now() >= deadline {
                                break 'all;
                            }
                            stream.write_all(request)?;
                            let (status, size) = answer(&mut stream, &mut buffer)?;
                            count += 1;
                            bytes += size;
                            failed += u64::from(status != 200);
                        }
                        if !again {
                            break;
                        }
                    }
                    Ok::<_, std::io::Error>((count, bytes, failed))
                })
            })
            .collect();
        barrier.wait();
        let begun = Instant::now();
        let (mut count, mut bytes, mut failed) = (0, 0, 0);
        for thread in threads {
            let (more, size, bad) = thread.join().map_err(|_| "a thread panicked")??;
            (count, bytes, failed) = (count + more, bytes + size, failed + bad);
        }
        Ok((count, begun.elapsed(), bytes, failed))
    })
}

/// Reads an answer that says how long it is, and forgets it: its status and size.
fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<(u16, u64)> {
    let mut filled = 0;
    let (status, length, end) = loop {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if let Some(end) = buffer[..filled].windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
            let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
            break (status, length.unwrap_or(0_u64), end + 4);
        }
    };
    let mut left = length - (filled - end) as u64;
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = stream.read(&mut buffer[..most])? as u64;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        left -= read;
    }
    Ok((status, length))
}

fn trust_root() -> Result<TrustRoot> {
    let (from, until) = ("2020-01-01T00:00:00Z".parse::<Time>()?, "2090-01-01T00:00:00Z".parse::<Time>()?);
    let key = |n: u32, name: &str, role| TrustKey {
        public_key: key(n).public_key(),
        name: name.to_owned(),
        roles: vec![role],
        sites: vec![],
        valid_from: from,
        valid_until: until,
        revoked_at: None,
    };
    let keys = vec![
        key(TRUST, "trust", Role::Trust),
        key(RELEASE, "release", Role::Release),
        key(LOG, "log", Role::Log),
        key(READ, "read", Role::Read),
    ];
    Ok(TrustRoot {
        schema: TrustSchema::V1,
        version: TrustVersion::FIRST,
        epoch: Epoch::FIRST,
        keys,
        thresholds: [(Role::Trust, 1), (Role::Release, 1)].into(),
        log_origins: [(site()?, vec!["log.example/clinic-001".to_owned()])].into(),
        witnesses: vec![],
        timestamp_authorities: vec![],
        expires_at: until,
    })
}

fn prepare(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("trust.json"), trust_root()?.canonical())?;
    std::fs::write(folder.join("log.key"), key(LOG).to_open_file().as_bytes())?;
    Ok(())
}

fn publish(address: &str, appliances: u32) -> Result<()> {
    let mut generations = std::collections::BTreeMap::new();
    for n in 0..appliances {
        let policy =
            PolicyRef { schema: "writ.policy.v1".parse()?, digest: Digest::of(POLICY), size: POLICY.len() as u64 };
        let (public_key, system_type) = (key(n).public_key(), "x86_64-linux".parse()?);
        let not_before = "2026-01-01T00:00:00Z".parse()?;
        generations.insert(appliance(n)?, Generation { public_key, system_type, policy, closure: None, not_before });
    }
    let release = Release {
        schema: ReleaseSchema::V1,
        site: site()?,
        epoch: Epoch::FIRST,
        serial: Serial::FIRST,
        issued_at: "2026-01-01T00:00:00Z".parse()?,
        expires_at: "2089-01-01T00:00:00Z".parse()?,
        previous: None,
        source: Source { revision: None, nar_hash: Digest::of(b""), dirty: false },
        trust_version: TrustVersion::FIRST,
        generations,
        revoked_appliance_keys: vec![],
    };
    let envelope = Signed::by(release.canonical(), &key(RELEASE), "load")?.canonical();
    let document = format!("/publish/documents/{}", Digest::of(POLICY));
    for (target, body) in [("/publish/releases/clinic-001", envelope.as_slice()), (&document, POLICY)] {
        let mut request =
            format!("PUT {target} HTTP/1.1\r\nhost: d\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        request.extend(body);
        let (count, took, _, failed) = run(address, vec![vec![request]], 60, false)?;
        println!("PUT {target}: {count} in {took:.2?}, {failed} failed");
    }
    Ok(())
}

/// A signed request of an appliance's courier.
fn request(delegation: &str, courier: &SecretKey, target: &str, body: &[u8], nonce: u64) -> Vec<u8> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&nonce.to_be_bytes());
    bytes[8..].copy_from_slice(&now().unix_millis().to_be_bytes());
    let line = Request { method: "POST", path: target, query: None };
    let signed = sign(&line, Some(&Digest::of(body)), courier, now(), bytes);
    let mut text = format!("POST {target} HTTP/1.1\r\nhost: d\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in signed.pairs() {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("{}: {delegation}\r\n\r\n", courier::HEADER);
    [text.as_bytes(), body].concat()
}

fn delegation(n: u32) -> Result<String> {
    let courier = key(COURIER).public_key();
    Ok(courier::to_header(&Delegation::make(&site()?, &appliance(n)?, &key(n), &courier, now())?))
}

/// Requests for each connection, made on all cores.
fn on_all_cores(connections: u32, make: impl Fn(u32) -> Result<Vec<Vec<u8>>> + Sync) -> Result<Vec<Vec<Vec<u8>>>> {
    let make = &make;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..connections).map(|n| scope.spawn(move || make(n).map_err(|e| e.to_string()))).collect();
        threads.into_iter().map(|thread| Ok(thread.join().map_err(|_| "a thread panicked")??)).collect()
    })
}

fn check_ins(connections: u32, each: u32, appliances: u32) -> Result<Vec<Vec<Vec<u8>>>> {
    let delegations = (0..appliances).map(delegation).collect::<Result<Vec<_>>>()?;
    let (courier, delegations) = (&key(COURIER), &delegations);
    on_all_cores(connections, |connection| {
        (0..each)
            .map(|turn| {
                let n = (turn * connections + connection) % appliances;
                let heartbeat = Heartbeat {
                    schema: HeartbeatSchema::V1,
                    site: site()?,
                    appliance: appliance(n)?,
                    public_key: key(n).public_key(),
                    at: now().plus_millis(i64::from(turn)),
                    release: None,
                    trust_version: TrustVersion::FIRST,
                    sequence: u64::from(turn),
                    open_incidents: 0,
                    refused: 0,
                    log: None,
                    log_fresh_at: None,
                    agent_version: "0.1.0".to_owned(),
                };
                let body = CheckIn { schema: CheckInSchema::V1, heartbeat: heartbeat.sign(&key(n))? }.canonical();
                let nonce = u64::from(turn) << 32 | u64::from(connection);
                Ok(request(&delegations[n as usize], courier, "/agent/checkin", &body, nonce))
            })
            .collect()
    })
}

fn evidence(connections: u32, each: u32, batch: u32, bytes: usize, first: u64) -> Result<Vec<Vec<Vec<u8>>>> {
    let courier = &key(COURIER);
    on_all_cores(connections, |n| {
        let (secret, delegation, mut sequence) = (key(n), delegation(n)?, first);
        let filling = "x".repeat(bytes.saturating_sub(400));
        (0..each)
            .map(|turn| {
                let bundles = (0..batch)
                    .map(|_| {
                        let previous = match sequence {
                            1 => "null".to_owned(),
                            _ => format!("\"{}\"", Digest::of(&sequence.to_be_bytes())),
                        };
                        let document = format!(
                            "{{\"appliance\":\"{}\",\"bundle_id\":\"EB-20261120-{sequence:04}\",\"chain\":{{\"previous\":\
                             {previous},\"sequence\":{sequence}}},\"client_id\":\"clinic-001\",\"filling\":\"{filling}\",\
                             \"public_key\":\"{}\",\"schema\":\"writ.bundle.v1\"}}",
                            appliance(n)?,
                            secret.public_key()
                        );
                        sequence += 1;
                        Ok(Signed::by(document.into_bytes(), &secret, "load")?)
                    })
                    .collect::<Result<Vec<_>>>()?;
                let body = EvidenceBatch { schema: EvidenceBatchSchema::V1, bundles }.canonical();
                let nonce = u64::from(turn) << 32 | u64::from(n);
                Ok(request(&delegation, courier, "/api/evidence/sites/clinic-001/submit", &body, nonce))
            })
            .collect()
    })
}

fn limits() -> Result<()> {
    let message = Blob(vec![7; 64]);
    let (secret, cores) = (key(1), std::thread::available_parallelism()?.get());
    let (public, signature) = (secret.public_key(), secret.sign_message(&message.0));
    let total: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let (deadline, mut count) = (Instant::now() + Duration::from_secs(3), 0_u64);
                    while Instant::now() < deadline {
                        count += u64::from(public.verify_message(&message.0, &signature).is_ok());
                    }
                    count
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    println!("{} strict Ed25519 verifies/s on {cores} cores (a minisign file takes two)", total / 3);
    let path = std::env::current_dir()?.join("fsync-test");
    let mut file = std::fs::File::create(&path)?;
    let (begun, mut count) = (Instant::now(), 0_u64);
    while begun.elapsed() < Duration::from_secs(3) {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    std::fs::remove_file(path)?;
    println!("{} appends with fdatasync/s", count / 3);
    Ok(())
}
