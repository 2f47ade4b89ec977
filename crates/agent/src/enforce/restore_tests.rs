//! Restores that were tried: each record of one becomes evidence, once.

use tracing::info;
use writ_evidence::records::RestoreTest;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;
use writ_wire::record::{Facts, Record};

use super::engine::Engine;
use crate::probes::restore_test::{KIND, named};
use crate::records;

impl Engine {
    /// Tells of the restore that this check reads of, when it is not told yet.
    pub(super) fn tell_restore_test(&mut self, id: &str) {
        let Some(policy) = self.policy() else { return };
        let Some(name) = policy.checks.get(id).and_then(|check| named(&check.probe)).map(str::to_owned) else { return };
        // Several checks may look at one test: the first asked for it.
        let asked = readers(policy).find(|(_, read)| *read == name).map_or(id, |(first, _)| first).to_owned();
        // What cannot be read is the check's to tell.
        let Ok(Some((record, bytes))) = records::read(&self.context.records, KIND, &name, self.context.now) else {
            return;
        };
        let digest = Digest::of(&bytes);
        if self.state.told_restore_tests.get(&name) == Some(&digest) || self.is_full() {
            return;
        }
        let Facts::RestoreTest(test) = &record.facts else { return };
        info!(test = %name, ok = record.ok, compared = test.compared, "a restore was tried");
        let draft = self.teller().restore_tested(told(&record, test, asked));
        if self.seal(draft).is_none() {
            return;
        }
        let read: Vec<String> = self.policy().into_iter().flat_map(readers).map(|(_, name)| name.to_owned()).collect();
        self.state.told_restore_tests.retain(|name, _| read.contains(name));
        self.state.told_restore_tests.insert(name, digest);
        self.commit();
    }
}

/// The checks that read of restores, and of which.
fn readers(policy: &Policy) -> impl Iterator<Item = (&str, &str)> {
    policy.checks.iter().filter_map(|(id, check)| Some((id.as_str(), named(&check.probe)?)))
}

/// A record in the form of evidence: the names of files stay on the appliance.
fn told(record: &Record, test: &writ_wire::record::RestoreTest, check: String) -> RestoreTest {
    let wrong = test.mismatched.saturating_add(test.missing);
    let mut problems = record.notes.clone();
    if wrong > 0 {
        problems.insert(0, format!("{wrong} of {} files: the record on the appliance names them", test.sampled));
    }
    RestoreTest {
        check,
        started_at: record.began_at,
        ended_at: record.ended_at,
        backup_at: test.backup_at,
        files_compared: test.compared.saturating_add(test.missing),
        files_wrong: wrong,
        succeeded: record.ok,
        problems,
    }
}
