//! What is seen over the network: `writ-probe`, an unprivileged process, looks; the enforcer, which has no network, judges.
//!
//! The two share two folders of the spool. In `asks/` the enforcer lays out what its policy wants to have looked at ([`asks`]);
//! in `looks/` writ-probe lays what it saw, a file for each check ([`seen`]). Whoever writes there is taken for hostile: what
//! counts is what the policy asked for, in time and within the probe's schema, and no more follows from it than that an
//! incident is opened and people are told. Nothing on this machine is changed because of what was seen over the network.
//!
//! One file per probe, with its schema and how it looks. A new one touches its own file, [`LOOKERS`] and
//! [`crate::probes::NETWORK`].

pub mod address;
pub mod asks;
pub mod config;
pub mod daemon;
pub mod dns;
pub mod name;
pub mod ntp;
pub mod reachable;
mod schedule;
pub mod seen;
pub mod status;
pub mod tls;
pub mod tls_endpoint;

use std::io;
use std::time::Instant;

use serde_json::{Map, Value};
use writ_policy::observation::Observation;
use writ_policy::schema::ProbeSchema;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use crate::probes::{Parameters, Unseen};

/// Every probe of the network that this version can look with.
pub const LOOKERS: &[Looker] = &[name::LOOKER, ntp::LOOKER, reachable::LOOKER, tls_endpoint::LOOKER];

/// One probe of the network.
#[derive(Clone, Copy)]
pub struct Looker {
    /// What it takes and shows.
    pub schema: ProbeSchema,
    look: fn(&Parameters, &Sight) -> Result<Observation, Unseen>,
}

/// What probes of the network know besides their parameters.
pub struct Sight {
    /// The time of this look.
    pub now: Time,
    /// When it ends, whoever does not answer.
    pub deadline: Instant,
    /// How names become addresses.
    pub resolver: dns::Resolver,
    /// Whom certificates may be from.
    pub authorities: tls::trust::Authorities,
}

/// Looks once. Whatever is asked and whoever answers, this returns.
///
/// # Errors
/// One line that says why nothing was seen.
pub fn look(probe: &str, parameters: &Map<String, Value>, sight: &Sight) -> Result<Observation, String> {
    let Some(looker) = LOOKERS.iter().find(|looker| looker.schema.name == probe) else {
        return Err(format!("this version of writ-probe knows no probe `{}`", one_line(probe)));
    };
    let parameters = Parameters::checked(parameters, looker.schema.parameters)?;
    (looker.look)(&parameters, sight).map_err(one_line)
}

/// That a look was over before the other was given the time that it is to have, which says nothing of it.
fn late(address: &str) -> Unseen {
    Unseen::failed(address, "there was no time to try every address of it")
}

/// Whether an error says something of this machine, and nothing of the other.
fn is_ours(e: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = e.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::PERM | Errno::ACCESS | Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS))
}
