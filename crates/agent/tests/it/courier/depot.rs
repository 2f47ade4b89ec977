//! A depot that runs in the test: plain HTTP, one request a connection, requests judged as a real one judges them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use writ_trust::digest::Digest;
use writ_trust::log::entry::{EntrySchema, LogEntry};
use writ_trust::log::tile::Tile;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::release::Release;
use writ_wire::check_in::{CheckIn, CheckInReply, CheckInReplySchema};
use writ_wire::courier::{self, Delegation};
use writ_wire::evidence_batch::EvidenceBatch;
use writ_wire::heartbeat::Heartbeat;
use writ_wire::http::Request;
use writ_wire::http::verify::{Headers, verify};
use writ_wire::log_receipt::{LogReceipt, LogReceiptSchema};
use writ_wire::orders::{Orders, OrdersSchema, tag};
use writ_wire::receipts::{BundleReceipt, Reason, Receipts, ReceiptsSchema, RefusedBundle};
use writ_wire::releases::LoggedRelease;
use writ_wire::sync::{LogHead, Sync, SyncSchema};
use writ_wire::{Blob, Signed};

use super::log::Log;
use super::world::{SITE, now};

/// An answer, before it is sent.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The connection breaks off after so many bytes of the body.
    pub cut: Option<usize>,
}

impl Answer {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into(), cut: None }
    }

    pub fn status(status: u16) -> Self {
        Self { status, ..Self::ok(b"no".to_vec()) }
    }
}

/// What is changed in answers, by path.
type Lie = Box<dyn FnMut(&str, &mut Answer) + Send>;

pub struct Depot {
    pub appliance: PublicKey,
    /// Keys that it had before.
    pub earlier: Vec<PublicKey>,
    pub log_key: SecretKey,
    /// Root 2 and on.
    pub roots: Vec<Signed>,
    pub release: Option<LoggedRelease>,
    pub documents: BTreeMap<String, Vec<u8>>,
    /// Files of the binary cache, by path.
    pub files: BTreeMap<String, Vec<u8>>,
    pub logs: Vec<Log>,
    pub restarts: BTreeMap<u64, Signed>,
    /// Bundles by sequence: digest, and index in the current log.
    pub held: BTreeMap<u64, (Digest, u64)>,
    /// The same of earlier keys, by fingerprint and sequence.
    pub held_earlier: BTreeMap<(String, u64), (Digest, u64)>,
    pub refuse: BTreeMap<u64, Reason>,
    /// The paths that were asked for, with the method.
    pub asked: Vec<String>,
    /// How many bundles each batch had.
    pub batches: Vec<usize>,
    pub heartbeats: Vec<Heartbeat>,
    pub orders: Vec<Signed>,
    lie: Option<Lie>,
}

impl Depot {
    pub fn new(appliance: PublicKey, log_key: SecretKey, origins: &[&str]) -> Self {
        Self {
            appliance,
            earlier: Vec::new(),
            log_key,
            roots: Vec::new(),
            release: None,
            documents: BTreeMap::new(),
            files: BTreeMap::new(),
            logs: origins.iter().map(|origin| Log::new(origin)).collect(),
            restarts: BTreeMap::new(),
            held: BTreeMap::new(),
            held_earlier: BTreeMap::new(),
            refuse: BTreeMap::new(),
            asked: Vec::new(),
            batches: Vec::new(),
            heartbeats: Vec::new(),
            orders: Vec::new(),
            lie: None,
        }
    }

    pub fn log(&mut self) -> &mut Log {
        self.logs.last_mut().unwrap()
    }

    /// From now on answers are changed like this.
    pub fn lies(&mut self, lie: impl FnMut(&str, &mut Answer) + Send + 'static) {
        self.lie = Some(Box::new(lie));
    }

    pub fn is_honest(&mut self) {
        self.lie = None;
    }

    /// How often something with this in its path was asked for.
    pub fn asked_for(&self, part: &str) -> usize {
        self.asked.iter().filter(|path| path.contains(part)).count()
    }

    /// The sequences held: without gaps from the first, and the highest.
    pub fn sequences(&self) -> (u64, u64) {
        let held = (1..).find(|n| !self.held.contains_key(n)).unwrap() - 1;
        (held, self.held.keys().last().copied().unwrap_or(0))
    }

    /// Logs what is active again, in a log that has just begun.
    pub fn relog_release(&mut self) {
        let Some(logged) = &self.release else { return };
        let receipt = self.log_release(&logged.release.document.0.clone());
        self.release.as_mut().unwrap().receipt = Some(Blob(receipt));
    }

    /// Logs a release; its receipt.
    pub fn log_release(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Release { site, epoch, serial, previous, .. } = Release::parse(bytes).unwrap();
        let digest = Digest::of(bytes);
        let entry = LogEntry::Release { schema: EntrySchema::V1, site, epoch, serial, previous, digest, time: now() };
        let log = self.logs.last_mut().unwrap();
        let index = log.push(&entry);
        log.receipt(index, &self.log_key, now())
    }

    fn answer(&mut self, method: &str, target: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let open = self.files.get(path).cloned();
        if let Some(file) = open {
            return part(file, headers);
        }
        if path.ends_with(".narinfo") || path.starts_with("/nar/") {
            return Answer::status(404);
        }
        if !self.knows(&Request { method, path, query }, headers, body) {
            return Answer::status(401);
        }
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (method, &parts[..]) {
            ("POST", ["agent", "checkin"]) => self.check_in(body),
            ("GET", ["agent", "sync"]) => self.sync(query.unwrap_or_default()),
            ("GET", ["api", "orders", SITE]) => {
                Answer::ok(Orders { schema: OrdersSchema::V1, orders: self.orders.clone() }.canonical())
            }
            ("GET", ["documents", digest]) => {
                self.documents.get(*digest).cloned().map_or(Answer::status(404), Answer::ok)
            }
            ("POST", ["api", "evidence", "sites", SITE, "submit"]) => self.submit(body),
            ("POST", ["api", "logs", "sites", SITE, source, number]) => log_receipt(source, number, body),
            ("GET", ["log", SITE, number, "restart"]) => {
                let restart = self.restarts.get(&number.parse().unwrap());
                restart.map_or(Answer::status(404), |restart| Answer::ok(restart.canonical()))
            }
            ("GET", ["log", SITE, number, "tile", ..]) => {
                let log = &self.logs[number.parse::<usize>().unwrap() - 1];
                let tile = Tile::parse(&parts[3..].join("/")).unwrap();
                log.tile(&tile).map_or(Answer::status(404), Answer::ok)
            }
            _ => Answer::status(404),
        }
    }

    /// Whether the courier of our appliance signed the request.
    fn knows(&self, request: &Request<'_>, headers: &[(String, String)], body: &[u8]) -> bool {
        let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let delegation = header(courier::HEADER).and_then(|value| courier::from_header(value).ok());
        let delegation = delegation.and_then(|signed| Delegation::verify(&signed, &self.appliance, now()).ok());
        let Some(delegation) = delegation else { return false };
        let signature = Headers {
            signature_input: header("signature-input"),
            signature: header("signature"),
            content_digest: header("content-digest"),
        };
        let verified = verify(request, &signature, |_| Some(delegation.courier_key.clone()), now());
        let body = (!body.is_empty()).then(|| Digest::of(body));
        verified.is_ok_and(|verified| verified.check_body(body).is_ok())
    }

    fn check_in(&mut self, body: &[u8]) -> Answer {
        let request = CheckIn::parse(body).unwrap();
        self.heartbeats.push(Heartbeat::verify(&request.heartbeat, &self.appliance).unwrap());
        let release = self.release.as_ref().and_then(|logged| Release::parse(&logged.release.document.0).ok());
        let (held, newest) = self.sequences();
        let reply = CheckInReply {
            schema: CheckInReplySchema::V1,
            epoch: release.as_ref().map(|release| release.epoch),
            serial: release.as_ref().map(|release| release.serial),
            trust_version: (self.roots.len() as u64 + 1).to_string().parse().unwrap(),
            log_size: self.logs.last().map_or(0, Log::size),
            held,
            newest,
            orders: tag(self.orders.iter().map(|order| Digest::of(&order.document.0))),
            now: now(),
        };
        Answer::ok(reply.canonical())
    }

    fn sync(&mut self, query: &str) -> Answer {
        let known: usize = query.strip_prefix("trust=").unwrap().split('&').next().unwrap().parse().unwrap();
        let (held, newest) = self.sequences();
        let number = self.logs.len() as u64;
        let log = self.logs.last().map(|log| LogHead {
            number,
            checkpoint: Blob(log.note(&self.log_key, now()).into_bytes()),
            restart: self.restarts.get(&number).cloned(),
        });
        let roots = self.roots.iter().skip(known - 1).take(16).cloned().collect();
        let (schema, site) = (SyncSchema::V1, SITE.parse().unwrap());
        Answer::ok(Sync { schema, site, roots, release: self.release.clone(), log, held, newest }.canonical())
    }

    fn submit(&mut self, body: &[u8]) -> Answer {
        let batch = EvidenceBatch::parse(body).unwrap();
        self.batches.push(batch.bundles.len());
        let mut refused = Vec::new();
        let mut taken = Vec::new();
        for bundle in batch.bundles {
            let earlier = self.earlier.iter().find(|key| bundle.verify_single(key).is_ok()).map(PublicKey::fingerprint);
            if earlier.is_none() {
                bundle.verify_single(&self.appliance).unwrap();
            }
            let digest = Digest::of(&bundle.document.0);
            let value: serde_json::Value = serde_json::from_slice(&bundle.document.0).unwrap();
            let sequence = value["chain"]["sequence"].as_u64().unwrap();
            let known = match &earlier {
                None => self.held.get(&sequence).copied(),
                Some(key) => self.held_earlier.get(&(key.clone(), sequence)).copied(),
            };
            let conflict = known.is_some_and(|(there, _)| there != digest).then_some(Reason::Conflict);
            if let Some(reason) = self.refuse.get(&sequence).copied().or(conflict) {
                refused.push(RefusedBundle { digest, reason });
                continue;
            }
            let index = if let Some((_, index)) = known {
                index
            } else {
                let entry = LogEntry::Evidence {
                    schema: EntrySchema::V1,
                    site: SITE.parse().unwrap(),
                    id: value["bundle_id"].as_str().unwrap().to_owned(),
                    appliance: value["appliance"].as_str().unwrap().parse().unwrap(),
                    public_key: value["public_key"].as_str().unwrap().parse().unwrap(),
                    sequence,
                    previous: None,
                    digest,
                    time: now(),
                };
                let index = self.log().push(&entry);
                match earlier {
                    None => self.held.insert(sequence, (digest, index)),
                    Some(key) => self.held_earlier.insert((key, sequence), (digest, index)),
                };
                index
            };
            taken.push((digest, index));
        }
        let log = self.logs.last().unwrap();
        let receipts: Vec<BundleReceipt> = taken
            .into_iter()
            .map(|(digest, index)| BundleReceipt {
                digest,
                entry: Blob(log.entries[usize::try_from(index).unwrap()].clone()),
                index,
                proof: log.proof(index).into_iter().map(|hash| Blob(hash.to_vec())).collect(),
            })
            .collect();
        let checkpoint = Blob(log.note(&self.log_key, now()).into_bytes());
        let status = if receipts.is_empty() { 422 } else { 200 };
        let (held, newest) = self.sequences();
        let answer = Receipts { schema: ReceiptsSchema::V1, checkpoint, receipts, refused, held, newest };
        Answer { status, ..Answer::ok(answer.canonical()) }
    }
}

/// A file, or the part of it that was asked for.
fn part(file: Vec<u8>, headers: &[(String, String)]) -> Answer {
    let range = headers.iter().find(|(name, _)| name == "range").map(|(_, value)| value.clone());
    let Some(from) = range.and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok()) else {
        return Answer::ok(file);
    };
    let of = file.len();
    if from >= of {
        let headers = vec![("Content-Range".to_owned(), format!("bytes */{of}"))];
        return Answer { headers, ..Answer::status(416) };
    }
    let headers = vec![("Content-Range".to_owned(), format!("bytes {from}-{}/{of}", of - 1))];
    Answer { status: 206, headers, ..Answer::ok(file[from..].to_vec()) }
}

/// A running depot; stops answering with the test.
pub struct Serving {
    pub base: String,
    depot: Arc<Mutex<Depot>>,
}

impl Serving {
    pub fn start(depot: Depot) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let depot = Arc::new(Mutex::new(depot));
        let theirs = Arc::clone(&depot);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let depot = Arc::clone(&theirs);
                thread::spawn(move || serve(stream, &depot));
            }
        });
        Self { base, depot }
    }

    pub fn depot(&self) -> MutexGuard<'_, Depot> {
        self.depot.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn serve(mut stream: TcpStream, depot: &Mutex<Depot>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line.trim_end().to_owned())
    };
    let Some(first) = line() else { return };
    let mut headers = Vec::new();
    while let Some(header) = line().filter(|line| !line.is_empty()) {
        let (name, value) = header.split_once(':').unwrap();
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, n)| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut parts = first.split(' ');
    let (method, target) = (parts.next().unwrap(), parts.next().unwrap());
    let answer = {
        let mut depot = depot.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        depot.asked.push(format!("{method} {target}"));
        let mut answer = depot.answer(method, target, &headers, &body);
        if let Some(lie) = &mut depot.lie {
            lie(target.split('?').next().unwrap(), &mut answer);
        }
        answer
    };
    let mut head =
        format!("HTTP/1.1 {} x\r\nContent-Length: {}\r\nConnection: close\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let sent = answer.cut.unwrap_or(answer.body.len()).min(answer.body.len());
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    let _ = stream.write_all(&answer.body[..sent]);
}

fn log_receipt(source: &str, number: &str, body: &[u8]) -> Answer {
    let (source, number, digest) = (source.parse().unwrap(), number.parse().unwrap(), Digest::of(body));
    let schema = LogReceiptSchema::V1;
    Answer::ok(LogReceipt { schema, source, number, digest, received_at: now(), delay_seconds: 1 }.canonical())
}
