//! `systemd.stop`: stops a unit and waits until it has stopped.

use writ_policy::schema::{Kind, StepSchema};

use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::dbus::{Job, run_job};
use crate::probes::required;

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: Touch::unit };

const SCHEMA: StepSchema = StepSchema {
    name: "systemd.stop",
    about: "stops a unit and waits until it has stopped",
    parameters: &[required("unit", Kind::Text, "the unit's name; \".service\" is added where no type is given")],
};

fn run(parameters: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    let unit = parameters.text("unit")?;
    run_job(Job::Stop, unit, context.timeout, &context.cancel)?;
    Ok(Done::saying(format!("stopped {unit}")))
}
