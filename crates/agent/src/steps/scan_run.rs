//! `scan.run`: looks for malware now, in the unit that may read everything and gives way to everybody.

use writ_policy::schema::{Kind, StepSchema};

use super::unit_run::to_its_end;
use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::probes::required;

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches };

const SCHEMA: StepSchema = StepSchema {
    name: "scan.run",
    about: "looks for malware and waits for its end (writ-scan-quick.service, writ-scan-full.service); a full scan waits for a maintenance window that allows scans",
    parameters: &[required("scan", Kind::Text, "which one").one_of(&["quick", "full"])],
};

fn unit(parameters: &Parameters) -> Result<&'static str, StepError> {
    match parameters.text("scan")? {
        "quick" => Ok("writ-scan-quick.service"),
        "full" => Ok("writ-scan-full.service"),
        _ => Err(StepError::refused("parameter scan is neither quick nor full")),
    }
}

fn touches(parameters: &Parameters) -> Vec<Touch> {
    unit(parameters).ok().map(|unit| Touch::Unit(unit.to_owned())).into_iter().collect()
}

fn run(parameters: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    to_its_end(unit(parameters)?, context)
}
