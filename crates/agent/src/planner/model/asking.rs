//! Asking a model for one request: what is used up is written before anything is sent, and whatever comes back is told.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use writ_policy::settings::Endpoint;
use writ_policy::settings::planner::{LONGEST_DEADLINE, LONGEST_MODEL};
use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::plan::{MAX_TRANSCRIPT, Transcript};
use writ_wire::plan_request::{Model, PlanRequest};

use super::answer::{self, CUT};
use super::budget::{self, Event, MAX_USE, Use, cost};
use super::call::{Call, Failed, call};
use super::key::Key;
use super::outcome::Outcome;
use super::prompt::{MOST_TOKENS, Prompt, clean, prompt};
use crate::planner::config::ModelConfig;
use crate::planner::status::ModelStatus;

/// The file of what was used up, in the state directory.
pub const USE_FILE: &str = "model-use.json";
/// What is left of the time for an answer when the model is given up: for choosing without it.
const MARGIN: Duration = Duration::from_millis(500);
/// The shortest time in which it makes sense to ask.
const LEAST: Duration = Duration::from_millis(50);
/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;
/// The longest answer that a transcript keeps, in bytes.
const LONGEST_ANSWER: usize = 8 * 1024;

/// What a model chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Runbooks in the order in which they are to be run: one at least.
    pub runbooks: Vec<String>,
    /// Its reason, scrubbed, in one line.
    pub reason: String,
}

/// Asks models, as one machine may.
pub struct Asking {
    config: ModelConfig,
    state_dir: PathBuf,
    /// For the status.
    status: ModelStatus,
}

/// What came of a call, before it is told.
struct Came {
    outcome: Outcome,
    why: String,
    chosen: Option<Chosen>,
    answered: String,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    microdollars: u64,
    took: Duration,
}

impl Came {
    fn not_asked(outcome: Outcome, why: impl Into<String>) -> Self {
        Self {
            outcome,
            why: why.into(),
            chosen: None,
            answered: String::new(),
            input_tokens: None,
            output_tokens: None,
            microdollars: 0,
            took: Duration::ZERO,
        }
    }
}

impl Asking {
    /// Asks as this machine's configuration lets it; keeps what was used up in this folder.
    pub fn new(config: ModelConfig, state_dir: &Path) -> Self {
        Self { config, state_dir: state_dir.to_owned(), status: ModelStatus::default() }
    }

    /// How that went, for the status.
    pub fn status(&self) -> &ModelStatus {
        &self.status
    }

    /// Asks the model that the request names. None where nothing is left to choose.
    pub fn ask(&mut self, request: &PlanRequest, model: &Model, now: Time) -> Option<(Option<Chosen>, Transcript)> {
        let prompt = prompt(request, model)?;
        let until_late = |since: Time| {
            let left = u64::try_from(request.expires_at.millis_since(since)).unwrap_or(0);
            Duration::from_millis(left).saturating_sub(MARGIN)
        };
        let longest = Duration::from_millis(LONGEST_DEADLINE.unsigned_abs());
        let whole = model.deadline.duration().min(longest).min(until_late(request.asked_at));
        let came = self.attempt(model, &prompt, whole, whole.min(until_late(now)));
        self.status.last = Some(came.outcome.name());
        self.status.why = (came.outcome != Outcome::Chosen).then(|| came.why.clone());
        tracing::info!(
            request = request.id,
            model = model.name,
            outcome = came.outcome.name(),
            took_ms = came.took.as_millis(),
            microdollars = came.microdollars,
            "a model was asked: {}",
            one_line(&came.why)
        );
        let transcript = Transcript {
            model: model.name.chars().filter(char::is_ascii_graphic).take(LONGEST_MODEL).collect(),
            prompt: prompt.digest,
            asked: cut(prompt.asked, MAX_TRANSCRIPT),
            answered: cut(came.answered, LONGEST_ANSWER),
            outcome: came.outcome.name().to_owned(),
            input_tokens: came.input_tokens,
            output_tokens: came.output_tokens,
            cost_microdollars: came.microdollars,
            took_ms: u64::try_from(came.took.as_millis()).unwrap_or(u64::MAX),
        };
        Some((came.chosen, transcript))
    }

    /// Asks within this time; the whole of it is what there was when the request was made.
    fn attempt(&mut self, model: &Model, prompt: &Prompt, whole: Duration, within: Duration) -> Came {
        let endpoint = match self.endpoint(model) {
            Ok(endpoint) => endpoint,
            Err(why) => return Came::not_asked(Outcome::Address, why),
        };
        let key =
            match model.key.as_deref().map(|name| Key::read(self.config.credentials().as_deref(), name)).transpose() {
                Ok(key) => key,
                Err(why) => return Came::not_asked(Outcome::NoKey, why),
            };
        // Others before it have used up the time: it would hardly answer in what is left, and be paid all the same.
        if within < LEAST.max(whole / 2) {
            return Came::not_asked(Outcome::NoTime, "nobody would wait for its answer");
        }
        // No tokenizer makes more tokens than bytes.
        let at_most = cost(model.price, prompt.body.len() as u64, MOST_TOKENS);
        match self.step(Event::Wanted { budget: model.budget, at_most }) {
            Ok(Ok(())) => {}
            Ok(Err(outcome)) => return Came::not_asked(outcome, format!("it is not asked now: {}", outcome.name())),
            Err(why) => return Came::not_asked(Outcome::BudgetUnknown, why),
        }
        self.status.calls += 1;
        let begun = Instant::now();
        let ca_file = self.config.ca_file.clone();
        let answer = call(&Call { endpoint: &endpoint, ca_file, key: key.as_ref(), body: &prompt.body, within });
        let mut came = match answer {
            Ok(bytes) => judged(&bytes, model, prompt, key.as_ref()),
            Err(failed) => no_answer(failed, at_most, key.as_ref()),
        };
        came.took = begun.elapsed();
        if came.chosen.is_none() {
            self.status.failures += 1;
        }
        // The moments until a request is seen are not what others have used up.
        let helped = helped(&came, within < whole / 4 * 3);
        // What cannot be written now counts in full, as it was written before.
        if let Err(why) = self.step(Event::Ended { microdollars: came.microdollars, helped }) {
            tracing::warn!("{why}");
        }
        came
    }

    /// Where it is asked, as far as this machine would.
    fn endpoint(&self, model: &Model) -> Result<Endpoint, String> {
        let endpoint = Endpoint::parse(&model.url).map_err(|why| format!("no model is asked there: {why}"))?;
        if let Some(why) = endpoint.bare(model.insecure) {
            return Err(format!("no model is asked there: {why}"));
        }
        if endpoint.port != self.config.port {
            let Endpoint { port, .. } = endpoint;
            return Err(format!(
                "it listens at port {port}, and [model] of planner.toml lets {} be reached",
                self.config.port
            ));
        }
        Ok(endpoint)
    }

    /// Goes on with what was used up, on the disk.
    fn step(&mut self, event: Event) -> Result<budget::Decision, String> {
        let path = self.state_dir.join(USE_FILE);
        let say = |e: &dyn std::fmt::Display| {
            format!("{}: {e}; no model is asked until it is removed or mended", path.display())
        };
        let up_ms = up_ms();
        let before = match writ_durable::read_bounded(&path, MAX_USE) {
            Ok(bytes) => Use::parse(&bytes).map_err(|e| say(&e))?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Use::new(up_ms),
            Err(e) => return Err(say(&e)),
        };
        let (after, decision) = budget::step(before, event, up_ms);
        writ_durable::replace(&path, &after.canonical(), 0o600).map_err(|e| say(&e))?;
        self.status.took(&after);
        Ok(decision)
    }
}

/// How long the machine has run since it was started, in milliseconds, also while it slept.
fn up_ms() -> u64 {
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(since.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(u64::try_from(since.tv_nsec).unwrap_or(0) / 1_000_000)
}

/// Whether a call says that the model is of use, or that it is not; none where it was too slow for a part of its time.
fn helped(came: &Came, hurried: bool) -> Option<bool> {
    let fair = came.outcome != Outcome::Timeout || !hurried;
    fair.then_some(came.chosen.is_some())
}

/// What an answer comes to.
fn judged(bytes: &[u8], model: &Model, prompt: &Prompt, key: Option<&Key>) -> Came {
    let read = answer::read(bytes, &prompt.expected, prompt.body.len());
    let input = read.input_tokens.unwrap_or(prompt.body.len() as u64);
    let output = read.output_tokens.unwrap_or(MOST_TOKENS.max(read.said.len() as u64));
    let (outcome, why, chosen) = match read.choice {
        Ok((runbooks, reason)) => {
            let reason = without(&reason, key).chars().take(LONGEST_REASON).collect::<String>();
            let chosen = Chosen { runbooks, reason: one_line(reason) };
            (Outcome::Chosen, format!("{} were chosen", chosen.runbooks.len()), Some(chosen))
        }
        Err((outcome, why)) => (outcome, one_line(without(&why, key)), None),
    };
    Came {
        outcome,
        why,
        chosen,
        answered: without(&read.said, key),
        input_tokens: read.input_tokens,
        output_tokens: read.output_tokens,
        microdollars: cost(model.price, input, output),
        took: Duration::ZERO,
    }
}

/// What no answer comes to. What may have been read is counted as if all of it were answered.
fn no_answer(failed: Failed, at_most: u64, key: Option<&Key>) -> Came {
    let Failed { outcome, why, is_paid } = failed;
    Came { microdollars: if is_paid { at_most } else { 0 }, ..Came::not_asked(outcome, one_line(without(&why, key))) }
}

/// A text of others without the key, which it may repeat, and without what identifies patients.
fn without(text: &str, key: Option<&Key>) -> String {
    match key {
        Some(key) => clean(&key.redactor().text(text)),
        None => clean(text),
    }
}

/// A text of so many bytes at most; where it has more its beginning, which says that it is not all.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let most = most.saturating_sub(CUT.len());
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str(CUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::model::prompt::tests::model;
    use crate::planner::select::tests::request;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("üüüü".to_owned(), 8), "üüüü");
        assert_eq!(cut("üüüüü".to_owned(), 8), "ü[cut]");
        assert_eq!(cut("ü".to_owned(), 9), "ü");
    }

    /// Half a second is for choosing without a model, and four seconds are the deadline.
    #[test]
    fn nobody_is_asked_who_could_not_answer_in_the_time_that_is_left() {
        let state = tempfile::tempdir().unwrap();
        let mut asking = Asking::new(ModelConfig { credentials: None, ca_file: None, port: 443 }, state.path());
        let mut request = request(&[("RB-A", None)], &[]);
        request.asked_at = request.expires_at.plus_millis(-60_000);
        let late = request.expires_at.plus_millis(-2_499);
        let (chosen, transcript) = asking.ask(&request, &model(), late).unwrap();
        assert_eq!((chosen, transcript.outcome.as_str(), transcript.cost_microdollars), (None, "no-time", 0));
        assert!(!state.path().join(USE_FILE).exists(), "it counts for nothing");
    }

    /// What the policy does not say of a private address, its address does not say by itself.
    #[test]
    fn plain_http_beyond_this_machine_needs_the_word_of_the_policy() {
        let asking = Asking::new(ModelConfig { credentials: None, ca_file: None, port: 8000 }, Path::new("/nowhere"));
        let at = |url: &str, insecure| asking.endpoint(&Model { url: url.to_owned(), insecure, ..model() }).is_ok();
        assert!(!at("http://10.0.0.4:8000/v1", false) && at("http://10.0.0.4:8000/v1", true));
        assert!(at("http://127.0.0.1:8000/v1", false) && !at("http://models.example:8000/v1", true));
    }

    /// The crate of policies and that of what is written to planners do not know each other.
    #[test]
    fn a_policy_and_a_plan_have_the_same_bounds() {
        assert_eq!(usize::try_from(writ_policy::settings::planner::MOST_RUNBOOKS), Ok(writ_wire::plan::MAX_RUNBOOKS));
        assert_eq!(LONGEST_MODEL, writ_wire::plan::MAX_NAME);
    }

    #[test]
    fn who_was_given_too_little_time_has_not_failed() {
        let came = |outcome| Came::not_asked(outcome, "why");
        assert_eq!(helped(&came(Outcome::Timeout), true), None);
        assert_eq!(helped(&came(Outcome::Timeout), false), Some(false));
        assert_eq!(helped(&came(Outcome::Malformed), true), Some(false));
        let chosen = Chosen { runbooks: vec!["RB-A".into()], reason: "why".into() };
        assert_eq!(helped(&Came { chosen: Some(chosen), ..came(Outcome::Chosen) }, true), Some(true));
    }

    #[test]
    fn what_may_have_been_read_is_paid_for() {
        let failed = |is_paid| Failed { outcome: Outcome::Timeout, why: "slow".into(), is_paid };
        assert_eq!(
            (no_answer(failed(true), 7, None).microdollars, no_answer(failed(false), 7, None).microdollars),
            (7, 0)
        );
    }
}
