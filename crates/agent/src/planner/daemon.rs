//! writ-planner: reads what it is asked, chooses, lays out what it chose. One thread, which waits for a change in `requests/` and
//! for signals at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::inotify::{self, CreateFlags};
use tracing::{info, warn};
use writ_trust::digest::Digest;
use writ_trust::text::one_line;
use writ_wire::plan::{MAX_PLAN, Plan};
use writ_wire::plan_request::{MAX_PLAN_REQUEST, PlanRequest, file_name};

use super::config::Config;
use super::model::Asking;
use super::model::answer::CUT;
use super::select::select;
use super::status::{ModelStatus, Status};
use crate::clock::now;
use crate::enforce::hostile;
use crate::spool;
use crate::wake::{Place, Signals, place, wait, watch};
use writ_confine::Enforced;

/// The longest sleep: after it the requests are read again, whatever inotify said.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Why writ-planner cannot run.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Something on this machine.
    #[error("{}: {source}; writ-enforce makes requests/, and whoever installs writ-planner makes plans/ for it", path.display())]
    Io {
        /// What it is about.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is one already.
    #[error("{}: another writ-planner works with this state", .0.display())]
    Running(PathBuf),
}

/// One writ-planner.
pub struct Planning {
    config: Config,
    /// The folders of the spool that this process is confined to.
    folders: [Place; 2],
    /// Requests that were seen, by the names of their files.
    seen: BTreeMap<String, Digest>,
    /// How many there are, answered or not.
    asked: usize,
    status: Status,
    /// Asks models; none where this machine lets none be reached.
    asking: Option<Asking>,
    /// Held until the end: one at a time.
    _lock: File,
}

impl Planning {
    /// Takes the lock.
    pub fn open(config: Config, confined: Enforced) -> Result<Self, OpenError> {
        let io = |path: PathBuf| move |source| OpenError::Io { path, source };
        // Whoever is confined to them now would not see them come.
        let requests = place(&config.requests()).map_err(io(config.requests()))?;
        let plans = place(&config.plans()).map_err(io(config.plans()))?;
        let path = config.state_dir.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(io(path.clone()))?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(OpenError::Running(path)),
            Err(e) => return Err(io(path)(e.into())),
        }
        let status = Status::new(now(), confined);
        let asking = config.model.clone().map(|model| Asking::new(model, &config.state_dir));
        let seen = BTreeMap::new();
        Ok(Self { config, folders: [requests, plans], seen, asked: 0, status, asking, _lock: lock })
    }

    /// Answers what is asked now. Gives how many plans were made, and what was in the way.
    pub fn once(mut self) -> (u64, Option<String>) {
        self.answer_all();
        self.status.write(&self.config.state_dir);
        (self.status.plans, self.status.problem)
    }

    /// Runs until it is told to stop, or until nothing was asked for so long.
    pub fn run(mut self, signals: &Signals, idle: Option<Duration>) -> io::Result<()> {
        let changes = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let mut busy_at = Instant::now();
        let mut written = None::<Instant>;
        info!(spool = %self.config.spool.display(), "choosing runbooks");
        while !signals.stops() {
            self.same_folders()?;
            watch(&changes, &self.config.requests())?;
            if signals.again() {
                self.seen.clear();
            }
            let made = self.answer_all();
            if self.asked > 0 {
                busy_at = Instant::now();
            }
            if made > 0 || written.is_none_or(|at| at.elapsed() >= LONGEST_SLEEP) {
                written = Some(Instant::now());
                self.status.at = now();
                self.status.write(&self.config.state_dir);
            }
            let left = idle.map(|idle| idle.saturating_sub(busy_at.elapsed()));
            if left.is_some_and(|left| left.is_zero()) {
                info!("nothing is asked any more");
                break;
            }
            wait(&changes, signals, left.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP))?;
        }
        self.status.at = now();
        self.status.write(&self.config.state_dir);
        info!("stopped");
        Ok(())
    }

    /// Whoever is confined to a folder has lost it when it is made anew, and is best started again.
    fn same_folders(&self) -> io::Result<()> {
        for (folder, was) in [self.config.requests(), self.config.plans()].into_iter().zip(self.folders) {
            if place(&folder).ok() != Some(was) {
                let what = format!("{} was made anew, or is gone: start again", folder.display());
                return Err(io::Error::other(what));
            }
        }
        Ok(())
    }

    /// Answers every request that was not seen yet. Gives how many plans were made.
    fn answer_all(&mut self) -> u64 {
        let folder = self.config.requests();
        let mut names = hostile::names(&folder);
        names.retain(|name| name.ends_with(".json") && !name.starts_with('.'));
        names.sort_unstable();
        self.asked = names.len();
        self.seen.retain(|name, _| names.binary_search(name).is_ok());
        let before = self.status.plans;
        let mut problem = None;
        for name in names {
            if let Err(e) = self.answer(&name) {
                problem = Some(format!("{}: {}", folder.join(&name).display(), one_line(e)));
            }
        }
        if problem != self.status.problem
            && let Some(problem) = &problem
        {
            warn!("{problem}");
        }
        self.status.problem = problem;
        self.status.plans - before
    }

    fn answer(&mut self, name: &str) -> Result<(), String> {
        let bytes = match hostile::read(&self.config.requests().join(name), MAX_PLAN_REQUEST) {
            Ok(bytes) => bytes,
            // It was answered, or taken back, since the folder was read.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e.to_string()),
        };
        let digest = Digest::of(&bytes);
        if self.seen.get(name) == Some(&digest) {
            return Ok(());
        }
        let request = PlanRequest::parse(&bytes).map_err(|e| e.to_string())?;
        if file_name(&request.id).as_deref() != Some(name) {
            return Err(format!("it says that it is {}", request.id));
        }
        if now() < request.expires_at {
            let plan = self.plan(&request).ok_or("everything that is offered was tried")?;
            spool::put(&self.config.plans(), name, &plan.canonical()).map_err(|e| e.to_string())?;
            self.status.plans += 1;
            info!(request = request.id, check = request.check, runbook = plan.runbook, "chosen: {}", plan.reason);
        }
        self.seen.insert(name.to_owned(), digest);
        Ok(())
    }

    /// What is chosen: by the model that the request names, where one may be asked and gives an answer of use; by the fixed rule
    /// otherwise.
    fn plan(&mut self, request: &PlanRequest) -> Option<Plan> {
        let by_rule = select(request)?;
        let Some(model) = &request.model else { return Some(by_rule) };
        let Some(asking) = &mut self.asking else {
            let why = "the policy names a model, and planner.toml has no [model]";
            self.status.model = Some(ModelStatus { why: Some(why.to_owned()), ..ModelStatus::default() });
            return Some(by_rule);
        };
        let asked = asking.ask(request, model, now());
        self.status.model = Some(asking.status().clone());
        let Some((chosen, transcript)) = asked else { return Some(by_rule) };
        let plan = match chosen {
            Some(chosen) => {
                let mut runbooks = chosen.runbooks.into_iter();
                let runbook = runbooks.next()?;
                let reason = format!("{} chose: {}", one_line(&model.name), chosen.reason);
                Plan { runbook, then: runbooks.collect(), reason, ..by_rule }
            }
            None => {
                let reason = format!("no model chose ({}); {}", transcript.outcome, by_rule.reason);
                Plan { reason, ..by_rule }
            }
        };
        Some(fitting(Plan { transcript: Some(transcript), ..plan }))
    }
}

/// A plan within its bound: signs that JSON escapes take more room than they have bytes. A text of which half is gone says so.
fn fitting(mut plan: Plan) -> Plan {
    while plan.canonical().len() > MAX_PLAN {
        let Some(transcript) = &mut plan.transcript else { break };
        let longest = match transcript.answered.len() > transcript.asked.len() {
            true => &mut transcript.answered,
            false => &mut transcript.asked,
        };
        if longest.is_empty() {
            break;
        }
        let text = longest.strip_suffix(CUT).unwrap_or(longest.as_str());
        let half: String = text.chars().take(text.chars().count() / 2).collect();
        *longest = if half.is_empty() { half } else { half + CUT };
    }
    plan
}

#[cfg(test)]
mod tests {
    use writ_wire::plan::{MAX_TRANSCRIPT, Transcript};

    use super::*;
    use crate::planner::select::tests::request;

    #[test]
    fn a_plan_that_is_too_large_loses_ends_and_says_so() {
        let plan = |asked: String| {
            let transcript = Transcript {
                model: "small-1".into(),
                prompt: Digest::of(b""),
                asked,
                answered: "\u{1}".repeat(9),
                outcome: "chosen".into(),
                input_tokens: None,
                output_tokens: None,
                cost_microdollars: 0,
                took_ms: 0,
            };
            Plan { transcript: Some(transcript), ..select(&request(&[("RB-A", None)], &[])).unwrap() }
        };
        // Six bytes for one.
        let fits = fitting(plan("\u{1}".repeat(MAX_TRANSCRIPT)));
        let transcript = fits.transcript.as_ref().unwrap();
        assert!(fits.canonical().len() <= MAX_PLAN && transcript.asked.ends_with("\u{1}[cut]"));
        assert_eq!(transcript.answered, "\u{1}".repeat(9));
        assert_eq!(fitting(plan("why".into())), plan("why".into()));
        let endless = Plan { reason: "x".repeat(MAX_PLAN), ..plan("why".into()) };
        assert_eq!(fitting(endless).transcript.unwrap().asked, "", "it comes to an end");
    }
}
