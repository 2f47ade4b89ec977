//! `writ`: check and compare policy, keep keys, release, verify, audit, watch. A library for the fuzzer's sake ([`parsers()`]): the
//! command is [`run`].

mod ack;
mod appliance_state;
mod audit;
mod check;
mod clock;
mod completions;
mod depot;
mod diff;
mod doctor;
mod embedded;
mod explain;
mod export;
mod failure;
mod files;
mod fleet;
mod keys;
mod layout;
mod learn;
mod library;
mod log;
mod nix_text;
mod notify;
mod order;
mod pages;
mod parsers;
mod passphrase;
mod procedures;
mod provision;
mod random;
mod release;
mod render_diff;
mod report;
mod screen;
mod secret;
mod signatures;
mod site;
mod status;
mod trust;
mod verify;
mod watch;

pub use self::parsers::{Parser, parsers};

use std::process::ExitCode;

use clap::Parser as _;

/// Compliance as code for small healthcare sites: signed orders to NixOS appliances, and evidence in return
#[derive(Debug, clap::Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
From a policy to an appliance:
  writ site new riverside-clinic                               a site, by asking
  writ check                                                   every mistake, with its place
  writ explain backup.recent                                   what it is, where it applies, what heals it
  writ diff --from main                                        what a change means, and whether protection weakens
  writ provision usb --help                                    a new machine, by the claim code that it shows
  writ keys new --name alice --out ../keys --role trust --role release
  writ trust init --out releases/trust/1.json --key ../keys/alice.pub:trust,release \\
      --threshold trust=1 --threshold release=1
  writ trust sign releases/trust/1.json --key ../keys/alice.key
  writ release draft --flake . --previous releases --to draft
  writ release sign draft --key ../keys/alice.key --flake . --previous releases
  writ release publish draft --to releases
  writ verify releases --trust first-root.json

Exit codes: 0 done or true; 1 refused or false; 2 could not run."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Arguments),
    Explain(explain::Arguments),
    Diff(diff::Arguments),
    #[command(subcommand)]
    Keys(keys::Command),
    #[command(subcommand)]
    Secret(secret::Command),
    #[command(subcommand)]
    Trust(trust::Command),
    #[command(subcommand)]
    Release(release::Command),
    #[command(subcommand)]
    Order(order::Command),
    #[command(subcommand)]
    Fleet(fleet::Command),
    #[command(subcommand)]
    Log(log::Command),
    Verify(verify::Arguments),
    #[command(subcommand)]
    Audit(audit::Command),
    #[command(subcommand)]
    Report(report::Command),
    #[command(subcommand)]
    Learn(learn::Command),
    Watch(watch::Arguments),
    Notify(Box<notify::Arguments>),
    Ack(ack::Arguments),
    Status(status::Arguments),
    Doctor(doctor::Arguments),
    #[command(subcommand)]
    Site(site::Command),
    #[command(subcommand)]
    Provision(provision::Command),
    Procedures(procedures::Arguments),
    #[command(subcommand)]
    Export(export::Command),
    Completions(completions::Arguments),
}

/// Runs the command that this process was started as.
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Check(arguments) => arguments.run(),
        Command::Explain(arguments) => arguments.run(),
        Command::Diff(arguments) => arguments.run(),
        Command::Keys(command) => command.run(),
        Command::Secret(command) => command.run(),
        Command::Trust(command) => command.run(),
        Command::Release(command) => command.run(),
        Command::Order(command) => command.run(),
        Command::Fleet(command) => command.run(),
        Command::Log(command) => command.run(),
        Command::Verify(arguments) => arguments.run(),
        Command::Audit(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Learn(command) => command.run(),
        Command::Watch(arguments) => arguments.run(),
        Command::Notify(arguments) => arguments.run(),
        Command::Ack(arguments) => arguments.run(),
        Command::Status(arguments) => arguments.run(),
        Command::Doctor(arguments) => arguments.run(),
        Command::Site(command) => command.run(),
        Command::Provision(command) => command.run(),
        Command::Procedures(arguments) => arguments.run(),
        Command::Export(command) => command.run(),
        Command::Completions(arguments) => arguments.run(),
    };
    let whole = screen::unwritten().map_or(Ok(()), |why| {
        Err(failure::Failure::could_not("the result could not be written to standard output")
            .because(why)
            .next("make room, or write it elsewhere: what is there is not whole"))
    });
    match outcome.and_then(|answer| whole.map(|()| answer)) {
        Ok(answer) => answer.into(),
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}
