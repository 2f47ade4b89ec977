//! What a step changes on the machine: two runbooks that change the same must not run at once.

use std::path::{Path, PathBuf};

use super::Parameters;
use crate::dbus;

/// One thing that a step changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    /// A file, or all that lies beneath a directory.
    Path(PathBuf),
    /// A unit of systemd, by its full name.
    Unit(String),
    /// Whatever a program of the closure changes, by its symbol: nobody can say what that is.
    Program(String),
    /// The packet filter.
    Firewall,
    /// The system profile and the system that runs.
    System,
    /// The clock.
    Clock,
}

impl Touch {
    /// Whether both change the same thing, wholly or in part.
    pub fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(one), Self::Path(other)) => one.starts_with(other) || other.starts_with(one),
            _ => self == other,
        }
    }

    /// The unit that a step names; none when it names none that systemd takes, for then the step changes nothing.
    pub(super) fn unit(parameters: &Parameters) -> Vec<Self> {
        let name = parameters.text("unit").ok().and_then(|name| dbus::unit_name(name).ok());
        name.map(Self::Unit).into_iter().collect()
    }

    /// The path that a step names; none when the step would refuse it.
    pub(super) fn path(parameters: &Parameters) -> Vec<Self> {
        parameters.path("path").map(Self::at).into_iter().collect()
    }

    pub(super) fn at(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::steps::touches;

    fn touch(step: &str, parameters: &serde_json::Value) -> Vec<Touch> {
        touches(step, parameters.as_object().unwrap())
    }

    #[test]
    fn what_two_steps_change_is_compared_by_what_it_is() {
        let motd = touch("file.restore", &json!({ "path": "/etc/motd" }));
        let meets = |step: &str, parameters: serde_json::Value| {
            touch(step, &parameters).iter().any(|one| motd.iter().any(|other| one.meets(other) && other.meets(one)))
        };
        assert!(meets("file.restore", json!({ "path": "/etc/motd", "mode": "0600" })));
        assert!(meets("disk.clean", json!({ "path": "/etc", "older_than": "1d" })), "a directory holds the file");
        assert!(!meets("file.restore", json!({ "path": "/etc/motd.d" })), "a name is no directory of another");
        assert!(!meets("sysctl.write", json!({ "key": "net.ipv4.ip_forward", "value": "0" })));
    }

    #[test]
    fn one_thing_has_one_name() {
        let unit = |name: &str| touch("systemd.restart", &json!({ "unit": name }));
        assert_eq!(unit("sshd"), unit("sshd.service"));
        let key = |key: &str| touch("sysctl.write", &json!({ "key": key, "value": "0" }));
        assert_eq!(key("net.ipv4.ip_forward"), key("net/ipv4/ip_forward"));
    }

    #[test]
    fn a_step_that_would_be_refused_changes_nothing() {
        for (step, parameters) in [
            ("file.restore", json!({ "path": "relative" })),
            ("systemd.start", json!({ "unit": 1 })),
            ("systemd.start", json!({ "unit": "sshd", "novelty": 1 })),
            ("no.such.step", json!({})),
        ] {
            assert_eq!(touch(step, &parameters), [], "{step} {parameters}");
        }
    }
}
