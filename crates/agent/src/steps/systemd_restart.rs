//! `systemd.restart`: restarts a unit, or starts it when it does not run, and waits until it has started.

use writ_policy::schema::{Kind, StepSchema};

use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::dbus::{Job, run_job};
use crate::probes::required;

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: Touch::unit };

const SCHEMA: StepSchema = StepSchema {
    name: "systemd.restart",
    about: "restarts a unit, or starts it when it does not run, and waits until it has started",
    parameters: &[required("unit", Kind::Text, "the unit's name; \".service\" is added where no type is given")],
};

fn run(parameters: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    let unit = parameters.text("unit")?;
    run_job(Job::Restart, unit, context.timeout, &context.cancel)?;
    Ok(Done::saying(format!("restarted {unit}")))
}
