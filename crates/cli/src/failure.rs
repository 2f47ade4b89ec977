//! How a command ends: with an answer, or with a failure that says what, where, why and what to do next.

use std::error::Error;
use std::fmt::Display;
use std::process::ExitCode;

use writ_trust::text::one_line;

use crate::screen;

/// The answer of a command that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Done, or true: exit code 0.
    Yes,
    /// False; the command has said why: exit code 1.
    No,
}

/// What every command returns.
pub type Outcome<T = Answer> = Result<T, Failure>;

/// Why a command gave no answer.
#[derive(Debug)]
pub struct Failure {
    refused: bool,
    what: String,
    place: Option<String>,
    reasons: Vec<String>,
    next: Option<String>,
}

impl Failure {
    /// The answer is no: something given breaks a rule. Exit code 1.
    pub fn refused(what: impl Display) -> Self {
        Self { refused: true, what: what.to_string(), place: None, reasons: Vec::new(), next: None }
    }

    /// The question could not be answered: a file, a program or an argument was not usable. Exit code 2.
    pub fn could_not(what: impl Display) -> Self {
        Self { refused: false, ..Self::refused(what) }
    }

    /// Where: a file, a site, an appliance.
    #[must_use]
    pub fn at(mut self, place: impl Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    /// Why; several reasons are printed in order.
    #[must_use]
    pub fn because(mut self, reason: impl Display) -> Self {
        self.reasons.push(reason.to_string());
        self
    }

    /// Why, as an error and its sources tell it.
    #[must_use]
    pub fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Many errors already quote their source; saying it twice helps nobody.
            if !self.reasons.iter().any(|said| said.contains(&text)) {
                self.reasons.push(text);
            }
            next = error.source();
        }
        self
    }

    /// What to do next.
    #[must_use]
    pub fn next(mut self, advice: impl Display) -> Self {
        self.next = Some(advice.to_string());
        self
    }

    /// What to do next where a name leads nowhere: this one was meant.
    #[must_use]
    pub fn did_you_mean(self, name: impl Display) -> Self {
        self.next(format!("did you mean `{name}`?"))
    }

    /// The same with the known name that is nearest to the given one, or other advice where none is near.
    #[must_use]
    pub fn nearest<'a>(
        self,
        given: &str,
        known: impl IntoIterator<Item = &'a str>,
        otherwise: impl FnOnce() -> String,
    ) -> Self {
        match writ_policy::nearest::nearest(given, known) {
            Some(near) => self.did_you_mean(near),
            None => self.next(otherwise()),
        }
    }

    /// What to do next, if anything is known.
    pub fn advice(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// Prints the failure on standard error.
    pub fn print(&self) {
        screen::error("error", &self.what);
        if let Some(place) = &self.place {
            screen::detail("where", &one_line(place));
        }
        for reason in &self.reasons {
            for line in reason.lines() {
                screen::detail("why", &one_line(line));
            }
        }
        if let Some(next) = &self.next {
            screen::detail("next", next);
        }
    }

    /// The exit code it ends the program with.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.refused { 1 } else { 2 })
    }
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Yes => ExitCode::SUCCESS,
            Answer::No => ExitCode::from(1),
        }
    }
}

impl std::fmt::Display for Failure {
    /// The failure as one line: what, where and why.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(place) = &self.place {
            write!(f, " ({})", one_line(place))?;
        }
        self.reasons.iter().try_for_each(|reason| write!(f, ": {}", one_line(reason)))
    }
}
