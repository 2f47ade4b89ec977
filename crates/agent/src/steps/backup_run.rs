//! `backup.run`: makes a backup now, in the unit that has the repository's password and a network.

use writ_policy::schema::{Kind, StepSchema};

use super::unit_run::to_its_end;
use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::probes::optional;

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches };

const SCHEMA: StepSchema = StepSchema {
    name: "backup.run",
    about: "makes a backup now and waits for its end, in the system's unit for it (writ-backup.service and those beside it)",
    parameters: &[
        optional("backup", Kind::Text, "which one; by default `files`").one_of(&["files", "database", "offsite"])
    ],
};

fn unit(parameters: &Parameters) -> Result<&'static str, StepError> {
    match parameters.optional_text("backup")?.unwrap_or("files") {
        "files" => Ok("writ-backup.service"),
        "database" => Ok("writ-backup-database.service"),
        "offsite" => Ok("writ-backup-offsite.service"),
        _ => Err(StepError::refused("parameter backup is none of files, database and offsite")),
    }
}

fn touches(parameters: &Parameters) -> Vec<Touch> {
    unit(parameters).ok().map(|unit| Touch::Unit(unit.to_owned())).into_iter().collect()
}

fn run(parameters: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    to_its_end(unit(parameters)?, context)
}
