//! An audit folder with one of everything: three trust roots, two releases, two logs of which one took over, a batch of logs, a
//! timestamp and a cosignature; and copies of it to be damaged.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};
use writ_evidence::Kind;
use writ_evidence::records::LogExtract;
use writ_trust::digest::Digest;
use writ_trust::json as strict;
use writ_trust::log::entry::{EntrySchema, LogEntry};
use writ_wire::log_batch::{LogBatch, LogBatchSchema};

use crate::log_world::*;
use crate::timestamps::{self, cosign, stamp};
use crate::world::*;

/// How many bundles there are.
pub const BUNDLES: usize = 32;
/// The first that the second log holds, and obeys the second release.
pub const SECOND_LOG: usize = 29;
/// The one that names a batch of logs.
pub const NAMES_BATCH: usize = 31;
/// The number of the second signer's key.
pub const SPARE: u8 = 9;

/// A sound folder.
pub struct Base {
    pub world: World,
    /// The first log, which ended.
    pub first: Log,
    /// The name of the only timestamp.
    pub stamp: String,
    /// The path of the batch.
    pub batch: String,
    /// The newest root.
    pub root: Json,
}

fn root(version: u64, origins: &[&str]) -> Json {
    let mut root = timestamps::root(version);
    root["log_origins"] = json!({ "clinic-001": origins });
    if version > 1 {
        root["keys"].as_array_mut().unwrap().push(json!({
            "public_key": key(SPARE).public_key().line(), "name": "spare", "roles": ["trust", "release"], "sites": [],
            "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2030-01-01T00:00:00Z", "revoked_at": null
        }));
    }
    root
}

impl Base {
    pub fn new() -> Self {
        let mut world = World::under(root(1, &[ORIGIN]));
        world.begin_log(Log::new(1, ORIGIN));
        world.release(1, &policy_json(|_| {}), |_| {});
        world.live();
        world.write_log();
        let first = world.log.take().unwrap();
        world.write_root(&root(2, &[ORIGIN]), 2, &[&signer()]);
        let newest = root(3, &[ORIGIN, SECOND]);
        world.write_root(&newest, 3, &[&signer()]);
        let digest = world.write_restart(2, &restart_from(&first.checkpoint()), &[signer()]);
        let mut second = Log::new(2, SECOND);
        second.push(&LogEntry::Restart { schema: EntrySchema::V1, site: site(), digest, time: morning() });
        second.push(&trust_entry(3, Digest::of(&strict::canonical(&newest))));
        world.log = Some(second);
        world.release(2, &policy_json(|policy| policy["settings"]["title"] = "Lakeside".into()), |_| {});
        let hour = |n: i64| morning().plus_millis(DAY + n * HOUR);
        world.snapshot(hour(1));
        world.snapshot(hour(2));
        let batch = LogBatch {
            schema: LogBatchSchema::V1,
            source: "audit".parse().unwrap(),
            number: 1,
            previous: None,
            from: hour(1),
            to: hour(2),
            lines: 1,
            dropped: 0,
        };
        let batch = batch.pack(b"{\"text\":\"1\"}\n");
        let digest = Digest::of(&batch);
        let path = format!("logs/clinic-001/{}.jsonl.gz", digest.hex());
        world.write(&path, &batch);
        let mut draft = world.draft(Kind::Logs);
        draft.logs = Some(LogExtract { source: "audit".into(), from: hour(1), to: hour(2), lines: 1, digest });
        world.seal(draft, hour(3));
        world.snapshot(hour(4));
        assert_eq!((world.sealed.len(), world.sealed[NAMES_BATCH - 1].bundle.kind), (BUNDLES, Kind::Logs));
        world.write_log();
        let stamp = stamp(&world, "20261124130000Z");
        cosign(&world, "2026-11-24T13:00:00Z");
        Self { world, first, stamp, batch: path, root: newest }
    }

    /// A copy that may be damaged.
    pub fn copy(&self) -> World {
        let World { state, release, policy, sealed, incidents, root, log, .. } = &self.world;
        let temp = tempfile::tempdir().unwrap();
        copy(self.world.path(), temp.path());
        World {
            temp,
            state: *state,
            release: *release,
            policy: policy.clone(),
            sealed: sealed.clone(),
            incidents: *incidents,
            root: root.clone(),
            log: log.clone(),
        }
    }

    /// The folder of the bundles.
    pub fn evidence(&self) -> String {
        format!("evidence/clinic-001/{}", device().public_key().fingerprint())
    }

    /// The path of a bundle.
    pub fn bundle(&self, sequence: usize) -> String {
        self.world.place(&self.world.sealed[sequence - 1])
    }

    /// The path of its receipt.
    pub fn receipt(&self, sequence: usize) -> String {
        self.bundle(sequence).replace(".json", ".receipt.json")
    }

    /// The path of the policy of a release.
    pub fn policy(&self, serial: u64) -> String {
        let path = self.world.path().join(format!("releases/clinic-001/1-{serial}/release.json"));
        let release: Json = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let digest = release["generations"]["front-desk"]["policy"]["digest"].as_str().unwrap().to_owned();
        format!("documents/{}.json", digest.trim_start_matches("sha256:"))
    }
}

/// Copies what is in one folder into another.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Makes one folder again what the other is: much less work than another copy.
pub fn restore(from: &Path, to: &Path) {
    for entry in fs::read_dir(to).unwrap() {
        let entry = entry.unwrap();
        let (here, there) = (entry.path(), from.join(entry.file_name()));
        match (entry.file_type().unwrap(), there.is_dir(), there.is_file()) {
            (kind, true, _) if kind.is_dir() => {}
            (kind, _, true) if kind.is_file() => {}
            (kind, ..) if kind.is_dir() => fs::remove_dir_all(here).unwrap(),
            _ => fs::remove_file(here).unwrap(),
        }
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&to).unwrap();
            restore(&entry.path(), &to);
        } else {
            let bytes = fs::read(entry.path()).unwrap();
            if fs::read(&to).ok().as_ref() != Some(&bytes) {
                fs::write(to, bytes).unwrap();
            }
        }
    }
}
