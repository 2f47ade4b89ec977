//! What is refused: by which rule, in one line, told once for each content and not without end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tracing::warn;
use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::judge::LogProblem;
use writ_trust::refusal::Refusal;
use writ_trust::text::{escaped, one_line};

use super::accept::AcceptError;
use super::engine::Engine;

/// How many refusals become evidence within [`WINDOW`]. Whoever writes into the folder of releases can make something new
/// to refuse at every look, and what tells of it is kept for ever.
const MOST: u32 = 32;
/// See [`MOST`].
const WINDOW: Duration = Duration::from_secs(3600);
/// How many different refusals are told apart since the start.
const MOST_COUNTED: usize = 4096;

/// Something that was refused, and why, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The document, such as `release` or `trust-root`.
    pub what: String,
    /// The rule, by name.
    pub rule: String,
    /// One line for people.
    pub message: String,
    /// Digest of its exact bytes (of a checkpoint: of the text that its log signed), when they could be read.
    pub digest: Option<Digest>,
}

impl Refused {
    /// Something refused by a rule of the enforcer's own.
    pub fn new(what: &str, rule: &str, message: impl std::fmt::Display, digest: Option<Digest>) -> Self {
        Self { what: what.to_owned(), rule: rule.to_owned(), message: one_line(message), digest }
    }

    /// That nothing could be judged at all.
    pub fn unable(error: &AcceptError) -> Self {
        Self::new("releases", "readable", error, None)
    }

    /// A release that breaks a rule of acceptance; `name` says which one.
    pub fn of_release(name: &str, refusal: &Refusal, digest: Digest) -> Self {
        let rule = refusal.rule().name();
        match refusal {
            Refusal::Log(problem) => {
                let message = format!("{name}: {}", told(problem));
                Self { message, ..Self::new("release", rule, "", Some(digest)) }
            }
            _ => Self::new("release", rule, format!("{name}: {refusal}"), Some(digest)),
        }
    }

    /// A head of the log that breaks a rule.
    pub fn of_log(problem: &LogProblem, digest: Digest) -> Self {
        Self { message: told(problem), ..Self::new("log", problem.rule().name(), "", Some(digest)) }
    }
}

/// What is wrong with something of the log. Of two histories both checkpoints are told whole: they are the proof, and whoever
/// reads the evidence must be able to find the one that was shown to others.
fn told(problem: &LogProblem) -> String {
    let whole = |checkpoint: &Checkpoint| escaped(checkpoint.text().trim_end().replace('\n', " "));
    match problem {
        LogProblem::Fork { seen, offered, .. } => {
            format!("{}; seen before: {}; shown now: {}", escaped(problem), whole(seen), whole(offered))
        }
        _ => one_line(problem),
    }
}

/// Bounds how much evidence refusals make.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quota {
    began: Option<Instant>,
    taken: u32,
}

/// Whether a refusal may become evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// It may.
    Granted,
    /// It may not, and that is to be told.
    FirstDenied,
    /// It may not, and that was told.
    Denied,
}

impl Quota {
    /// Takes one share at this moment.
    pub fn take(&mut self, at: Instant) -> Share {
        if self.began.is_none_or(|began| at.saturating_duration_since(began) >= WINDOW) {
            *self = Self { began: Some(at), taken: 0 };
        }
        self.taken = self.taken.saturating_add(1);
        match self.taken.checked_sub(MOST) {
            None | Some(0) => Share::Granted,
            Some(1) => Share::FirstDenied,
            Some(_) => Share::Denied,
        }
    }
}

/// What was refused since the start.
#[derive(Debug, Default)]
pub struct Refusals {
    quota: Quota,
    seen: BTreeSet<(Option<Digest>, String, String)>,
}

impl Refusals {
    /// How many different documents were refused since the start.
    pub fn count(&self) -> u64 {
        self.seen.len() as u64
    }
}

impl Engine {
    /// Says what was refused: each content once for each rule, however often it is looked at.
    pub(super) fn refuse(&mut self, refused: &[Refused]) {
        let mut new = false;
        for refusal in refused {
            if self.refusals.seen.len() < MOST_COUNTED {
                let Refused { what, rule, digest, .. } = refusal.clone();
                self.refusals.seen.insert((digest, what, rule));
            }
            let (first, count) = self.state.count_refusal(refusal.digest, &refusal.what, &refusal.rule);
            if first {
                warn!(what = %refusal.what, rule = %refusal.rule, "refused: {}", refusal.message);
                new |= self.tell_refusal(refusal, count);
            }
        }
        if new {
            self.commit();
        }
    }

    fn tell_refusal(&mut self, refusal: &Refused, count: u64) -> bool {
        let flood;
        let told = match self.refusals.quota.take(Instant::now()) {
            Share::Granted => refusal,
            Share::FirstDenied => {
                let message =
                    format!("more than {MOST} documents were refused within an hour: the others are counted only");
                flood = Refused::new("releases", "refusals-bounded", message, None);
                warn!("{}", flood.message);
                &flood
            }
            Share::Denied => return false,
        };
        let draft = self.teller().refused(told, count);
        self.seal_posture(draft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_make_bounded_evidence_and_that_is_told_once() {
        let (mut quota, began) = (Quota::default(), Instant::now());
        let mut within = |after: u64, n: usize| -> Vec<Share> {
            (0..n).map(|_| quota.take(began + Duration::from_secs(after))).collect()
        };
        assert!(within(0, 32).iter().all(|share| *share == Share::Granted));
        assert_eq!(within(3599, 3), [Share::FirstDenied, Share::Denied, Share::Denied]);
        assert_eq!(within(3600, 1), [Share::Granted]);
    }

    #[test]
    fn a_fork_is_told_with_both_checkpoints_whole() {
        let checkpoint = |size: u64, byte: u8| Checkpoint { origin: "log.example/a".into(), size, root: [byte; 32] };
        let problem = LogProblem::Fork {
            seen: Box::new(checkpoint(7, 1)),
            offered: Box::new(checkpoint(9, 2)),
            problem: writ_trust::log::proof::ProofError::Root,
        };
        let digest = Digest::of(b"");
        for refused in [
            Refused::of_log(&problem, digest),
            Refused::of_release(
                "release 1-2",
                &Refusal::Log(LogProblem::Fork {
                    seen: Box::new(checkpoint(7, 1)),
                    offered: Box::new(checkpoint(9, 2)),
                    problem: writ_trust::log::proof::ProofError::Root,
                }),
                digest,
            ),
        ] {
            assert_eq!(refused.rule, "log-consistency");
            for whole in ["log.example/a 7 AQEBAQEB", "log.example/a 9 AgICAgIC"] {
                assert!(refused.message.contains(whole), "{}", refused.message);
            }
            assert!(refused.message.len() < 2_000 && !refused.message.contains('\n'));
        }
    }
}
