//! `writ-switch`: drives one switch from generation to generation. Started by `writ-enforce` and by the rollback timer.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use writ_agent::config::{Config, DEFAULT_PATH};
use writ_agent::switch::boot::machine::Stage;
use writ_agent::switch::boot::{self, Record};
use writ_agent::switch::{self, Journal, Resumed, State};
use writ_agent::told;
use writ_trust::numbers::Serial;
use writ_trust::time::Span;

/// Moves this appliance from the system that runs to the one that a verified release names, and back.
///
/// `writ-enforce` starts it; a person needs `status` only.
#[derive(Parser)]
#[command(
    name = "writ-switch",
    version,
    after_help = "\
Example:
  writ-switch status"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Drive the switch that the journal tells of, taking up what was interrupted.
    #[command(after_help = "\
Example:
  writ-switch run --state-dir /var/lib/writ/enforce --serial 7")]
    Run(Target),
    /// Start a driver, the way the enforcer does, for a switch that is not over and that nobody drives.
    #[command(after_help = "\
Example:
  writ-switch resume --state-dir /var/lib/writ/enforce")]
    Resume(Target),
    /// Go back to the previous system unless the switch is decided: what the rollback timer runs.
    #[command(after_help = "\
Example:
  writ-switch rollback --state-dir /var/lib/writ/enforce --serial 7 --after 12m")]
    Rollback {
        #[command(flatten)]
        target: Target,
        /// Wait this long first, as in "10m".
        #[arg(long)]
        after: Option<Span>,
    },
    /// Show where the switch stands.
    #[command(after_help = "\
Examples:
  writ-switch status
  writ-switch status --json | jq .course.state")]
    Status {
        #[command(flatten)]
        target: Target,
        /// Print the journal itself.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct Target {
    /// The state directory that holds the journal.
    #[arg(long, conflicts_with = "config")]
    state_dir: Option<PathBuf>,
    /// The configuration that names the state directory.
    #[arg(long, default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Refuse to touch the journal of another serial.
    #[arg(long)]
    serial: Option<Serial>,
    /// Leave the session of whoever started this.
    #[arg(long, hide = true)]
    detach: bool,
}

impl Target {
    fn state_dir(&self) -> anyhow::Result<PathBuf> {
        if self.detach {
            // Fails only for a process that leads a group already, which is as good.
            let _ = rustix::process::setsid();
        }
        match &self.state_dir {
            Some(dir) => Ok(dir.clone()),
            None => Ok(Config::read(&self.config)?.state_dir),
        }
    }
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).without_time().init();
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("writ-switch: {}", told::chain(&e));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(target) => Ok(exit_code(&switch::drive(&target.state_dir()?, target.serial)?)),
        Command::Resume(target) => {
            let said = match switch::resume(&target.state_dir()?)? {
                Resumed::Nothing => "there is nothing to take up".to_owned(),
                Resumed::Running => "a driver is at work".to_owned(),
                Resumed::Resting(until) => format!("it waits until {until}; `writ-switch run` tries at once"),
                Resumed::Launched => "a driver was started".to_owned(),
                Resumed::Clearing => "a driver was started to take back what the boot loader was told".to_owned(),
            };
            println!("{said}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Rollback { target, after } => {
            let state_dir = target.state_dir()?;
            if let Some(after) = after {
                std::thread::sleep(after.duration());
            }
            Ok(exit_code(&switch::roll_back(&state_dir, target.serial)?))
        }
        Command::Status { target, json } => status(&target, json),
    }
}

/// 0: committed. 1: anything else.
fn exit_code(journal: &Journal) -> ExitCode {
    if journal.is_committed() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn status(target: &Target, json: bool) -> anyhow::Result<ExitCode> {
    let Some(journal) = switch::read_journal(&target.state_dir()?)? else {
        println!("{}", if json { "null" } else { "no switch yet" });
        return Ok(ExitCode::SUCCESS);
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&journal).context("printing the journal")?);
        return Ok(ExitCode::SUCCESS);
    }
    let (request, course) = (&journal.request, &journal.course);
    println!("release {}-{} of {}, {}", request.epoch, request.serial, request.site, request.appliance);
    println!("  to    {}", course.candidate);
    println!("  from  {}", course.previous.as_deref().unwrap_or("nothing: no previous generation"));
    for step in &journal.history {
        println!("  {}  {:<15} {}", step.at, step.state.as_str(), step.note);
    }
    match (journal.is_over(), course.state) {
        (false, _) if course.waits_for_import() => {
            let until = journal.not_before.map_or_else(|| "soon".to_owned(), |at| format!("at {at}"));
            println!("waits, and is tried again {until}: {}", journal.last_note());
        }
        (false, _) => println!("not over yet"),
        (true, State::RollbackFailed) => println!("ROLLBACK FAILED: this machine needs a person"),
        (true, state) => println!("over: {}", state.as_str()),
    }
    let left = boot::left(&request.state_dir).filter(|_| journal.is_over());
    match Record::of(&journal) {
        Some(Record { why: Some(why), .. }) => println!("it takes effect in full when the machine is booted: {why}"),
        Some(record) if left.is_none() || record.stage == Stage::Returning => {
            println!("it needs a boot of the machine: {}", record.stage.as_str());
        }
        _ => {}
    }
    if let Some(why) = left {
        println!("what the boot loader was told is not taken back, which is tried again every 10 minutes: {why}");
    }
    Ok(ExitCode::SUCCESS)
}
