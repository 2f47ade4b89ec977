//! How a depot is told what to do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use writ_trust::time::Span;

/// The server that stores and forwards what others signed.
///
/// It has no authority: releases, trust roots, closures and evidence count by the signatures of whoever made them, and the
/// worst that a depot can do is withhold. Appliances, auditors and `writ watch` notice that.
#[derive(Debug, Parser)]
#[command(name = "writ-depot", version, about, long_about, max_term_width = 120)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a data directory.
    #[command(after_long_help = SERVE_HELP)]
    Serve(Box<Options>),
}

const SERVE_HELP: &str = "\
A first start, on one machine:

  writ-depot serve --trust trust.json --data /var/lib/writ/depot --listen 127.0.0.1:8080 --log-key /etc/writ/log.key

  trust.json   the first trust root. It must give the key in log.key the role `log`, and name an origin for each
               site's log (`log_origins`). The depot trusts it because you gave it; later roots are published to it.
  log.key      a minisign secret key file without passphrase (`writ keys new --role log`, or `minisign -G -W`), mode 0600.
               It signs the site logs' checkpoints, often, which is why a machine must be able to use it alone.

Then, from elsewhere: `writ release publish --depot http://127.0.0.1:8080 …`.

TLS: give --tls-cert and --tls-key (PEM; TLS 1.3 only), or let a proxy in front end TLS and give --allow-http: requests
are signed over method, path, query and body, so a proxy may rewrite Host. Without either, only loopback is served.

The depot stops gracefully on SIGTERM and SIGINT: what it was asked before is answered, at most for 20 s.
It exits with 0 when it was told to stop, with 2 when it could not start or the command line is none (the reason is on
standard error), with 70 when a bug ended the thread that writes.";

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The first trust root (`trust.json`), given by somebody you trust; must be the beginning of the stored chain
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
    /// The data directory: database, documents, binary cache, logs. One depot per directory
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where to listen, as in 127.0.0.1:8080 or `[::]:443`
    #[arg(long, value_name = "ADDR")]
    pub listen: SocketAddr,
    /// The key that signs the site logs: a minisign secret key file without passphrase
    #[arg(long, value_name = "FILE")]
    pub log_key: PathBuf,
    /// Certificate chain for TLS 1.3 (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Serve plain HTTP on an address that is not loopback: for a proxy that ends TLS in front of this
    #[arg(long)]
    pub allow_http: bool,
    /// Where the address that is listened on is written, for whoever asked for port 0
    #[arg(long, value_name = "FILE")]
    pub address_file: Option<PathBuf>,
    /// The most connections at one time; others wait
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub connections: u32,
    /// How long the headers of a request may take, and how long a connection may be idle
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = span)]
    pub header_timeout: Duration,
    /// How long a client may send nothing of a body (or less than 16 KiB in a second), or take nothing of an answer
    #[arg(long, value_name = "SPAN", default_value = "20s", value_parser = span)]
    pub idle_timeout: Duration,
    /// How long the body of a request other than a NAR may take in all
    #[arg(long, value_name = "SPAN", default_value = "2m", value_parser = span)]
    pub body_timeout: Duration,
    /// Memory for request bodies at one time, in MiB, half of it for callers who are known, at most a third of a half (or 8
    /// MiB) for one sender; who finds none left hears 503
    #[arg(long, value_name = "MIB", default_value_t = 48, value_parser = clap::value_parser!(u32).range(16..=65_536))]
    pub body_memory: u32,
    /// Memory for files that are asked for often, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=65_536))]
    pub file_memory: u32,
    /// Writes per appliance and 5 minutes beyond its scheduled check-ins and batches of evidence; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub extra_writes: u32,
    /// Batches of evidence per appliance and minute, and as many of logs and notices each; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 120)]
    pub batches: u32,
    /// MiB of logs per appliance and day, coming back evenly; 0 for no limit
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub daily_logs: u32,
    /// How old a log's signed checkpoint becomes before it is signed anew
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = span)]
    pub renew: Duration,
    /// Threads that answer requests; by default one for each core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: Option<u32>,
}

fn span(text: &str) -> Result<Duration, String> {
    let span: Span = text.parse().map_err(|e: writ_trust::time::SpanError| e.to_string())?;
    match span.millis() {
        millis if millis > 0 => Ok(span.duration()),
        _ => Err("expected more than nothing".to_owned()),
    }
}

impl Options {
    /// Whether plain HTTP would leave this machine although nobody asked for that.
    pub fn would_leak(&self) -> bool {
        self.tls_cert.is_none() && !self.allow_http && !self.listen.ip().is_loopback()
    }
}

/// Options as the command line gives them, for a depot that is never started.
#[cfg(test)]
pub(crate) fn for_tests() -> Options {
    let line = ["writ-depot", "serve", "--trust", "t", "--data", "d", "--log-key", "k", "--listen", "127.0.0.1:0"];
    let Command::Serve(options) = Cli::try_parse_from(line).expect("a sound command line").command;
    *options
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        let parse = |rest: &[&str]| {
            let fixed = ["writ-depot", "serve", "--trust", "t", "--data", "d", "--log-key", "k", "--listen"];
            let Command::Serve(options) = Cli::try_parse_from(fixed.iter().chain(rest)).unwrap().command;
            options.would_leak()
        };
        assert!(!parse(&["127.0.0.1:1"]) && !parse(&["[::1]:1"]));
        assert!(parse(&["0.0.0.0:1"]) && parse(&["192.0.2.1:80"]));
        assert!(!parse(&["0.0.0.0:1", "--allow-http"]));
        assert!(!parse(&["0.0.0.0:1", "--tls-cert", "c", "--tls-key", "k"]));
    }
}
