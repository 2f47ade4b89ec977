//! `ntp`: what several time servers say, and whether enough of them agree (vantage: network; RFC 5905).

pub(crate) mod packet;
mod quorum;

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use writ_evidence::bundle::Clock;
use writ_policy::check::ProbeCall;
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Probed;
use writ_policy::schema::{Kind, ProbeSchema};

use self::packet::Sample;
use super::address::Address;
use super::{Looker, Sight};
use crate::probes::{Parameters, Unseen, field, identifier, integer, optional, required};

/// The port of time servers.
const PORT: u16 = 123;
/// How many servers are asked at most.
const MOST_SERVERS: usize = 16;
/// How long one is waited for, and how often it is asked.
const PATIENCE: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 2;
/// By how much servers that are right may differ, where the policy does not say.
const USUAL_SKEW_MS: i64 = 100;

pub(super) const LOOKER: Looker = Looker { schema: SCHEMA, look };

/// What it takes and shows.
pub const SCHEMA: ProbeSchema = ProbeSchema {
    name: "ntp",
    about: "what several time servers say, and whether enough of them agree (vantage: network)",
    parameters: &[
        required("servers", Kind::List, "names or addresses, with a port where it is not 123"),
        optional("skew_most_ms", Kind::Int, "by how much servers may differ and still agree; default: 100"),
    ],
    observation: &[
        field("asked_count", Kind::Int, "how many servers were asked"),
        field("answered_count", Kind::Int, "how many of them told the time"),
        field("agreeing_count", Kind::Int, "how many of them agree with one another"),
        field("quorum", Kind::Bool, "whether those are two at least, and more than half of those that were asked"),
        field("offset_ms", Kind::Int, "how far their time is ahead of this machine's; absent without a quorum")
            .between(-MOST_OFFSET_MS, MOST_OFFSET_MS),
        field("skew_ms", Kind::Int, "the same, either way, rounded up").between(0, MOST_OFFSET_MS),
        identifier("agreeing", Kind::List, "those that agree, sorted"),
    ],
};

/// The largest offset that is told, a thousand years: all that NTP can say is less.
const MOST_OFFSET_MS: i64 = 1_000 * 366 * 86_400_000;

fn look(parameters: &Parameters, sight: &Sight) -> Result<Observation, Unseen> {
    let names = parameters.optional_list("servers")?.unwrap_or_default();
    let names: BTreeSet<&str> = names.into_iter().collect();
    if names.is_empty() || names.len() > MOST_SERVERS {
        return Err(format!("parameter servers: {} servers: expected 1 to {MOST_SERVERS}", names.len()).into());
    }
    let skew_ms = parameters.optional_int("skew_most_ms")?.unwrap_or(USUAL_SKEW_MS);
    if !(0..=60_000).contains(&skew_ms) {
        return Err(format!("parameter skew_most_ms is {skew_ms}: expected 0 to 60000").into());
    }
    let skew = skew_ms as f64 / 1000.0;
    let asked = names.len();
    // By address: two names of one server are one voice.
    let mut heard: BTreeSet<SocketAddr> = BTreeSet::new();
    let mut samples: Vec<(&str, Sample)> = Vec::new();
    for name in names {
        let address = Address::parse(name, Some(PORT))?;
        let Ok(sockets) = sight.resolver.sockets(&address, sight.deadline) else { continue };
        let Some(server) = sockets.into_iter().next().filter(|server| heard.insert(*server)) else { continue };
        if let Some(sample) = ask(server, sight)? {
            samples.push((name, sample));
        }
    }
    Ok(observation(asked, &samples, skew))
}

/// What evidence says of the clock after a look. Sources are named as the policy names them, and no other way.
pub fn clock(call: &ProbeCall, probed: &Probed) -> Clock {
    let Probed::Seen(seen) = probed else { return Clock::default() };
    if seen.get("quorum") != Some(&Value::Bool(true)) {
        return Clock::default();
    }
    let agreeing = match seen.get("agreeing") {
        Some(Value::List(agreeing)) => agreeing.as_slice(),
        _ => &[],
    };
    let named = Parameters::unchecked(&call.parameters).optional_list("servers").ok().flatten().unwrap_or_default();
    let sources = named.into_iter().filter(|name| agreeing.iter().any(|other| other == name)).map(str::to_owned);
    let offset_ms = match seen.get("offset_ms") {
        Some(Value::Int(offset)) => Some(*offset),
        _ => None,
    };
    Clock { sources: sources.collect(), offset_ms, quorum: true }
}

fn observation(asked: usize, samples: &[(&str, Sample)], skew: f64) -> Observation {
    let said: Vec<Sample> = samples.iter().map(|(_, sample)| *sample).collect();
    let agreed = quorum::agreement(&said, skew);
    let agreeing = agreed.map_or(0, |agreed| agreed.agreeing);
    let is_quorum = quorum::is_quorum(agreeing, asked);
    let mut seen = Observation::new()
        .with("asked_count", integer(asked as u64))
        .with("answered_count", integer(samples.len() as u64))
        .with("agreeing_count", integer(agreeing as u64))
        .with("quorum", is_quorum);
    if let Some(agreed) = agreed.filter(|_| is_quorum) {
        let within = |sample: &Sample| (agreed.offset - sample.offset).abs() <= sample.uncertainty + skew / 2.0 + 1e-9;
        let names = samples.iter().filter(|(_, sample)| within(sample)).map(|(name, _)| (*name).to_owned());
        let offset_ms = (agreed.offset * 1000.0).clamp(-(MOST_OFFSET_MS as f64), MOST_OFFSET_MS as f64);
        seen.set("offset_ms", offset_ms.round() as i64);
        seen.set("skew_ms", offset_ms.abs().ceil() as i64);
        seen.set("agreeing", names.collect::<Vec<_>>());
    }
    seen
}

/// What one server says; none when it says nothing that is of use.
fn ask(server: SocketAddr, sight: &Sight) -> Result<Option<Sample>, Unseen> {
    let local: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let failed = |e: io::Error| Unseen::failed(server, e);
    for _ in 0..ATTEMPTS {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|e| format!("no randomness: {e}"))?;
        let socket = UdpSocket::bind(local).map_err(failed)?;
        // The clock is read once: what passes from then on is told by one that nobody sets.
        let (wall, began) = (crate::clock::now().unix_millis() as f64 / 1000.0, Instant::now());
        if socket.connect(server).and_then(|()| socket.send(&packet::request(nonce))).is_err() {
            continue;
        }
        let until = sight.deadline.min(began + PATIENCE);
        let mut buffer = [0; 256];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left)).map_err(failed)?;
            let Ok(length) = socket.recv(&mut buffer) else { break };
            let received = wall + began.elapsed().as_secs_f64();
            if let Ok(sample) = packet::sample(&buffer[..length], nonce, wall, received) {
                return Ok(Some(sample));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn evidence_names_the_sources_of_the_policy_and_no_others() {
        let parameters = json!({ "servers": ["a.example", "b.example", "c.example"] });
        let call = ProbeCall { name: "ntp".into(), parameters: parameters.as_object().unwrap().clone() };
        let sample = |offset: f64| Sample { offset, uncertainty: 0.01 };
        let samples = [("a.example", sample(0.2)), ("b.example", sample(0.201)), ("c.example", sample(5.0))];
        let mut seen = observation(3, &samples, 0.1);
        assert!(SCHEMA.unpromised(&seen).is_empty());
        let clock_of = |seen: &Observation| clock(&call, &Probed::Seen(seen.clone()));
        let good = clock_of(&seen);
        assert_eq!((good.sources, good.quorum), (vec!["a.example".to_owned(), "b.example".to_owned()], true));
        assert!(good.offset_ms.is_some_and(|offset| (190..=211).contains(&offset)), "{:?}", good.offset_ms);
        seen.set("agreeing", vec!["evil.example".to_owned(), "a.example".to_owned()]);
        assert_eq!(clock_of(&seen).sources, ["a.example"]);
        assert_eq!(clock_of(&observation(3, &samples[1..], 0.1)), Clock::default());
        assert_eq!(clock(&call, &Probed::Failed("x".into())), Clock::default());
    }
}
