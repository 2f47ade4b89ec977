//! Running a unit of systemd to its end. What is long, or needs a network or a secret, is a unit's work: the unit has what
//! it needs, and the enforcer, which has neither, waits.

use std::time::{Duration, Instant};

use writ_trust::text::one_line;

use super::{Done, StepContext, StepError};
use crate::dbus::{Bus, Job, run_job};

/// The first pause between two looks at a unit that runs on after it was started; each further one is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Starts a service, or joins one that runs already, and waits until it has ended; an error unless it ended well. What does
/// not end in time runs on: nobody knows what cutting it off would leave behind.
pub(super) fn to_its_end(unit: &str, context: &StepContext) -> Result<Done, StepError> {
    let deadline = Instant::now() + context.timeout;
    let mut bus = Bus::default();
    let known = bus.unit_state(unit)?;
    if known.load_state != "loaded" {
        let state = one_line(&known.load_state);
        return Err(StepError::refused(format!("this machine has no {unit} ({state}): its system has to bring it")));
    }
    run_job(Job::Start, unit, context.timeout, &context.cancel)?;
    let mut pause = FIRST_PAUSE;
    loop {
        let ended = bus.service_end(unit)?;
        match (ended.active_state.as_str(), ended.result.as_str()) {
            ("inactive", "success") => return Ok(Done::saying(format!("{unit} has run to its end"))),
            ("inactive" | "failed", result) => {
                let result = one_line(result);
                return Err(StepError::refused(format!("{unit} ended with {result}; see `journalctl -u {unit}`")));
            }
            // It remains after its programs have ended (RemainAfterExit=, systemd.service(5)).
            ("active", _) if ended.sub_state == "exited" => {
                return Ok(Done::saying(format!("{unit} has run to its end")));
            }
            _ => {}
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let limit = context.timeout.as_secs();
            return Err(StepError::refused(format!("{unit} did not end within {limit} s; it runs on")));
        }
        if context.cancel.wait(pause.min(left)) {
            return Err(StepError::refused(format!("{unit} was not waited for: told to end; it runs on")));
        }
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}
