//! `exec`: runs a program of the closure. Never a shell string: what runs is a file that the release signs. A secret goes to its
//! standard input: arguments and environments can be seen by others.

use std::ffi::OsStr;

use writ_policy::schema::{Kind, StepSchema};

use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::probes::{optional, required};

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches };

const SCHEMA: StepSchema = StepSchema {
    name: "exec",
    about: "runs a program of the closure",
    parameters: &[
        required("program", Kind::Program, "the program"),
        optional("arguments", Kind::List, "its arguments, passed as they are"),
        optional("secret", Kind::Secret, "a secret that it reads from its standard input, which is empty without one"),
    ],
};

fn touches(parameters: &Parameters) -> Vec<Touch> {
    let symbol = parameters.optional_program("program").ok().flatten();
    symbol.map(|symbol| Touch::Program(symbol.to_owned())).into_iter().collect()
}

fn run(parameters: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    let symbol = parameters.optional_program("program")?;
    let program = context.program(symbol.ok_or_else(|| StepError::refused("parameter program is missing"))?)?;
    let arguments = parameters.optional_list("arguments")?.unwrap_or_default();
    let arguments: Vec<&OsStr> = arguments.into_iter().map(OsStr::new).collect();
    let secret = parameters.optional_secret("secret")?.map(|name| context.secret(name)).transpose()?;
    Ok(context.run_program_with(secret.as_ref().map(|secret| &secret[..]), program, &arguments)?.into())
}
