//! `listening_ports`: where programs wait for traffic, from /proc/net (proc(5)).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, read_proc, required};

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "listening_ports",
    about: "where programs wait for traffic, in the network namespace of the agent",
    parameters: &[required("protocol", Kind::Text, "which ports").one_of(&["tcp", "udp"])],
    observation: &[
        field("ports", Kind::List, "addresses with ports").form(Form::Socket),
        field("port_numbers", Kind::List, "the ports alone, each once, in order of number").form(Form::Port),
        field("count", Kind::Int, "how many different addresses with ports"),
    ],
};

/// States of a line (include/net/tcp_states.h): a listening TCP socket, a UDP socket without a peer.
const TCP_LISTEN: &str = "0A";
const UDP_UNCONNECTED: &str = "07";

fn run(parameters: &Parameters, _: &mut ProbeContext) -> Result<Observation, Unseen> {
    let (state, files) = match parameters.text("protocol")? {
        "tcp" => (TCP_LISTEN, ["/proc/net/tcp", "/proc/net/tcp6"]),
        "udp" => (UDP_UNCONNECTED, ["/proc/net/udp", "/proc/net/udp6"]),
        _ => return Err(Unseen::failed("parameter protocol", "expected \"tcp\" or \"udp\"")),
    };
    let mut sockets = listening(&read_proc(files[0])?, state);
    // A kernel without IPv6 has no such file.
    if std::path::Path::new(files[1]).exists() {
        sockets.extend(listening(&read_proc(files[1])?, state));
    }
    Ok(observe(&sockets))
}

/// Nothing tells of a socket that begins to listen; what is told is that it can be reached by other addresses.
fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    vec![Watch::Addresses]
}

pub(super) fn observe(sockets: &BTreeSet<SocketAddr>) -> Observation {
    let numbers: BTreeSet<u16> = sockets.iter().map(SocketAddr::port).collect();
    Observation::new()
        .with("ports", sockets.iter().map(ToString::to_string).collect::<Vec<_>>())
        .with("port_numbers", numbers.iter().map(ToString::to_string).collect::<Vec<_>>())
        .with("count", i64::try_from(sockets.len()).unwrap_or(i64::MAX))
}

/// The local addresses of the lines `sl: address:port address:port state …` in this state; other lines are skipped.
pub(super) fn listening(bytes: &[u8], state: &str) -> BTreeSet<SocketAddr> {
    let text = String::from_utf8_lossy(bytes);
    let local = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let local = words.next()?;
        (words.nth(1)? == state).then(|| address(local)).flatten()
    };
    text.lines().filter_map(local).collect()
}

/// Reads `0100007F:0016`: the address as 32-bit words as the machine has them in memory, the port as a number.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    if !address.bytes().all(|b| b.is_ascii_hexdigit()) || port.len() != 4 {
        return None;
    }
    let words: Vec<[u8; 4]> = address
        .as_bytes()
        .chunks(8)
        .map(|word| Some(u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?.to_ne_bytes()))
        .collect::<Option<_>>()?;
    let bytes = words.concat();
    let ip = match address.len() {
        8 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        32 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TCP: &[u8] = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000000000000000 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12346 1 0000000000000000 100 0 0 10 0
   2: 0100007F:0016 0100007F:8000 01 00000000:00000000 00:00000000 00000000     0        0 12347 1 0000000000000000 100 0 0 10 0
";
    const TCP6: &[u8] = b"  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 00000000:00000000
";

    #[cfg(target_endian = "little")]
    #[test]
    fn captured_tables_are_read() {
        let mut sockets = listening(TCP, TCP_LISTEN);
        sockets.extend(listening(TCP6, TCP_LISTEN));
        let seen = observe(&sockets);
        let list = |items: &[&str]| Some(items.iter().map(ToString::to_string).collect::<Vec<_>>().into());
        assert_eq!(seen.get("ports").cloned(), list(&["0.0.0.0:22", "127.0.0.1:631", "[::]:22", "[::1]:631"]));
        assert_eq!(seen.get("port_numbers").cloned(), list(&["22", "631"]));
        assert_eq!(seen.get("count"), Some(&4.into()));
    }

    #[test]
    fn other_lines_are_skipped() {
        for odd in [
            "",
            "0: 0100007F:0277",
            "0: 0100007F:0277 x 0B",
            "0: 0100007F x 0A",
            "0: 0100007:0277 x 0A",
            "0: 0100007F:027 x 0A",
            "0: 0100007F:02777 x 0A",
            "0: +100007F:0277 x 0A",
            "0: ßßßß:0277 x 0A",
            "0: 00000000000000000000000000000000000000FF:0016 x 0A",
        ] {
            assert!(listening(odd.as_bytes(), TCP_LISTEN).is_empty(), "{odd}");
        }
    }

    /// Local addresses of IPv4, of IPv6, and of IPv4 within IPv6.
    const LOCAL: &str = "([0-9A-F]{8}|[0-9A-F]{32}|0{16}FFFF0000[0-9A-F]{8}):[0-9A-F]{4}";

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), local in "[0-9A-Fa-f:ß+-]{0,40}") {
            listening(&bytes, TCP_LISTEN);
            listening(format!("0: {local} x 0A").as_bytes(), TCP_LISTEN);
        }

        #[test]
        fn what_is_seen_is_what_the_schema_promises(addresses in proptest::collection::vec(LOCAL, 0..4)) {
            let table: String = addresses.iter().map(|local| format!("0: {local} x 0A\n")).collect();
            let sockets = listening(table.as_bytes(), TCP_LISTEN);
            prop_assert!(addresses.is_empty() || !sockets.is_empty());
            prop_assert!(SCHEMA.unpromised(&observe(&sockets)).is_empty());
        }
    }
}
