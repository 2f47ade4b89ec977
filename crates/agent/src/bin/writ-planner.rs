//! `writ-planner`: chooses a runbook where rules did not help.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use tracing_subscriber::filter::LevelFilter;
use writ_agent::planner::config::{Config, DEFAULT_PATH};
use writ_agent::planner::daemon::Planning;
use writ_agent::sandbox;
use writ_agent::told;
use writ_agent::wake::Signals;
use writ_trust::time::Span;

/// A request could not be answered.
const FAILED: u8 = 1;
/// It could not run.
const COULD_NOT_RUN: u8 = 2;

/// Chooses a runbook where rules did not help, among those that the signed policy allows.
///
/// Runs as a user of its own, signs nothing, has no network and starts no program. What it is asked lies in plan/requests/ of the
/// spool, where writ-enforce puts it; what it chooses it lays into plan/plans/; what became of that is said in plan/verdicts/.
/// It chooses by a fixed rule: of what was offered and not tried for this incident, the runbook that helped most often before,
/// and of those that are alike the first. Where the signed policy names a language model and the configuration has [model], it
/// asks that first, within the policy's deadline and budget, and the rule chooses whenever no answer of use comes. The enforcer
/// believes either no more than that: a plan names runbooks that were offered, once, in time, and anything else is refused.
#[derive(Parser)]
#[command(
    name = "writ-planner",
    version,
    after_help = "\
Examples:
  writ-planner                                 as a daemon, by /etc/writ/planner.toml
  writ-planner --idle 60s                      end when nothing was asked for a minute: for a unit that a path starts
  writ-planner --once --config ./planner.toml  answer what is asked now

The configuration, with its defaults; the file may be left out:
  spool = \"/var/lib/writ/spool\"         # plan/requests/ is read, plan/plans/ is written
  state_dir = \"/var/lib/writ/planner\"   # lock, status.json, and model-use.json: what a model has used up
  [model]                               # only with this section a model is asked, and there is a network
  credentials = \"/run/credentials/writ-planner.service\"  # a file by the name of the key's secret; default: systemd's
  port = 443                            # the only port that is connected to, beside that of name servers
  ca_file = \"/etc/writ/model-ca.pem\"    # who may vouch for the model's name; default: the public web's authorities

A site allows it by `planner = { enabled = true; review = \"after\"; };`. With review = \"before\" what it chooses is proposed to
people, and nothing runs.

Signals: SIGHUP answers everything again; SIGTERM stops in an orderly way.
status.json in its state directory says how it is; WRIT_LOG=debug says more.

Exit codes of --once: 0 everything was answered; 1 something was not, and why; 2 could not run."
)]
struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Answer what is asked now, and end.
    #[arg(long, conflicts_with = "idle")]
    once: bool,
    /// End when nothing was asked for so long.
    #[arg(long, value_name = "TIME")]
    idle: Option<Span>,
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
            eprintln!("writ-planner: {}", told::chain(&e));
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
    let confined = sandbox::of_planner(&config).apply();
    let planning = Planning::open(config, confined)?;
    if !arguments.once {
        let idle = arguments.idle.as_ref().map(Span::duration);
        planning.run(&signals, idle).context("the daemon cannot run")?;
        return Ok(0);
    }
    let (_, problem) = planning.once();
    if let Some(problem) = &problem {
        eprintln!("writ-planner: {problem}");
    }
    Ok(if problem.is_none() { 0 } else { FAILED })
}
