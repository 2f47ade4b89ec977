//! What is refused: by which rule, in one line, told once for each content and not without end.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tracing::warn;
use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::judge::LogProblem;
use writ_trust::refusal::{Refusal, Rule};
use writ_trust::text::{escaped, one_line};
use writ_trust::time::Time;

use super::accept::AcceptError;
use super::engine::Engine;

/// How many refusals of each [`Source`] become evidence within [`WINDOW_MILLIS`]. Whoever writes into the folder of releases
/// can make something new to refuse at every look, and what tells of it is kept for ever.
const MOST: u32 = 32;
/// See [`MOST`]; in milliseconds.
const WINDOW_MILLIS: i64 = 3_600_000;
/// How many different refusals are told apart since the start.
const MOST_COUNTED: usize = 4096;

/// Who can make something to refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Whoever writes into the folder of releases, as much as they like.
    Anybody,
    /// Nobody without a key that counts, or only time: what is refused was signed, or runs. No flood of the others may keep
    /// it from being told.
    Keyed,
}

impl Source {
    /// Whether it is the one that needs no key.
    pub fn is_anybody(&self) -> bool {
        *self == Self::Anybody
    }
}

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
    /// Who can make more of the kind.
    pub source: Source,
}

impl Refused {
    /// Something refused by a rule of the enforcer's own.
    pub fn new(what: &str, rule: &str, message: impl std::fmt::Display, digest: Option<Digest>) -> Self {
        let (what, rule, message) = (what.to_owned(), rule.to_owned(), one_line(message));
        Self { what, rule, message, digest, source: Source::Anybody }
    }

    /// The same, of what nobody makes without a key.
    #[must_use]
    pub fn keyed(self) -> Self {
        Self { source: Source::Keyed, ..self }
    }

    /// That nothing could be judged at all.
    pub fn unable(error: &AcceptError) -> Self {
        Self::new("releases", "readable", error, None)
    }

    /// A release that breaks a rule of acceptance; `name` says which one.
    pub fn of_release(name: &str, refusal: &Refusal, digest: Digest) -> Self {
        let rule = refusal.rule();
        let message = match refusal {
            Refusal::Log(problem) => format!("{name}: {}", told(problem)),
            _ => one_line(format_args!("{name}: {refusal}")),
        };
        let refused = Self { message, ..Self::new("release", rule.name(), "", Some(digest)) };
        // The rules after that one are asked of releases that enough release keys signed.
        if rule > Rule::Threshold { refused.keyed() } else { refused }
    }

    /// A head of the log that breaks a rule.
    pub fn of_log(problem: &LogProblem, digest: Digest) -> Self {
        let refused = Self { message: told(problem), ..Self::new("log", problem.rule().name(), "", Some(digest)) };
        if matches!(problem, LogProblem::Fork { .. }) { refused.keyed() } else { refused }
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

/// Bounds how much evidence refusals of one source make. Part of the state: a start does not begin a new hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    began: Option<Time>,
    taken: u32,
}

/// The quotas by source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// See [`Source::Anybody`].
    #[serde(default)]
    pub anybody: Quota,
    /// See [`Source::Keyed`].
    #[serde(default)]
    pub keyed: Quota,
}

impl Quotas {
    /// Whether nothing was ever taken.
    pub fn is_unused(&self) -> bool {
        *self == Self::default()
    }

    fn of(&mut self, source: Source) -> &mut Quota {
        match source {
            Source::Anybody => &mut self.anybody,
            Source::Keyed => &mut self.keyed,
        }
    }
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
    /// Takes one share at this moment. A clock that was set back begins a new hour.
    pub fn take(&mut self, at: Time) -> Share {
        if self.began.is_none_or(|began| !(0..WINDOW_MILLIS).contains(&at.millis_since(began))) {
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
    seen: BTreeSet<(Option<Digest>, String, String)>,
}

impl Refusals {
    /// How many different documents were refused since the start.
    pub fn count(&self) -> u64 {
        self.seen.len() as u64
    }
}

impl Engine {
    /// Says what was refused: each content once for each rule, however often it is looked at. What the quota leaves no room
    /// for, or the disk does not take, is told when it is refused again and there is.
    pub(super) fn refuse(&mut self, refused: &[Refused]) {
        let mut new = false;
        for refusal in refused {
            let Refused { what, rule, digest, source, .. } = refusal;
            if self.refusals.seen.len() < MOST_COUNTED {
                self.refusals.seen.insert((*digest, what.clone(), rule.clone()));
            }
            let counted = self.state.count_refusal(*digest, what, rule, *source);
            if counted.count == 1 {
                warn!(%what, %rule, "refused: {}", refusal.message);
            }
            if !counted.told {
                let told = self.tell_refusal(refusal, counted.count);
                new |= told != Told::Nothing;
                self.state.refusal_told(*digest, what, rule, told == Told::Refusal);
            }
        }
        if new {
            self.commit();
        }
    }

    fn tell_refusal(&mut self, refusal: &Refused, count: u64) -> Told {
        let share = self.state.refusal_quotas.of(refusal.source).take(self.clock.now());
        let (draft, told) = match share {
            Share::Granted => (self.teller().refused(refusal, count), Told::Refusal),
            Share::FirstDenied => {
                let message = format!(
                    "more than {MOST} documents were refused within an hour: the others are counted, and told later if they are \
                     still there"
                );
                let flood = Refused::new("releases", "refusals-bounded", message, None);
                warn!("{}", flood.message);
                (self.teller().refused(&flood, count), Told::Flood)
            }
            Share::Denied => return Told::Nothing,
        };
        if self.seal_posture(draft) { told } else { Told::Nothing }
    }
}

/// What became evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    /// That there are too many.
    Flood,
    Refusal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_make_bounded_evidence_and_that_is_told_once() {
        let (mut quota, began) = (Quota::default(), Time::from_unix_millis(1_800_000_000_000));
        let mut within = |after: i64, n: usize| -> Vec<Share> {
            (0..n).map(|_| quota.take(began.plus_millis(after * 1000))).collect()
        };
        assert!(within(0, 32).iter().all(|share| *share == Share::Granted));
        assert_eq!(within(3599, 3), [Share::FirstDenied, Share::Denied, Share::Denied]);
        assert_eq!(within(3600, 1), [Share::Granted]);
        assert_eq!(within(-1, 1), [Share::Granted], "a clock that was set back");
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
