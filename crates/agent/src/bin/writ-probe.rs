//! `writ-probe`: looks over the network for an enforcer that has none.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use tracing_subscriber::filter::LevelFilter;
use writ_agent::network::config::{Config, DEFAULT_PATH};
use writ_agent::network::daemon::{Folders, Looking};
use writ_agent::sandbox;
use writ_agent::told;
use writ_agent::wake::Signals;

/// Something was not seen.
const FAILED: u8 = 1;
/// It could not run.
const COULD_NOT_RUN: u8 = 2;

/// Looks over the network, for checks of the signed policy that ask for it.
///
/// Runs as a user of its own, holds no key, starts no program and listens to nobody. What to look at lies in asks/ of the
/// spool, where writ-enforce puts it; what was seen it lays into looks/, a file for each check. The enforcer believes it no
/// more than that: nothing on this machine is ever changed because of what was seen over the network, people are told.
#[derive(Parser)]
#[command(
    name = "writ-probe",
    version,
    after_help = "\
Examples:
  writ-probe                                as a daemon, by /etc/writ/probe.toml
  writ-probe --once --config ./probe.toml   look at everything once, and say of what nothing was seen

The configuration, with its defaults; the file may be left out:
  spool = \"/var/lib/writ/spool\"       # asks/ is read, looks/ is written
  state_dir = \"/var/lib/writ/probe\"   # lock and status.json
  # ca_file = \"/etc/writ/ca.pem\"        authorities for certificates, instead of the public web's

Signals: SIGHUP looks at everything now; SIGTERM stops in an orderly way.
status.json in its state directory says how it is; WRIT_LOG=debug says more.

Exit codes of --once: 0 everything was seen, whatever it was; 1 something was not, and why; 2 could not run."
)]
struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Look at everything once, and end.
    #[arg(long)]
    once: bool,
}

fn main() -> ExitCode {
    writ_agent::memory::keep_little();
    let arguments = Arguments::parse();
    let usual = if arguments.once { LevelFilter::ERROR } else { LevelFilter::INFO };
    let level = std::env::var("WRIT_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(usual);
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).init();
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            eprintln!("writ-probe: {}", told::chain(&e));
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    // Before anything that takes time: whoever has just started it may signal already.
    let signals = Signals::catch().context("signals cannot be caught")?;
    let config = Config::read(&arguments.config)?;
    // What it may write must be there before everything else is closed to it.
    writ_durable::create_directories(&config.state_dir).with_context(|| config.state_dir.display().to_string())?;
    let folders = Folders::now(&config)?;
    let confined = sandbox::of_probe(&config).apply();
    let looking = Looking::open(config, folders, confined)?;
    if !arguments.once {
        looking.run(&signals).context("the daemon cannot run")?;
        return Ok(0);
    }
    let unseen = looking.once().context("nothing can be looked at")?;
    for (check, reason) in &unseen {
        eprintln!("writ-probe: {check}: {reason}");
    }
    Ok(if unseen.is_empty() { 0 } else { FAILED })
}
