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
use super::is_ours;
use crate::probes::Unseen;

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

/// Why there is no answer, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// This machine could not ask, which says nothing of the name.
    #[error("{0}")]
    Ours(String),
    /// Nobody answered, or there is nothing of that name.
    #[error("{0}")]
    Theirs(String),
}

impl From<Unanswered> for Unseen {
    fn from(why: Unanswered) -> Self {
        Self::Failed(why.to_string())
    }
}

impl Unanswered {
    fn of(e: &io::Error) -> Self {
        if is_ours(e) { Self::Ours(e.to_string()) } else { Self::Theirs(e.to_string()) }
    }

    /// The same of something in particular.
    fn about(self, what: impl std::fmt::Display) -> Self {
        match self {
            Self::Ours(why) => Self::Ours(format!("{what}: {why}")),
            Self::Theirs(why) => Self::Theirs(format!("{what}: {why}")),
        }
    }
}

/// The machine's name servers, and the names that it knows itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
    hosts: Vec<(String, IpAddr)>,
    /// What could not be read of it: then nobody knows whom to ask.
    unread: Option<(io::ErrorKind, String)>,
}

impl Resolver {
    /// What this machine is configured with.
    pub fn of_this_machine() -> Self {
        Self::of_files(Path::new("/etc/resolv.conf"), Path::new("/etc/hosts"))
    }

    /// What these two files say. One that does not exist says nothing; of one that cannot be read nobody knows what it says.
    pub fn of_files(resolv_conf: &Path, hosts: &Path) -> Self {
        let mut unread = None;
        let mut read = |path: &Path| match writ_durable::read_bounded(path, MAX_FILE) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) => {
                if e.kind() != io::ErrorKind::NotFound {
                    unread = Some((e.kind(), format!("{}: {e}", path.display())));
                }
                String::new()
            }
        };
        let (resolv_conf, hosts) = (read(resolv_conf), read(hosts));
        Self { unread, ..Self::from_files(&resolv_conf, &hosts) }
    }

    /// Whether a file of it is closed to this process.
    pub fn is_closed(&self) -> bool {
        self.unread.as_ref().is_some_and(|(kind, _)| *kind == io::ErrorKind::PermissionDenied)
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
        Self { servers, hosts: hosts.lines().flat_map(line).collect(), unread: None }
    }

    /// The addresses of a host with a port, those of IPv4 first.
    ///
    /// # Errors
    /// Why there are none.
    pub fn sockets(&self, address: &Address, deadline: Instant) -> Result<Vec<SocketAddr>, Unanswered> {
        let found = self.resolve(&address.host, deadline)?;
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, address.port)).collect())
    }

    /// The addresses of a host, those of IPv4 first.
    ///
    /// # Errors
    /// Why there are none.
    pub fn resolve(&self, host: &Host, deadline: Instant) -> Result<Vec<IpAddr>, Unanswered> {
        let name = match host {
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name) => name,
        };
        let servers = self.servers()?;
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
            match Self::ask_servers(servers, name, kind, deadline) {
                Ok(answer) if answer.code == NO_SUCH_NAME && found.is_empty() => {
                    return Err(Unanswered::Theirs(format!("there is no name {name}")));
                }
                Ok(answer) => found.extend(answer.addresses),
                Err(e) if found.is_empty() => return Err(e),
                // Many servers answer wrongly, or not at all, of the second kind where a name has the first alone.
                Err(_) => {}
            }
        }
        if found.is_empty() { Err(Unanswered::Theirs(format!("{name} has no address"))) } else { Ok(found) }
    }

    /// The machine's name servers.
    ///
    /// # Errors
    /// When what names them could not be read.
    pub fn servers(&self) -> Result<&[SocketAddr], Unanswered> {
        match &self.unread {
            Some((_, why)) => Err(Unanswered::Ours(why.clone())),
            None => Ok(&self.servers),
        }
    }

    /// What the first of these servers that knows says of a name, also that there is no such name.
    ///
    /// # Errors
    /// Why there is no answer; that of this machine, where it could not ask one of them.
    pub fn ask_servers(
        servers: &[SocketAddr],
        name: &str,
        kind: Kind,
        deadline: Instant,
    ) -> Result<Answer, Unanswered> {
        let (mut ours, mut theirs) = (None, Unanswered::Theirs("there is no name server".to_owned()));
        for _ in 0..2 {
            for server in servers {
                let asked = format!("name server {server}");
                match ask(*server, name, kind, deadline).map_err(|e| e.about(&asked)) {
                    Ok(answer) if matches!(answer.code, 0 | NO_SUCH_NAME) => return Ok(answer),
                    Ok(answer) => theirs = Unanswered::Theirs(format!("{asked} answered with code {}", answer.code)),
                    Err(e @ Unanswered::Ours(_)) => ours = Some(e),
                    Err(e @ Unanswered::Theirs(_)) => theirs = e,
                }
            }
        }
        Err(ours.unwrap_or(theirs).about(format!("{name} cannot be resolved")))
    }
}

/// Asks one server once, over UDP.
fn ask(server: SocketAddr, name: &str, kind: Kind, deadline: Instant) -> Result<Answer, Unanswered> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|e| Unanswered::Ours(format!("no randomness: {e}")))?;
    let id = u16::from_be_bytes(id);
    let no_name = || Unanswered::Theirs("it is no name that can be asked for".to_owned());
    let query = message::query(id, name, kind).ok_or_else(no_name)?;
    let until = deadline.min(Instant::now() + PATIENCE);
    let local: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let failed = |e: io::Error| Unanswered::of(&e);
    let socket = UdpSocket::bind(local).map_err(failed)?;
    // Connected: what comes from elsewhere is not heard, and a port that nobody listens at is.
    socket.connect(server).and_then(|()| socket.send(&query)).map_err(failed)?;
    let mut buffer = [0; MAX_ANSWER];
    let mut odd = None;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let odd = odd.map_or_else(|| "it did not answer".to_owned(), |odd| format!("its answer is odd: {odd}"));
            return Err(Unanswered::Theirs(odd));
        }
        socket.set_read_timeout(Some(left)).map_err(failed)?;
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
            Err(e) => return Err(failed(e)),
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
        assert!(resolved("other.example").unwrap_err().to_string().contains("cannot be resolved"));
        assert_eq!(Resolver::from_files("", "").servers, ["127.0.0.1:53".parse().unwrap()]);
    }
    #[test]
    fn whom_to_ask_is_not_guessed_where_it_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let (resolv, hosts) = (dir.path().join("resolv.conf"), dir.path().join("hosts"));
        assert_eq!(Resolver::of_files(&resolv, &hosts), Resolver::from_files("", ""), "neither has to be there");
        // A folder cannot be read, whoever asks.
        std::fs::create_dir(&resolv).unwrap();
        let resolver = Resolver::of_files(&resolv, &hosts);
        let resolved = |host: &str| resolver.resolve(&Host::parse(host).unwrap(), Instant::now());
        let Err(Unanswered::Ours(why)) = resolved("ehr.example") else { panic!("{resolver:?}") };
        assert!(why.contains("resolv.conf: "), "{why}");
        assert!(resolved("192.0.2.9").is_ok() && !resolver.is_closed());
    }

    #[test]
    fn what_this_machine_cannot_do_says_nothing_of_a_name() {
        // The kernel does not let anybody send to everybody unasked.
        let broadcast = "127.255.255.255:53".parse().unwrap();
        let asked = |servers: &[SocketAddr]| {
            let until = Instant::now() + PATIENCE;
            Resolver::ask_servers(servers, "ehr.example", Kind::A, until).unwrap_err()
        };
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(matches!(asked(&[broadcast, silent]), Unanswered::Ours(_)));
        assert!(matches!(asked(&[silent]), Unanswered::Theirs(_)));
    }
}
