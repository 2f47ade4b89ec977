//! `systemd_unit`: the state of one unit, asked over D-Bus.

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Parameters, Probe, ProbeContext, Unseen, Watch, field, required};
use crate::dbus::{self, BusError};

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "systemd_unit",
    about: "the state of one systemd unit",
    parameters: &[required("unit", Kind::Text, "the unit's name; \".service\" is added where no type is given")],
    observation: &[
        field("load_state", Kind::Text, "loaded, not-found, masked, bad-setting or error"),
        field("active_state", Kind::Text, "active, reloading, inactive, failed, activating or deactivating"),
        field("sub_state", Kind::Text, "the state within that, for instance running, exited or dead"),
        field("enabled", Kind::Text, "enabled, disabled, static, masked …; empty when the unit has no file"),
        field("main_pid", Kind::Int, "main process of a service; 0 when none runs"),
        field("restarts", Kind::Int, "how often systemd has restarted the service since it was last started by hand"),
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
