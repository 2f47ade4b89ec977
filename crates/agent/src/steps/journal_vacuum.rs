//! `journal.vacuum`: deletes old journal files (journalctl(1), `--vacuum-time`).

use std::ffi::OsStr;
use std::path::Path;

use writ_policy::schema::{Kind, StepSchema};

use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::probes::required;

/// Where journald keeps what outlives a boot (systemd-journald.service(8)).
const JOURNAL: &str = "/var/log/journal";

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: |_| vec![Touch::at(Path::new(JOURNAL))] };

const SCHEMA: StepSchema = StepSchema {
    name: "journal.vacuum",
    about: "deletes archived journal files of which every entry is older than a time",
    parameters: &[required("keep", Kind::Span, "how far back entries are kept, at least \"1h\"")],
};

fn run(parameters: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    let keep = parameters.span("keep")?.seconds();
    if keep < 3600 {
        return Err(StepError::refused("parameter keep: expected at least \"1h\""));
    }
    let limit = format!("--vacuum-time={keep}s");
    context.run_installed("journalctl", &[OsStr::new(&limit)])
}
