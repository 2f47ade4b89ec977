//! Which database of which server, and as whom.

use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::tls::Tls;

/// Where Debian and NixOS have the server's socket.
const USUAL: &str = "/run/postgresql";
/// How long a connection may take to come about.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest file of a password, and of the list of users.
const MAX_PASSWORD: usize = 4096;
const MAX_USERS: usize = 1024 * 1024;

/// What is said instead of anything that a password may be in.
const PASSWORD: &str = "A password on a command line is everybody's to read: give --database-password-file";

/// A database of a PostgreSQL server, as in `postgres:///writ?host=/run/postgresql`.
#[derive(Clone)]
pub struct Address {
    config: Config,
    socket: Option<PathBuf>,
    /// The host that is asked by TCP, where it is not this machine; it is to be asked by TLS.
    elsewhere: Option<String>,
    port: u16,
    tls: Option<Tls>,
}

impl FromStr for Address {
    type Err = String;

    /// Refuses a password, which on a command line everybody reads.
    fn from_str(text: &str) -> Result<Self, String> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err("expected a URL as in postgres:///writ?host=/run/postgresql".to_owned());
        }
        let mut config: Config = text.parse().map_err(|e| {
            if may_hold_password(text) {
                format!("it is no URL of PostgreSQL's form. {PASSWORD}")
            } else {
                super::told(&e)
            }
        })?;
        if config.get_password().is_some() {
            return Err(PASSWORD.to_owned());
        }
        if config.get_dbname().is_none() {
            return Err("it names no database, as `writ` in postgres:///writ".to_owned());
        }
        let port = match *config.get_ports() {
            [] => 5432,
            [port] => port,
            _ => return Err("it names several ports, and a depot asks one server".to_owned()),
        };
        if config.get_hosts().is_empty() {
            config.host_path(USUAL);
        }
        let host = match config.get_hosts() {
            [host] => host.clone(),
            _ => return Err("it names several servers, and a depot asks one".to_owned()),
        };
        let (mut socket, mut elsewhere) = (None, None);
        match (host, config.get_hostaddrs()) {
            (Host::Unix(folder), []) => socket = Some(folder.join(format!(".s.PGSQL.{port}"))),
            (Host::Tcp(name), []) => {
                let here = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
                if name == "localhost" {
                    config.hostaddr(Ipv4Addr::LOCALHOST.into());
                }
                elsewhere = (!here).then_some(name);
            }
            (Host::Tcp(name), [address]) => elsewhere = (!address.is_loopback()).then_some(name),
            (_, addresses) => return Err(format!("hostaddr={addresses:?}: it is for one host that is asked by TCP")),
        }
        if elsewhere.is_none() && config.get_ssl_mode() != SslMode::Require {
            config.ssl_mode(SslMode::Disable);
        }
        config.connect_timeout(PATIENCE).keepalives_idle(Duration::from_secs(10)).application_name("writ-depot");
        config.tcp_user_timeout(Duration::from_secs(30));
        Ok(Self { config, socket, elsewhere, port, tls: None })
    }
}

/// Whether the text of a URL that cannot be read looks as if a password were in it: what is wrong with it may be a part of that.
fn may_hold_password(text: &str) -> bool {
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest);
    authority.rsplit_once('@').is_some_and(|(before, _)| before.contains(':')) || text.contains("password")
}

impl Address {
    /// Looks up, before a process is confined, what it needs then: as whom it connects (where the URL does not say it, as its own
    /// user, as `psql` does), its password, if there is a file of it, how it knows the server, and where that is.
    ///
    /// # Errors
    /// What is wrong, in one line. Also for a server that is not on this machine, where no certificates are given: what is sent there
    /// would be in the clear.
    pub fn resolved(mut self, password: Option<&Path>, certificates: Option<&Path>) -> Result<Self, String> {
        if self.config.get_user().is_none() {
            let user = own_name().ok_or_else(|| {
                format!("--database {self}: /etc/passwd has no name for this user: name one, as in postgres://NAME@/…")
            })?;
            self.config.user(&user);
        }
        if let Some(path) = password {
            let read = writ_durable::read_bounded(path, MAX_PASSWORD);
            let bytes = zeroize::Zeroizing::new(read.map_err(|e| format!("{}: {e}", path.display()))?);
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            if line.is_empty() {
                return Err(format!("{}: its first line is empty, which is no password", path.display()));
            }
            self.config.password(line);
        }
        match (certificates, &self.elsewhere) {
            (Some(certificates), _) => self.secure(certificates)?,
            (None, Some(host)) => {
                return Err(format!(
                    "--database: {host} is not this machine: bundles and signatures would go there in the clear. Give --database-ca, \
                     the certificates by which the server is known, or name the folder of a socket (?host={USUAL})"
                ));
            }
            (None, None) if self.config.get_ssl_mode() == SslMode::Require => {
                return Err("--database: sslmode=require needs --database-ca".to_owned());
            }
            (None, None) => {}
        }
        Ok(self)
    }

    /// TLS alone from now on, to one address: no names are looked up later.
    fn secure(&mut self, certificates: &Path) -> Result<(), String> {
        let [Host::Tcp(host)] = self.config.get_hosts() else {
            return Err("--database-ca: it is for a server that is asked by TCP, not by its socket".to_owned());
        };
        let host = host.clone();
        self.tls = Some(Tls::new(certificates, &host)?);
        self.config.ssl_mode(SslMode::Require);
        if self.config.get_hostaddrs().is_empty() {
            let found = (host.as_str(), self.port).to_socket_addrs().map_err(|e| format!("--database: {host}: {e}"))?;
            let first = found.map(|address| address.ip()).next();
            self.config.hostaddr(first.ok_or_else(|| format!("--database: {host}: it has no address"))?);
        }
        Ok(())
    }

    /// How the server is known, where it is asked by TLS.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// How to connect.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The socket; none where the server is asked by TCP.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The TCP port; none where the server is asked by its socket.
    pub fn tcp_port(&self) -> Option<u16> {
        self.socket.is_none().then_some(self.port)
    }
}

/// Without what is secret.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let database = self.config.get_dbname().unwrap_or_default();
        match (&self.socket, self.config.get_hosts()) {
            (Some(socket), _) => write!(f, "PostgreSQL's database {database} at {}", socket.display()),
            (None, [Host::Tcp(host), ..]) => write!(f, "PostgreSQL's database {database} at {host}:{}", self.port),
            (None, _) => write!(f, "PostgreSQL's database {database}"),
        }
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// The name of the user that this process runs as.
fn own_name() -> Option<String> {
    let own = rustix::process::geteuid().as_raw().to_string();
    let bytes = writ_durable::read_bounded(Path::new("/etc/passwd"), MAX_USERS).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let of_own = |line: &str| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id == own).then(|| name.to_owned())
    };
    text.lines().find_map(of_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_on_this_machine_and_has_no_password() {
        let good = |text: &str| text.parse::<Address>().unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(good("postgres:///writ").socket(), Some(Path::new("/run/postgresql/.s.PGSQL.5432")));
        let named = good("postgresql://depot@/writ?host=/tmp/pg&port=5433&application_name=x&sslmode=prefer");
        assert_eq!((named.socket(), named.tcp_port()), (Some(Path::new("/tmp/pg/.s.PGSQL.5433")), None));
        for tcp in ["postgres://127.0.0.1/writ", "postgres://localhost/writ", "postgres://[::1]/writ"] {
            assert_eq!((good(tcp).socket(), good(tcp).tcp_port()), (None, Some(5432)), "{tcp}");
        }
        for (bad, why) in [
            ("writ", "expected a URL"),
            ("host=/run/postgresql dbname=writ", "expected a URL"),
            ("postgres://", "no database"),
            ("postgres://u@db.example/writ", "in the clear"),
            ("postgres://u@192.0.2.1/writ", "in the clear"),
            ("postgres://u@localhost/writ?hostaddr=192.0.2.1", "in the clear"),
            ("postgres:///writ?host=/tmp&hostaddr=192.0.2.1", "hostaddr"),
            ("postgres://u@127.0.0.1/writ?sslmode=require", "--database-ca"),
            ("postgres://a,b/writ", "several"),
            ("postgres:///writ?port=1,2", "several ports"),
            ("postgres://u:secret@/writ", "--database-password-file"),
            ("postgres:///writ?password=secret", "--database-password-file"),
            ("postgres://u:p@ss?secret=1@db.example/writ", "--database-password-file"),
            ("postgres:///writ?passwords=secret&secret=1", "--database-password-file"),
            ("postgres:///writ?nonsense=1", "nonsense"),
        ] {
            let said = bad.parse::<Address>().and_then(|address| address.resolved(None, None)).expect_err(bad);
            assert!(said.contains(why) && !said.contains("secret"), "{bad}: {said}");
        }
    }

    #[test]
    fn a_password_is_the_first_line_of_a_file_and_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        let address = || "postgres://u@/writ".parse::<Address>().unwrap();
        std::fs::write(&path, "hunter2\nmore").unwrap();
        let with = address().resolved(Some(&path), None).unwrap();
        assert_eq!(with.config.get_password(), Some(&b"hunter2"[..]));
        assert!(!format!("{with} {with:?}").contains("hunter2"));
        std::fs::write(&path, "\n").unwrap();
        assert!(address().resolved(Some(&path), None).is_err() && address().resolved(Some(dir.path()), None).is_err());
        assert!(
            "postgres:///writ".parse::<Address>().unwrap().resolved(None, None).unwrap().config.get_user().is_some()
        );
    }
}
