//! Names: a resolver of our own, because the system's may take minutes, load libraries of anybody, and start threads.
//!
//! It reads `/etc/hosts` and `/etc/resolv.conf` (resolv.conf(5)), and asks for a name exactly as it is written: search domains
//! are for people who type.

pub(crate) mod message;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

pub use self::message::{Answer, Kind};
use super::address::{Address, Host};

/// The port of name servers.
pub const PORT: u16 = 53;
/// The largest answer over UDP (RFC 1035 §2.3.4 says 512; servers send more to those who say that they can).
const MAX_ANSWER: usize = 4096;
/// How long one question is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many servers of resolv.conf are asked, as resolv.conf(5) says.
const MOST_SERVERS: usize = 3;
/// The largest of the two files, in bytes.
const MAX_FILE: usize = 256 * 1024;
/// The answer code of a name that is not there (RFC 1035 §4.1.1).
const NO_SUCH_NAME: u8 = 3;

/// The machine's name servers, and the names that it knows itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
    hosts: Vec<(String, IpAddr)>,
}

impl Resolver {
    /// What this machine is configured with, as far as it can be read.
    pub fn of_this_machine() -> Self {
        let read = |path: &str| {
            let bytes = writ_durable::read_bounded(Path::new(path), MAX_FILE).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self::from_files(&read("/etc/resolv.conf"), &read("/etc/hosts"))
    }

    pub(crate) fn from_files(resolv_conf: &str, hosts: &str) -> Self {
        let servers = resolv_conf.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let is_server = words.next() == Some("nameserver");
            // An address may name its interface behind a percent sign: the kernel's choice of it has to do.
            let address = words.next()?.split('%').next()?;
            is_server.then(|| address.parse().ok()).flatten()
        });
        let mut servers: Vec<SocketAddr> =
            servers.map(|ip: IpAddr| SocketAddr::new(ip, PORT)).take(MOST_SERVERS).collect();
        if servers.is_empty() {
            servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
        }
        let line = |line: &str| -> Vec<(String, IpAddr)> {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else { return Vec::new() };
            words.map(|name| (name.to_ascii_lowercase(), address)).collect()
        };
        Self { servers, hosts: hosts.lines().flat_map(line).collect() }
    }

    /// The addresses of a host with a port, those of IPv4 first.
    ///
    /// # Errors
    /// One line that says why there are none.
    pub fn sockets(&self, address: &Address, deadline: Instant) -> Result<Vec<SocketAddr>, String> {
        let found = self.resolve(&address.host, deadline)?;
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, address.port)).collect())
    }

    /// The addresses of a host, those of IPv4 first.
    ///
    /// # Errors
    /// One line that says why there are none.
    pub fn resolve(&self, host: &Host, deadline: Instant) -> Result<Vec<IpAddr>, String> {
        let name = match host {
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name) => name,
        };
        let known: Vec<IpAddr> = self.hosts.iter().filter(|(host, _)| host == name).map(|(_, ip)| *ip).collect();
        if !known.is_empty() {
            return Ok(known);
        }
        // RFC 6761 §6.3.
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let mut found = Vec::new();
        for kind in [Kind::A, Kind::Aaaa] {
            match Self::ask_servers(&self.servers, name, kind, deadline) {
                Ok(answer) if answer.code == NO_SUCH_NAME && found.is_empty() => {
                    return Err(format!("there is no name {name}"));
                }
                Ok(answer) => found.extend(answer.addresses),
                Err(e) if found.is_empty() => return Err(e),
                // Many servers answer wrongly, or not at all, of the second kind where a name has the first alone.
                Err(_) => {}
            }
        }
        if found.is_empty() { Err(format!("{name} has no address")) } else { Ok(found) }
    }

    /// The machine's name servers.
    pub fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// What the first of these servers that knows says of a name, also that there is no such name.
    ///
    /// # Errors
    /// One line that says why there is no answer.
    pub fn ask_servers(servers: &[SocketAddr], name: &str, kind: Kind, deadline: Instant) -> Result<Answer, String> {
        let mut last = "there is no name server".to_owned();
        for _ in 0..2 {
            for server in servers {
                match ask(*server, name, kind, deadline) {
                    Ok(answer) if matches!(answer.code, 0 | NO_SUCH_NAME) => return Ok(answer),
                    Ok(answer) => last = format!("name server {server} answered with code {}", answer.code),
                    Err(e) => last = format!("name server {server}: {e}"),
                }
            }
        }
        Err(format!("{name} cannot be resolved: {last}"))
    }
}

/// Asks one server once, over UDP.
///
/// # Errors
/// One line that says why there is no answer.
pub fn ask(server: SocketAddr, name: &str, kind: Kind, deadline: Instant) -> Result<Answer, String> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|e| format!("no randomness: {e}"))?;
    let id = u16::from_be_bytes(id);
    let query = message::query(id, name, kind).ok_or("it is no name that can be asked for")?;
    let until = deadline.min(Instant::now() + PATIENCE);
    let local: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(local).map_err(|e| e.to_string())?;
    // Connected: what comes from elsewhere is not heard, and a port that nobody listens at is.
    socket.connect(server).and_then(|()| socket.send(&query)).map_err(|e| e.to_string())?;
    let mut buffer = [0; MAX_ANSWER];
    let mut odd = None;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(odd.map_or_else(|| "it did not answer".to_owned(), |odd| format!("its answer is odd: {odd}")));
        }
        socket.set_read_timeout(Some(left)).map_err(|e| e.to_string())?;
        match socket.recv(&mut buffer) {
            Ok(length) => match message::answer(&buffer[..length], id, name, kind) {
                Ok(answer) => return Ok(answer),
                Err(e) => odd = Some(e),
            },
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                ) => {}
            Err(e) => return Err(e.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_files_are_read_as_they_are_written() {
        let resolv =
            "# a comment\nsearch clinic.example\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver odd\n";
        let hosts = "127.0.0.1\tlocalhost\n192.0.2.7 ehr.example EHR # its alias\nodd name\n";
        let resolver = Resolver::from_files(resolv, hosts);
        assert_eq!(resolver.servers, ["192.0.2.53:53".parse().unwrap(), "[fe80::1]:53".parse().unwrap()]);
        let resolved = |name: &str| resolver.resolve(&Host::parse(name).unwrap(), Instant::now());
        assert_eq!(resolved("ehr"), Ok(vec!["192.0.2.7".parse().unwrap()]));
        assert_eq!(resolved("192.0.2.9"), Ok(vec!["192.0.2.9".parse().unwrap()]));
        assert_eq!(resolved("x.localhost").unwrap().len(), 2);
        // The deadline is over: nobody is waited for.
        assert!(resolved("other.example").unwrap_err().contains("cannot be resolved"));
        assert_eq!(Resolver::from_files("", "").servers, ["127.0.0.1:53".parse().unwrap()]);
    }
}
