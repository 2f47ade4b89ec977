//! Asking a model for one request: what is used up is written before anything is sent, and whatever comes back is told.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use writ_policy::settings::planner::{LONGEST_DEADLINE, LONGEST_MODEL};
use writ_policy::settings::{Endpoint, Place};
use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::plan::{MAX_TRANSCRIPT, Transcript};
use writ_wire::plan_request::{Model, PlanRequest};

use super::answer;
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
        let left = Duration::from_millis(request.expires_at.millis_since(now).try_into().unwrap_or(0));
        let longest = Duration::from_millis(LONGEST_DEADLINE.unsigned_abs());
        let within = model.deadline.duration().min(longest).min(left.saturating_sub(MARGIN));
        let came = self.attempt(model, &prompt, within);
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

    fn attempt(&mut self, model: &Model, prompt: &Prompt, within: Duration) -> Came {
        let endpoint = match self.endpoint(model) {
            Ok(endpoint) => endpoint,
            Err(why) => return Came::not_asked(Outcome::Address, why),
        };
        let key =
            match model.key.as_deref().map(|name| Key::read(self.config.credentials().as_deref(), name)).transpose() {
                Ok(key) => key,
                Err(why) => return Came::not_asked(Outcome::NoKey, why),
            };
        if within < LEAST {
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
        let helped = came.chosen.is_some();
        if !helped {
            self.status.failures += 1;
        }
        // What cannot be written now counts in full, as it was written before.
        if let Err(why) = self.step(Event::Ended { microdollars: came.microdollars, helped }) {
            tracing::warn!("{why}");
        }
        came
    }

    /// Where it is asked, as far as this machine would.
    fn endpoint(&self, model: &Model) -> Result<Endpoint, String> {
        let endpoint = Endpoint::parse(&model.url).map_err(|why| format!("no model is asked there: {why}"))?;
        if !endpoint.tls && endpoint.place() == Place::Elsewhere {
            return Err("no model is asked by plain HTTP at an address that is not private".to_owned());
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

/// The beginning of a text, of so many bytes at most.
fn cut(mut text: String, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("üü".to_owned(), 3), "ü");
        assert_eq!(cut("ü".to_owned(), 9), "ü");
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
