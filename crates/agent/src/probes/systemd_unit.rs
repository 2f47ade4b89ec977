//! `systemd_unit`: the state of one unit, asked over D-Bus.

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, required};
use crate::dbus::{self, BusError};

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

/// Up to which version the states below are all that there are (unit-def.c and install.c; `systemctl --state=help`). The
/// states within a state differ from one type of unit to the next, and nearly every version adds some.
pub(super) const SYSTEMD: &str = "systemd 258";
pub(super) const LOAD_STATES: &[&str] = &["loaded", "not-found", "masked", "bad-setting", "error", "merged", "stub"];
pub(super) const ACTIVE_STATES: &[&str] =
    &["active", "reloading", "inactive", "failed", "activating", "deactivating", "maintenance", "refreshing"];
const FILE_STATES: &[&str] = &[
    "enabled",
    "enabled-runtime",
    "linked",
    "linked-runtime",
    "alias",
    "masked",
    "masked-runtime",
    "static",
    "disabled",
    "indirect",
    "generated",
    "transient",
    "bad",
    "",
];

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "systemd_unit",
    about: "the state of one systemd unit",
    parameters: &[required("unit", Kind::Text, "the unit's name; \".service\" is added where no type is given")],
    observation: &[
        field("load_state", Kind::Text, "whether its configuration could be read").known(LOAD_STATES, SYSTEMD),
        field("active_state", Kind::Text, "whether it is started").known(ACTIVE_STATES, SYSTEMD),
        field("sub_state", Kind::Text, "the state within that, for instance running, exited or dead"),
        field("enabled", Kind::Text, "what its file says of starting it; empty when the unit has no file")
            .known(FILE_STATES, SYSTEMD),
        field("main_pid", Kind::Int, "main process of a service; 0 when none runs").between(0, i64::MAX),
        field("restarts", Kind::Int, "how often systemd has restarted the service since it was last started by hand")
            .between(0, i64::MAX),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let unit = parameters.text("unit")?;
    let state = context.bus.unit_state(unit).map_err(|e| match e {
        BusError::NoSystemd => Unseen::NotApplicable(e.to_string()),
        other => Unseen::failed(unit, other),
    })?;
    let mut seen = Observation::new()
        .with("load_state", state.load_state)
        .with("active_state", state.active_state)
        .with("sub_state", state.sub_state)
        .with("enabled", state.unit_file_state);
    if let Some(pid) = state.main_pid {
        seen.set("main_pid", i64::from(pid));
    }
    if let Some(restarts) = state.restarts {
        seen.set("restarts", i64::from(restarts));
    }
    Ok(seen)
}

fn watch(parameters: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    let unit = parameters.text("unit").ok().and_then(|unit| dbus::unit_name(unit).ok());
    unit.map(Watch::Unit).into_iter().collect()
}
