//! Judging an outbox: by the rules of evidence, bundle by bundle, and by the story that the bundles tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use writ_evidence::chain::{ChainState, Speaker, authenticate, follow, parse_file_name};
use writ_evidence::{Bundle, Kind};
use writ_trust::minisign::PublicKey;

use super::{APPLIANCE, House, public};

/// A verified chain of bundles.
pub struct Chain {
    pub bundles: Vec<Bundle>,
}

impl House {
    /// Verifies everything in the outbox: signatures, speaker, numbers, links; no gap, no stray file.
    pub fn chain(&self) -> Chain {
        read(&self.outbox(), &self.site, "front-desk", &public(APPLIANCE))
    }
}

/// The bundles that lie in an outbox: file names by sequence.
fn listed(outbox: &Path) -> BTreeMap<u64, String> {
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(outbox).into_iter().flatten() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        match parse_file_name(name.strip_suffix(".minisig").unwrap_or(&name)) {
            Some((sequence, _)) if !name.ends_with(".minisig") => {
                assert!(names.insert(sequence, name.clone()).is_none(), "two bundles {sequence}: {name}");
            }
            Some(_) => {}
            // Being written, or left by a kill; the next start clears it away.
            None if name.ends_with(writ_durable::TEMPORARY_SUFFIX) => {}
            None => panic!("{name} lies in the outbox"),
        }
    }
    names
}

/// Verifies an outbox.
pub fn read(outbox: &Path, site: &str, appliance: &str, key: &PublicKey) -> Chain {
    let (site, appliance) = (site.parse().unwrap(), appliance.parse().unwrap());
    let speaker = Speaker { site: &site, appliance: &appliance, public_key: key };
    // A folder that is written to while it is read may show a file and not one that came before it: look again.
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut names = listed(outbox);
    while !names.keys().copied().eq(1..=names.len() as u64) && Instant::now() < deadline {
        names = listed(outbox);
    }
    let mut state = ChainState::new();
    let mut bundles = Vec::new();
    for (sequence, name) in names {
        let bytes = fs::read(outbox.join(&name)).unwrap();
        let signature = fs::read(outbox.join(format!("{name}.minisig"))).unwrap();
        let authentic = authenticate(&bytes, &signature, &speaker).unwrap_or_else(|e| panic!("{name}: {e}"));
        state = follow(&state, &authentic).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(authentic.bundle.chain.sequence, sequence, "{name}");
        bundles.push(authentic.bundle);
    }
    Chain { bundles }
}

impl Chain {
    pub fn of(&self, kind: Kind) -> impl DoubleEndedIterator<Item = &Bundle> {
        self.bundles.iter().filter(move |b| b.kind == kind)
    }

    /// Every incident was opened once, closed at most once and after it was opened; gives those still open, by check.
    pub fn open_incidents(&self) -> BTreeSet<String> {
        let mut open = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for bundle in &self.bundles {
            let Some(incident) = &bundle.incident else { continue };
            let id = incident.incident_id.to_string();
            match bundle.kind {
                Kind::IncidentOpened => {
                    assert!(seen.insert(id.clone()), "{id} was opened twice: {}", bundle.bundle_id);
                    let other = open.values().any(|check| *check == incident.check);
                    assert!(!other, "{} has two open incidents: {}", incident.check, bundle.bundle_id);
                    open.insert(id, incident.check.clone());
                }
                Kind::IncidentClosed => {
                    let opened = open.remove(&id);
                    assert!(opened.is_some(), "{id} was closed twice, or never opened: {}", bundle.bundle_id);
                }
                _ => {}
            }
        }
        open.into_values().collect()
    }
}
