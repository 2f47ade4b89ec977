//! What a model may use up, and when it is left alone because it fails: a state and a pure `step`.
//!
//! Time is the time that the machine ran. Nobody sets that: a clock that is set forward gives no new hour, one that is set back
//! takes none away, and what a machine is switched off for counts for nothing.

use serde::{Deserialize, Serialize};
use writ_policy::settings::planner::MOST_CALLS;
use writ_trust::json::{self, JsonError};
use writ_wire::plan_request::{ModelBudget, ModelPrice};

use super::outcome::Outcome;

/// Its schema.
pub const SCHEMA: &str = "writ.model-use.v1";
/// The largest such document, in bytes.
pub const MAX_USE: usize = 256 * 1024;
/// Failures one after the other until calls stop.
pub const FAILURES: u32 = 3;
/// How long they stop, in milliseconds.
pub const REST: u64 = 5 * 60 * 1000;

const HOUR: u64 = 60 * 60 * 1000;
const DAY: u64 = 24 * HOUR;

/// What was used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// How long the machine ran, in milliseconds, as far as that is known since this was begun.
    pub ran_ms: u64,
    /// How long it ran since it was started, when that was written.
    pub up_ms: u64,
    /// The calls of the last 24 hours, the oldest first.
    pub calls: Vec<Call>,
    /// Whether calls are made.
    pub breaker: Breaker,
}

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// When, by [`Use::ran_ms`].
    pub at_ms: u64,
    /// What it cost, or, until that is known, what it costs at most.
    pub microdollars: u64,
}

/// Whether calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Breaker {
    /// They are, after so many failures one after the other.
    Closed {
        /// How many.
        failures: u32,
    },
    /// None is, until the machine has run so long.
    Open {
        /// Until when, by [`Use::ran_ms`].
        until_ms: u64,
    },
    /// One is, and decides.
    Trial,
}

/// What happens.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A call is wanted, which costs this much at most.
    Wanted {
        /// What the policy allows.
        budget: ModelBudget,
        /// In millionths of a US dollar.
        at_most: u64,
    },
    /// The last call that was allowed came to its end.
    Ended {
        /// What it cost, in millionths of a US dollar.
        microdollars: u64,
        /// Whether its answer was of use; none where it had too little time to show that.
        helped: Option<bool>,
    },
}

/// Whether a call may be made.
pub type Decision = Result<(), Outcome>;

impl Use {
    /// Nothing was used up, on a machine that has run so long since it was started.
    pub fn new(up_ms: u64) -> Self {
        let breaker = Breaker::Closed { failures: 0 };
        Self { schema: SCHEMA.to_owned(), ran_ms: 0, up_ms, calls: Vec::new(), breaker }
    }

    /// Reads what was written.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        json::parse(bytes, MAX_USE)
    }

    /// What is written.
    pub fn canonical(&self) -> Vec<u8> {
        json::canonical(self)
    }

    /// What was spent within the last 24 hours, in millionths of a US dollar.
    pub fn spent(&self) -> u64 {
        self.calls.iter().fold(0, |sum, call| sum.saturating_add(call.microdollars))
    }

    /// Calls of the last 24 hours.
    pub fn made(&self) -> usize {
        self.calls.len()
    }

    /// Time has gone on. What is credited is never more than has passed: a machine that runs for less long than before was started
    /// since, and ran at least so long; one that runs for longer may have been, too, and ran at least for the difference.
    fn at(mut self, up_ms: u64) -> Self {
        let passed = if up_ms >= self.up_ms { up_ms - self.up_ms } else { up_ms };
        self.ran_ms = self.ran_ms.saturating_add(passed).min(json::MAX_INTEGER.unsigned_abs());
        self.up_ms = up_ms;
        let now = self.ran_ms;
        self.calls.retain(|call| now.saturating_sub(call.at_ms) < DAY);
        self
    }

    fn refusal(&self, budget: ModelBudget, at_most: u64) -> Option<Outcome> {
        let within = |count: usize, most: u32| u32::try_from(count).is_ok_and(|count| count < most.min(MOST_CALLS));
        let hour = self.calls.iter().filter(|call| self.ran_ms.saturating_sub(call.at_ms) < HOUR).count();
        match self.breaker {
            Breaker::Open { until_ms } if self.ran_ms < until_ms => Some(Outcome::Breaker),
            _ if !within(hour, budget.calls_per_hour) => Some(Outcome::BudgetHour),
            _ if !within(self.calls.len(), budget.calls_per_day) => Some(Outcome::BudgetDay),
            _ if self.spent().saturating_add(at_most) > budget.microdollars_per_day => Some(Outcome::BudgetMoney),
            _ => None,
        }
    }
}

/// What becomes of what was used up, on a machine that has run for `up_ms` since it was started; and whether the call that was
/// wanted may be made. It counts from then on, for as much as it can cost.
pub fn step(before: Use, event: Event, up_ms: u64) -> (Use, Decision) {
    let mut state = before.at(up_ms);
    match event {
        Event::Wanted { budget, at_most } => {
            // A trial that never came to an end, came to none that helped.
            if state.breaker == Breaker::Trial {
                state.breaker = Breaker::Open { until_ms: state.ran_ms.saturating_add(REST) };
            }
            if let Some(outcome) = state.refusal(budget, at_most) {
                return (state, Err(outcome));
            }
            if matches!(state.breaker, Breaker::Open { .. }) {
                state.breaker = Breaker::Trial;
            }
            state.calls.push(Call { at_ms: state.ran_ms, microdollars: at_most });
        }
        Event::Ended { microdollars, helped } => {
            if let Some(last) = state.calls.last_mut() {
                last.microdollars = microdollars;
            }
            let open = Breaker::Open { until_ms: state.ran_ms.saturating_add(REST) };
            state.breaker = match state.breaker {
                _ if helped == Some(true) => Breaker::Closed { failures: 0 },
                // Whoever was not given time has not failed: all stays as it was, and after a trial the next call is one.
                Breaker::Trial if helped.is_none() => Breaker::Open { until_ms: state.ran_ms },
                as_it_was if helped.is_none() => as_it_was,
                Breaker::Closed { failures } if failures.saturating_add(1) < FAILURES => {
                    Breaker::Closed { failures: failures.saturating_add(1) }
                }
                Breaker::Closed { .. } | Breaker::Open { .. } | Breaker::Trial => open,
            };
        }
    }
    (state, Ok(()))
}

/// What so many tokens cost, in millionths of a US dollar, rounded up.
pub fn cost(price: ModelPrice, input_tokens: u64, output_tokens: u64) -> u64 {
    let of = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
    let input = of(input_tokens, price.input_microdollars_per_1000_tokens);
    let output = of(output_tokens, price.output_microdollars_per_1000_tokens);
    // No document holds a larger number.
    let most = json::MAX_INTEGER.unsigned_abs();
    u64::try_from(input.saturating_add(output).div_ceil(1000)).unwrap_or(most).min(most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: ModelBudget = ModelBudget { calls_per_hour: 2, calls_per_day: 5, microdollars_per_day: 100 };

    fn wanted(state: Use, at_most: u64, up_ms: u64) -> (Use, Decision) {
        step(state, Event::Wanted { budget: BUDGET, at_most }, up_ms)
    }

    fn ended(state: Use, microdollars: u64, helped: bool, up_ms: u64) -> Use {
        step(state, Event::Ended { microdollars, helped: Some(helped) }, up_ms).0
    }

    #[test]
    fn calls_of_an_hour_and_a_day_and_money_are_counted_before_they_are_made() {
        let (state, first) = wanted(Use::new(0), 10, 0);
        assert_eq!((first, state.spent(), state.made()), (Ok(()), 10, 1));
        let state = ended(state, 3, true, 1);
        assert_eq!(state.spent(), 3);
        let (state, second) = wanted(state, 10, 2);
        let (state, third) = wanted(state, 10, 3);
        assert_eq!((second, third, state.made()), (Ok(()), Err(Outcome::BudgetHour), 2));
        let (state, later) = wanted(state, 10, HOUR);
        assert_eq!(later, Ok(()));
        let (state, later) = wanted(state, 1, 2 * HOUR);
        let (state, fifth) = wanted(state, 1, 3 * HOUR);
        let (state, sixth) = wanted(state, 1, 4 * HOUR);
        assert_eq!((later, fifth, sixth), (Ok(()), Ok(()), Err(Outcome::BudgetDay)));
        let (state, tomorrow) = wanted(state, 200, DAY);
        assert_eq!(tomorrow, Err(Outcome::BudgetMoney));
        assert_eq!(wanted(state, 78, DAY).1, Ok(()), "what was spent a day ago counts no more");
    }

    #[test]
    fn no_start_and_no_gap_gives_a_new_budget() {
        let (state, _) = wanted(Use::new(5 * HOUR), 1, 5 * HOUR);
        let (state, _) = wanted(state, 1, 5 * HOUR);
        // Started anew, and the machine has run for a minute since.
        let (state, refused) = wanted(state, 1, 60_000);
        assert_eq!(refused, Err(Outcome::BudgetHour));
        // And again: 59 minutes in all are not an hour.
        let (state, refused) = wanted(state, 1, 59 * 60_000);
        assert_eq!(refused, Err(Outcome::BudgetHour));
        assert_eq!(wanted(state, 1, HOUR).1, Ok(()));
        // What was written may be nonsense, and still gives nothing away.
        let odd = Use {
            ran_ms: u64::MAX,
            calls: vec![Call { at_ms: u64::MAX, microdollars: u64::MAX }],
            ..Use::new(u64::MAX)
        };
        assert_eq!(wanted(odd, u64::MAX, 1).1, Err(Outcome::BudgetMoney));
    }

    #[test]
    fn three_failures_stop_calls_until_a_trial_helps() {
        let free = ModelBudget { calls_per_hour: 1000, calls_per_day: 1000, microdollars_per_day: 1000 };
        let want = |state, up| step(state, Event::Wanted { budget: free, at_most: 1 }, up);
        let mut state = Use::new(0);
        for _ in 0..FAILURES {
            let (asked, decision) = want(state, 0);
            assert_eq!(decision, Ok(()));
            state = ended(asked, 1, false, 0);
        }
        assert_eq!(state.breaker, Breaker::Open { until_ms: REST });
        let (state, refused) = want(state, REST - 1);
        assert_eq!((refused, state.made()), (Err(Outcome::Breaker), 3));
        let (trial, decision) = want(state, REST);
        assert_eq!((decision, trial.breaker), (Ok(()), Breaker::Trial));
        // One trial at a time: whoever dies in the middle of one has failed.
        assert_eq!(want(trial.clone(), REST).1, Err(Outcome::Breaker));
        let failed = ended(trial.clone(), 1, false, REST + 1);
        assert_eq!(failed.breaker, Breaker::Open { until_ms: 2 * REST + 1 });
        assert_eq!(ended(trial, 1, true, REST + 1).breaker, Breaker::Closed { failures: 0 });
    }

    #[test]
    fn a_call_without_enough_time_says_nothing_of_the_model() {
        let hurried =
            |state: &Use, up| step(state.clone(), Event::Ended { microdollars: 1, helped: None }, up).0.breaker;
        let with = |breaker| Use { breaker, ..Use::new(0) };
        for failures in 0..FAILURES {
            assert_eq!(hurried(&with(Breaker::Closed { failures }), 0), Breaker::Closed { failures });
        }
        assert_eq!(hurried(&with(Breaker::Trial), 7), Breaker::Open { until_ms: 7 }, "the next is the trial");
        assert_eq!(hurried(&with(Breaker::Open { until_ms: 9 }), 7), Breaker::Open { until_ms: 9 });
    }

    #[test]
    fn money_is_rounded_up_and_never_overflows() {
        let price = |input, output| ModelPrice {
            input_microdollars_per_1000_tokens: input,
            output_microdollars_per_1000_tokens: output,
        };
        assert_eq!(cost(price(150, 600), 1000, 100), 210);
        assert_eq!(cost(price(150, 600), 1, 0), 1);
        assert_eq!(cost(price(0, 0), u64::MAX, u64::MAX), 0);
        assert_eq!(cost(price(u64::MAX, u64::MAX), u64::MAX, u64::MAX), 1 << 53);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// However the machine is started and stopped: within any hour and any day that it ran, no more than is allowed.
        #[test]
        fn no_more_than_is_allowed_is_ever_made(
            steps in prop::collection::vec((0_u64..2 * HOUR, any::<bool>(), any::<bool>(), 0_u64..60), 1..60),
        ) {
            let (mut state, mut ran, mut up) = (Use::new(0), 0_u64, 0_u64);
            let mut made: Vec<(u64, u64)> = Vec::new();
            for (gap, restart, helped, at_most) in steps {
                ran += gap;
                up = if restart { gap } else { up + gap };
                let (next, decision) = wanted(state, at_most, up);
                prop_assert_eq!(Use::parse(&next.canonical()).unwrap(), next.clone());
                state = next;
                if decision.is_ok() {
                    made.push((ran, at_most));
                    state = ended(state, at_most, helped, up);
                }
                let within = |span: u64| made.iter().filter(move |(at, _)| ran - at < span);
                prop_assert!(within(HOUR).count() <= 2 && within(DAY).count() <= 5);
                prop_assert!(within(DAY).map(|(_, cost)| cost).sum::<u64>() <= 100);
            }
        }
    }
}
