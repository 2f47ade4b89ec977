//! What systemd knows besides the state of one unit: timers, and units that have failed.

use std::collections::HashMap;

use zbus::zvariant::{OwnedObjectPath, OwnedValue};

use super::{Bus, BusError, unit_name};

/// A timer and the unit that it starts. Times are microseconds since 1970; 0 is never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerState {
    /// Whether the timer's configuration could be read.
    pub load_state: String,
    /// Whether the timer is started.
    pub active_state: String,
    /// The unit that it starts.
    pub service: String,
    /// When it last started it.
    pub last_trigger_us: u64,
    /// When it starts it next, by the calendar.
    pub next_elapse_us: u64,
    /// When the last run of the unit began.
    pub began_at_us: u64,
    /// When that run ended; 0 while it goes on.
    pub ended_at_us: u64,
    /// How it ended, for instance `success`, `exit-code` or `timeout`.
    pub result: String,
}

/// One unit of `ListUnitsFiltered`: name, description, load, active and sub state, what it follows, its path, its job.
type Listed = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

impl Bus {
    /// Asks for a timer and for the unit that it starts.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn timer_state(&mut self, timer: &str) -> Result<TimerState, BusError> {
        let path: OwnedObjectPath = self.manager("LoadUnit", &(unit_name(timer)?))?.body().deserialize()?;
        let unit = self.properties(&path, "org.freedesktop.systemd1.Unit")?;
        let timer = self.properties(&path, "org.freedesktop.systemd1.Timer")?;
        let service = text(&timer, "Unit");
        let mut job = HashMap::new();
        if service.ends_with(".service") {
            let path: OwnedObjectPath = self.manager("LoadUnit", &(unit_name(&service)?))?.body().deserialize()?;
            job = self.properties(&path, "org.freedesktop.systemd1.Service")?;
        }
        Ok(TimerState {
            load_state: text(&unit, "LoadState"),
            active_state: text(&unit, "ActiveState"),
            service,
            last_trigger_us: number(&timer, "LastTriggerUSec"),
            next_elapse_us: number(&timer, "NextElapseUSecRealtime"),
            began_at_us: number(&job, "ExecMainStartTimestamp"),
            ended_at_us: number(&job, "ExecMainExitTimestamp"),
            result: text(&job, "Result"),
        })
    }

    /// How the last run of a service ended, for instance `success`; empty when there is no such service.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn service_result(&mut self, service: &str) -> Result<String, BusError> {
        let path: OwnedObjectPath = self.manager("LoadUnit", &(unit_name(service)?))?.body().deserialize()?;
        let unit = self.properties(&path, "org.freedesktop.systemd1.Unit")?;
        if text(&unit, "LoadState") != "loaded" {
            return Ok(String::new());
        }
        Ok(text(&self.properties(&path, "org.freedesktop.systemd1.Service")?, "Result"))
    }

    /// The names of all units that have failed.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn failed_units(&mut self) -> Result<Vec<String>, BusError> {
        let units: Vec<Listed> = self.manager("ListUnitsFiltered", &(vec!["failed"],))?.body().deserialize()?;
        Ok(units.into_iter().map(|unit| unit.0).collect())
    }
}

fn text(properties: &HashMap<String, OwnedValue>, name: &str) -> String {
    properties.get(name).and_then(|v| v.downcast_ref::<&str>().ok()).unwrap_or("").to_owned()
}

fn number(properties: &HashMap<String, OwnedValue>, name: &str) -> u64 {
    properties.get(name).and_then(|v| v.downcast_ref::<u64>().ok()).unwrap_or(0)
}
