//! `nftables.load`: loads a ruleset, all of it or none (nft(8), `-f`).

use std::ffi::OsStr;

use writ_policy::schema::{Kind, StepSchema};
use writ_policy::values::Form;

use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::probes::optional;

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: |_| vec![Touch::Firewall] };

const SCHEMA: StepSchema = StepSchema {
    name: "nftables.load",
    about: "loads a ruleset, all of it or none; begin it with `flush ruleset`, or its rules are added to those present",
    parameters: &[
        optional("file", Kind::Text, "the ruleset").form(Form::AbsolutePath),
        optional("source", Kind::Program, "the ruleset within the closure; instead of file"),
    ],
};

fn run(parameters: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    let file = match (parameters.optional_path("file")?, parameters.optional_program("source")?) {
        (Some(file), None) => file,
        (None, Some(symbol)) => context.program(symbol)?,
        _ => return Err(StepError::refused("give either file or source")),
    };
    context.run_installed("nft", &[OsStr::new("-f"), file.as_os_str()])
}
