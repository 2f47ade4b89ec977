//! `writ-logs`: carries logs out of their sources into the spool.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use tracing_subscriber::filter::LevelFilter;
use writ_agent::logs::config::{Config, DEFAULT_PATH};
use writ_agent::logs::run;
use writ_agent::sandbox;
use writ_agent::sync::now;
use writ_agent::told;

/// A source could not be read.
const FAILED: u8 = 1;
/// It could not run.
const COULD_NOT_RUN: u8 = 2;

/// Reads the sources of logs since the last run, and lays what they said into the spool as batches.
///
/// Runs as a user of its own that may read logs, by a timer every five minutes, and ends. It has no network: writ-sync sends
/// the batches, and writ-enforce writes their digests into the evidence. Every line is scrubbed of what identifies a patient
/// before it is written anywhere; a line of more than 16 KiB is left out, and counted.
#[derive(Parser)]
#[command(
    name = "writ-logs",
    version,
    after_help = "\
Examples:
  writ-logs                           by /etc/writ/logs.toml
  writ-logs --config ./logs.toml      by another configuration

The configuration:
  spool = \"/var/lib/writ/spool\"       # logs/<source>/ is written
  state_dir = \"/var/lib/writ/logs\"    # where reading ended, status.json
  # journalctl = \"/bin/journalctl\"

  [sources.audit.journal]             # entries that any word fits; all where there is none
  units = [\"auditd.service\"]
  identifiers = [\"sudo\"]
  transports = [\"audit\"]

  [sources.access]
  files = [\"/var/log/nginx/access.log\"]

status.json in the state directory says how the last run went; WRIT_LOG=debug says more.

Exit codes: 0 every source was read; 1 one could not be, and why; 2 could not run."
)]
struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

fn main() -> ExitCode {
    writ_agent::memory::keep_little();
    let arguments = Arguments::parse();
    let level = std::env::var("WRIT_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).init();
    match carry(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            eprintln!("writ-logs: {}", told::chain(&e));
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn carry(arguments: &Arguments) -> anyhow::Result<u8> {
    let config = Config::read(&arguments.config)?;
    // What it may write must be there before everything else is closed to it.
    let _lock = run::prepare(&config)?;
    let confined = sandbox::of_logs(&config).apply();
    let status = run::run(&config, &now, confined);
    status.write(&config.state_dir).with_context(|| config.state_dir.display().to_string())?;
    let failed = status.sources.values().any(|source| source.problem.is_some());
    Ok(if failed { FAILED } else { 0 })
}
