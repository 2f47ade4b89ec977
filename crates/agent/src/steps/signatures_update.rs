//! `signatures.update`: fetches the newest signatures of malware now, in the unit that has a network.

use writ_policy::schema::StepSchema;

use super::unit_run::to_its_end;
use super::{Done, Parameters, Step, StepContext, StepError, Touch};

/// The unit, as NixOS names it.
const UNIT: &str = "clamav-freshclam.service";

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: |_| vec![Touch::Unit(UNIT.to_owned())] };

const SCHEMA: StepSchema = StepSchema {
    name: "signatures.update",
    about: "fetches the newest signatures of malware and waits for its end (clamav-freshclam.service)",
    parameters: &[],
};

fn run(_: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    to_its_end(UNIT, context)
}
