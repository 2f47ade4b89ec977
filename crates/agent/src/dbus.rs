//! Talking to systemd over the system bus (org.freedesktop.systemd1(5)).
//!
//! One connection, opened at first use and again after it broke. Every call and every wait is bounded.

mod facts;
mod login;
mod units;

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{io, thread};

use zbus::blocking::{Connection, MessageIterator, connection::Builder};
use zbus::zvariant::{OwnedObjectPath, OwnedValue};
use zbus::{MatchRule, Message, message};

pub use self::facts::TimerState;
pub use self::login::Session;
pub use self::units::{UnitEvent, watch_units};
use crate::cancel::Cancel;

const SOCKET: &str = "/run/dbus/system_bus_socket";
const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const UNIT_PATH: &str = "/org/freedesktop/systemd1/unit";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// How long connecting, and one call, may take.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// How often who waits for a job listens for the word to end.
const LISTEN_EVERY: Duration = Duration::from_millis(100);

/// Why systemd could not be asked, or would not do it.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The machine was not booted with systemd (sd_booted(3)).
    #[error("no systemd on this host")]
    NoSystemd,
    /// The system bus could not be reached, or the call failed.
    #[error("system bus: {0}")]
    Bus(#[from] zbus::Error),
    /// A reply was not of the form that systemd documents.
    #[error("system bus: unexpected reply: {0}")]
    Reply(#[from] zbus::zvariant::Error),
    /// The bus took the connection and then said nothing.
    #[error("system bus: no answer within {} s", CALL_LIMIT.as_secs())]
    Silent,
    /// The name is not that of a unit.
    #[error("{0:?} is not a unit name; expected a name such as \"sshd.service\"")]
    Name(String),
    /// The job ended in another way than `done`.
    #[error("{unit}: the job ended with {result:?}; see `journalctl -u {unit}`")]
    Job {
        /// The unit.
        unit: String,
        /// `canceled`, `timeout`, `failed`, `dependency`, `skipped` …
        result: String,
    },
    /// The job did not end in time. systemd goes on with it.
    #[error("{unit}: the job had not ended within {} ms", limit.as_millis())]
    JobTimedOut {
        /// The unit.
        unit: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// Who waited for the job was told to end. systemd goes on with it.
    #[error("{unit}: its job was no longer waited for: the step was told to end")]
    Cancelled {
        /// The unit.
        unit: String,
    },
}

/// Whether the machine was booted with systemd, as sd_booted(3) decides it.
pub fn booted_with_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// The full name of a unit: `.service` is added where no type is given, as systemctl does.
///
/// # Errors
/// [`BusError::Name`] when systemd would not take it (systemd.unit(5)).
pub fn unit_name(name: &str) -> Result<String, BusError> {
    const TYPES: [&str; 11] = [
        ".service",
        ".socket",
        ".device",
        ".mount",
        ".automount",
        ".swap",
        ".target",
        ".path",
        ".timer",
        ".slice",
        ".scope",
    ];
    let full = if TYPES.iter().any(|t| name.ends_with(t)) { name.to_owned() } else { format!("{name}.service") };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    let sound = !name.is_empty() && !name.starts_with('.') && full.len() < 256 && full.bytes().all(plain);
    if sound { Ok(full) } else { Err(BusError::Name(writ_trust::text::one_line(name))) }
}

/// The properties of a unit that probes show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// `loaded`, `not-found`, `masked`, `error` …
    pub load_state: String,
    /// `active`, `inactive`, `failed`, `activating` …
    pub active_state: String,
    /// The state within that, for instance `running`.
    pub sub_state: String,
    /// `enabled`, `disabled`, `static` …; empty when the unit has no file.
    pub unit_file_state: String,
    /// The main process of a service; 0 when it has none.
    pub main_pid: Option<u32>,
    /// How often systemd has restarted the service.
    pub restarts: Option<u32>,
}

/// How far a service has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEnd {
    /// `active`, `inactive`, `failed`, `activating` …
    pub active_state: String,
    /// The state within that, for instance `exited`.
    pub sub_state: String,
    /// `success`, or how it ended otherwise: `exit-code`, `timeout`, `signal` …
    pub result: String,
}

/// The system bus, opened at first use and again after it broke.
#[derive(Default)]
pub struct Bus {
    connection: Option<Connection>,
    pending: Option<Pending>,
}

impl Bus {
    /// Asks for the state of a unit, loading it if need be.
    ///
    /// # Errors
    /// [`BusError::NoSystemd`] on a machine without systemd, otherwise what went wrong.
    pub fn unit_state(&mut self, unit: &str) -> Result<UnitState, BusError> {
        let unit = unit_name(unit)?;
        let path: OwnedObjectPath = self.manager("LoadUnit", &(&unit))?.body().deserialize()?;
        let unit_properties = self.properties(&path, "org.freedesktop.systemd1.Unit")?;
        let service = match unit.ends_with(".service") {
            true => self.properties(&path, "org.freedesktop.systemd1.Service")?,
            false => HashMap::new(),
        };
        let text =
            |name: &str| unit_properties.get(name).and_then(|v| v.downcast_ref::<&str>().ok()).unwrap_or("").to_owned();
        let number = |name: &str| service.get(name).and_then(|v| v.downcast_ref::<u32>().ok());
        Ok(UnitState {
            load_state: text("LoadState"),
            active_state: text("ActiveState"),
            sub_state: text("SubState"),
            unit_file_state: text("UnitFileState"),
            main_pid: number("MainPID"),
            restarts: number("NRestarts"),
        })
    }

    /// Whether a service has ended, and how.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn service_end(&mut self, unit: &str) -> Result<ServiceEnd, BusError> {
        let unit = unit_name(unit)?;
        let path: OwnedObjectPath = self.manager("LoadUnit", &(&unit))?.body().deserialize()?;
        let unit = self.properties(&path, "org.freedesktop.systemd1.Unit")?;
        let service = self.properties(&path, "org.freedesktop.systemd1.Service")?;
        let text = |of: &HashMap<String, OwnedValue>, name: &str| {
            of.get(name).and_then(|v| v.downcast_ref::<&str>().ok()).unwrap_or("").to_owned()
        };
        Ok(ServiceEnd {
            active_state: text(&unit, "ActiveState"),
            sub_state: text(&unit, "SubState"),
            result: text(&service, "Result"),
        })
    }

    /// Clears the failed state of a unit. One that systemd has forgotten, as it does with what has stopped and nothing refers
    /// to, has none.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn reset_failed(&mut self, unit: &str) -> Result<(), BusError> {
        match self.manager("ResetFailedUnit", &(unit_name(unit)?)) {
            Err(BusError::Bus(zbus::Error::MethodError(name, ..))) if name.as_str() == NO_SUCH_UNIT => Ok(()),
            other => other.map(drop),
        }
    }

    fn properties(&mut self, path: &OwnedObjectPath, interface: &str) -> Result<HashMap<String, OwnedValue>, BusError> {
        Ok(self.call(path.as_str(), PROPERTIES, "GetAll", &(interface))?.body().deserialize()?)
    }

    fn manager<B>(&mut self, method: &str, body: &B) -> Result<Message, BusError>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.call(MANAGER_PATH, MANAGER, method, body)
    }

    fn call<B>(&mut self, path: &str, interface: &str, method: &str, body: &B) -> Result<Message, BusError>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.ask(SYSTEMD, path, interface, method, body)
    }

    /// One call to a service; once more on a new connection when the old one turns out to be broken.
    fn ask<B>(&mut self, to: &str, path: &str, interface: &str, method: &str, body: &B) -> Result<Message, BusError>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let reused = self.connection.is_some();
        let result = self.connection()?.call_method(Some(to), path, Some(interface), method, body);
        match result {
            Err(zbus::Error::InputOutput(e)) if reused && e.kind() != io::ErrorKind::TimedOut => {
                self.connection = None;
                Ok(self.connection()?.call_method(Some(to), path, Some(interface), method, body)?)
            }
            other => Ok(other?),
        }
    }

    fn connection(&mut self) -> Result<&Connection, BusError> {
        if !booted_with_systemd() {
            return Err(BusError::NoSystemd);
        }
        if self.connection.is_none() {
            // An attempt that hung is waited for again rather than joined by a second one.
            let pending = self.pending.take().map_or_else(start_connecting, Ok)?;
            match finish_connecting(&pending) {
                Err(BusError::Silent) => {
                    self.pending = Some(pending);
                    return Err(BusError::Silent);
                }
                connected => self.connection = Some(connected?),
            }
        }
        Ok(self.connection.as_ref().expect("it was opened in the line above"))
    }
}

fn connect() -> Result<Connection, BusError> {
    if !booted_with_systemd() {
        return Err(BusError::NoSystemd);
    }
    finish_connecting(&start_connecting()?)
}

/// A connection that is being made.
type Pending = mpsc::Receiver<zbus::Result<Connection>>;

/// Connects on a thread: where systemd holds the socket of a bus that does not start, the handshake never ends.
fn start_connecting() -> Result<Pending, BusError> {
    let (sender, pending) = mpsc::channel();
    let address = format!("unix:path={SOCKET}");
    let connect = move || Builder::address(address.as_str())?.method_timeout(CALL_LIMIT).build();
    thread::Builder::new().name("bus".into()).spawn(move || sender.send(connect())).map_err(no_thread)?;
    Ok(pending)
}

fn finish_connecting(pending: &Pending) -> Result<Connection, BusError> {
    pending.recv_timeout(CALL_LIMIT).map_err(|_| BusError::Silent)?.map_err(BusError::Bus)
}

fn no_thread(e: io::Error) -> BusError {
    BusError::Bus(zbus::Error::InputOutput(e.into()))
}

/// What a job does to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Starts it.
    Start,
    /// Stops it.
    Stop,
    /// Restarts it, or starts it when it does not run.
    Restart,
}

/// Runs a job on a unit and waits for its end.
///
/// # Errors
/// [`BusError::Job`] when it ended in another way than `done`, [`BusError::JobTimedOut`] when it did not end in time,
/// [`BusError::Cancelled`] when the word to end was said first.
pub fn run_job(job: Job, unit: &str, timeout: Duration, cancel: &Cancel) -> Result<(), BusError> {
    let deadline = Instant::now() + timeout;
    let unit = unit_name(unit)?;
    // A connection of its own: closing it ends the thread that reads the signals.
    let connection = connect()?;
    let ended = removed_jobs(&connection)?;
    let method = match job {
        Job::Start => "StartUnit",
        Job::Stop => "StopUnit",
        Job::Restart => "RestartUnit",
    };
    connection.call_method(Some(SYSTEMD), MANAGER_PATH, Some(MANAGER), "Subscribe", &())?;
    let reply = connection.call_method(Some(SYSTEMD), MANAGER_PATH, Some(MANAGER), method, &(&unit, "replace"));
    let result = reply.map_err(BusError::from).and_then(|reply| {
        let path: OwnedObjectPath = reply.body().deserialize()?;
        wait_for_job(&ended, &path, deadline, cancel).ok_or_else(|| match cancel.is_cancelled() {
            true => BusError::Cancelled { unit: unit.clone() },
            false => BusError::JobTimedOut { unit: unit.clone(), limit: timeout },
        })
    });
    let _ = connection.close();
    match result?.as_str() {
        "done" => Ok(()),
        other => Err(BusError::Job { unit, result: other.to_owned() }),
    }
}

/// `JobRemoved(u id, o job, s unit, s result)`.
type JobRemoved = (u32, OwnedObjectPath, String, String);

/// The jobs that end from now on, read by a thread that ends with the connection.
fn removed_jobs(connection: &Connection) -> Result<mpsc::Receiver<JobRemoved>, BusError> {
    let rule = MatchRule::builder()
        .msg_type(message::Type::Signal)
        .sender(SYSTEMD)?
        .interface(MANAGER)?
        .member("JobRemoved")?
        .build();
    let signals = MessageIterator::for_match_rule(rule, connection, Some(1024))?;
    let (sender, receiver) = mpsc::channel();
    let forward = move || {
        for signal in signals.map_while(Result::ok) {
            let Ok(removed) = signal.body().deserialize::<JobRemoved>() else { continue };
            if sender.send(removed).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("jobs".into()).spawn(forward).map_err(no_thread)?;
    Ok(receiver)
}

/// The result of one job; none when it did not end in time, or the word to end was said.
fn wait_for_job(
    ended: &mpsc::Receiver<JobRemoved>,
    job: &OwnedObjectPath,
    deadline: Instant,
    cancel: &Cancel,
) -> Option<String> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || cancel.is_cancelled() {
            return None;
        }
        match ended.recv_timeout(left.min(LISTEN_EVERY)) {
            Ok((_, path, _, result)) if path == *job => return Some(result),
            Ok(_) | Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_names_are_those_systemd_takes() {
        assert_eq!(unit_name("nginx").unwrap(), "nginx.service");
        assert_eq!(unit_name("a@b\\x2dc.timer").unwrap(), "a@b\\x2dc.timer");
        for bad in ["", ".service", "a b.service", "a/b.service", "a\n.service", "ü.service", &"x".repeat(300)] {
            assert!(unit_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn without_systemd_it_says_so() {
        if !booted_with_systemd() {
            assert!(matches!(Bus::default().unit_state("dbus.service"), Err(BusError::NoSystemd)));
            let job = run_job(Job::Start, "dbus", Duration::from_secs(1), &Cancel::new().unwrap());
            assert!(matches!(job, Err(BusError::NoSystemd)));
            assert!(matches!(watch_units(|_| true), Err(BusError::NoSystemd)));
        }
    }
}
