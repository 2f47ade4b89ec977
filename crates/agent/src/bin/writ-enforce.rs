//! `writ-enforce`: obeys one verified generation; looks, heals and proves.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;
use writ_agent::clock::Clock;
use writ_agent::config::{Config, DEFAULT_PATH};
use writ_agent::enforce::acknowledge::Acknowledgement;
use writ_agent::enforce::code::Stored;
use writ_agent::enforce::engine::Engine;
use writ_agent::enforce::requests::{Answer, Request};
use writ_agent::enforce::{daemon, once};
use writ_agent::sandbox;
use writ_agent::told;
use writ_evidence::IncidentId;
use writ_policy::policy::Policy;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::text::escaped;
use writ_trust::time::Span;
use zeroize::Zeroizing;

/// Everything holds.
const HOLDS: u8 = 0;
/// Something does not hold.
const FAILS: u8 = 1;
/// It could not run.
const COULD_NOT_RUN: u8 = 2;

/// Keeps this appliance as its signed generation says: looks, heals, and leaves evidence.
#[derive(Parser)]
#[command(
    name = "writ-enforce",
    version,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  writ-enforce                                    as a daemon, by /etc/writ/enforce.toml
  writ-enforce --plan                             what would be done now; changes nothing
  writ-enforce --once --releases /media/usb --json

Exit codes of --once and --plan: 0 all hold; 1 something fails; 2 could not run."
)]
struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Read releases from this folder.
    #[arg(long, value_name = "DIR")]
    releases: Option<PathBuf>,
    /// Scan once, heal, and end: 0 all hold, 1 something fails, 2 could not run.
    #[arg(long, conflicts_with = "plan")]
    once: bool,
    /// Scan once and say what would be done; change nothing, write nothing.
    #[arg(long)]
    plan: bool,
    /// With --once or --plan: print JSON.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Clone)]
struct Place {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Suspend healing of checks for a while, by the local break-glass code. It is evidence, and ends by itself.
    #[command(after_help = "\
Examples:
  writ-enforce pause --checks ehr.connector-config --for 30m --reason 'the vendor is on the phone'
  writ-enforce pause --checks a,b --for 2h --code-file pause-code

Exit codes: 0 granted; 1 not granted; 2 could not ask.")]
    Pause(Pause),
    /// Say that somebody has seen an incident that people have: nobody else is called for it.
    #[command(after_help = "\
Example:
  writ-enforce ack INC-20261123-0007 --by 'Kim Lee'

Exit codes: 0 taken down; 1 there is no such incident with people; 2 could not ask.")]
    Ack(Ack),
    /// Make the file that `pause` is checked against (configuration: pause_code_file).
    #[command(after_help = "\
Example:
  writ-enforce pause-code --out /etc/writ/pause-code")]
    PauseCode(PauseCode),
    /// Say whether this version can enforce a policy file: 0 yes, 1 no.
    #[command(after_help = "\
Example:
  writ-enforce check-policy /var/lib/writ/enforce/running/policy.json

Exit codes: 0 yes; 1 no; 2 could not read it.")]
    CheckPolicy {
        /// The policy document.
        file: PathBuf,
    },
}

#[derive(Args)]
struct Pause {
    #[command(flatten)]
    place: Place,
    /// The checks, separated by commas.
    #[arg(long, value_delimiter = ',', required = true, value_name = "CHECKS")]
    checks: Vec<String>,
    /// For how long, at most 8h.
    #[arg(long = "for", value_name = "DURATION")]
    length: Span,
    /// Read the code from this file; asked for otherwise.
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
    /// Who asks; evidence holds only a hash of it.
    #[arg(long, default_value = "local operator")]
    by: String,
}

#[derive(Args)]
struct Ack {
    #[command(flatten)]
    place: Place,
    /// The incident, as its ticket names it.
    #[arg(value_name = "INCIDENT")]
    incident: IncidentId,
    /// Who has seen it; evidence holds only a hash of it.
    #[arg(long, default_value = "local operator")]
    by: String,
}

#[derive(Args)]
struct PauseCode {
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Read the code from this file; asked for otherwise.
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    writ_agent::memory::keep_little();
    let arguments = Arguments::parse();
    let quiet = arguments.once || arguments.plan || arguments.command.is_some();
    let usual = if quiet { LevelFilter::WARN } else { LevelFilter::INFO };
    // A plain level: a language of filters would cost more memory than the enforcer's whole state.
    let level = std::env::var("WRIT_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(usual);
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).init();
    match run(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            eprintln!("writ-enforce: {}", told::chain(&e));
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<u8> {
    match arguments.command {
        Some(Command::Pause(pause)) => return ask_for_pause(&pause),
        Some(Command::Ack(ack)) => return acknowledge(&ack),
        Some(Command::PauseCode(code)) => return make_code(&code),
        Some(Command::CheckPolicy { file }) => return check_policy(&file),
        None => {}
    }
    let mut config = Config::read(&arguments.place.config)?;
    if let Some(releases) = arguments.releases {
        config.releases = releases;
    }
    let confined = sandbox::of_enforcer(config.switch_command).apply();
    let mut engine = if arguments.plan { Engine::open_to_look(config)? } else { Engine::open(config)? };
    engine.confined = confined;
    if !(arguments.once || arguments.plan) {
        daemon::run(engine).context("the daemon cannot run")?;
        return Ok(HOLDS);
    }
    let report = if arguments.plan { once::plan(engine) } else { once::run(engine) };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", report.table());
    }
    if report.release.is_none() {
        bail!("no release was accepted yet, so there is nothing to enforce");
    }
    Ok(if report.all_hold() { HOLDS } else { FAILS })
}

fn check_policy(file: &std::path::Path) -> anyhow::Result<u8> {
    let bytes = writ_durable::read_bounded(file, MAX_DOCUMENT).with_context(|| file.display().to_string())?;
    match Policy::parse(&bytes) {
        Ok(policy) => {
            println!("{} of {}: {} checks", policy.appliance, policy.site, policy.checks.len());
            Ok(HOLDS)
        }
        Err(e) => {
            eprintln!("writ-enforce: {}: {}", file.display(), escaped(e));
            Ok(FAILS)
        }
    }
}

/// Reads the code from a file's first line, or asks for it. Never from an argument: those are seen by every process.
fn read_code(file: Option<&PathBuf>, prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let text = match file {
        Some(path) => {
            let bytes =
                Zeroizing::new(writ_durable::read_bounded(path, 4096).with_context(|| path.display().to_string())?);
            let text = std::str::from_utf8(&bytes).with_context(|| format!("{}: not UTF-8", path.display()))?;
            Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())
        }
        None => {
            Zeroizing::new(rpassword::prompt_password(prompt).context("the code cannot be asked for; use --code-file")?)
        }
    };
    Ok(text)
}

fn ask_for_pause(pause: &Pause) -> anyhow::Result<u8> {
    let config = Config::read(&pause.place.config)?;
    let Some(file) = &config.pause_code_file else {
        bail!(
            "no break-glass code is set up here: make one with `writ-enforce pause-code` and name it as pause_code_file"
        );
    };
    let stored = Stored::read(file)?;
    let code = stored.stretch(&read_code(pause.code_file.as_ref(), "Break-glass code: ")?)?;
    let (reason, by) = (pause.reason.clone(), pause.by.clone());
    let request = Request::new(pause.checks.clone(), pause.length.clone(), reason, by, code, Clock::System.now());
    Ok(tell(&request.ask(&config.requests_dir(), Duration::from_secs(10))?))
}

fn acknowledge(ack: &Ack) -> anyhow::Result<u8> {
    let config = Config::read(&ack.place.config)?;
    let asked = Acknowledgement::new(ack.incident.to_string(), ack.by.clone(), Clock::System.now());
    Ok(tell(&asked.ask(&config.requests_dir(), Duration::from_secs(10))?))
}

fn tell(answer: &Answer) -> u8 {
    if answer.granted {
        println!("{}", escaped(&answer.message));
        return HOLDS;
    }
    eprintln!("writ-enforce: not granted: {}", escaped(&answer.message));
    FAILS
}

fn make_code(arguments: &PauseCode) -> anyhow::Result<u8> {
    let code = read_code(arguments.code_file.as_ref(), "New break-glass code: ")?;
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
    let stored = Stored::new(&code, salt)?;
    writ_durable::replace(&arguments.out, &stored.to_bytes(), 0o600)
        .with_context(|| arguments.out.display().to_string())?;
    println!("code {} stored in {}", stored.reference, arguments.out.display());
    Ok(HOLDS)
}
