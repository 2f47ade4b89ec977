//! `restore.test`: restores a backup to see whether that works, in the unit that has the repository's password.

use writ_policy::schema::{Kind, StepSchema};

use super::unit_run::to_its_end;
use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::probes::required;

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches };

const SCHEMA: StepSchema = StepSchema {
    name: "restore.test",
    about: "tries a restore and waits for its end (writ-restore-test@NAME.service); waits for a maintenance window that allows restore tests",
    parameters: &[required(
        "name",
        Kind::Text,
        "the test's name: small letters, digits and dashes, such as \"records\"",
    )],
};

fn unit(parameters: &Parameters) -> Result<String, StepError> {
    let name = parameters.text("name")?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(StepError::refused("parameter name is not of small letters, digits and dashes, at most 64"));
    }
    Ok(format!("writ-restore-test@{name}.service"))
}

fn touches(parameters: &Parameters) -> Vec<Touch> {
    unit(parameters).ok().map(Touch::Unit).into_iter().collect()
}

fn run(parameters: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    to_its_end(&unit(parameters)?, context)
}
