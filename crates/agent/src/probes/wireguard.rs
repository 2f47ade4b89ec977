//! `wireguard`: one WireGuard tunnel, from the generic netlink family `wireguard` (linux/wireguard.h). Not applicable where
//! the kernel has no WireGuard and nothing here configures the tunnel; one that is configured and not there is told as that.

mod netlink;

use rustix::io::Errno;
use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_trust::time::Time;

use self::netlink::Peer;
use super::reading::{below, names, text};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, count, field, required, unannounced};
use crate::dbus::{BusError, UnitState};

/// IFNAMSIZ, with its NUL.
const LONGEST_NAME: usize = 15;
/// Where tunnels are configured by files: their folder, how their names end, and how a line begins that names the interface
/// (systemd.netdev(5), nm-settings-keyfile(5)).
const FILES: [(&str, &str, &str); 4] = [
    ("/etc/systemd/network", ".netdev", "Name="),
    ("/run/systemd/network", ".netdev", "Name="),
    ("/etc/NetworkManager/system-connections", ".nmconnection", "interface-name="),
    ("/run/NetworkManager/system-connections", ".nmconnection", "interface-name="),
];

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "wireguard",
    about: "one WireGuard tunnel",
    parameters: &[required("interface", Kind::Text, "the tunnel, for instance \"wg0\"")],
    observation: &[
        field("present", Kind::Bool, "whether the interface is there"),
        field("peer_count", Kind::Int, "how many peers it has; absent without the interface"),
        field(
            "handshake_age_seconds",
            Kind::Int,
            "time since the last handshake, of the peer that is silent longest; absent before the first",
        ),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let interface = parameters.text("interface")?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '/';
    if interface.is_empty() || interface.len() > LONGEST_NAME || interface.contains(odd) || interface.starts_with('.') {
        return Err(Unseen::failed("interface", format!("{interface:?} is no name of a network interface")));
    }
    match netlink::peers(interface) {
        Ok(peers) => Ok(observe(&peers, context.now)),
        Err(Errno::NODEV) => Ok(Observation::new().with("present", false)),
        Err(Errno::OPNOTSUPP) => Err(Unseen::failed(interface, "it is an interface of another kind")),
        // There is no such family: the module is not loaded, and so nobody has made a tunnel.
        Err(Errno::NOENT) if configured(interface, context)? => Ok(Observation::new().with("present", false)),
        Err(Errno::NOENT) => Err(Unseen::not_applicable(format!(
            "this kernel has no WireGuard at work, and nothing here configures {interface}"
        ))),
        Err(e) => Err(Unseen::failed(interface, e)),
    }
}

/// Whether a unit of NixOS, wg-quick(8), systemd-networkd or NetworkManager is to make the tunnel.
fn configured(interface: &str, context: &mut ProbeContext) -> Result<bool, Unseen> {
    let units = [format!("wireguard-{interface}.service"), format!("wg-quick-{interface}.service")];
    for (folder, ending, key) in FILES {
        let folder = below(&context.root, folder);
        for name in names(&folder)?.iter().filter(|name| name.ends_with(ending)) {
            let file = text(&folder.join(name))?.unwrap_or_default();
            if file.lines().any(|line| line.trim().strip_prefix(key).is_some_and(|found| found.trim() == interface)) {
                return Ok(true);
            }
        }
    }
    if below(&context.root, &format!("/etc/wireguard/{interface}.conf")).exists() {
        return Ok(true);
    }
    for unit in &units {
        if is_loaded(context.bus.unit_state(unit)).map_err(|e| Unseen::failed(unit, e))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether there is a unit. Who cannot ask does not know that there is none.
fn is_loaded(state: Result<UnitState, BusError>) -> Result<bool, BusError> {
    match state {
        Ok(state) => Ok(state.load_state == "loaded"),
        Err(BusError::NoSystemd | BusError::Name(_)) => Ok(false),
        Err(e) => Err(e),
    }
}

/// What the kernel's answer to a request for the device comes to.
pub(super) fn observe_bytes(bytes: &[u8]) -> Observation {
    let mut peers = Vec::new();
    for message in netlink::messages(bytes) {
        netlink::take_peers(message.body, &mut peers);
    }
    observe(&peers, Time::from_unix_millis(0))
}

fn observe(peers: &[Peer], now: Time) -> Observation {
    let mut seen = Observation::new().with("present", true).with("peer_count", count(peers.len()));
    // One that never shook hands is silent for longer than anything can say.
    let oldest = peers.iter().map(|peer| peer.handshake_at).min().filter(|oldest| *oldest > 0);
    if let Some(oldest) = oldest {
        seen.set("handshake_age_seconds", now.unix_millis().div_euclid(1000).saturating_sub(oldest).max(0));
    }
    seen
}

#[cfg(test)]
mod tests;
