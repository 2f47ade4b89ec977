//! A real depot for a desk, an appliance that talks to it, and a line between them that may lie.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use writ_client::{Client, Settings, Signer};
use writ_evidence::bundle::ReleaseRef;
use writ_evidence::chain::{ChainState, Sealed};
use writ_evidence::records::{StartReason, Started};
use writ_evidence::{Draft, Kind, seal};
use writ_trust::digest::Digest;
use writ_trust::minisign::{PublicKey, SecretKey, SecretKeyFile};
use writ_trust::numbers::TrustVersion;
use writ_trust::time::Time;
use writ_wire::check_in::{CheckIn, CheckInSchema};
use writ_wire::courier::Delegation;
use writ_wire::evidence_batch::{EvidenceBatch, EvidenceBatchSchema};
use writ_wire::heartbeat::{Heartbeat, HeartbeatSchema, LogPosition, Next};
use writ_wire::heartbeats::{Heartbeats, HeartbeatsSchema};
use writ_wire::notice::Notice;
use writ_wire::receipts::Receipts;
use writ_wire::{Blob, Signed, paths};

use crate::desk::{Desk, Pattern, SITE};

pub const ORIGIN: &str = "log.example.org/clinic-001";
pub const SECOND: &str = "log.example.org/clinic-001/2";
/// How long anything here may take before the test is given up.
const PATIENCE: Duration = Duration::from_secs(60);

impl Desk {
    /// As [`Desk::ready`] for one signer, with a log and a key to read with. The keys are those of every such desk.
    pub fn logged() -> Self {
        static LOGGED: Pattern = Pattern::new();
        LOGGED.copy(Self::logged_of_others)
    }

    /// The same with keys of its own.
    pub fn logged_of_others() -> Self {
        let desk = Self::empty();
        desk.key("alice");
        for (name, role) in [("cache-1", "cache"), ("depot-log", "log"), ("reader", "read")] {
            let new = ["keys", "new", "--name", name, "--out", "keys", "--role", role];
            desk.ok(&[&new[..], if role == "read" { &["--no-passphrase"] } else { &[] }].concat());
        }
        let origin = format!("{SITE}={ORIGIN}");
        let init = ["trust", "init", "--out", "releases/trust/1.json", "--key", "keys/alice.pub:trust,release"];
        let keys =
            ["--key", "keys/cache-1.pub:cache", "--key", "keys/depot-log.pub:log", "--key", "keys/reader.pub:read"];
        let rest = ["--threshold", "trust=1", "--threshold", "release=1", "--log-origin", &origin];
        desk.ok(&[&init[..], &keys[..], &rest[..]].concat());
        desk.sign_root(1);
        fs::copy(desk.path("releases/trust/1.json"), desk.path("first-root.json")).unwrap();
        desk.checkout("flake");
        desk
    }

    pub fn sign_root(&self, version: u32) {
        let root = format!("releases/trust/{version}.json");
        self.ok(&["trust", "sign", &root, "--key", "keys/alice.key", "--passphrase-file", "pass"]);
    }

    /// The arguments that publish a draft to a depot and into `releases`.
    pub fn publish_to<'a>(&self, draft: &'a str, url: &'a str) -> Vec<&'a str> {
        vec![
            "release",
            "publish",
            draft,
            "--to",
            "releases",
            "--cache-key",
            "keys/cache-1.nix-key",
            "--depot",
            url,
            "--read-key",
            "keys/reader.key",
        ]
    }

    /// Drafts, signs and publishes to a depot.
    pub fn release_to(&self, draft: &str, url: &str) -> String {
        self.draft(draft);
        self.sign(draft, "alice");
        self.ok(&self.publish_to(draft, url))
    }

    /// A second log in root 2, and the order that it takes over, drafted from a checkpoint of the first.
    pub fn draft_restart(&self, checkpoint: &str) {
        let origin = format!("{SITE}={SECOND}");
        self.ok(&["trust", "next", "--from", "releases/trust", "--log-origin", &origin]);
        self.sign_root(2);
        let restart = ["log", "restart", "--site", SITE, "--trust", "releases/trust", "--checkpoint", checkpoint];
        self.ok(&[&restart[..], &["--origin", SECOND, "--reason", "the disk failed", "--out", "restart.json"]].concat());
    }

    pub fn sign_restart(&self) {
        let sign = ["log", "sign", "restart.json", "--trust", "releases/trust", "--key", "keys/alice.key"];
        self.ok(&[&sign[..], &["--passphrase-file", "pass"]].concat());
    }

    pub fn open_key(&self, name: &str) -> SecretKey {
        let text = fs::read_to_string(self.path(&format!("keys/{name}.key"))).unwrap();
        SecretKeyFile::parse(&text).unwrap().open().unwrap()
    }
}

/// A running `writ-depot`; killed when dropped.
pub struct Depot {
    child: Child,
    pub url: String,
}

impl Depot {
    /// Serves `data` under the desk's first root.
    pub fn start(desk: &Desk, data: &str) -> Self {
        let own = std::env::current_exe().unwrap();
        let program = own.parent().and_then(Path::parent).unwrap().join("writ-depot");
        assert!(program.is_file(), "{} is not built: cargo build -p writ-depot", program.display());
        let address: PathBuf = desk.path(&format!("{data}.address"));
        let _ = fs::remove_file(&address);
        let said = fs::File::create(desk.path(&format!("{data}.log"))).unwrap();
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--trust"]).arg(desk.path("first-root.json"));
        command.arg("--data").arg(desk.path(data)).arg("--log-key").arg(desk.path("keys/depot-log.key"));
        command.arg("--address-file").arg(&address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        let mut child = command.spawn().unwrap();
        let url = wait(|| {
            assert!(child.try_wait().unwrap().is_none(), "the depot ended; see {data}.log");
            let text = fs::read_to_string(&address).ok()?;
            (!text.trim().is_empty()).then(|| format!("http://{}", text.trim()))
        });
        Self { child, url }
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again until there is an answer.
pub fn wait<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        let asked = Instant::now();
        if let Some(answer) = ready() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited too long");
        // Where it takes long to look, it is looked less often: what is waited for needs the processor.
        std::thread::sleep((asked.elapsed() * 4).clamp(Duration::from_millis(5), Duration::from_millis(250)));
    }
}

pub fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap())
}

/// An appliance, with its courier.
pub struct Appliance {
    name: String,
    key: SecretKey,
    client: Client,
    pub state: ChainState,
    pub release: Option<ReleaseRef>,
    pub last_checkpoint: Option<String>,
    pub sealed: Vec<Sealed>,
    /// What it says of a release that it does not obey.
    pub next: Option<Next>,
}

impl Appliance {
    /// The front desk.
    pub fn new(desk: &Desk, url: &str) -> Self {
        Self::named(desk, url, "front-desk")
    }

    pub fn named(desk: &Desk, url: &str, own: &str) -> Self {
        let key = desk.open_key(own);
        let courier = SecretKey::generate(&[77; 40]);
        let (site, name) = (SITE.parse().unwrap(), own.parse().unwrap());
        let delegation = Delegation::make(&site, &name, &key, &courier.public_key(), now()).unwrap();
        let client = Client::new(&Settings::new(url)).unwrap().signed_by(Signer::courier(courier, &delegation));
        Self {
            name: own.to_owned(),
            key,
            client,
            state: ChainState::new(),
            release: None,
            last_checkpoint: None,
            sealed: Vec::new(),
            next: None,
        }
    }

    /// Obeys the newest release in the desk's folder.
    pub fn obey(&mut self, desk: &Desk, serial: u64) {
        let bytes = desk.read(&format!("releases/releases/{SITE}/1-{serial}/release.json"));
        let (epoch, serial) = ("1".parse().unwrap(), serial.to_string().parse().unwrap());
        self.release = Some(ReleaseRef { epoch, serial, digest: Digest::of(&bytes) });
    }

    /// Seals bundles that say that the enforcer started.
    pub fn seal(&mut self, count: usize) -> Vec<Signed> {
        let sealed: Vec<Sealed> = (0..count).map(|_| self.one()).collect();
        let signed = |sealed: &Sealed| Signed {
            document: Blob(sealed.bytes.clone()),
            signatures: vec![Blob(sealed.signature_text.clone().into_bytes())],
        };
        let all = sealed.iter().map(signed).collect();
        self.sealed.extend(sealed);
        all
    }

    fn one(&mut self) -> Sealed {
        let mut draft = Draft::new(Kind::Started, &SITE.parse().unwrap(), &"front-desk".parse().unwrap());
        draft.release = self.release;
        draft.last_checkpoint = self.last_checkpoint.clone();
        draft.started = Some(Started {
            why: StartReason::FirstStart,
            previous_chain: None,
            reimaged: false,
            enforcing: self.release,
            agent_version: "0.1.0".into(),
            recovered: vec![],
        });
        let sealed = seal(draft, &self.state, &self.key, now()).unwrap();
        self.state = sealed.next;
        sealed
    }

    /// Seals what this draft says, and delivers it.
    pub fn tell(&mut self, kind: Kind, say: impl FnOnce(&mut Draft)) {
        let mut draft = Draft::new(kind, &SITE.parse().unwrap(), &"front-desk".parse().unwrap());
        draft.release = self.release;
        draft.last_checkpoint = self.last_checkpoint.clone();
        say(&mut draft);
        let sealed = seal(draft, &self.state, &self.key, now()).unwrap();
        self.state = sealed.next;
        let signatures = vec![Blob(sealed.signature_text.clone().into_bytes())];
        self.submit(vec![Signed { document: Blob(sealed.bytes.clone()), signatures }]);
        self.sealed.push(sealed);
    }

    /// Sends a batch of logs.
    pub fn send_logs(&self, number: u64, bytes: &[u8]) {
        let target = paths::log_batch_submit(&SITE.parse().unwrap(), &"audit".parse().unwrap(), number);
        self.client.post_gzip(&target, bytes, 4096).unwrap();
    }

    /// Seals and delivers; remembers the checkpoint of the receipts.
    pub fn deliver(&mut self, count: usize) -> Receipts {
        let bundles = self.seal(count);
        let receipts = self.submit(bundles);
        self.last_checkpoint = Some(String::from_utf8(receipts.checkpoint.0.clone()).unwrap());
        receipts
    }

    pub fn submit(&self, bundles: Vec<Signed>) -> Receipts {
        let batch = EvidenceBatch { schema: EvidenceBatchSchema::V1, bundles }.canonical();
        let target = paths::evidence_submit(&SITE.parse().unwrap());
        let receipts = Receipts::parse(&self.client.post(&target, &batch, 8 << 20).unwrap()).unwrap();
        assert!(receipts.refused.is_empty(), "{receipts:?}");
        receipts
    }

    /// Says what somebody is to be told.
    pub fn notify(&self, notice: &Notice) {
        let signed = notice.sign(&self.key).unwrap();
        self.client.post(&paths::notices(&SITE.parse().unwrap()), &signed.canonical(), 1024).unwrap();
    }

    /// Its public key.
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn signed_heartbeat(&self, at: Time, log_size: Option<u64>) -> Signed {
        let heartbeat = Heartbeat {
            schema: HeartbeatSchema::V1,
            site: SITE.parse().unwrap(),
            appliance: self.name.parse().unwrap(),
            public_key: self.key.public_key(),
            at,
            release: self.release.map(|r| writ_wire::releases::ReleaseRef {
                epoch: r.epoch,
                serial: r.serial,
                digest: r.digest,
            }),
            trust_version: TrustVersion::FIRST,
            sequence: self.state.next_sequence - 1,
            open_incidents: 0,
            refused: 0,
            log: log_size.map(|size| LogPosition { number: 1, origin: ORIGIN.into(), size }),
            log_fresh_at: None,
            agent_version: "0.1.0".into(),
            next: self.next.clone(),
        };
        heartbeat.sign(&self.key).unwrap()
    }

    /// What a depot would answer that has only this heartbeat.
    pub fn heartbeat(&self, at: Time, log_size: Option<u64>) -> Vec<u8> {
        let heartbeats = vec![self.signed_heartbeat(at, log_size)];
        Heartbeats { schema: HeartbeatsSchema::V1, heartbeats }.canonical()
    }

    /// Says that it lives, as of a time.
    pub fn beat(&self, at: Time, log_size: Option<u64>) {
        let heartbeat = self.signed_heartbeat(at, log_size);
        let check_in = CheckIn { schema: CheckInSchema::V1, heartbeat }.canonical();
        self.client.post(&paths::check_in(), &check_in, 64 << 10).unwrap();
    }
}

/// What an answer becomes on its way, by the request's target (behind its method, if that is not GET): status and body.
type Lie = Box<dyn Fn(&str, u16, Vec<u8>) -> (u16, Vec<u8>) + Send>;

/// A line to a depot on which answers may be exchanged.
pub struct Line {
    pub url: String,
    lie: Arc<Mutex<Option<Lie>>>,
}

impl Line {
    pub fn to(depot: &Depot) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lie: Arc<Mutex<Option<Lie>>> = Arc::default();
        let (upstream, told) = (depot.url.trim_start_matches("http://").to_owned(), lie.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                forward(stream, &upstream, &told);
            }
        });
        Self { url, lie }
    }

    pub fn lie(&self, lie: impl Fn(&str, u16, Vec<u8>) -> (u16, Vec<u8>) + Send + 'static) {
        *self.lie.lock().unwrap() = Some(Box::new(lie));
    }

    pub fn honest(&self) {
        *self.lie.lock().unwrap() = None;
    }
}

/// Reads a message with its body, one that tells its length or ends with the connection; its first line and its headers.
fn message(reader: &mut impl BufRead, to_end: bool) -> Option<(String, Vec<String>, Vec<u8>)> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    while let Some(header) = line().filter(|header| !header.is_empty()) {
        headers.push(header);
    }
    let length = headers.iter().find_map(|header| {
        let (name, value) = header.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<u64>().ok())?
    });
    let mut body = Vec::new();
    if let Some(length) = length {
        reader.take(length).read_to_end(&mut body).ok()?;
    } else if to_end {
        reader.read_to_end(&mut body).ok()?;
    }
    Some((first, headers, body))
}

fn forward(mut stream: TcpStream, upstream: &str, lie: &Mutex<Option<Lie>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Some((first, headers, body)) = message(&mut reader, false) else { return };
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut there = TcpStream::connect(upstream).unwrap();
    let kept = headers.iter().filter(|header| !header.to_lowercase().starts_with("connection:"));
    let head: String = kept.map(|header| format!("{header}\r\n")).collect();
    let _ = there.write_all(format!("{first}\r\n{head}Connection: close\r\n\r\n").as_bytes());
    let _ = there.write_all(&body);
    let Some((status, headers, body)) = message(&mut BufReader::new(there), method != "HEAD") else { return };
    let code: u16 = status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(502);
    let (code, body) = match &*lie.lock().unwrap() {
        Some(lie) if method == "GET" => lie(target, code, body),
        Some(lie) => lie(&format!("{method} {target}"), code, body),
        None => (code, body),
    };
    let named =
        |header: &&String| !header.to_lowercase().starts_with("con") && !header.to_lowercase().starts_with("tra");
    let head: String = headers.iter().filter(named).map(|header| format!("{header}\r\n")).collect();
    let length = if method == "HEAD" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let _ = stream.write_all(format!("HTTP/1.1 {code} x\r\n{head}{length}Connection: close\r\n\r\n").as_bytes());
    let _ = stream.write_all(&body);
}
