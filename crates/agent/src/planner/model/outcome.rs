//! What came of a call of a model, or why none was made.

/// By its name in transcripts and in the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It chose.
    Chosen,
    /// No key is there, or none that could be sent.
    NoKey,
    /// Its address is none that this machine would ask.
    Address,
    /// It is too late to ask: whoever asked will not wait for the answer.
    NoTime,
    /// The calls of an hour are used up.
    BudgetHour,
    /// The calls of a day are used up.
    BudgetDay,
    /// The money of a day is used up.
    BudgetMoney,
    /// What was used up cannot be read or written.
    BudgetUnknown,
    /// Calls failed one after the other, and none is made for a while.
    Breaker,
    /// Nobody answered at its address, or nobody who could show that it is theirs.
    Unreachable,
    /// No whole answer came in time.
    Timeout,
    /// It answered with a status that is no success.
    HttpStatus,
    /// It sent elsewhere; nobody follows.
    Redirect,
    /// Its answer is larger than it may be.
    TooLarge,
    /// Its answer has not the form that it was asked for.
    Malformed,
    /// Its answer was cut off by its own bound.
    CutOff,
    /// It did not want to answer, or wanted something done instead.
    Refused,
    /// It answered another request.
    AnotherRequest,
    /// It named a runbook that was not offered.
    NotOffered,
    /// It named one runbook twice.
    Repeated,
    /// It named more runbooks than a plan may have.
    TooMany,
}

impl Outcome {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::NoKey => "no-key",
            Self::Address => "address",
            Self::NoTime => "no-time",
            Self::BudgetHour => "budget-hour",
            Self::BudgetDay => "budget-day",
            Self::BudgetMoney => "budget-money",
            Self::BudgetUnknown => "budget-unknown",
            Self::Breaker => "breaker",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::HttpStatus => "http-status",
            Self::Redirect => "redirect",
            Self::TooLarge => "too-large",
            Self::Malformed => "malformed",
            Self::CutOff => "cut-off",
            Self::Refused => "refused",
            Self::AnotherRequest => "another-request",
            Self::NotOffered => "not-offered",
            Self::Repeated => "repeated",
            Self::TooMany => "too-many",
        }
    }
}

#[cfg(test)]
mod tests {
    use writ_wire::plan::{CHOSEN, NOT_ASKED};

    use super::Outcome;

    /// Whoever counts calls goes by the names.
    #[test]
    fn outcomes_without_a_call_are_those_that_are_not_counted() {
        let not_asked = [
            Outcome::NoKey,
            Outcome::Address,
            Outcome::NoTime,
            Outcome::BudgetHour,
            Outcome::BudgetDay,
            Outcome::BudgetMoney,
            Outcome::BudgetUnknown,
            Outcome::Breaker,
        ];
        assert_eq!(not_asked.map(Outcome::name), NOT_ASKED);
        assert_eq!(Outcome::Chosen.name(), CHOSEN);
    }
}
