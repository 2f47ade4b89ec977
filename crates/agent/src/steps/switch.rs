//! `switch`: has a switch that rests, because its import lacked something, tried now.
//!
//! It is no other way to activate anything: the release was accepted, and its own journal goes on. Where the import succeeds
//! the trial begins, no step runs any more, and probation judges.

use std::time::{Duration, Instant};

use writ_policy::schema::StepSchema;
use writ_trust::text::one_line;

use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::switch::{self, Journal, Resumed};

/// How often the journal is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: |_| vec![Touch::System] };

const SCHEMA: StepSchema = StepSchema {
    name: "switch",
    about: "has a switch that waits for what its import lacked tried now; waits for a maintenance window that allows switches",
    parameters: &[],
};

fn run(_: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    let deadline = Instant::now() + context.timeout;
    let read = || switch::read_journal(&context.state_dir).map_err(|e| StepError::refused(e.to_string()));
    let Some(before) = read()?.filter(|journal| !journal.is_over()) else {
        return Ok(Done::saying("no release waits to be switched to"));
    };
    let resume = || switch::resume_now(&context.state_dir).map_err(|e| StepError::refused(e.to_string()));
    let mut resumed = resume()?;
    loop {
        if let Some(journal) = read()?
            && let Some(came_to) = came_to(&before, &journal)
        {
            return came_to;
        }
        // A driver that has said what it came to holds the journal for a moment longer, and nobody would come after it.
        if resumed == Resumed::Running {
            resumed = resume()?;
        }
        let told = context.cancel.wait(LOOK_EVERY.min(deadline.saturating_duration_since(Instant::now())));
        if told || Instant::now() >= deadline {
            return Err(StepError::refused("the switch was not waited for any longer: it goes on by itself"));
        }
    }
}

/// What a try has come to; none while it is made.
fn came_to(before: &Journal, now: &Journal) -> Option<Result<Done, StepError>> {
    let release = format!("release {}-{}", now.request.epoch, now.request.serial);
    if now.request.release != before.request.release || now.is_over() || now.course.activated {
        return Some(Ok(Done::saying(format!("the switch to {release} goes on: {}", one_line(now.last_note())))));
    }
    let failed_again = now.course.waits_for_import() && now.course.waits > before.course.waits;
    failed_again.then(|| Err(StepError::refused(format!("{release} waits on: {}", one_line(now.last_note())))))
}
