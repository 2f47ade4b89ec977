//! `time.step`: sets the clock at once to what chrony's sources say (chronyc(1), `makestep`).

use std::ffi::OsStr;

use writ_policy::schema::StepSchema;

use super::{Done, Parameters, Step, StepContext, StepError, Touch};

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: |_| vec![Touch::Clock] };

const SCHEMA: StepSchema =
    StepSchema { name: "time.step", about: "sets the clock at once to what chrony's sources say", parameters: &[] };

fn run(_: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    context.run_installed("chronyc", &[OsStr::new("makestep")])
}
