//! Having a planner choose, when rules did not help: requests are laid out, answers are judged, and what comes of them is told.
//!
//! ```text
//! spool/plan/requests/<incident>-<n>.json   what may be chosen; there until it is answered, its time is up, or it is taken back
//!           /plans/<incident>-<n>.json      the answer: written by a process without privileges, and taken for hostile
//!           /verdicts/<incident>-<n>.json   what became of it
//! ```
//!
//! Of what lies in `plans/` nothing is looked at but the answer to a request that is open, and that once: whatever else is put
//! there costs nothing but its room, and that until the next start.

pub mod choices;
pub mod judge;
pub mod request;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tracing::{info, warn};
use writ_evidence::incident::ResolutionStatus;
use writ_policy::check::Check;
use writ_policy::policy::Policy;
use writ_trust::time::Time;
use writ_wire::plan::MAX_PLAN;
use writ_wire::plan_request::{MAX_PLAN_REQUEST, file_name};
use writ_wire::plan_verdict::{PlanVerdict, PlanVerdictSchema};
use writ_wire::releases::ReleaseRef;

use self::choices::Moment;
use super::engine::Engine;
use super::hostile;
use super::incident::{self, Answer, Circumstances, Event, Incident, L2, Open, Told, Work};
use super::running::Running;
use super::scan::exception;
use super::state::incident_key;
use crate::{crash_point, spool};

/// How many verdicts lie in the spool at most; the oldest go first.
const MOST_VERDICTS: usize = 100;
/// How long until an answer is looked for, whatever inotify says, in milliseconds.
const LOOK_EVERY_MILLIS: i64 = 500;

/// Requests by their ids: the exact bytes, and whether they are laid out.
pub(super) type Requests = BTreeMap<String, (Vec<u8>, bool)>;

impl Engine {
    /// What a planner may do about a failing check. On a machine where nobody has a place to put plans, there is none.
    pub(super) fn l2(&self, policy: &Policy, id: &str, check: &Check, at: Time) -> L2 {
        if policy.settings.planner.enabled && !self.config.plans_dir().is_dir() {
            return L2::Off("no planner is installed on this appliance".to_owned());
        }
        let moment = Moment {
            incident: self.state.incidents.get(&incident_key(id, &check.target)).map(|incident| incident.id),
            breaker: &self.state.breaker,
            zone: &self.zone,
            at,
            within_ms: self.config.plan_within.millis(),
        };
        choices::l2(policy, id, check, &moment)
    }

    /// Writes the request that an incident wants to have answered. It counts once the state that holds its digest is durable,
    /// and is laid out then.
    pub(super) fn record_ask(&mut self, incident: &mut Incident) {
        let release = self.running.as_ref().map(Running::release_ref);
        let release = release.map(|r| ReleaseRef { epoch: r.epoch, serial: r.serial, digest: r.digest });
        let last = self.book.last(&incident.check);
        let asked = self.policy().and_then(|policy| {
            request::request(incident, policy, (&self.identity, release), last, &self.state.past_runs)
        });
        let most = asked.as_ref().and_then(|asked| Some(asked.model.as_ref()?.most_runbooks));
        let bytes = asked.as_ref().map(|asked| (asked.id.clone(), asked.digest(), asked.canonical()));
        let Some(open) = incident.plan.as_mut().and_then(|plan| plan.open.as_mut()) else { return };
        match bytes.filter(|(_, _, bytes)| bytes.len() <= MAX_PLAN_REQUEST) {
            Some((id, digest, bytes)) => {
                info!(incident = %incident.id, check = incident.check, request = id, offered = ?open.allowed, "a planner is asked");
                open.request = Some(digest);
                if let Some(most) = most {
                    open.most_runbooks = incident::bounded(most);
                }
                self.plan_requests.insert(id, (bytes, false));
            }
            None => self.say_once(format!("what {} is about is too large for a planner to be asked", incident.check)),
        }
    }

    /// Lays out what is asked and not laid out yet, and takes away what is not asked any more.
    pub(super) fn lay_requests(&mut self) {
        if self.plan_requests.is_empty() {
            return;
        }
        if self.plan_requests.values().any(|(_, laid)| !laid) {
            crash_point!("a plan is asked for, its request not laid out");
        }
        let open: Vec<String> = self.open_requests().map(|(_, id, _)| id).collect();
        let (folder, plans) = (self.config.plan_requests_dir(), self.config.plans_dir());
        let mut trouble = None;
        self.plan_requests.retain(|id, (bytes, laid)| {
            let Some(name) = file_name(id) else { return false };
            if !open.contains(id) {
                let _ = fs::remove_file(folder.join(&name));
                let _ = fs::remove_file(plans.join(&name));
                return false;
            }
            if !*laid {
                // What lies there in advance is no answer.
                let _ = fs::remove_file(plans.join(&name));
                let made = if folder.is_dir() { Ok(()) } else { writ_durable::create_directories(&folder) };
                let put = made.and_then(|()| spool::put(&folder, &name, bytes));
                *laid = put.is_ok();
                trouble = put.err();
            }
            true
        });
        if let Some(e) = trouble {
            self.say_once(format!("{}: no planner can be asked: {e}", folder.display()));
        }
    }

    /// The requests that are open: the places of their incidents, their ids, and what they are.
    fn open_requests(&self) -> impl Iterator<Item = (&String, String, &Open)> {
        self.state.incidents.iter().filter_map(|(key, incident)| {
            let planning = incident.plan.as_ref()?;
            Some((key, request::id(incident, planning.number), planning.open.as_ref()?))
        })
    }

    /// Whether a planner is to answer something.
    pub(super) fn is_planning(&self) -> bool {
        self.open_requests().next().is_some()
    }

    /// Sees to every request that is open: takes it back where nothing may be healed now, reads its answer, or gives it up when
    /// its time is over.
    pub(super) fn tend_plans(&mut self) {
        let now = self.clock.now();
        let open: Vec<(String, String, Open)> =
            self.open_requests().map(|(key, id, open)| (key.clone(), id, open.clone())).collect();
        for (key, id, open) in open {
            let Some(incident) = self.state.incidents.get(&key) else { continue };
            let held = self.state.pauses.covers(&incident.check, now)
                || self.policy().is_some_and(|policy| exception(policy, &incident.check, now).is_some());
            if held {
                self.planned(&key, Event::Withdrawn("plan-held", "healing is suspended".to_owned()));
            } else if let Some(answer) = self.answer(&id, &open, now) {
                self.planned(&key, Event::Planned(answer));
            }
        }
        self.lay_requests();
    }

    /// What came of a request; none when nothing has yet.
    fn answer(&self, id: &str, open: &Open, now: Time) -> Option<Answer> {
        let over = || (now >= open.until).then_some(Answer::None);
        let (Some(request), Some(name)) = (open.request, file_name(id)) else { return over() };
        match hostile::read(&self.config.plans_dir().join(name), MAX_PLAN) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => over(),
            read => {
                let model = self.policy().and_then(|policy| policy.settings.planner.model.as_ref());
                Some(judge::judge(read, request, model.map(|model| model.name.as_str())))
            }
        }
    }

    /// Takes in what came of a request, and has the check looked at again: what follows is decided by that.
    fn planned(&mut self, key: &str, event: Event) {
        let before = self.take_incident(key);
        let incident::State::Open(known) = &before else { return };
        let check = known.check.clone();
        let (state, acts) = incident::step(before, event, self.clock.now(), &Circumstances::default());
        self.record(key, state, &acts);
        self.again.push_back(check);
    }

    /// Takes back everything that planners were asked, and what they chose and does not run yet.
    pub(super) fn withdraw_plans(&mut self, rule: &'static str, why: &str) {
        let involved = |incident: &Incident| {
            incident.plan.as_ref().is_some_and(|plan| plan.open.is_some() || plan.chosen.is_some())
                && !matches!(incident.phase, incident::Phase::Attempting { .. })
        };
        let keys: Vec<String> =
            self.state.incidents.iter().filter(|(_, i)| involved(i)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.planned(&key, Event::Withdrawn(rule, why.to_owned()));
        }
        self.lay_requests();
    }

    /// At a start: what was asked before it is not waited for, so an answer to it comes too late. Nothing that lies in `plans/`
    /// then answers anything, and nobody else takes it away.
    pub(super) fn forget_requests(&mut self) {
        self.withdraw_plans("plan-restart", "the enforcer started anew");
        self.clear_requests();
        clear(&self.config.plans_dir());
    }

    /// Takes away what is laid out as asked: nobody reads an answer until the next start, which asks anew.
    pub(super) fn clear_requests(&self) {
        clear(&self.config.plan_requests_dir());
    }

    /// Tells what came of a plan.
    pub(super) fn record_plan(&mut self, incident: &Incident, told: &Told) {
        let Told { number, runbooks, allowed, rule, message, result, .. } = told;
        info!(incident = %incident.id, number, ?runbooks, allowed, ?rule, ?result, "plan: {message}");
        let draft = self.seen_from(&incident.check, self.teller().planned(incident, told));
        self.seal(draft);
    }

    /// Says the same to whoever planned.
    pub(super) fn lay_verdict(&mut self, incident: &Incident, told: &Told) {
        let Some(request) = told.request else { return };
        let verdict = PlanVerdict {
            schema: PlanVerdictSchema::V1,
            request,
            plan: told.plan,
            allowed: told.allowed,
            rule: told.rule.map(str::to_owned),
            message: told.message.clone(),
            result: told.result,
        };
        let folder = self.config.plan_verdicts_dir();
        let Some(name) = file_name(&request::id(incident, told.number)) else { return };
        let made = if folder.is_dir() { Ok(()) } else { writ_durable::create_directories(&folder) };
        if let Err(e) = made.and_then(|()| spool::put(&folder, &name, &verdict.canonical())) {
            warn!("{}: a verdict cannot be laid out: {e}", folder.display());
        }
        for old in oldest(&folder, MOST_VERDICTS) {
            let _ = fs::remove_file(old);
        }
    }

    /// Remembers what a runbook came to, for whoever chooses next.
    pub(super) fn note_run(
        &mut self,
        check: &str,
        work: &Work,
        verification: &[writ_evidence::incident::Verification],
    ) {
        let Some(runbook) = &work.runbook else { return };
        let helped = ResolutionStatus::of(verification) == ResolutionStatus::Success;
        if work.interrupted && !helped {
            return;
        }
        let runs = self.state.past_runs.entry(check.to_owned()).or_default();
        let past = runs.entry(runbook.runbook_id.clone()).or_default();
        let count = if helped { &mut past.helped } else { &mut past.failed };
        *count = count.saturating_add(1);
    }

    /// Forgets runs for checks, and of runbooks, that the policy no longer has.
    pub(super) fn forget_runs(&mut self) {
        let Some(policy) = self.running.as_ref().and_then(|running| Some(&running.policy.as_ref()?.1)) else { return };
        self.state.past_runs.retain(|check, _| policy.checks.contains_key(check));
        for runs in self.state.past_runs.values_mut() {
            runs.retain(|runbook, _| policy.runbooks.contains_key(runbook));
        }
    }

    /// When an answer is looked for next.
    pub(super) fn next_answer(&self) -> Option<Time> {
        let soon = || self.clock.now().plus_millis(LOOK_EVERY_MILLIS);
        self.open_requests().map(|(_, _, open)| open.until).min().map(|until| until.min(soon()))
    }
}

/// Takes the files of a folder away.
fn clear(folder: &Path) {
    for name in hostile::names(folder) {
        let _ = fs::remove_file(folder.join(name));
    }
}

/// The files of a folder that are one too many, by when they were last written. Names say less: -10 stands before -2, and an incident
/// that is old may have the newest.
fn oldest(folder: &Path, most: usize) -> Vec<PathBuf> {
    let written = |name: String| {
        let path = folder.join(name);
        let at = fs::symlink_metadata(&path).and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        (at, path)
    };
    let mut files: Vec<(SystemTime, PathBuf)> = hostile::names(folder).into_iter().map(written).collect();
    files.sort_unstable();
    files.truncate(files.len().saturating_sub(most));
    files.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_verdicts_that_go_are_those_that_were_given_first() {
        let dir = tempfile::tempdir().unwrap();
        // In the order in which they were given, which that of their names is not.
        let given = ["INC-20261127-9999-1", "INC-20261127-10000-2", "INC-20261127-10000-10", "INC-20261126-0003-1"];
        for (second, name) in given.iter().enumerate() {
            let file = fs::File::create(dir.path().join(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(second as u64)).unwrap();
        }
        let gone =
            |most| oldest(dir.path(), most).iter().map(|path| path.file_name().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(gone(1), given[..3]);
        assert_eq!(gone(2), given[..2]);
        assert!(gone(4).is_empty());
    }
}
