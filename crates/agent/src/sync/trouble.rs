//! What stands in the courier's way. Each is one line.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use writ_client::Error as ClientError;
use writ_trust::log::judge::LogProblem;
use writ_trust::log::tile::TileError;
use writ_trust::text::one_line;

use super::schedule::Ending;

/// Why a job did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Talking to the depot failed.
    #[error("{0}")]
    Depot(#[from] ClientError),
    /// What the depot gave breaks a rule: none of it is used.
    #[error("{message}")]
    Refused {
        /// The rule's name.
        rule: &'static str,
        /// The rule, what was found, what was expected.
        message: String,
    },
    /// A file or folder of this machine.
    #[error("{}: {source}", path.display())]
    Local {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something that others on this machine or elsewhere bring is not there yet.
    #[error("{0}")]
    Waiting(String),
    /// All that can be done was done, and something stays undone. What comes meanwhile is not held up by it.
    #[error("{0}")]
    Left(String),
}

impl Trouble {
    /// A rule that was broken; the message is made one line beginning with the rule's name.
    pub fn refused(rule: &'static str, message: impl std::fmt::Display) -> Self {
        Self::Refused { rule, message: format!("rule {rule}: {}", one_line(message)) }
    }

    /// For `map_err` on what touches a path.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Local { path, source }
    }

    /// The rule that was broken, if one was.
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Refused { rule, .. } => Some(rule),
            _ => None,
        }
    }

    /// What kind of thing is in the way, for those who say what to do about it: `unreachable`, `answer` (the depot answers,
    /// and not as it should), `rule`, `local` (this machine), `waiting`, `left`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Depot(ClientError::Unreachable { .. } | ClientError::TimedOut { .. }) => "unreachable",
            Self::Depot(ClientError::Local { .. }) | Self::Local { .. } => "local",
            Self::Depot(_) => "answer",
            Self::Refused { .. } => "rule",
            Self::Waiting(_) => "waiting",
            Self::Left(_) => "left",
        }
    }

    /// What it means for the schedule.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Depot(ClientError::Unreachable { .. } | ClientError::TimedOut { .. }) => Ending::Offline,
            Self::Depot(ClientError::Refused { retry_after, .. }) => {
                let wait = retry_after.unwrap_or(Duration::ZERO).as_millis();
                Ending::Failed { wait: u64::try_from(wait).unwrap_or(u64::MAX) }
            }
            Self::Left(_) => Ending::Done,
            _ => Ending::Failed { wait: 0 },
        }
    }
}

impl From<LogProblem> for Trouble {
    /// The message names the rule itself.
    fn from(problem: LogProblem) -> Self {
        Self::Refused { rule: problem.rule().name(), message: problem.to_string() }
    }
}

impl From<TileError> for Trouble {
    fn from(error: TileError) -> Self {
        Self::refused("log-tiles", error)
    }
}
