//! `reachable`: whether a TCP port accepts connections (vantage: network).

use std::net::TcpStream;
use std::time::{Duration, Instant};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::address::Address;
use super::{Looker, Sight, is_ours, late};
use crate::probes::{Parameters, Unseen, field, integer, required};

/// How long one address is tried.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many addresses of a name are tried.
const MOST_ADDRESSES: usize = 4;

pub(super) const LOOKER: Looker = Looker { schema: SCHEMA, look };

/// What it takes and shows.
pub const SCHEMA: ProbeSchema = ProbeSchema {
    name: "reachable",
    about: "whether a TCP port accepts connections (vantage: network)",
    parameters: &[required("address", Kind::Text, "host and port, for instance \"ehr.example:443\"")],
    observation: &[
        field("reachable", Kind::Bool, "whether a connection is accepted"),
        field("connect_ms", Kind::Int, "how long that took").between(0, 600_000),
    ],
};

fn look(parameters: &Parameters, sight: &Sight) -> Result<Observation, Unseen> {
    let text = parameters.text("address")?;
    let address = Address::parse(text, None)?;
    for socket in sight.resolver.sockets(&address, sight.deadline)?.into_iter().take(MOST_ADDRESSES) {
        let began = Instant::now();
        let left = sight.deadline.saturating_duration_since(began).min(PATIENCE);
        if left.is_zero() {
            return Err(late(text));
        }
        match TcpStream::connect_timeout(&socket, left) {
            Ok(_) => {
                let took = integer(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
                return Ok(Observation::new().with("reachable", true).with("connect_ms", took));
            }
            Err(e) if is_ours(&e) => return Err(Unseen::failed(socket, e)),
            Err(_) if Instant::now() >= sight.deadline => return Err(late(text)),
            Err(_) => {}
        }
    }
    Ok(Observation::new().with("reachable", false))
}
