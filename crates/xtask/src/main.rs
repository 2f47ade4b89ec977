//! The project's own tasks: `cargo xtask demo | test | fuzz | bench | lint`.

mod counts;
mod fuzz;
mod lint;
mod suites;
mod test;
mod workbench;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The tasks of this repository. Each sets up what it needs; as root on Debian it installs missing packages and says so.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// One clinic on one machine: from Nix to a healed appliance and an audit report, in about a minute.
    #[command(disable_help_flag = true)]
    Demo(workbench::Arguments),
    /// Everything that must pass: lint, unit, property and end-to-end tests. Ends with the counts.
    Test(test::Arguments),
    /// Looks for bytes that break a parser, with libFuzzer. Not part of `test`, which replays its corpus.
    Fuzz(fuzz::Arguments),
    /// Prints figures, each as a ratio beside a peer measured in the same run.
    #[command(disable_help_flag = true)]
    Bench(workbench::Arguments),
    /// Formatting, clippy, every .nix file, documentation, links. Part of `test`.
    Lint,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Demo(arguments) => workbench::run("demo", "dev", &arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Bench(arguments) => workbench::run("bench", "release", &arguments),
        Task::Lint => lint::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
