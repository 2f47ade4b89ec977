//! The probes that ask systemd, on a machine without it; with one they are looked at in a container.

use serde_json::json;
use writ_agent::probes;
use writ_policy::outcome::Probed;

use super::{call, context};

#[test]
fn without_systemd_its_probes_do_not_apply() {
    if writ_agent::dbus::booted_with_systemd() {
        return;
    }
    for (name, parameters) in [("systemd_unit", json!({ "unit": "dbus" })), ("journald", json!({}))] {
        let probed = probes::run(&call(name, parameters), &mut context());
        assert_eq!(probed, Probed::NotApplicable("no systemd on this host".into()), "{name}");
    }
}
