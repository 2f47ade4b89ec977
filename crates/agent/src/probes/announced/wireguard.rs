//! `wireguard`: one WireGuard tunnel. To be read from the generic netlink family `wireguard` (linux/wireguard.h); not
//! applicable where no tunnel is configured.

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, required};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "wireguard",
    about: "one WireGuard tunnel",
    parameters: &[required("interface", Kind::Text, "the tunnel, for instance \"wg0\"")],
    observation: &[
        field("present", Kind::Bool, "whether the interface is there"),
        field("peer_count", Kind::Int, "how many peers it has"),
        field(
            "handshake_age_seconds",
            Kind::Int,
            "time since the last handshake, of the peer that is silent longest; absent before the first",
        ),
    ],
};
