//! How a portal is told what to do.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use writ_trust::time::Span;

/// The auditors' and operators' pages over an audit folder
///
/// Verifies the folder from the first trust root on, shows only what verified, and says with each page what was read and when. It
/// changes nothing, and is trusted with nothing: the raw bytes of everything are one link away, for `minisign` and `writ audit verify`.
#[derive(Debug, Parser)]
#[command(name = "writ-portal", version, about, long_about, max_term_width = 120)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the pages of an audit folder
    #[command(after_long_help = SERVE_HELP)]
    Serve(Box<Serve>),
    /// Print a sign-in link for somebody, on the machine that serves
    ///
    /// The link is good once, and for 15 minutes. Run it as the user that serves, with the same state directory and configuration. It
    /// leads to where the portal is found that serves now; where the configuration's url is another one since, that is said.
    #[command(after_long_help = LINK_HELP)]
    Link(Link),
}

const SERVE_HELP: &str = "\
On an auditor's own machine, with a link to sign in by printed at the start:

  writ audit fetch --depot https://depot.example.org --site clinic-001 --read-key ../keys/auditor.key \\
      --trust root-you-were-given.json --to audit
  writ-portal serve --folder audit --trust root-you-were-given.json --listen 127.0.0.1:8080

For several people, behind a proxy that ends TLS (it must set X-Forwarded-For):

  writ-portal serve --folder /var/lib/writ/audit --trust /etc/writ/trust.json --listen 127.0.0.1:8090 --behind-proxy \\
      --config /etc/writ/portal.toml --state /var/lib/writ/portal

portal.toml, which is read again on SIGHUP, but for url, which wants a restart:

  url = \"https://portal.msp.example\"

  [mail]
  server = \"smtps://mail.msp.example\"       # or smtp:// with STARTTLS
  from = \"writ@msp.example\"
  user = \"writ\"
  password_file = \"/etc/writ/mail-password\"

  [[users]]
  address = \"kim@msp.example\"
  role = \"operator\"                         # every site, and who looked at what

  [[users]]
  address = \"auditor@firm.example\"
  role = \"auditor\"                          # these sites alone
  sites = [\"clinic-001\"]

The folder is looked at every --look, and what changed is verified again; SIGHUP reads all of it at once. Sessions end after 15
minutes without a request, after 8 hours at the latest, and with this process. Who looked at what is written to views-*.jsonl in
the state directory before a page leaves.

It stops gracefully on SIGTERM and SIGINT. Exit codes: 0 told to stop; 2 could not start, and says why on standard error.";

const LINK_HELP: &str = "\
Example:
  runuser -u writ-portal -- writ-portal link --user kim@msp.example --config /etc/writ/portal.toml --state /var/lib/writ/portal

Exit codes: 0 the link is on standard output; 2 it could not be made.";

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// The audit folder, as `writ audit fetch` makes it; of one site or many
    #[arg(long, value_name = "DIR")]
    pub folder: PathBuf,
    /// The first trust root (`trust.json`), given by somebody you trust
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
    /// Where to listen, as in 127.0.0.1:8080
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// A proxy in front ends TLS and notes who asks in X-Forwarded-For; without this only loopback is served
    #[arg(long)]
    pub behind_proxy: bool,
    /// People, and where mail is handed over (TOML); without it one person on this machine sees everything, by a link that is printed
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where links and the record of views are kept; without it in a folder that goes when this ends
    #[arg(long, value_name = "DIR", required_if_eq("behind_proxy", "true"))]
    pub state: Option<PathBuf>,
    /// How much of the past the figures are about, up to when the folder was read
    #[arg(long, value_name = "SPAN", default_value = "90d", value_parser = span)]
    pub period: Span,
    /// How often the folder is looked at for changes
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = span)]
    pub look: Span,
    /// After how long a site is read again although nothing seems to have changed: silence is told as silence then
    #[arg(long, value_name = "SPAN", default_value = "6h", value_parser = span)]
    pub again: Span,
    /// Go on where the entries of a site's log are not here, as in a folder that was gathered from appliances' inboxes
    #[arg(long)]
    pub without_entries: bool,
    /// What people turned down of what was learned: what `nix eval --json --file rules/learned/rejected.nix` prints
    #[arg(long, value_name = "FILE")]
    pub rejected: Option<PathBuf>,
    /// How many sites are held in memory whole, for pages without a wait
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub held_sites: u32,
    /// The most connections at one time; others wait
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub connections: u32,
    /// How many files of 16 MiB the record of views may have; the oldest goes for a new one
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub view_files: u32,
    /// Where the address that is listened on is written, for whoever asked for port 0
    #[arg(long, value_name = "FILE")]
    pub address_file: Option<PathBuf>,
}

/// Whom to make a link for.
#[derive(Debug, Clone, Args)]
pub struct Link {
    /// Their address, as the configuration has it
    #[arg(long, value_name = "ADDRESS")]
    pub user: String,
    /// The configuration of the portal
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The state directory of the portal
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
}

fn span(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error: writ_trust::time::SpanError| error.to_string())?;
    if span.millis() > 0 { Ok(span) } else { Err("expected more than nothing".to_owned()) }
}

impl Serve {
    /// Whether plain HTTP would leave this machine although no proxy is said to end TLS.
    pub fn would_leak(&self) -> bool {
        !self.behind_proxy && !self.listen.ip().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_plain_http_stays_here() {
        Cli::command().debug_assert();
        let parse = |rest: &[&str]| {
            let fixed = ["writ-portal", "serve", "--folder", "a", "--trust", "t", "--listen"];
            match Cli::try_parse_from(fixed.iter().chain(rest)).map(|cli| cli.command) {
                Ok(Command::Serve(serve)) => Some(serve.would_leak()),
                _ => None,
            }
        };
        assert_eq!(parse(&["127.0.0.1:1"]), Some(false));
        assert_eq!(parse(&["0.0.0.0:1"]), Some(true));
        assert_eq!(parse(&["0.0.0.0:1", "--behind-proxy", "--state", "s"]), Some(false));
        assert_eq!(parse(&["0.0.0.0:1", "--behind-proxy"]), None, "a record of views that goes is none");
    }
}
