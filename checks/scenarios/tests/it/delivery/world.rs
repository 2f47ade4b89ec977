//! A site with a log: keys, a release, a depot that serves it, and the spool of one appliance.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;
use writ_client::{Client, Settings};
use writ_evidence::bundle::ReleaseRef;
use writ_evidence::chain::ChainState;
use writ_evidence::records::{Refused, StartReason, Started};
use writ_evidence::{Draft, Kind, seal};
use writ_scenarios::Time;
use writ_scenarios::depot::Depot;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::proof;
use writ_trust::log::receipt::{Receipt, VerifiedReceipt};
use writ_trust::log::tile::{EntryBundle, Tile, TileError, TileNodes, Tiles};
use writ_trust::minisign::PublicKey;
use writ_trust::release::Release;
use writ_trust::role::Role;
use writ_wire::courier::Delegation;
use writ_wire::heartbeat::{Heartbeat, HeartbeatSchema};
use writ_wire::{Blob, MAX_ENVELOPE, Signed, paths};

use crate::house::releases::{sign, trust_key};
use crate::house::*;

pub const READER: u8 = 12;
/// Who signs orders, two of three.
pub const ORDER_KEYS: [u8; 3] = [21, 22, 23];
/// What the log holds besides evidence: the trust root and the release.
pub const OTHERS: u64 = 2;

/// A bundle that the appliance has sealed.
pub struct Said {
    pub digest: Digest,
    /// The name of its receipt's file.
    pub receipt: String,
}

pub struct World {
    pub house: House,
    pub site: SiteId,
    /// The name of the first log.
    pub origin: String,
    /// Where the depot listens, every time.
    pub address: String,
    pub said: Vec<Said>,
    chain: ChainState,
    release: ReleaseRef,
}

/// A port below those that the kernel gives to whoever asks for any: a depot that was killed finds it free again.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 10;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(1, |_| (), None)
    }

    /// With so many files under watch, keys and a release that are so many days old, and nothing in the log yet. Every run is
    /// accounted for as often as it says, `10m`.
    pub fn aged(files: usize, days: i64, account_every: &str) -> Self {
        Self::with(files, |at| *at = at.plus_millis(-days * DAY), Some(account_every))
    }

    fn with(files: usize, age: impl Fn(&mut Time), account_every: Option<&str>) -> Self {
        let mut house = House::new();
        let site: SiteId = house.site.parse().unwrap();
        let origin = format!("log.example/{site}");
        house.root.keys.push(trust_key(LOG, "the depot", &[Role::Log]));
        house.root.keys.push(trust_key(READER, "an auditor", &[Role::Read]));
        for (who, name) in ORDER_KEYS.into_iter().zip(["Alice's orders", "Bob's orders", "Cyd's orders"]) {
            house.root.keys.push(trust_key(who, name, &[Role::Order]));
        }
        house.root.thresholds.insert(Role::Order, 2);
        house.root.log_origins.insert(site.clone(), vec![origin.clone()]);
        house.root.keys.iter_mut().for_each(|key| age(&mut key.valid_from));
        fs::write(house.path("etc/trust.json"), house.root.canonical()).unwrap();
        house.put_root(&house.root, &[TRUST]);
        let [alice, bob, cyd] = ORDER_KEYS;
        for (name, who) in
            [("log", LOG), ("trust", TRUST), ("reader", READER), ("alice", alice), ("bob", bob), ("cyd", cyd)]
        {
            let path = house.path(&format!("etc/{name}.key"));
            fs::write(&path, secret(who).to_open_file().as_bytes()).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        for folder in ["spool/outbox", "spool/presence"] {
            fs::create_dir_all(house.path(folder)).unwrap();
        }
        house.furnish(files);
        if let Some(every) = account_every {
            fs::write(house.path(ACCOUNT_EVERY), every).unwrap();
        }
        let mut release = house.release(1);
        age(&mut release.issued_at);
        release.generations.values_mut().for_each(|generation| age(&mut generation.not_before));
        house.publish(&release);
        let digest = Digest::of(&release.canonical());
        let release = ReleaseRef { epoch: release.epoch, serial: release.serial, digest };
        let address = format!("127.0.0.1:{}", free_port());
        Self { house, site, origin, address, said: Vec::new(), chain: ChainState::new(), release }
    }

    /// A world whose depot runs and has the release.
    pub fn running() -> (Self, Depot) {
        let world = Self::new();
        let depot = world.depot();
        world.publish();
        (world, depot)
    }

    pub fn data(&self) -> PathBuf {
        self.house.path("depot")
    }

    /// The command of the depot.
    pub fn depot_command(&self) -> Command {
        self.depot_command_at(&self.address)
    }

    pub fn depot_command_at(&self, listen: &str) -> Command {
        let mut command = program("writ-depot");
        command.args(["serve", "--extra-writes", "0", "--batches", "0", "--listen", listen, "--data"]);
        command.arg(self.data()).arg("--trust").arg(self.house.path("etc/trust.json"));
        command.arg("--log-key").arg(self.house.path("etc/log.key"));
        command
    }

    pub fn depot(&self) -> Depot {
        Depot::spawn(&mut self.depot_command(), &self.data()).unwrap()
    }

    pub fn client(&self) -> Client {
        Client::new(&Settings::new(format!("http://{}", self.address))).unwrap()
    }

    /// Gives the release and its policy to the depot.
    pub fn publish(&self) {
        let client = self.client();
        let document = fs::read(self.house.place("1-1").join("release.json")).unwrap();
        let release = Release::parse(&document).unwrap();
        let signatures = [ALICE, BOB].map(|who| Blob(sign(who, &document))).to_vec();
        let envelope = Signed { document: Blob(document), signatures }.canonical();
        client.put(&paths::publish_release(&self.site), &envelope, MAX_ENVELOPE as u64).unwrap();
        for generation in release.generations.values() {
            let policy = fs::read(self.house.document(&generation.policy.digest)).unwrap();
            let target = paths::publish_document(&generation.policy.digest);
            client.put_stream(&target, &mut &policy[..], policy.len() as u64, MAX_ENVELOPE as u64).unwrap();
        }
    }

    /// Puts so many bundles into the outbox: the first of all says that the enforcer started, the rest that something was
    /// refused.
    pub fn say(&mut self, count: usize) {
        self.say_long(count, "");
    }

    /// The same, with `filling` in each.
    pub fn say_long(&mut self, count: usize, filling: &str) {
        for _ in 0..count {
            let first = self.chain.next_sequence == 1;
            let kind = if first { Kind::Started } else { Kind::Refused };
            let mut draft = Draft::new(kind, &self.site, &"front-desk".parse().unwrap());
            draft.release = Some(self.release);
            if first {
                draft.started = Some(Started {
                    why: StartReason::FirstStart,
                    previous_chain: None,
                    reimaged: false,
                    enforcing: draft.release,
                    agent_version: "0.1.0".into(),
                    recovered: vec![],
                });
            } else {
                draft.refused = Some(Refused {
                    rule: "release-signatures".into(),
                    message: "rule release-signatures: found 1, expected 2".into(),
                    what: "release".into(),
                    digest: None,
                    count: self.chain.next_sequence,
                });
            }
            if !filling.is_empty() {
                draft.artifacts.log_excerpts = vec![filling.to_owned(); 24];
            }
            let sealed = seal(draft, &self.chain, &secret(APPLIANCE), now_plus(0)).unwrap();
            self.chain = sealed.next;
            let name = sealed.file_name();
            let at = |name: &str| self.house.path("spool/outbox").join(name);
            fs::write(at(&format!("{name}.minisig")), &sealed.signature_text).unwrap();
            fs::write(at("new"), &sealed.bytes).unwrap();
            fs::rename(at("new"), at(&name)).unwrap();
            let receipt = name.replace(".json", ".receipt.json");
            self.said.push(Said { digest: sealed.digest, receipt });
        }
    }

    /// Lays down what the enforcer says of itself and of the courier, whose key is there already.
    pub fn vouch(&self) {
        let key = fs::read_to_string(self.house.path("spool/inbox/courier.pub")).unwrap();
        let key: PublicKey = key.parse().unwrap();
        let (appliance, name) = (secret(APPLIANCE), "front-desk".parse().unwrap());
        let delegation = Delegation::make(&self.site, &name, &appliance, &key, now_plus(0)).unwrap();
        let heartbeat = Heartbeat {
            schema: HeartbeatSchema::V1,
            site: self.site.clone(),
            appliance: name,
            public_key: public(APPLIANCE),
            at: now_plus(0),
            release: None,
            trust_version: self.house.root.version,
            sequence: self.said.len() as u64,
            open_incidents: 0,
            refused: 0,
            log: None,
            log_fresh_at: None,
            agent_version: "0.1.0".into(),
            next: None,
        };
        for (name, signed) in [("courier.json", delegation), ("heartbeat.json", heartbeat.sign(&appliance).unwrap())] {
            let at = self.house.path("spool/presence").join(name);
            fs::write(at.with_extension("json.minisig"), &signed.signatures[0].0).unwrap();
            fs::write(at, &signed.document.0).unwrap();
        }
    }

    pub fn receipts(&self) -> PathBuf {
        self.house.path("spool/inbox/receipts")
    }

    /// How many bundles have a receipt.
    pub fn delivered(&self) -> usize {
        fs::read_dir(self.receipts()).map_or(0, |files| {
            let names = files.map(|file| file.unwrap().file_name());
            names.filter(|name| name.to_str().is_some_and(|name| name.ends_with(".receipt.json"))).count()
        })
    }

    /// The receipt of a bundle, verified as that of this very bundle in a log.
    #[track_caller]
    pub fn receipt(&self, said: &Said, origin: &str) -> VerifiedReceipt {
        let bytes = fs::read(self.receipts().join(&said.receipt)).unwrap_or_else(|e| panic!("{}: {e}", said.receipt));
        let verified = Receipt::parse(&bytes).unwrap().verify(origin, &[public(LOG)]);
        let verified = verified.unwrap_or_else(|e| panic!("{}: {e}", said.receipt));
        assert_eq!(verified.entry.digest(), said.digest, "{}", said.receipt);
        verified
    }

    /// Every bundle has its receipt, the log holds each exactly once, and every checkpoint that came with a receipt, and
    /// these, is of a beginning of the log.
    #[track_caller]
    pub fn assert_delivered_once(&self, seen: &[Checkpoint]) {
        let log = Log::read(self, 1);
        let mut checkpoints: BTreeMap<u64, Checkpoint> = BTreeMap::new();
        let mut take = |seen: Checkpoint| {
            let known = checkpoints.entry(seen.size).or_insert_with(|| seen.clone());
            assert_eq!(*known, seen, "two histories");
        };
        for said in &self.said {
            let receipt = self.receipt(said, &self.origin);
            assert_eq!(log.entries[usize::try_from(receipt.index).unwrap()], receipt.entry);
            take(receipt.checkpoint.checkpoint);
        }
        seen.iter().cloned().for_each(take);
        let mut places = BTreeSet::new();
        for entry in &log.entries {
            if let LogEntry::Evidence { public_key, sequence, .. } = entry {
                assert_eq!(*public_key, public(APPLIANCE));
                assert!(places.insert(*sequence), "bundle {sequence} is in the log twice");
            }
        }
        assert!(places.iter().copied().eq(1..=self.said.len() as u64), "{} bundles in the log", places.len());
        assert_eq!(log.entries.len() as u64, self.said.len() as u64 + OTHERS);
        for checkpoint in checkpoints.values() {
            log.assert_begins_with(checkpoint);
        }
    }

    /// The auditor's way: fetches from the depot, verifies with what was fetched; gives the report.
    #[track_caller]
    pub fn audit(&self, code: i32) -> Value {
        let fetched = ran(&mut self.fetch());
        assert_eq!(fetched.code, Some(0), "{}{}", fetched.stdout, fetched.stderr);
        self.verify(code)
    }

    pub fn fetch(&self) -> Command {
        let mut fetch = program("writ");
        fetch.args(["audit", "fetch", "--depot", &format!("http://{}", self.address), "--site", &self.house.site]);
        fetch.arg("--read-key").arg(self.house.path("etc/reader.key"));
        fetch.arg("--trust").arg(self.house.path("etc/trust.json")).arg("--to").arg(self.house.path("audit"));
        fetch
    }

    #[track_caller]
    pub fn verify(&self, code: i32) -> Value {
        let verified = ran(self.house.audit("verify").arg("--json"));
        assert_eq!(verified.code, Some(code), "{}{}", verified.stdout, verified.stderr);
        serde_json::from_str(&verified.stdout).unwrap()
    }

    /// The auditor finds everything in order: every bundle, and every one in the log.
    #[track_caller]
    pub fn assert_audited(&self) {
        let report = self.audit(0);
        assert_eq!(report["bundles"], self.said.len() as u64, "{report}");
        assert_eq!((&report["log"], &report["logs"][0]["unlogged"]), (&"verified".into(), &0.into()), "{report}");
    }
}

/// A log as it lies on the depot's disk.
pub struct Log {
    folder: PathBuf,
    pub head: Checkpoint,
    pub entries: Vec<LogEntry>,
}

impl Log {
    /// Reads a log of the world's depot; its head is signed and its tiles lead to that.
    #[track_caller]
    pub fn read(world: &World, number: u64) -> Self {
        let folder = world.data().join(format!("log/{}/{number}", world.site));
        let note = fs::read(folder.join("checkpoint")).unwrap();
        let origin = if number == 1 { world.origin.clone() } else { format!("{}/{number}", world.origin) };
        let head = SignedCheckpoint::verify(&note, &origin, &[public(LOG)]).unwrap().checkpoint;
        let mut log = Self { folder, head, entries: Vec::new() };
        let mut index = 0;
        while index < log.head.size {
            let bundle = EntryBundle::holding(index, log.head.size).unwrap();
            let bytes = fs::read(log.folder.join(bundle.path())).unwrap();
            log.entries.extend(bundle.decode(&bytes).unwrap().into_iter().map(|entry| LogEntry::parse(entry).unwrap()));
            index += u64::from(bundle.width);
        }
        log.assert_begins_with(&log.head);
        log
    }

    #[track_caller]
    pub fn assert_begins_with(&self, earlier: &Checkpoint) {
        let mut nodes = TileNodes::new(Folder(&self.folder), self.head.size);
        assert_eq!(proof::root_at(&mut nodes, earlier.size).unwrap(), earlier.root, "at size {}", earlier.size);
    }
}

struct Folder<'a>(&'a PathBuf);

impl Tiles for Folder<'_> {
    type Error = TileError;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, TileError> {
        let path = self.0.join(tile.path());
        Ok(fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }
}
