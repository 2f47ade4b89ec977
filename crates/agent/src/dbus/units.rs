//! Hearing of units that change, and of sessions that begin and end.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use zbus::blocking::MessageIterator;

use super::{
    BusError, MANAGER, MANAGER_PATH, PROPERTIES, SYSTEMD, UNIT_PATH, booted_with_systemd, connect, login, no_thread,
};

/// How long [`watch_units`] rests before it connects again.
const RECONNECT: Duration = Duration::from_secs(2);

/// What [`watch_units`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitEvent {
    /// Some state of this unit has changed.
    Changed(String),
    /// A session of logind has begun or ended.
    Sessions,
    /// Nothing is heard any more, for this reason.
    Lost(String),
    /// The watch has begun, or begun again after a gap: any unit may have changed unnoticed.
    Began,
}

/// Tells every change of state of every unit, and sessions that begin and end, from a thread that ends when `notify` returns
/// false. It connects again whenever the bus or systemd went away.
///
/// # Errors
/// [`BusError::NoSystemd`] on a machine without systemd.
pub fn watch_units(notify: impl FnMut(UnitEvent) -> bool + Send + 'static) -> Result<JoinHandle<()>, BusError> {
    if !booted_with_systemd() {
        return Err(BusError::NoSystemd);
    }
    thread::Builder::new().name("units".into()).spawn(move || watch_for_ever(notify)).map_err(no_thread)
}

fn watch_for_ever(mut notify: impl FnMut(UnitEvent) -> bool) {
    let mut complained = false;
    loop {
        match watch_until_broken(&mut notify) {
            Ok(Watching::Unwanted) => return,
            Ok(Watching::Broken) => {
                complained = false;
                if !notify(UnitEvent::Lost("the connection to the system bus was lost".to_owned())) {
                    return;
                }
            }
            Err(error) if complained => tracing::debug!(%error, "units are still not watched"),
            Err(error) => {
                complained = true;
                tracing::warn!(%error, "units are not watched; trying again every {} s", RECONNECT.as_secs());
                if !notify(UnitEvent::Lost(error.to_string())) {
                    return;
                }
            }
        }
        thread::sleep(RECONNECT);
    }
}

enum Watching {
    Unwanted,
    Broken,
}

fn watch_until_broken(notify: &mut impl FnMut(UnitEvent) -> bool) -> Result<Watching, BusError> {
    let connection = connect()?;
    // One iterator sees every message of the connection; the bus sends what the rules name.
    let messages = MessageIterator::from(&connection);
    for rule in [
        format!(
            "type='signal',sender='{SYSTEMD}',interface='{PROPERTIES}',member='PropertiesChanged',path_namespace='{UNIT_PATH}'"
        ),
        format!("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{SYSTEMD}'"),
        login::session_rule("SessionNew"),
        login::session_rule("SessionRemoved"),
    ] {
        let bus = "org.freedesktop.DBus";
        connection.call_method(Some(bus), "/org/freedesktop/DBus", Some(bus), "AddMatch", &(rule))?;
    }
    connection.call_method(Some(SYSTEMD), MANAGER_PATH, Some(MANAGER), "Subscribe", &())?;
    if !notify(UnitEvent::Began) {
        return Ok(Watching::Unwanted);
    }
    for message in messages.map_while(Result::ok) {
        let header = message.header();
        match header.member().map(|m| m.as_str()) {
            // Anybody may send a signal of that name to this connection; who sent it is the bus's own word.
            Some("NameOwnerChanged") if header.sender().is_some_and(|sender| sender == "org.freedesktop.DBus") => {
                return Ok(Watching::Broken);
            }
            Some("SessionNew" | "SessionRemoved") if !notify(UnitEvent::Sessions) => return Ok(Watching::Unwanted),
            Some("PropertiesChanged") => {
                let unit = header.path().and_then(|path| unit_of(path.as_str()));
                if unit.is_some_and(|unit| !notify(UnitEvent::Changed(unit))) {
                    return Ok(Watching::Unwanted);
                }
            }
            _ => {}
        }
    }
    Ok(Watching::Broken)
}

/// The unit of an object path: `/org/freedesktop/systemd1/unit/nginx_2eservice` is `nginx.service` (sd_bus_path_encode(3)).
fn unit_of(path: &str) -> Option<String> {
    let label = path.strip_prefix(UNIT_PATH)?.strip_prefix('/')?.as_bytes();
    let mut name = Vec::with_capacity(label.len());
    let mut rest = label;
    while let [first, after @ ..] = rest {
        let escaped = after.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match escaped {
            Some(byte) if *first == b'_' => {
                name.push(byte);
                rest = &after[2..];
            }
            _ => {
                name.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(name).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_paths_are_decoded() {
        let unit = |label: &str| unit_of(&format!("{UNIT_PATH}/{label}"));
        assert_eq!(unit("nginx_2eservice").as_deref(), Some("nginx.service"));
        assert_eq!(unit("getty_40tty1_2eservice").as_deref(), Some("getty@tty1.service"));
        for odd in ["_", "_2", "_zz", "_+1", "a_"] {
            assert!(unit(odd).is_some(), "{odd}");
        }
        for bad in ["", "_ff"] {
            assert_eq!(unit(bad), None, "{bad}");
        }
        assert_eq!(unit_of("/elsewhere"), None);
    }
}
