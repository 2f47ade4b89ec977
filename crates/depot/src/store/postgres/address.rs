//! Which database of which server, and as whom.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// Where Debian and NixOS have the server's socket.
const USUAL: &str = "/run/postgresql";
/// How long a connection may take to come about.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest file of a password, and of the list of users.
const MAX_PASSWORD: usize = 4096;
const MAX_USERS: usize = 1024 * 1024;

/// A database of a PostgreSQL server on this machine, as in `postgres:///writ?host=/run/postgresql`.
#[derive(Clone)]
pub struct Address {
    config: Config,
    socket: Option<PathBuf>,
    port: u16,
}

impl FromStr for Address {
    type Err = String;

    /// Refuses what would be sent over a network without TLS, and a password on a command line, which everybody reads.
    fn from_str(text: &str) -> Result<Self, String> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err("expected a URL as in postgres:///writ?host=/run/postgresql".to_owned());
        }
        let mut config: Config = text.parse().map_err(|e| super::told(&e))?;
        if config.get_password().is_some() {
            return Err("a password on a command line is everybody's to read: give --database-password-file".to_owned());
        }
        if config.get_dbname().is_none() {
            return Err("it names no database, as `writ` in postgres:///writ".to_owned());
        }
        if config.get_ssl_mode() == SslMode::Require {
            return Err("TLS is not spoken with PostgreSQL: name the socket of a server on this machine".to_owned());
        }
        config.ssl_mode(SslMode::Disable);
        let port = match *config.get_ports() {
            [] => 5432,
            [port] => port,
            _ => return Err("it names several ports, and a depot asks one server".to_owned()),
        };
        if config.get_hosts().is_empty() {
            config.host_path(USUAL);
        }
        let elsewhere = |host: &str| {
            format!(
                "{host} is not this machine: bundles and signatures would go there in the clear. Name the folder of a socket \
                 (?host={USUAL}) or a loopback address; to a server elsewhere a tunnel leads that listens on loopback"
            )
        };
        let socket = match config.get_hosts() {
            [Host::Unix(folder)] => Some(folder.join(format!(".s.PGSQL.{port}"))),
            [Host::Tcp(name)] => {
                let loopback = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
                if !loopback {
                    return Err(elsewhere(name));
                }
                None
            }
            _ => return Err("it names several servers, and a depot asks one".to_owned()),
        };
        match *config.get_hostaddrs() {
            // No names are looked up: the files that say them are not a serving depot's to read.
            [] if matches!(config.get_hosts(), [Host::Tcp(name)] if name == "localhost") => {
                config.hostaddr(Ipv4Addr::LOCALHOST.into());
            }
            [] => {}
            [address] if address.is_loopback() && socket.is_none() => {}
            ref addresses => return Err(elsewhere(&format!("hostaddr={addresses:?}"))),
        }
        config.connect_timeout(PATIENCE).keepalives_idle(Duration::from_secs(10)).application_name("writ-depot");
        config.tcp_user_timeout(Duration::from_secs(30));
        Ok(Self { config, socket, port })
    }
}

impl Address {
    /// Looks up, before a process is confined, as whom it connects (where the URL does not say it, as its own user, as `psql` does)
    /// and its password, if there is a file of it.
    ///
    /// # Errors
    /// What is wrong, in one line.
    pub fn with_user(mut self, password: Option<&Path>) -> Result<Self, String> {
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
        Ok(self)
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
            ("postgres://db.example/writ", "in the clear"),
            ("postgres://192.0.2.1/writ", "in the clear"),
            ("postgres:///writ?host=/tmp&hostaddr=192.0.2.1", "in the clear"),
            ("postgres://localhost/writ?hostaddr=192.0.2.1", "in the clear"),
            ("postgres://127.0.0.1/writ?sslmode=require", "TLS"),
            ("postgres://a,b/writ", "several"),
            ("postgres:///writ?port=1,2", "several ports"),
            ("postgres://u:secret@/writ", "--database-password-file"),
            ("postgres:///writ?password=secret", "--database-password-file"),
            ("postgres:///writ?nonsense=1", "nonsense"),
        ] {
            let said = bad.parse::<Address>().expect_err(bad);
            assert!(said.contains(why) && !said.contains("secret"), "{bad}: {said}");
        }
    }

    #[test]
    fn a_password_is_the_first_line_of_a_file_and_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        let address = || "postgres://u@/writ".parse::<Address>().unwrap();
        std::fs::write(&path, "hunter2\nmore").unwrap();
        let with = address().with_user(Some(&path)).unwrap();
        assert_eq!(with.config.get_password(), Some(&b"hunter2"[..]));
        assert!(!format!("{with} {with:?}").contains("hunter2"));
        std::fs::write(&path, "\n").unwrap();
        assert!(address().with_user(Some(&path)).is_err() && address().with_user(Some(dir.path())).is_err());
        assert!("postgres:///writ".parse::<Address>().unwrap().with_user(None).unwrap().config.get_user().is_some());
    }
}
