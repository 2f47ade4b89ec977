//! `sysctl.write`: sets a kernel setting for as long as the machine runs (proc(5)).

use std::fs::OpenOptions;
use std::io::Write;

use writ_policy::schema::{Kind, StepSchema};

use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::probes::{required, sysctl};

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches };

const SCHEMA: StepSchema = StepSchema {
    name: "sysctl.write",
    about: "sets a kernel setting for as long as the machine runs",
    parameters: &[
        required("key", Kind::Text, "the setting, as in \"net.ipv4.ip_forward\""),
        required("value", Kind::Text, "its value, as in \"0\""),
    ],
};

fn touches(parameters: &Parameters) -> Vec<Touch> {
    let path = parameters.text("key").ok().and_then(|key| sysctl::setting(key).ok());
    path.map(Touch::Path).into_iter().collect()
}

fn run(parameters: &Parameters, _: &StepContext) -> Result<Done, StepError> {
    let key = parameters.text("key")?;
    let path = sysctl::setting(key)?;
    let value = parameters.text("value")?;
    if value.len() > 4000 || value.contains(|c: char| c.is_control() && c != '\t') {
        return Err(StepError::refused("parameter value: expected one line of at most 4000 bytes"));
    }
    // The kernel takes a setting in one write; never created, because /proc/sys has only what there is.
    let mut file = OpenOptions::new().write(true).open(&path).map_err(StepError::io(path.display()))?;
    file.write_all(format!("{value}\n").as_bytes()).map_err(StepError::io(path.display()))?;
    Ok(Done::saying(format!("{key} = {value}")))
}
