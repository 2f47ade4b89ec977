//! Requests of people on this machine: files in `requests/`, written whole by `writ-enforce pause`, judged and answered by
//! the enforcer.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use writ_evidence::records::{PauseMeans, PausePhase};
use writ_evidence::scrub::scrub;
use writ_trust::digest::hex;
use writ_trust::json;
use writ_trust::text::one_line;
use writ_trust::time::{Span, Time};

use super::acknowledge::Acknowledgement;
use super::code::{Stored, Stretched};
use super::engine::Engine;
use super::hostile;
use super::pause::{LONGEST_MILLIS, Pause};
use super::refused::Refused;
use crate::crash_point;

/// The schema of a request.
pub const SCHEMA: &str = "writ.pause-request.v1";
/// The largest request or answer, in bytes.
pub(super) const MAX_REQUEST: usize = 64 * 1024;
/// How many requests are remembered as answered.
const REMEMBERED: usize = 64;
/// A request that is older than this when it is found is not carried out: the person has gone.
pub(super) const STALE_MILLIS: i64 = 10 * 60_000;

/// What a person asks for.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    schema: String,
    asked_at: Time,
    checks: Vec<String>,
    #[serde(rename = "for")]
    length: Span,
    reason: String,
    by: String,
    code: Stretched,
}

/// What a request is.
enum Asked {
    Pause(Request),
    Acknowledgement(Acknowledgement),
}

/// What the enforcer answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was granted.
    pub granted: bool,
    /// What was done, or why not, in one line.
    pub message: String,
}

/// Why a request could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The folder of requests cannot be used.
    #[error("{}: {source}; is this the enforcer's machine, and are you root?", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No random name could be drawn.
    #[error("no randomness: {0}")]
    Random(getrandom::Error),
    /// Nobody answered.
    #[error("no answer within {0} s: is writ-enforce running? The request was taken back")]
    NoAnswer(u64),
}

impl Request {
    /// A request to suspend healing of checks.
    pub fn new(checks: Vec<String>, length: Span, reason: String, by: String, code: Stretched, now: Time) -> Self {
        Self { schema: SCHEMA.to_owned(), asked_at: now, checks, length, reason, by, code }
    }

    /// Puts the request where the enforcer finds it, and waits for its answer.
    pub fn ask(&self, requests: &Path, wait: Duration) -> Result<Answer, RequestError> {
        ask(&json::canonical(self), requests, wait)
    }
}

/// Puts a request where the enforcer finds it, and waits for its answer.
pub(super) fn ask(bytes: &[u8], requests: &Path, wait: Duration) -> Result<Answer, RequestError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(RequestError::Random)?;
    let folder = |source| RequestError::Folder { path: requests.to_owned(), source };
    let request = requests.join(format!("{}.json", hex(&random)));
    let answer = requests.join(format!("{}.answer", hex(&random)));
    writ_durable::replace(&request, bytes, 0o600).map_err(folder)?;
    let deadline = Instant::now() + wait;
    loop {
        if let Ok(bytes) = writ_durable::read_bounded(&answer, MAX_REQUEST)
            && let Ok(found) = json::parse::<Answer>(&bytes, MAX_REQUEST)
        {
            let _ = writ_durable::remove(&answer);
            return Ok(found);
        }
        if Instant::now() >= deadline {
            writ_durable::remove(&request).map_err(folder)?;
            return Err(RequestError::NoAnswer(wait.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Engine {
    /// Judges and answers every request that waits.
    pub fn answer_requests(&mut self) {
        let directory = self.config.requests_dir();
        for name in hostile::names(&directory) {
            let path = directory.join(&name);
            let Some(id) = name.strip_suffix(".json").filter(|id| !id.starts_with('.')) else { continue };
            if !self.state.answered.iter().any(|known| known == id) {
                self.answer_request(id, &path);
            }
            crash_point!("request answered, not removed");
            let _ = writ_durable::remove(&path);
        }
    }

    fn answer_request(&mut self, id: &str, path: &Path) {
        let bytes = hostile::read(path, MAX_REQUEST).map_err(|e| e.to_string());
        let request = bytes.and_then(|bytes| match Acknowledgement::parse(&bytes) {
            Some(acknowledgement) => Ok(Asked::Acknowledgement(acknowledgement)),
            None => json::parse::<Request>(&bytes, MAX_REQUEST).map(Asked::Pause).map_err(one_line),
        });
        let answer = match request {
            Ok(Asked::Pause(request)) => self.judge_request(request),
            Ok(Asked::Acknowledgement(acknowledgement)) => self.judge_acknowledgement(&acknowledgement),
            Err(e) => self.decline("request-readable", format!("a request for a pause cannot be read: {e}")),
        };
        self.state.answered.push_back(id.to_owned());
        if self.state.answered.len() > REMEMBERED {
            self.state.answered.pop_front();
        }
        self.commit_now();
        let to = path.with_extension("answer");
        if let Err(e) = writ_durable::replace(&to, &json::canonical(&answer), 0o600) {
            self.say_once(format!("a request cannot be answered: {e}"));
        }
    }

    fn judge_request(&mut self, request: Request) -> Answer {
        let at = self.clock.now();
        let Some(file) = self.config.pause_code_file.clone() else {
            return self.decline("break-glass-code", "no break-glass code is set up here (pause_code_file)".to_owned());
        };
        let stored = match Stored::read(&file) {
            Ok(stored) => stored,
            Err(e) => return self.decline("break-glass-code", e.to_string()),
        };
        if let Some(left) = self.state.pauses.delay(at) {
            let seconds = left / 1000 + 1;
            return self
                .decline("break-glass-delay", format!("wrong codes were given: the next is looked at in {seconds} s"));
        }
        if !stored.fits(&request.code) {
            let delay = self.state.pauses.wrong_code(at) / 1000;
            return self.decline(
                "break-glass-code",
                format!("a wrong break-glass code was given; the next is looked at in {delay} s"),
            );
        }
        self.state.pauses.right_code();
        if let Some(problem) = self.problem(&request, at) {
            return self.decline("pause-bounds", problem);
        }
        self.begin_pause(request, &stored, at)
    }

    fn problem(&self, request: &Request, at: Time) -> Option<String> {
        if request.schema != SCHEMA {
            return Some("the request follows another schema: use the writ-enforce of this machine".to_owned());
        }
        if !(0..=STALE_MILLIS).contains(&at.millis_since(request.asked_at)) {
            return Some(format!("the request was made at {}: ask again", request.asked_at));
        }
        if request.checks.is_empty() {
            return Some("name the checks to be paused".to_owned());
        }
        if !(1_000..=LONGEST_MILLIS).contains(&request.length.millis()) {
            return Some(format!("a pause lasts from 1s to 8h, not {}", request.length));
        }
        let known = |check: &&String| self.policy().is_some_and(|policy| policy.checks.contains_key(*check));
        let unknown = request.checks.iter().find(|check| !known(check))?;
        Some(format!("the policy has no check {}", one_line(format!("{unknown:?}"))))
    }

    fn begin_pause(&mut self, request: Request, stored: &Stored, at: Time) -> Answer {
        let pause = Pause {
            checks: request.checks,
            from: at,
            until: at.plus(&request.length),
            means: PauseMeans::BreakGlass,
            reference: format!("code {}", stored.reference),
            // Whoever asks says a name; evidence holds only its hash.
            by: self.salt.hash(&request.by),
            reason: scrub(&request.reason).into_owned(),
        };
        info!(checks = ?pause.checks, until = %pause.until, "healing is suspended");
        let draft = self.teller().paused(&pause, PausePhase::Begun);
        self.seal(draft);
        let message = format!("healing of {} is suspended until {}", pause.checks.join(", "), pause.until);
        self.notice_pause(&pause.checks, format!("until {}: {}", pause.until, pause.reason));
        self.state.pauses.active.push(pause);
        Answer { granted: true, message }
    }

    /// Every request that is declined is evidence: each counts, for each may be somebody who guesses.
    fn decline(&mut self, rule: &str, message: String) -> Answer {
        warn!(rule, "pause refused: {message}");
        let refused = Refused { message: message.clone(), ..Refused::new("pause-request", rule, "", None).keyed() };
        let count = self.state.count_refusal(None, &refused.what, rule, refused.source).count;
        let draft = self.teller().refused(&refused, count);
        self.seal_posture(draft);
        Answer { granted: false, message }
    }
}
