//! The auditors' and operators' pages over an audit folder.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use tracing_subscriber::EnvFilter;
use writ_portal::options::{Cli, Command, Link, Serve};
use writ_portal::server;

/// The exit code of a portal that could not do what it was told, as of `writ`; also that of a command line that is none.
const COULD_NOT: u8 = 2;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("WRIT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    // Links and the record of views are this user's alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let ran = match Cli::parse().command {
        Command::Serve(options) => serve(*options),
        Command::Link(options) => link(&options),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Each error tells its cause itself.
            eprintln!("writ-portal: {error}");
            ExitCode::from(COULD_NOT)
        }
    }
}

fn link(options: &Link) -> Result<()> {
    let made = server::link(options)?;
    if let Some(note) = made.note {
        eprintln!("writ-portal: {note}");
    }
    println!("{}", made.link);
    Ok(())
}

fn serve(options: Serve) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.max_blocking_threads(4 + 4 * cores).enable_all().build().context("no threads")?;
    let served = runtime.block_on(server::serve(options));
    // A site that is being read is not waited for.
    runtime.shutdown_background();
    Ok(served?)
}
