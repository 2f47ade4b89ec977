//! `verify.wait`: gives what was started the time that it needs before the runbook is judged.
//!
//! It looks at checks until all of them hold. What it sees decides nothing and is no evidence: when the time is up
//! it has still done what it is for, and the re-scan says what is so.

use std::time::{Duration, Instant};

use writ_policy::check::Check;
use writ_policy::outcome::judge;
use writ_policy::schema::{Kind, StepSchema};
use writ_policy::values::Form;
use writ_trust::text::one_line;

use super::{Done, Parameters, Step, StepContext, StepError};
use crate::probes::{self, ProbeContext, required};

/// The first pause between two looks; each further one is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: |_| Vec::new() };

const SCHEMA: StepSchema = StepSchema {
    name: "verify.wait",
    about: "waits until checks hold, at most for its timeout; that they do not is no failure: the re-scan decides",
    parameters: &[required("checks", Kind::List, "the checks").form(Form::CheckId)],
};

fn run(parameters: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    let ids = parameters.optional_list("checks")?.unwrap_or_default();
    let mut left: Vec<(&str, &Check)> = Vec::new();
    for id in ids {
        let unknown = || StepError::refused(format!("the policy has no check {}", one_line(format!("{id:?}"))));
        left.push((id, context.checks.get(id).ok_or_else(unknown)?));
    }
    let began = Instant::now();
    let expected = context.expected_toplevel.clone();
    let mut eyes = context.place.context(context.now, began, context.profile.clone(), expected);
    let mut pause = FIRST_PAUSE;
    loop {
        left.retain(|(_, check)| {
            eyes.monotonic = Instant::now();
            eyes.now = context.now.plus_millis(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
            !holds(check, &mut eyes)
        });
        let (waited, rest) = (began.elapsed().as_millis(), context.timeout.saturating_sub(began.elapsed()));
        if left.is_empty() {
            return Ok(Done::saying(format!("all hold after {waited} ms")));
        }
        if rest.is_zero() || context.cancel.wait(pause.min(rest)) {
            let ids: Vec<&str> = left.iter().map(|(id, _)| *id).collect();
            return Ok(Done::saying(format!("after {waited} ms these do not hold: {}", ids.join(", "))));
        }
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

fn holds(check: &Check, eyes: &mut ProbeContext) -> bool {
    check.target == "self" && judge(check, probes::run(&check.probe, eyes)).outcome.holds()
}
