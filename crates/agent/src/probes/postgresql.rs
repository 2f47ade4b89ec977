//! `postgresql`: a PostgreSQL server on this machine, asked over its own socket, in a session that can change nothing. Not
//! applicable without a server.
//!
//! Who looks is `root`, which the server knows by the socket (`peer`, its usual way): a role of that name, without any
//! rights, sees all of this (`CREATE ROLE root LOGIN`).

mod protocol;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::socket::connect;
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, optional};
use crate::dbus::BusError;

const FOLDER: &str = "/run/postgresql";
const SOCKET: &str = ".s.PGSQL.5432";
const UNIT: &str = "postgresql.service";
/// How long the whole conversation may take.
const LIMIT: Duration = Duration::from_secs(2);
/// The most that is read of a server, in bytes.
const MAX_ANSWER: usize = 256 * 1024;
/// Every function, table and operator is the server's own: nothing that a database brings is in the way.
const OPTIONS: &str = "-c default_transaction_read_only=on -c statement_timeout=1500 -c search_path=pg_catalog";
/// One row of what the schema promises, in this order; since version 12 of the server.
const QUERY: &str = "SELECT current_setting('server_version'), current_setting('data_checksums'), \
    (SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database), current_setting('ssl'), \
    (SELECT count(*) FROM pg_roles WHERE rolsuper), \
    (SELECT floor(extract(epoch FROM clock_timestamp() - last_archived_time))::bigint FROM pg_stat_archiver)";

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "postgresql",
    about: "a PostgreSQL server on this machine",
    parameters: &[
        optional("socket", Kind::Text, "folder of its socket; default \"/run/postgresql\"").form(Form::AbsolutePath),
        optional("database", Kind::Text, "the database to ask; default \"postgres\""),
        optional(
            "role",
            Kind::Text,
            "the role that asks, which needs no rights; default \"root\", by the socket's owner",
        ),
    ],
    observation: &[
        field("reachable", Kind::Bool, "whether it answers; what follows is absent where it does not"),
        field("version", Kind::Text, "its version, for instance 16.4"),
        field("data_checksums", Kind::Bool, "whether pages carry checksums"),
        field("checksum_failure_count", Kind::Int, "pages whose checksum was wrong, over all databases"),
        field("tls", Kind::Bool, "whether connections over the network can be encrypted"),
        field("superuser_count", Kind::Int, "how many roles may do everything"),
        field(
            "archive_age_seconds",
            Kind::Int,
            "time since the write-ahead log was last archived; absent before the first time",
        ),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let folder = parameters.optional_path("socket")?.unwrap_or(Path::new(FOLDER));
    let socket = context.root.join(folder.strip_prefix("/").unwrap_or(folder)).join(SOCKET);
    let database = parameters.optional_text("database")?.unwrap_or("postgres");
    let role = parameters.optional_text("role")?.unwrap_or("root");
    let start = protocol::start(&[("user", role), ("database", database), ("options", OPTIONS)]);
    let start = start.ok_or_else(|| Unseen::failed("database and role", "a name is too long, or holds a NUL"))?;
    let answer = connect(&socket).and_then(|stream| ask(stream, &[start, protocol::query(QUERY)].concat()));
    match answer {
        Ok(bytes) => observe(&bytes).map_err(|reason| Unseen::failed(socket.display(), reason)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => without_socket(context),
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => Ok(Observation::new().with("reachable", false)),
        Err(e) => Err(Unseen::failed(socket.display(), e)),
    }
}

/// A server that is to run and has no socket does not.
fn without_socket(context: &mut ProbeContext) -> Result<Observation, Unseen> {
    match context.bus.unit_state(UNIT) {
        Ok(state) if state.unit_file_state.starts_with("enabled") || state.active_state == "failed" => {
            Ok(Observation::new().with("reachable", false))
        }
        Ok(_) | Err(BusError::NoSystemd) => Err(Unseen::not_applicable("there is no PostgreSQL server here")),
        Err(e) => Err(Unseen::failed(UNIT, e)),
    }
}

/// Says all there is to say, and hears the answer until it is complete.
fn ask(mut stream: UnixStream, request: &[u8]) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + LIMIT;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(request)?;
    let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
    while !protocol::is_complete(&heard) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", LIMIT.as_secs())));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) if heard.len() + length > MAX_ANSWER => {
                return Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!("it says more than {MAX_ANSWER} bytes"),
                ));
            }
            Ok(length) => heard.extend(&buffer[..length]),
            // A time-out is seen above.
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(e) => return Err(e),
        }
    }
    // An orderly end, which the server's log otherwise complains of.
    let _ = stream.write_all(&protocol::END);
    Ok(heard)
}

/// What a server's answer to start and query comes to.
pub(super) fn observe(bytes: &[u8]) -> Result<Observation, String> {
    let row = protocol::row(bytes)?;
    let [version, checksums, failures, tls, superusers, archived] = row.as_slice() else {
        return Err(format!("it answers with {} columns", row.len()));
    };
    let text = |value: &Option<String>| value.clone().ok_or_else(|| "it leaves out what every server says".to_owned());
    let switch = |value: &Option<String>| match value.as_deref() {
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        other => Err(format!("it says {other:?} where on or off is said")),
    };
    let number = |value: &str| match value.parse::<i64>() {
        Ok(number) if (0..=writ_trust::json::MAX_INTEGER).contains(&number) => Ok(number),
        _ => Err(format!("it says {value:?} where a number is said")),
    };
    // `16.4 (Debian 16.4-1.pgdg120+1)`
    let version = text(version)?.split(' ').next().unwrap_or_default().chars().take(40).collect::<String>();
    let mut seen = Observation::new()
        .with("reachable", true)
        .with("version", version)
        .with("data_checksums", switch(checksums)?)
        .with("checksum_failure_count", number(&text(failures)?)?)
        .with("tls", switch(tls)?)
        .with("superuser_count", number(&text(superusers)?)?);
    if let Some(age) = archived {
        // Negative where the clock was set back since.
        seen.set("archive_age_seconds", number(if age.starts_with('-') { "0" } else { age })?);
    }
    Ok(seen)
}

fn watch(parameters: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    let folder = parameters.optional_path("socket").ok().flatten().unwrap_or(Path::new(FOLDER));
    vec![Watch::Path(folder.to_owned())]
}

#[cfg(test)]
mod tests;
