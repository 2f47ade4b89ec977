//! `systemd.reset_failed`: forgets that a unit has failed, so that it may be started again.

use writ_policy::schema::{Kind, StepSchema};

use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::dbus::Bus;
use crate::probes::required;

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: Touch::unit };

const SCHEMA: StepSchema = StepSchema {
    name: "systemd.reset_failed",
    about: "forgets that a unit has failed, and how often it was started",
    parameters: &[required("unit", Kind::Text, "the unit's name; \".service\" is added where no type is given")],
};

fn run(parameters: &Parameters, _: &StepContext) -> Result<Done, StepError> {
    let unit = parameters.text("unit")?;
    Bus::default().reset_failed(unit)?;
    Ok(Done::saying(format!("reset {unit}")))
}
