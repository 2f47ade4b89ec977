//! `dns`: whether a name is answered for, and with which addresses (vantage: network; RFC 1035).

use std::net::SocketAddr;
use std::time::Instant;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::address::{Address, Host};
use super::dns::{self, Resolver, Unanswered};
use super::{Looker, Sight};
use crate::probes::{Parameters, Unseen, field, identifier, integer, optional, required};

/// How many addresses of an answer are told.
const MOST_ADDRESSES: usize = 64;

pub(super) const LOOKER: Looker = Looker { schema: SCHEMA, look };

/// What it takes and shows.
pub const SCHEMA: ProbeSchema = ProbeSchema {
    name: "dns",
    about: "whether a name is answered for, and with which addresses (vantage: network)",
    parameters: &[
        required("name", Kind::Text, "the name, for instance \"ehr.example\""),
        optional(
            "server",
            Kind::Text,
            "address of the name server, with a port if it is not 53; default: the machine's own",
        ),
        optional("type", Kind::Text, "which addresses; default: A").one_of(&["A", "AAAA"]),
    ],
    observation: &[
        field("answered", Kind::Bool, "whether a server answers for it, if only that there is no such name"),
        field("exists", Kind::Bool, "whether there is the name"),
        field("address_count", Kind::Int, "how many addresses it has"),
        identifier("addresses", Kind::List, "those, sorted"),
        field("answer_ms", Kind::Int, "how long the answer took").between(0, 600_000),
    ],
};

fn look(parameters: &Parameters, sight: &Sight) -> Result<Observation, Unseen> {
    let text = parameters.text("name")?;
    let Some(Host::Name(name)) = Host::parse(text) else {
        return Err(format!("parameter name: {text:?} is no name of a host").into());
    };
    let kind = match parameters.optional_text("type")? {
        None | Some("A") => dns::Kind::A,
        Some("AAAA") => dns::Kind::Aaaa,
        Some(other) => return Err(format!("parameter type: {other:?}: expected \"A\" or \"AAAA\"").into()),
    };
    let servers = match parameters.optional_text("server")? {
        Some(server) => vec![numeric(server)?],
        None => sight.resolver.servers()?.to_vec(),
    };
    let began = Instant::now();
    let answered = Resolver::ask_servers(&servers, &name, kind, sight.deadline);
    let took = integer(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    let answer = match answered {
        Ok(answer) => answer,
        Err(Unanswered::Theirs(_)) => return Ok(Observation::new().with("answered", false)),
        Err(ours @ Unanswered::Ours(_)) => return Err(ours.into()),
    };
    if answer.truncated && answer.addresses.is_empty() {
        return Err(Unseen::failed(text, "the answer does not fit into a datagram"));
    }
    let mut addresses: Vec<String> = answer.addresses.iter().take(MOST_ADDRESSES).map(ToString::to_string).collect();
    addresses.sort();
    addresses.dedup();
    Ok(Observation::new()
        .with("answered", true)
        .with("exists", answer.code == 0)
        .with("address_count", integer(addresses.len() as u64))
        .with("addresses", addresses)
        .with("answer_ms", took))
}

fn numeric(server: &str) -> Result<SocketAddr, String> {
    match Address::parse(server, Some(dns::PORT))? {
        Address { host: Host::Address(address), port } => Ok(SocketAddr::new(address, port)),
        Address { host: Host::Name(name), .. } => {
            Err(format!("parameter server: {name} is a name: expected the address of a name server"))
        }
    }
}
