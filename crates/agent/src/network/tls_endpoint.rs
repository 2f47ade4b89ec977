//! `tls_endpoint`: what a TLS server offers to strangers (vantage: network), read from handshakes for each version and for the
//! suites that nobody should accept any more (RFC 8446, RFC 5246, RFC 9325).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::address::{Address, Host};
use super::tls::{Bounded, Reply, Version, offer, suites, trust};
use super::{Looker, Sight, is_ours, late};
use crate::probes::{Parameters, Unseen, field, integer, optional, required};

/// How many weak suites are counted: each costs a connection.
const MOST_WEAK: usize = 8;
/// How long a connection is waited for, and a handshake.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many addresses of a name are tried.
const MOST_ADDRESSES: usize = 4;

pub(super) const LOOKER: Looker = Looker { schema: SCHEMA, look };

const VERSIONS: &[&str] =
    &[Version::Ssl3.name(), Version::Tls10.name(), Version::Tls11.name(), Version::Tls12.name(), Version::Tls13.name()];

/// What it takes and shows.
pub const SCHEMA: ProbeSchema = ProbeSchema {
    name: "tls_endpoint",
    about: "what a TLS server offers to strangers (vantage: network)",
    parameters: &[
        required("address", Kind::Text, "host and port, for instance \"ehr.example:443\""),
        optional("server_name", Kind::Text, "name to ask for; default: the host"),
    ],
    observation: &[
        field("reachable", Kind::Bool, "whether anything answers"),
        field("protocols", Kind::List, "versions that it accepts, sorted").one_of(VERSIONS),
        field("oldest_protocol", Kind::Text, "the oldest of them").one_of(VERSIONS),
        field(
            "weak_cipher_count",
            Kind::Int,
            "suites that it accepts without forward secrecy, authentication or a strong cipher; from 8 on not every one is \
             counted",
        ),
        field("forward_secrecy", Kind::Bool, "whether every suite that it accepts has it"),
        field("trusted", Kind::Bool, "whether its certificate leads to a trusted authority and names it"),
        field("valid_for_seconds", Kind::Int, "time until that expires; negative when it has expired"),
    ],
};

fn look(parameters: &Parameters, sight: &Sight) -> Result<Observation, Unseen> {
    let text = parameters.text("address")?;
    let address = Address::parse(text, None)?;
    let named = match parameters.optional_text("server_name")? {
        Some(name) => {
            Host::parse(name).ok_or_else(|| format!("parameter server_name: {name:?} is no name of a host"))?
        }
        None => address.host.clone(),
    };
    let Some(server) = first_that_answers(text, &address, sight)? else {
        return Ok(Observation::new().with("reachable", false));
    };
    // Addresses are no names of servers (RFC 6066 §3).
    let (sni, name) = match &named {
        Host::Name(name) => (Some(name.as_str()), name.clone()),
        Host::Address(address) => (None, address.to_string()),
    };
    let endpoint = Endpoint { server, sni, deadline: sight.deadline };
    let accepted = endpoint.versions().map_err(|e| Unseen::failed(text, e))?;
    let mut seen = Observation::new().with("reachable", true);
    // What answers and speaks no TLS has no versions to be judged: they stay unknown, which never passes.
    let Some(oldest) = accepted.first() else { return Ok(seen) };
    seen.set("protocols", accepted.iter().map(|version| version.name().to_owned()).collect::<Vec<_>>());
    seen.set("oldest_protocol", oldest.name());
    let weak = endpoint.weak(&accepted).map_err(|e| Unseen::failed(text, e))?;
    if !endpoint.still_takes(*oldest).map_err(|e| Unseen::failed(text, e))? {
        let limits = format!("it took {} and does so no more: what it refuses may be connections", oldest.name());
        return Err(Unseen::failed(text, limits));
    }
    seen.set("weak_cipher_count", integer(weak.len() as u64));
    seen.set("forward_secrecy", !weak.iter().any(|suite| suites::WITHOUT_SECRECY.contains(suite)));
    let until = sight.deadline.min(Instant::now() + PATIENCE);
    let certificate = Bounded::connect(server, PATIENCE, until)
        .ok()
        .and_then(|mut stream| trust::look(&mut stream, &name, &sight.authorities, sight.now));
    if let Some(certificate) = certificate {
        seen.set("trusted", certificate.trusted);
        if let Some(seconds) = certificate.valid_for_seconds {
            seen.set("valid_for_seconds", seconds);
        }
    }
    Ok(seen)
}

/// The first address that accepts a connection; none when none does.
fn first_that_answers(text: &str, address: &Address, sight: &Sight) -> Result<Option<SocketAddr>, Unseen> {
    for socket in sight.resolver.sockets(address, sight.deadline)?.into_iter().take(MOST_ADDRESSES) {
        match Bounded::connect(socket, PATIENCE, sight.deadline) {
            Ok(_) => return Ok(Some(socket)),
            Err(e) if is_ours(&e) => return Err(Unseen::failed(socket, e)),
            Err(_) if Instant::now() >= sight.deadline => return Err(late(text)),
            Err(_) => {}
        }
    }
    Ok(None)
}

struct Endpoint<'a> {
    server: SocketAddr,
    sni: Option<&'a str>,
    deadline: Instant,
}

impl Endpoint<'_> {
    fn offer(&self, version: Version, suites: &[u16]) -> Result<Reply, String> {
        offer(self.server, version, suites, self.sni, self.deadline)
    }

    /// The versions that it accepts, the oldest first.
    fn versions(&self) -> Result<Vec<Version>, String> {
        let mut accepted = Vec::new();
        for version in Version::ALL {
            if let Reply::Takes(_) = self.offer(version, &suites_of(version))? {
                accepted.push(version);
            }
        }
        Ok(accepted)
    }

    /// The weak suites that it accepts in any of these versions. A server takes one of those that are offered; the others show
    /// when that one is offered no more.
    fn weak(&self, accepted: &[Version]) -> Result<BTreeSet<u16>, String> {
        let older = || accepted.iter().filter(|version| **version < Version::Tls13);
        let mut weak = BTreeSet::new();
        // Those without forward secrecy are asked for alone, in every version, and first: a bound on the count must not hide
        // them.
        for version in older() {
            if let Reply::Takes(suite) = self.offer(*version, suites::WITHOUT_SECRECY)? {
                weak.insert(suite);
            }
        }
        for version in older() {
            let mut left = suites::weak();
            left.retain(|suite| !weak.contains(suite));
            while weak.len() < MOST_WEAK {
                let Reply::Takes(suite) = self.offer(*version, &left)? else { break };
                weak.insert(suite);
                left.retain(|other| *other != suite);
            }
        }
        Ok(weak)
    }

    /// Whether it still takes what it took: who limits connections refuses the later ones, whatever is offered in them.
    fn still_takes(&self, version: Version) -> Result<bool, String> {
        Ok(matches!(self.offer(version, &suites_of(version))?, Reply::Takes(_)))
    }
}

fn suites_of(version: Version) -> Vec<u16> {
    if version == Version::Tls13 { suites::OF_1_3.to_vec() } else { suites::before_1_3() }
}
