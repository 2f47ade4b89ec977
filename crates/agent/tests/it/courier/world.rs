//! An appliance's spool, its enforcer played by the test, and a depot.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use writ_agent::sync::config::Config;
use writ_agent::sync::courier::Courier;
pub use writ_agent::sync::now;
use writ_agent::sync::once::{self, Report};
use writ_agent::sync::schedule::Job;
use writ_trust::digest::Digest;
use writ_trust::json as strict;
use writ_trust::log::receipt::Receipt;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_wire::courier::Delegation;
use writ_wire::heartbeat::{Heartbeat, HeartbeatSchema, LogPosition};
use writ_wire::releases::LoggedRelease;
use writ_wire::{Blob, Signed};

use super::depot::{Depot, Serving};
use crate::support::key;

pub const SITE: &str = "clinic-001";
pub const APPLIANCE: &str = "front-desk";
pub const ORIGIN: &str = "log.example/clinic-001";
pub const SECOND_ORIGIN: &str = "log.example/clinic-001/2";

pub const TRUST: u8 = 1;
pub const RELEASE: u8 = 2;
pub const OWN: u8 = 3;
pub const LOG: u8 = 4;
pub const CACHE: u8 = 5;
pub const ORDER: u8 = 7;
/// The key that comes after [`OWN`].
pub const NEXT: u8 = 6;
pub const STRANGER: u8 = 99;

/// One path of a closure that only exists in a cache.
#[derive(Clone)]
pub struct Path_ {
    pub path: String,
    pub nar: Vec<u8>,
    pub compressed: bool,
}

pub struct World {
    pub dir: tempfile::TempDir,
    pub serving: Serving,
    origins: Vec<&'static str>,
    /// Whose key the appliance has.
    own: u8,
}

impl World {
    /// A depot that holds nothing yet, an appliance that was just enrolled.
    pub fn new() -> Self {
        Self::with_origins(&[ORIGIN])
    }

    pub fn with_origins(origins: &[&'static str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let depot = Depot::new(key(OWN).public_key(), key(LOG), origins);
        let world = Self { dir, serving: Serving::start(depot), origins: origins.to_vec(), own: OWN };
        for folder in ["spool/outbox", "spool/presence", "etc", "store"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        fs::write(world.path("etc/trust.json"), world.root(1, origins).document.0).unwrap();
        let at = |name: &str| world.path(name).display().to_string();
        let config = format!(
            "site = {SITE:?}\nappliance = {APPLIANCE:?}\ndepot = {:?}\ntrust = {:?}\nspool = {:?}\nstate_dir = {:?}\n\
             store = {:?}\ncheckin = \"300ms\"\nsync = \"1h\"\n",
            world.serving.base,
            at("etc/trust.json"),
            at("spool"),
            at("state"),
            at("store"),
        );
        fs::write(world.path("etc/sync.toml"), config).unwrap();
        world.beat(None);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn inbox(&self, name: &str) -> PathBuf {
        self.path("spool/inbox").join(name)
    }

    pub fn depot(&self) -> std::sync::MutexGuard<'_, Depot> {
        self.serving.depot()
    }

    pub fn config(&self) -> Config {
        Config::read(&self.path("etc/sync.toml")).unwrap()
    }

    /// The courier, vouched for as an enforcer would.
    pub fn courier(&self) -> Courier {
        let courier = Courier::open(self.config()).unwrap();
        self.vouch();
        courier
    }

    /// Everything once, by a courier of its own.
    pub fn once(&self) -> Report {
        once::run(&mut self.courier()).unwrap()
    }

    /// Everything once, and all of it well.
    pub fn carry(&self) {
        let report = self.once();
        assert!(report.troubles.is_empty(), "{:?}", report.troubles);
    }

    /// Everything once; the rule that a job found broken.
    pub fn refused(&self, job: Job) -> String {
        let report = self.once();
        let trouble = report.troubles.iter().find(|(of, _)| *of == job);
        let (_, trouble) = trouble.unwrap_or_else(|| panic!("{} went well: {report:?}", job.name()));
        let message = trouble.to_string();
        assert!(!message.chars().any(char::is_control) && message.len() < 1_500, "not one line: {message:?}");
        let rule = trouble.rule().unwrap_or_else(|| panic!("no rule in {message}"));
        assert!(message.starts_with(&format!("rule {rule}: ")), "{message}");
        rule.to_owned()
    }

    /// The enforcer sees the courier's key and vouches for it.
    pub fn vouch(&self) {
        let courier: PublicKey = fs::read_to_string(self.inbox("courier.pub")).unwrap().parse().unwrap();
        self.vouch_for(&courier);
    }

    pub fn vouch_for(&self, courier: &PublicKey) {
        let (site, appliance) = (SITE.parse().unwrap(), APPLIANCE.parse().unwrap());
        self.put("courier.json", &Delegation::make(&site, &appliance, &key(self.own), courier, now()).unwrap());
    }

    /// Writes a statement of the enforcer.
    pub fn put(&self, name: &str, signed: &Signed) {
        let presence = self.path("spool/presence");
        writ_durable::replace(&presence.join(format!("{name}.minisig")), &signed.signatures[0].0, 0o644).unwrap();
        writ_durable::replace(&presence.join(name), &signed.document.0, 0o644).unwrap();
    }

    /// The enforcer's heartbeat, having seen so much of the log.
    pub fn beat(&self, log: Option<u64>) {
        let heartbeat = Heartbeat {
            schema: HeartbeatSchema::V1,
            site: SITE.parse().unwrap(),
            appliance: APPLIANCE.parse().unwrap(),
            public_key: key(self.own).public_key(),
            at: now(),
            release: None,
            trust_version: "1".parse().unwrap(),
            sequence: 0,
            open_incidents: 0,
            refused: 0,
            log: log.map(|size| LogPosition { number: 1, origin: ORIGIN.into(), size }),
            log_fresh_at: None,
            agent_version: "0.1.0".into(),
            next: None,
        };
        self.put("heartbeat.json", &heartbeat.sign(&key(self.own)).unwrap());
    }

    /// Puts bundles into the outbox.
    pub fn bundles(&self, sequences: impl IntoIterator<Item = u64>) {
        for n in sequences {
            self.bundle(n, "");
        }
    }

    pub fn bundle(&self, n: u64, fill: &str) {
        let name = format!("{n}-EB-20261123-{n:04}.json");
        let bytes = strict::canonical(&json!({
            "schema": "writ.bundle.v1", "bundle_id": format!("EB-20261123-{n:04}"), "client_id": SITE, "appliance": APPLIANCE,
            "public_key": key(self.own).public_key().line(), "chain": { "sequence": n, "previous": null }, "fill": fill,
        }));
        let signature = key(self.own).sign(&bytes, "t", "u").unwrap().to_string();
        let outbox = self.path("spool/outbox");
        fs::write(outbox.join(format!("{name}.minisig")), signature).unwrap();
        writ_durable::replace(&outbox.join(name), &bytes, 0o644).unwrap();
    }

    /// The appliance gets the key [`NEXT`], and its enforcer puts the bundles of the earlier one into a folder of their own; that
    /// one's name.
    pub fn change_key(&mut self) -> String {
        let (old, outbox) = (key(self.own).public_key(), self.path("spool/outbox"));
        let folder = outbox.join(old.fingerprint());
        fs::create_dir(&folder).unwrap();
        for entry in fs::read_dir(&outbox).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            fs::rename(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        self.own = NEXT;
        self.beat(None);
        let mut depot = self.depot();
        depot.appliance = key(NEXT).public_key();
        depot.earlier.push(old.clone());
        let held = std::mem::take(&mut depot.held);
        depot.held_earlier.extend(held.into_iter().map(|(n, place)| ((old.fingerprint(), n), place)));
        old.fingerprint()
    }

    /// The sequences with a receipt, each of which is verified.
    pub fn receipts(&self) -> Vec<u64> {
        self.receipts_of("", LOG)
    }

    /// As [`World::receipts`], in the folder of an earlier key, by this key of the log.
    pub fn receipts_of(&self, folder: &str, log: u8) -> Vec<u64> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.inbox("receipts").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            // One that is being written, or the folder of an earlier key.
            if path.file_name().unwrap().to_str().unwrap().starts_with('.') || path.is_dir() {
                continue;
            }
            let receipt = Receipt::parse(&fs::read(&path).unwrap()).unwrap();
            let verified =
                self.origins().iter().find_map(|origin| receipt.verify(origin, &[key(log).public_key()]).ok());
            let verified = verified.unwrap_or_else(|| panic!("{}", path.display()));
            let name = path.file_name().unwrap().to_str().unwrap().replace(".receipt.json", ".json");
            let bundle = fs::read(self.path("spool/outbox").join(folder).join(&name)).unwrap();
            assert_eq!(verified.entry.digest(), Digest::of(&bundle), "{name}");
            found.push(name.split('-').next().unwrap().parse().unwrap());
        }
        found.sort_unstable();
        found
    }

    fn origins(&self) -> Vec<&'static str> {
        let mut all = self.origins.clone();
        all.push(SECOND_ORIGIN);
        all
    }

    /// A trust root, signed.
    pub fn root(&self, version: u64, origins: &[&str]) -> Signed {
        let from = now().plus_millis(-86_400_000);
        let entry = |who: u8, name: &str, role: &str| {
            json!({ "public_key": key(who).public_key().line(), "name": name, "roles": [role], "sites": [],
                    "valid_from": from, "valid_until": from.plus_millis(86_400_000 * 3650), "revoked_at": null })
        };
        let log_origins = if origins.is_empty() { json!({}) } else { json!({ SITE: origins }) };
        let root = json!({
            "schema": "writ.trust.v1", "version": version, "epoch": 1,
            "keys": [entry(TRUST, "trust-1", "trust"), entry(RELEASE, "release-1", "release"), entry(LOG, "log-1", "log"),
                     entry(CACHE, "cache-1", "cache"), entry(ORDER, "order-1", "order")],
            "thresholds": { "trust": 1, "release": 1 }, "log_origins": log_origins, "witnesses": [],
            "timestamp_authorities": [], "expires_at": from.plus_millis(86_400_000 * 365),
        });
        // The same keys with the same dates in every version: old keys stay.
        let mut bytes = strict::canonical(&root);
        if version > 1 {
            let first: Value = serde_json::from_slice(&fs::read(self.path("etc/trust.json")).unwrap()).unwrap();
            let mut root = root;
            root["keys"] = first["keys"].clone();
            bytes = strict::canonical(&root);
        }
        Signed::by(bytes, &key(TRUST), "t").unwrap()
    }

    /// What a release of this serial would be.
    pub fn release(&self, serial: u64) -> Value {
        let policy = format!("{{\"schema\":\"writ.policy.v1\",\"serial\":{serial}}}").into_bytes();
        let digest = self.document(&policy);
        json!({
            "schema": "writ.release.v1", "site": SITE, "epoch": 1, "serial": serial, "issued_at": now().plus_millis(-60_000),
            "expires_at": now().plus_millis(86_400_000 * 180), "previous": null,
            "source": { "revision": null, "nar_hash": Digest::of(b"source"), "dirty": true }, "trust_version": 1,
            "generations": { APPLIANCE: {
                "public_key": key(OWN).public_key().line(), "system_type": "x86_64-linux",
                "policy": { "schema": "writ.policy.v1", "digest": digest, "size": policy.len() },
                "closure": null, "not_before": now().plus_millis(-60_000),
            } },
            "revoked_appliance_keys": [],
        })
    }

    /// Gives the depot a document.
    pub fn document(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.depot().documents.insert(digest.to_string(), bytes.to_vec());
        digest
    }

    /// Makes a release active.
    pub fn publish(&self, release: &Value) -> Vec<u8> {
        self.publish_signed_by(release, RELEASE)
    }

    pub fn publish_signed_by(&self, release: &Value, who: u8) -> Vec<u8> {
        let bytes = strict::canonical(release);
        let signed = Signed::by(bytes.clone(), &key(who), "t").unwrap();
        let mut depot = self.depot();
        let receipt = if depot.logs.is_empty() { None } else { Some(Blob(depot.log_release(&bytes))) };
        depot.release = Some(LoggedRelease { release: signed, receipt });
        bytes
    }

    pub fn publish_serial(&self, serial: u64) -> Vec<u8> {
        self.publish(&self.release(serial))
    }

    /// A path of a closure, its NAR any bytes.
    pub fn store_path(&self, name: &str, nar: Vec<u8>, compressed: bool) -> Path_ {
        let hash = base32(&Digest::of(name.as_bytes()).as_bytes()[..20]);
        Path_ { path: format!("/nix/store/{hash}-{name}"), nar, compressed }
    }

    /// A release whose system has these paths, the first its top; they are in the depot's cache.
    pub fn publish_closure(&self, serial: u64, paths: &[Path_]) -> Vec<u8> {
        let mut release = self.release(serial);
        release["generations"][APPLIANCE]["closure"] = self.closure(paths);
        self.publish(&release)
    }

    /// What a release says of a system that has these paths, the first its top; they are in the depot's cache.
    pub fn closure(&self, paths: &[Path_]) -> Value {
        let listed: Vec<Value> = paths
            .iter()
            .map(|p| json!({ "path": p.path, "nar_hash": Digest::of(&p.nar), "nar_size": p.nar.len(), "references": [] }))
            .collect();
        let closure = strict::canonical(&json!({
            "schema": "writ.closure.v1", "toplevel": paths[0].path, "store_dir": "/nix/store", "paths": listed,
            "programs": {},
        }));
        let digest = self.document(&closure);
        for path in paths {
            self.cache(path);
        }
        json!({ "toplevel": paths[0].path, "digest": digest, "size": closure.len() })
    }

    /// Puts a path into the depot's cache.
    fn cache(&self, path: &Path_) {
        let mut depot = self.depot();
        depot.files.insert(format!("/{}.narinfo", hash_part(path)), narinfo(path, path, CACHE).into_bytes());
        depot.files.insert(format!("/{}", nar_url(path)), nar_file(path));
    }

    /// Every file below a folder of the inbox, with its contents.
    pub fn tree(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let root = self.inbox(name);
        collect(&root, &root, &mut found);
        found
    }

    /// Whether the inbox has this release, and all that it names.
    pub fn has(&self, serial: u64) -> bool {
        let folder = self.inbox(&format!("releases/{SITE}/1-{serial}"));
        let Ok(bytes) = fs::read(folder.join("release.json")) else { return false };
        let signature = fs::read(folder.join(format!("release.json.{}.minisig", key(RELEASE).key_id()))).unwrap();
        let signature = writ_trust::minisign::Signature::parse(&signature).unwrap();
        key(RELEASE).public_key().verify_strict(&bytes, &signature).unwrap();
        let receipt = Receipt::parse(&fs::read(folder.join("release.receipt.json")).unwrap()).unwrap();
        assert!(self.origins().iter().any(|o| receipt.verify(o, &[key(LOG).public_key()]).is_ok()));
        let release: Value = serde_json::from_slice(&bytes).unwrap();
        let own = &release["generations"][APPLIANCE];
        let documents = [&own["policy"], &own["closure"]].into_iter().filter(|named| !named.is_null());
        for named in documents {
            let digest: Digest = named["digest"].as_str().unwrap().parse().unwrap();
            let document = fs::read(self.inbox(&format!("documents/{}.json", digest.hex()))).unwrap();
            assert_eq!(Digest::of(&document), digest);
        }
        true
    }

    pub fn status(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("state/status.json")).unwrap()).unwrap()
    }

    /// The program itself.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ-sync"));
        command.arg("--config").arg(self.path("etc/sync.toml")).env_remove("NOTIFY_SOCKET");
        command
    }
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, fs::read(&path).unwrap());
        }
    }
}

pub fn hash_part(path: &Path_) -> &str {
    &path.path["/nix/store/".len()..][..32]
}

/// The NAR's file in a cache.
pub fn nar_file(path: &Path_) -> Vec<u8> {
    if path.compressed { zstd(&path.nar) } else { path.nar.clone() }
}

/// Where it is, as Nix names it: by its own digest.
pub fn nar_url(path: &Path_) -> String {
    let suffix = if path.compressed { ".zst" } else { "" };
    format!("nar/{}.nar{suffix}", base32(Digest::of(&nar_file(path)).as_bytes()))
}

/// A narinfo as `nix copy` writes it, signed; it names the file of a path, which the signature does not cover.
pub fn narinfo(path: &Path_, file_of: &Path_, signer: u8) -> String {
    let (url, file) = (nar_url(file_of), nar_file(file_of));
    let (file_hash, file_size) = (base32(Digest::of(&file).as_bytes()), file.len());
    let (hash, size) = (base32(Digest::of(&path.nar).as_bytes()), path.nar.len());
    let fingerprint = format!("1;{};sha256:{hash};{size};", path.path);
    let signature = Blob(key(signer).sign_message(fingerprint.as_bytes()).to_vec()).encode();
    let compression = if file_of.compressed { "zstd" } else { "none" };
    format!(
        "StorePath: {}\nURL: {url}\nCompression: {compression}\nFileHash: sha256:{file_hash}\nFileSize: {file_size}\nNarHash: sha256:{hash}\nNarSize: {size}\nReferences: \nSig: \
         cache-1:{signature}\n",
        path.path
    )
}

/// Nix's base32 (nix: libutil/hash.cc).
pub fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"0123456789abcdfghijklmnpqrsvwxyz";
    let length = (bytes.len() * 8).div_ceil(5);
    (0..length)
        .rev()
        .map(|n| {
            let (byte, bit) = (n * 5 / 8, n * 5 % 8);
            let pair = u16::from(bytes[byte]) | u16::from(bytes.get(byte + 1).copied().unwrap_or(0)) << 8;
            DIGITS[usize::from(pair >> bit & 0x1f)] as char
        })
        .collect()
}

/// A zstd frame that holds bytes as they are: raw blocks (RFC 8878 §3.1.1.2), a window of 128 KiB.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    let mut blocks: Vec<&[u8]> = bytes.chunks(100_000).collect();
    if blocks.is_empty() {
        blocks.push(&[]);
    }
    let last = blocks.len() - 1;
    for (n, block) in blocks.into_iter().enumerate() {
        let header = u32::try_from(block.len()).unwrap() << 3 | u32::from(n == last);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(block);
    }
    frame
}

/// A zstd frame of next to nothing that unpacks into so many zeros (blocks of one repeated byte).
pub fn bomb(megabytes: u32) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    for n in 0..megabytes * 8 {
        let header = (128 * 1024) << 3 | 1 << 1 | u32::from(n == megabytes * 8 - 1);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// A change of one answer's document, by its path.
pub fn altered(
    path: &'static str,
    mut change: impl FnMut(&mut Value) + Send + 'static,
) -> impl FnMut(&str, &mut super::depot::Answer) + Send {
    move |asked, answer| {
        if asked == path {
            let mut value: Value = serde_json::from_slice(&answer.body).unwrap();
            change(&mut value);
            answer.body = serde_json::to_vec(&value).unwrap();
        }
    }
}

/// The path of submissions.
pub const SUBMIT: &str = "/api/evidence/sites/clinic-001/submit";

/// The secret key of somebody.
pub fn secret(who: u8) -> SecretKey {
    key(who)
}
