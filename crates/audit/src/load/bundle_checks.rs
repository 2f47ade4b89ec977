//! What one bundle says, compared with the signed release and policy under which it was said.

use std::collections::{BTreeMap, BTreeSet};

use writ_evidence::bundle::ReleaseRef;
use writ_evidence::incident::{step_hash, undo_hash};
use writ_evidence::{Bundle, IncidentId, Kind};
use writ_policy::policy::Policy;
use writ_policy::runbook::Runbook;
use writ_trust::digest::Digest;
use writ_trust::key_register::{KeyRecord, appliance_key};
use writ_trust::numbers::{Epoch, Serial};

use crate::archive::{Archive, SiteRecord};
use crate::problem::{Code, Problems};

/// How far an appliance's clock may be from its signers' and its log's before it is worth a note: 5 minutes, in milliseconds.
pub const CLOCK_SLACK_MILLIS: i64 = 300_000;

/// What is remembered from bundle to bundle of one key.
#[derive(Debug, Default)]
pub struct Context {
    newest: Option<(Epoch, Serial)>,
    /// Releases that a `switch` bundle says were left again.
    left: BTreeSet<(Epoch, Serial)>,
    unknown: BTreeSet<Digest>,
    /// For each incident that is open: the releases that were obeyed since. A runbook may have run under any of them.
    open: BTreeMap<IncidentId, Vec<ReleaseRef>>,
    /// The release that is obeyed.
    obeyed: Option<ReleaseRef>,
    early: bool,
    /// What hashes the runbooks have, by the release and their names: the same ones run again and again.
    hashes: BTreeMap<(Digest, String), Hashes>,
}

/// The hashes of a runbook and of its steps.
#[derive(Debug)]
struct Hashes {
    runbook: Digest,
    steps: BTreeSet<Digest>,
}

/// A policy that was in force, and the release that it is of.
type InForce<'a> = (Digest, &'a Policy);

impl Context {
    /// Judges one authentic bundle.
    pub fn judge(
        &mut self,
        archive: &Archive,
        record: &SiteRecord,
        key: &KeyRecord,
        path: &str,
        bundle: &Bundle,
        problems: &mut Problems,
    ) {
        if let Some(switch) = bundle.switch.as_ref().filter(|s| !s.outcome.adopted()) {
            self.left.insert((switch.to.epoch, switch.to.serial));
        }
        let Some(named) = &bundle.release else { return };
        let Some(past) = record.release(named) else {
            // One missing release is one problem, however many bundles name it.
            if self.unknown.insert(named.digest) {
                let what = format!(
                    "it names release {}-{} ({}), which is not among the verified ones",
                    named.epoch, named.serial, named.digest
                );
                problems.bad(Code::Missing, path, what, "what was asked of the appliance then is not known");
            }
            return;
        };
        if past.release.point() != (named.epoch, named.serial) {
            let what = format!(
                "it calls the release {}-{}, which is {}-{}",
                named.epoch, named.serial, past.release.epoch, past.release.serial
            );
            problems.bad(Code::Malformed, path, what, "the appliance contradicts its orders");
        }
        if appliance_key(&past.release, &key.appliance).is_none_or(|k| k.ed25519() != key.public_key.ed25519()) {
            let what = format!(
                "release {}-{} gives {} another key than the one that signed it",
                named.epoch, named.serial, key.appliance
            );
            problems.bad(
                Code::UnknownKey,
                path,
                what,
                "only the key that a release names speaks for an appliance under it",
            );
        }
        if !self.early && past.release.issued_at.millis_since(bundle.generated_at) > CLOCK_SLACK_MILLIS {
            self.early = true;
            let what = format!(
                "written at {}, before the release it obeys was issued ({})",
                bundle.generated_at, past.release.issued_at
            );
            problems.note(Code::OutOfOrder, path, what, "the appliance's clock was behind, or the signers' ahead");
        }
        self.order(path, named, problems);
        let policies = self.policies(archive, key, bundle, named);
        self.runbook(path, bundle, &policies, problems);
    }

    /// The policies that were in force while the incident of a bundle was open.
    fn policies<'a>(
        &mut self,
        archive: &'a Archive,
        key: &KeyRecord,
        bundle: &Bundle,
        named: &ReleaseRef,
    ) -> Vec<InForce<'a>> {
        if self.obeyed.replace(*named) != Some(*named) {
            self.open.values_mut().for_each(|releases| releases.push(*named));
        }
        if let Some(incident) = bundle.incident.as_ref().filter(|_| bundle.kind == Kind::IncidentOpened) {
            self.open.insert(incident.incident_id, vec![*named]);
        }
        let closed = bundle.incident.as_ref().filter(|_| bundle.kind == Kind::IncidentClosed);
        let releases =
            closed.and_then(|incident| self.open.remove(&incident.incident_id)).unwrap_or_else(|| vec![*named]);
        let policy = |release: &ReleaseRef| archive.policy(&key.site, &key.appliance, release);
        releases.iter().filter_map(|release| Some((release.digest, policy(release)?))).collect()
    }

    /// An appliance goes back to an older release only by a switch that failed, and says so.
    fn order(&mut self, path: &str, named: &ReleaseRef, problems: &mut Problems) {
        let point = (named.epoch, named.serial);
        if let Some(newest) = self.newest.filter(|newest| point < *newest && !self.left.contains(newest)) {
            let what = format!("it obeys release {}-{} after {}-{}", point.0, point.1, newest.0, newest.1);
            problems.bad(Code::OutOfOrder, path, what, "the appliance went back to older orders without saying why");
        }
        self.newest = Some(point);
    }

    /// What was run must be what a signed policy holds.
    fn runbook(&mut self, path: &str, bundle: &Bundle, policies: &[InForce], problems: &mut Problems) {
        const CONSEQUENCE: &str = "something was run on the appliance that nobody signed for it";
        // Without a policy nothing can be compared; that it is missing has been said.
        let (Some(ran), false) = (&bundle.runbook, policies.is_empty()) else { return };
        let mut signed = Vec::new();
        for (release, policy) in policies {
            let Some(runbook) = policy.runbooks.get(&ran.runbook_id) else { continue };
            let place = (*release, ran.runbook_id.clone());
            self.hashes
                .entry(place.clone())
                .or_insert_with(|| Hashes { runbook: runbook.digest(), steps: steps_of(&[runbook]) });
            signed.push(place);
        }
        let known: Vec<&Hashes> = signed.iter().filter_map(|place| self.hashes.get(place)).collect();
        let Some(first) = known.first() else {
            let what = format!("it ran {}, which the signed policy does not have", ran.runbook_id);
            return problems.bad(Code::NotAsOrdered, path, what, CONSEQUENCE);
        };
        if known.iter().all(|hashes| hashes.runbook != ran.runbook_hash) {
            let what = format!(
                "it ran {} with hash {}, the signed policy has {}",
                ran.runbook_id, ran.runbook_hash, first.runbook
            );
            return problems.bad(Code::NotAsOrdered, path, what, CONSEQUENCE);
        }
        let own = |step: &Digest| known.iter().any(|hashes| hashes.steps.contains(step));
        if bundle.actions_taken.iter().all(|action| own(&action.script_hash)) {
            return;
        }
        // Its attempts may have gone through the runbooks of several rules, and through those that plans may name for its check.
        let rules = policies.iter().flat_map(|(_, p)| p.rules.values().map(move |rule| (p, rule)));
        let of_rules = rules.filter_map(|(p, rule)| p.runbooks.get(rule.run.as_ref()?));
        let check = bundle.incident.as_ref().map(|incident| &incident.check);
        let judged = |runbook: &&Runbook| check.is_some_and(|check| runbook.verify.contains(check));
        let of_plans = policies.iter().flat_map(|(_, p)| p.runbooks.values()).filter(judged);
        let others: Vec<&Runbook> = of_rules.chain(of_plans).collect();
        let others = steps_of(&others);
        let strange = |step: &Digest| !own(step) && !others.contains(step);
        if let Some(action) = bundle.actions_taken.iter().find(|action| strange(&action.script_hash)) {
            let what = format!("step {} ({}) is not a step of {}", action.step, action.action, ran.runbook_id);
            problems.bad(Code::NotAsOrdered, path, what, CONSEQUENCE);
        }
    }
}

/// The hashes of the steps of runbooks, and of what undoes them.
fn steps_of(runbooks: &[&Runbook]) -> BTreeSet<Digest> {
    let steps = runbooks.iter().flat_map(|runbook| &runbook.steps);
    steps.flat_map(|step| [Some(step_hash(step)), step.undo.as_ref().map(undo_hash)]).flatten().collect()
}
