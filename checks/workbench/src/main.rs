//! The tasks that drive the products: `cargo xtask demo` and `cargo xtask bench`.

mod bench;
mod breaks;
mod demo;
#[path = "../../../crates/audit/tests/it/log_world.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "of the audit's tests: what cannot be made must stop them")]
mod log_world;
#[path = "../../../crates/audit/tests/it/world.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "of the audit's tests: what cannot be made must stop them")]
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The demo and the figures.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// One clinic on one machine: from Nix to a healed appliance and an audit report, in about a minute.
    Demo(demo::Arguments),
    /// Prints figures, each as a ratio beside a peer measured in the same run.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
