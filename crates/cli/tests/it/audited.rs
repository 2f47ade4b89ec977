//! `writ audit query`, `show`, `sample`, `restore-test`, `attest` and `checklist`, as people run them on a folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use writ_trust::json as strict;
use writ_trust::minisign::SecretKey;

use crate::log_world::{Log, ORIGIN, logged_root};
use crate::world::*;

/// The key of somebody who attests.
fn sam() -> SecretKey {
    key(60)
}

/// An audit folder, and beside it the root and the key of somebody who attests.
pub struct Desk {
    pub world: World,
    beside: tempfile::TempDir,
}

/// What a run came to.
pub struct Ran {
    pub code: Option<i32>,
    pub said: String,
    pub warned: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.said).unwrap_or_else(|e| panic!("{e}: {}{}", self.said, self.warned))
    }
}

impl Desk {
    /// The usual day in a log, with a duty for restore tests.
    pub fn new() -> Self {
        Self::under(logged_root(1, &[ORIGIN]))
    }

    /// The same under this root, in a log where it names one.
    fn under(mut root: Value) -> Self {
        let logged = !root["log_origins"].as_object().unwrap().is_empty();
        root["keys"].as_array_mut().unwrap().push(json!({
            "public_key": sam().public_key().line(), "name": "Sam Okafor", "roles": ["attest"], "sites": [],
            "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2030-01-01T00:00:00Z", "revoked_at": null
        }));
        let mut world = World::under(root);
        if logged {
            world.begin_log(Log::new(1, ORIGIN));
        }
        let policy = policy_json(|policy| {
            *policy = writ_policy::policy::upgrade(policy.take());
            policy["duties"] = json!({ "restore.test": {
                "title": "Read evidence back", "cadence": { "every": "31d", "on": null, "within": null }, "day": null,
                "by": "operations", "attach": "The line it prints", "source": ["CK-28"],
                "declared_at": { "file": "baselines/hipaa/duties.nix", "line": 9 } } });
            policy["controls"]["164.310(a)(1)"]["duties"] = json!(["restore.test"]);
            policy["checks"]["file.motd"]["cites"] = json!(["catalogue:CK-02"]);
        });
        world.release(1, &policy, |release| {
            release["generations"]["front-desk"]["policy"]["schema"] = "writ.policy.v2".into();
        });
        world.live();
        if logged {
            world.write_log();
        }
        let desk = Self { world, beside: tempfile::tempdir().unwrap() };
        fs::write(desk.beside("root.json"), strict::canonical(&desk.world.root)).unwrap();
        fs::write(desk.beside("sam.key"), sam().to_open_file().as_bytes()).unwrap();
        fs::set_permissions(desk.beside("sam.key"), fs::Permissions::from_mode(0o600)).unwrap();
        desk
    }

    pub fn beside(&self, name: &str) -> PathBuf {
        self.beside.path().join(name)
    }

    /// `writ audit`, from beside the folder, which is `audit`.
    pub fn ran(&self, arguments: &[&str]) -> Ran {
        let audit = self.beside("audit");
        if !audit.exists() {
            std::os::unix::fs::symlink(self.world.path(), &audit).unwrap();
        }
        let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
        writ.current_dir(self.beside.path()).arg("audit").args(arguments).env("COLUMNS", "200");
        let temporary = self.beside("temporary");
        fs::create_dir_all(&temporary).unwrap();
        let output = writ.env("TMPDIR", &temporary).output().unwrap();
        assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "{arguments:?} leaves something behind");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), said: text(&output.stdout), warned: text(&output.stderr) }
    }

    /// The same from the root that was given, with the exit code that it must have.
    #[track_caller]
    pub fn says(&self, code: i32, arguments: &[&str]) -> Ran {
        let ran = self.ran(&[arguments, &["--trust", "root.json"]].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.said, ran.warned);
        ran
    }

    /// An archive of the whole folder, made with tar.
    pub fn archived(&self, name: &str, more: &str) -> PathBuf {
        let path = self.beside(name);
        let script = format!(
            "find trust releases documents evidence log {more} -type f -o -type l | LC_ALL=C sort | \
             tar --format=ustar --no-recursion --numeric-owner -czf '{}' -T -",
            path.display()
        );
        let done = Command::new("sh").args(["-ec", &script]).current_dir(self.world.path()).status().unwrap();
        assert!(done.success());
        path
    }
}

#[test]
fn questions_are_counted_grouped_and_given_to_spreadsheets() {
    let desk = Desk::new();
    assert_eq!(desk.says(0, &["query", "audit", "--count"]).said, "28\n");
    assert_eq!(desk.says(0, &["query", "audit", "--failed", "--count"]).said, "0\n");
    assert_eq!(desk.says(0, &["query", "audit", "--sla-met", "--resolution", "auto", "--count"]).said, "1\n");
    let table = desk.says(0, &["query", "audit", "--event-type", "file_drift", "--csv"]).said;
    assert!(table.starts_with("generated_at,site,appliance,") && table.lines().count() == 3, "{table}");
    assert_eq!(desk.says(0, &["query", "audit", "--recurring", "--json"]).json(), json!([]));
    for wrong in
        [&["--csv", "--json"][..], &["--count", "--csv"], &["--resolution", "nobody"], &["--sla-met", "--sla-missed"]]
    {
        desk.says(2, &[&["query", "audit"], wrong].concat());
    }
}

#[test]
fn a_bundle_is_shown_with_its_proof() {
    let desk = Desk::new();
    let told = desk.says(0, &["show", "audit", "EB-20261123-0004"]).said;
    let (sealed, key) = (&desk.world.sealed[3], device().public_key());
    for part in [
        &format!("{} (verified), key {}", key.key_id(), key.fingerprint()),
        "front-desk's key by releases 1-1 sha256:",
        &format!("number 4 of this key; before it {}", sealed.bundle.chain.previous.unwrap()),
        "entry 5 of 30 in log.example/clinic-001",
        "the log's own tiles: 5 hashes lead to root",
        "by the log's own word, which proves nothing by itself",
        &format!("{} (recomputed)", sealed.digest),
        &format!("minisign -Vm {0} -x {0}.minisig -P {1}", desk.world.place(sealed), key.line()),
        "openssl pkeyutl -verify",
        "was resolved by the appliance (L1)",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let proof = desk.says(0, &["show", "audit", "EB-20261123-0004", "--proof"]).json();
    assert_eq!((&proof["schema"], &proof["log"]), (&"writ.proof.v1".into(), &"proven".into()));
    desk.says(1, &["show", "audit", "EB-20261123-0999"]);
}

#[test]
fn a_sample_says_its_seed_and_is_drawn_again_by_it() {
    let desk = Desk::new();
    let first = desk.says(0, &["sample", "3", "audit"]).said;
    let seed = first.lines().next().unwrap().strip_prefix("seed ").unwrap();
    assert!(seed.len() == 32 && first.ends_with("3 of 3 bundles verified; the whole folder: Verified OK\n"), "{first}");
    assert_eq!(desk.says(0, &["sample", "3", "audit", "--seed", seed]).said, first);
    let json = desk.says(0, &["sample", "3", "audit", "--seed", seed, "--json"]).json();
    assert_eq!((&json["seed"], json["strata"][0]["bundles"].as_array().unwrap().len()), (&seed.into(), 3));
    let many = desk.says(0, &["sample", "99", "audit", "--seed", seed]);
    assert!(many.warned.contains("99 were asked for, and there are 28"), "{}", many.warned);
    let own = ["sample", "2", "audit", "--attest-key", "sam.key", "--now", "2026-11-25T09:00:00Z", "--seed", seed];
    let left = desk.says(0, &own);
    assert!(left.warned.contains("attested as EB-20261125-0001 of clinic-001"), "{}", left.warned);
    let told = desk.says(0, &["query", "audit", "--kind", "attestation", "--json"]).json();
    assert!(told[0]["summary"].as_str().unwrap().contains(seed), "{told}");
    // None, a seed that is none, a site that is none, a time that has none.
    for wrong in [&["sample", "0", "audit"][..], &["sample", "3", "audit", "--seed", "x"], &["sample", "-1", "audit"]] {
        desk.says(2, wrong);
    }
    let unknown = desk.says(2, &["sample", "3", "audit", "--site", "clinic-009"]);
    assert!(unknown.warned.contains("no verified release of site clinic-009"), "{}", unknown.warned);
    let none = desk.says(1, &["sample", "3", "audit", "--period", "2025"]);
    assert!(none.warned.contains("no bundle to draw from"), "{}", none.warned);
    // Of a folder that does not verify it is said.
    fs::write(desk.world.file(9), "{}").unwrap();
    let bad = desk.says(1, &["sample", "3", "audit"]);
    assert!(
        bad.warned.contains("NOT VERIFIED") && bad.said.contains("the whole folder: NOT VERIFIED (altered "),
        "{}",
        bad.said
    );
}

#[test]
fn archives_are_tested_and_the_test_leaves_evidence() {
    let desk = Desk::new();
    let archive = desk.archived("clinic-001-2026-11-24.tar.gz", "");
    let archive = archive.to_str().unwrap();
    let own = ["restore-test", archive, "--period", "2026-11", "--now", "2026-11-25T09:00:00Z"];
    let kept = ["--attest-key", "sam.key", "--to", "audit"];
    let tested = desk.says(0, &[&own[..], &["--reference", "audit"], &kept, &["--duty", "restore.test"]].concat());
    assert!(tested.said.ends_with("5/5 bundles verified OK (of 28 that there should be)\n"), "{}", tested.said);
    assert!(tested.warned.contains("attested as EB-20261125-0001 of clinic-001"), "{}", tested.warned);
    let report = desk.says(0, &["verify", "audit", "--json"]).json();
    assert_eq!((&report["ok"], &report["bundles"]), (&true.into(), &29.into()), "{report}");
    let rows = desk.says(0, &["query", "audit", "--kind", "attestation", "--json"]).json();
    let told = rows[0]["summary"].as_str().unwrap();
    assert!(told.contains("Sam Okafor states for 164.310(a)(1)") && told.contains("5/5 bundles verified OK"), "{told}");
    // It is what the checklist of the month asks for.
    let monthly = ["checklist", "monthly", "audit", "--json", "--now", "2026-11-25T10:00:00Z"];
    let list = desk.says(1, &monthly).json();
    let item = list["items"].as_array().unwrap().iter().find(|item| item["ids"][0] == "CK-28").unwrap();
    assert_eq!((&item["state"], &item["duties"][0]["last"]["by"]), (&"done".into(), &"Sam Okafor".into()), "{item}");
    let shown = desk.says(0, &["show", "audit", rows[0]["bundle_id"].as_str().unwrap()]).said;
    assert!(shown.contains("Sam Okafor's key for attestations by trust root 1"), "{shown}");
    assert!(shown.contains("log: not proven"), "{shown}");
    // The copy elsewhere is as good as archives.
    let copy = ["restore-test", "--copy", "audit", "--period", "2026-11", "--now"];
    desk.says(0, &[&copy[..], &["2026-11-25T05:00:00Z", "--sample", "28", "--json"]].concat());
    let alone = desk.says(0, &[&copy[..], &["2026-11-25T05:00:00Z"]].concat());
    assert!(alone.said.contains("known by the log; the log there ends at 2026-11-23T06:00:00Z\n"), "{}", alone.said);
    // Of a log that ends a week before nobody knows what came after.
    let late = desk.says(1, &[&copy[..], &["2026-12-01T09:00:00Z"]].concat());
    assert!(
        late.said.contains("bundles verified NOT OK; 1 problem of the copy: the log here ends at"),
        "{}",
        late.said
    );
}

/// Without a log and a reference nothing came out badly, and it is too little for a duty.
#[test]
fn a_test_that_shows_too_little_is_signed_as_good_and_does_no_duty() {
    let desk = Desk::under(root_json(1, &[&signer()]));
    let own = ["restore-test", "--copy", "audit", "--period", "2026-11", "--now", "2026-11-25T09:00:00Z"];
    let kept = ["--attest-key", "sam.key", "--to", "audit", "--duty", "restore.test"];
    let tested = desk.says(0, &[&own[..], &kept].concat());
    assert!(
        tested.warned.contains("it shows too little") && !tested.warned.contains("did not come out well"),
        "{}",
        tested.warned
    );
    let facts = facts(&desk, "1-EB-20261125-0001.json");
    assert_eq!((&facts["result"], &facts["known_by"]), (&"good".into(), &"the copy alone".into()), "{facts}");
    assert_eq!((&facts["duty"], &facts["item"]), (&Value::Null, &Value::Null), "{facts}");
}

/// The facts of what sam attested: of the file with this name.
fn facts(desk: &Desk, name: &str) -> Value {
    let bytes = fs::read(kept_by_sam(desk).join(name)).unwrap();
    serde_json::from_slice::<Value>(&bytes).unwrap()["artifacts"]["outputs"].clone()
}

fn kept_by_sam(desk: &Desk) -> PathBuf {
    desk.world.path().join("attestations/clinic-001").join(sam().public_key().fingerprint())
}

#[test]
fn no_duty_is_signed_that_nobody_named_and_none_of_what_failed() {
    let desk = Desk::new();
    let own = ["sample", "2", "audit", "--attest-key", "sam.key", "--now", "2026-11-25T09:00:00Z"];
    desk.says(0, &own);
    let alone = facts(&desk, "1-EB-20261125-0001.json");
    assert_eq!((&alone["item"], &alone["result"]), (&"CK-18".into(), &"good".into()), "{alone}");
    assert_eq!(alone["duty"], Value::Null, "{alone}");
    let named = [&own[..], &["--duty", "restore.test"]].concat();
    desk.says(0, &named);
    assert_eq!(facts(&desk, "2-EB-20261125-0002.json")["duty"], "restore.test");
    fs::write(desk.world.file(9), "{}").unwrap();
    let bad = desk.says(1, &named);
    assert!(bad.warned.contains("no duty is done by it"), "{}", bad.warned);
    let failed = facts(&desk, "3-EB-20261125-0003.json");
    assert_eq!(failed["result"], "failed", "{failed}");
    assert_eq!((&failed["duty"], &failed["item"]), (&Value::Null, &Value::Null), "{failed}");
}

#[test]
fn a_chain_is_written_by_one_run_at_a_time() {
    let desk = Desk::new();
    let folder = kept_by_sam(&desk);
    fs::create_dir_all(&folder).unwrap();
    let other = fs::File::open(&folder).unwrap();
    rustix::fs::flock(&other, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let own = ["attest", "audit", "--site", "clinic-001", "--key", "sam.key", "--now", "2026-11-25T09:00:00Z"];
    let own = [&own[..], &["--duty", "restore.test", "--statement", "Read back"]].concat();
    let met = desk.says(2, &own);
    assert!(met.warned.contains("at the same time"), "{}", met.warned);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing was written");
    drop(other);
    // What a run leaves that is interrupted is in nobody's way.
    fs::write(folder.join("1-EB-20261125-0001.json.minisig"), "half").unwrap();
    desk.says(0, &own);
    desk.says(0, &own);
    desk.says(0, &["verify", "audit"]);
}

#[test]
fn a_bad_copy_fails_and_a_hostile_archive_is_left_out() {
    let desk = Desk::new();
    let archive = desk.archived("clinic-001-2026-11-24.tar.gz", "");
    let archive = archive.to_str().unwrap();
    let period = ["--period", "2026-11", "--sample", "28"];
    // What the reference has and the archive has otherwise.
    let mut bytes = fs::read(desk.world.file(9)).unwrap();
    bytes.push(b' ');
    fs::write(desk.world.file(9), bytes).unwrap();
    let own = [&["restore-test", archive, "--reference", "audit"][..], &period].concat();
    let tested = desk.says(1, &own);
    assert!(tested.said.contains("27/28 bundles verified NOT OK"), "{}", tested.said);
    assert!(tested.said.contains("its bytes are not those of the reference"), "{}", tested.said);
    // Nobody drew anything of a month that has nothing, and by default that is the month before.
    let none = desk.says(1, &["restore-test", archive, "--now", "2026-11-25T09:00:00Z"]);
    assert!(
        none.said.contains("0/0 bundles verified NOT OK")
            && none.warned.contains("no bundle of clinic-001 of this time")
    );
    // A link in it: nothing of the archive is taken, and so nothing can be verified.
    std::os::unix::fs::symlink("/etc/passwd", desk.world.path().join("documents/passwd.json")).unwrap();
    let hostile = desk.archived("clinic-001-2026-11-23.tar.gz", "");
    // Beside a good one: what was drawn is good, and what was kept is not whole.
    let now = ["--period", "2026-11", "--now", "2026-11-25T05:00:00Z"];
    let both = desk.says(1, &[&["restore-test", archive, hostile.to_str().unwrap()][..], &now[..]].concat());
    assert!(both.said.contains("5/5 bundles verified NOT OK; 1 file left out: "), "{}", both.said);
    assert!(both.said.contains("clinic-001-2026-11-23.tar.gz"), "{}", both.said);
    let hostile = desk.ran(&["restore-test", hostile.to_str().unwrap(), "--trust", "root.json", "--period", "2026-11"]);
    assert_ne!(hostile.code, Some(0), "{}", hostile.said);
    assert!(hostile.warned.contains("something other than a plain file"), "{}", hostile.warned);
    for wrong in [
        &["restore-test"][..],
        &["restore-test", archive, "--sample", "0"],
        &["restore-test", archive, "--seed", "../../etc"],
        &["restore-test", archive, "--period", "whenever"],
        &["restore-test", archive, "--copy", "audit"],
        &["restore-test", "no-such-2026-11-24.tar.gz"],
        &["restore-test", archive, "--site", "clinic-009"],
        &["restore-test", archive, "--attest-key", "sam.key"],
    ] {
        desk.says(2, wrong);
    }
}

#[test]
fn people_attest_what_they_did() {
    let desk = Desk::new();
    fs::write(desk.beside("list.csv"), "name,keep\n").unwrap();
    let own = ["attest", "audit", "--site", "clinic-001", "--key", "sam.key", "--now", "2026-11-25T09:00:00Z"];
    let with = |more: &[&'static str]| [&own[..], more].concat();
    let stated = ["--statement", "Everything was looked at"];
    let done =
        desk.says(0, &with(&["--duty", "restore.test", "--attach", "list.csv", "--statement", "Read back", "--json"]));
    let done = done.json();
    assert_eq!((&done["sequence"], &done["control"]), (&1.into(), &"164.310(a)(1)".into()), "{done}");
    let again = desk.says(0, &with(&["--control", "164.310(a)(1)", "--statement", "The doors were looked at"]));
    assert!(again.said.starts_with("EB-20261125-0002 Sam Okafor states for 164.310(a)(1)"), "{}", again.said);
    desk.says(0, &["verify", "audit"]);
    let wrong = desk.says(2, &with(&[&["--duty", "restore.tset"], &stated[..]].concat()));
    assert!(wrong.warned.contains("did you mean `restore.test`?"), "{}", wrong.warned);
    desk.says(2, &with(&stated));
    let ended = ["--control", "x", "--until", "2026-11-01T00:00:00Z"];
    desk.says(2, &with(&[&ended[..], &stated].concat()));
    let empty = desk.says(2, &with(&["--control", "164.310(a)(1)", "--statement", " "]));
    assert!(empty.warned.contains("needs words"), "{}", empty.warned);
    // What is signed is what was written, or nothing is.
    let patient = desk.says(1, &with(&["--control", "164.310(a)(1)", "--statement", "Looked at SSN 219-09-9999"]));
    assert!(patient.warned.contains("taken for a patient's data"), "{}", patient.warned);
    // The key of the appliance attests nothing.
    fs::write(desk.beside("other.key"), device().to_open_file().as_bytes()).unwrap();
    let own: Vec<&str> = own.iter().map(|word| if *word == "sam.key" { "other.key" } else { *word }).collect();
    let other = desk.says(1, &[&own[..], &["--control", "x"], &stated].concat());
    assert!(other.warned.contains("does not list key"), "{}", other.warned);
}

#[test]
fn a_checklist_says_what_is_met_and_what_is_due() {
    let desk = Desk::new();
    let daily = desk.says(1, &["checklist", "daily", "audit", "--now", "2026-11-24T06:30:00Z"]).said;
    for part in [
        "Lakeside Family Practice (clinic-001), daily checklist",
        "met All appliances check in [CK-01]",
        "met Backups were completed [CK-02]",
        "NO CHECK Virus signatures are current [CK-03]",
        "met No critical incident is open [CK-04]",
        "of evidence 3 items as it should be, 1 not; of people 0 items due",
    ] {
        assert!(daily.contains(part), "{part}: {daily}");
    }
    desk.says(2, &["checklist", "hourly", "audit"]);
    desk.says(2, &["checklist", "daily", "audit", "--site", "clinic-009"]);
    assert!(Path::new(&desk.beside("audit")).exists());
}
