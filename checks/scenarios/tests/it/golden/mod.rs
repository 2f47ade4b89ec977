//! One file of every document, in `checks/golden/`, made from fixed keys and times.
//!
//! Bytes that change here are bytes that appliances and auditors in the field cannot read: they mean a new schema
//! version. `WRIT_UPDATE_GOLDEN=1` rewrites the files; the diff is then for a person to judge.

mod bundles;
mod documents;
mod keys;
mod lists;
mod states;

use std::fs;
use std::path::PathBuf;

use writ_scenarios::flake::repository;

/// One golden file.
struct Golden {
    name: String,
    bytes: Vec<u8>,
    /// Reads the file with the product's parser and writes what it understood.
    round: fn(&[u8]) -> Result<Vec<u8>, String>,
}

impl Golden {
    fn new(name: impl Into<String>, bytes: Vec<u8>, round: fn(&[u8]) -> Result<Vec<u8>, String>) -> Self {
        Self { name: name.into(), bytes, round }
    }
}

fn folder() -> PathBuf {
    repository().join("checks/golden")
}

/// Compares, or rewrites when asked to.
fn compare(golden: &[Golden], advice: &str) {
    if std::env::var_os("WRIT_UPDATE_GOLDEN").is_some() {
        golden.iter().for_each(|one| fs::write(folder().join(&one.name), &one.bytes).unwrap());
    }
    let mut changed = Vec::new();
    for Golden { name, bytes, round } in golden {
        let kept = fs::read(folder().join(name)).unwrap_or_default();
        if kept != *bytes {
            changed.push(format!("{name}: {}", first_difference(&kept, bytes)));
        }
        match round(&kept) {
            Ok(again) if again == kept => {}
            Ok(again) => changed.push(format!("{name} reads back differently: {}", first_difference(&kept, &again))),
            Err(e) => changed.push(format!("{name} is not readable any more: {e}")),
        }
    }
    assert!(changed.is_empty(), "{advice}\n{}", changed.join("\n"));
}

fn first_difference(kept: &[u8], made: &[u8]) -> String {
    let at = kept.iter().zip(made).position(|(a, b)| a != b).unwrap_or(kept.len().min(made.len()));
    let around = |bytes: &[u8]| {
        let part = &bytes[at.saturating_sub(40).min(bytes.len())..(at + 40).min(bytes.len())];
        String::from_utf8_lossy(part).into_owned()
    };
    format!("at byte {at}, the file has {:?}, the product writes {:?}", around(kept), around(made))
}

const NEW_VERSION: &str = "these documents changed their bytes: changed bytes mean a new schema version";

#[test]
fn documents_keep_their_bytes() {
    compare(&documents::all(), NEW_VERSION);
}

#[test]
fn bundles_keep_their_bytes() {
    compare(&bundles::all(), NEW_VERSION);
}

#[test]
fn states_keep_their_bytes() {
    compare(&states::all(), NEW_VERSION);
}

/// The one golden file that follows the sources: the real evaluation of the example appliance.
#[test]
fn the_example_policy_keeps_its_bytes() {
    let advice = "the policy of hosts/clinic-001/front-desk evaluates to other bytes. If baselines, rules or hosts were \
                  meant to change it, rewrite the file with WRIT_UPDATE_GOLDEN=1 and read the diff; if not, changed \
                  bytes mean a new schema version";
    compare(&[documents::policy()], advice);
}

/// Nothing lies in the folder that no test looks at.
#[test]
fn every_golden_file_is_looked_at() {
    let made = [documents::all(), bundles::all(), states::all(), vec![documents::policy()]].concat_names();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(made.contains(&name), "checks/golden/{name} belongs to nothing");
    }
}

/// minisign, which knows nothing of us, accepts the signatures.
#[test]
fn minisign_accepts_the_golden_signatures() {
    let appliance = tempfile::NamedTempFile::new().unwrap();
    fs::write(appliance.path(), keys::public(keys::FRONT_DESK).to_file()).unwrap();
    for (document, key) in
        [("release.json", folder().join("alice.pub")), ("bundle-started.json", appliance.path().into())]
    {
        let mut minisign = std::process::Command::new("minisign");
        minisign.arg("-Vm").arg(folder().join(document)).arg("-p").arg(key);
        writ_scenarios::run::checked(&mut minisign).unwrap();
    }
}

trait Names {
    fn concat_names(self) -> Vec<String>;
}

impl<const N: usize> Names for [Vec<Golden>; N] {
    fn concat_names(self) -> Vec<String> {
        self.into_iter().flatten().map(|g| g.name).collect()
    }
}
