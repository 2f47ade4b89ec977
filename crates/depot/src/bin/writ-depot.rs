//! The server that stores and forwards what others signed.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;
use writ_depot::options::{Cli, Command, Options};
use writ_depot::upkeep::{Answer, UpkeepError};
use writ_depot::{sandbox, server};

/// The exit code of a depot that could not do what it was told, as of `writ`; also that of a command line that is none.
const COULD_NOT: u8 = 2;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("WRIT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    // What is here is for whoever may read it by a signed request, and for this machine's operators.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o027));
    let ran = match Cli::parse().command {
        Command::Serve(options) => {
            raise_file_limit();
            serve(*options).map(|()| Answer::Yes).map_err(|error| (COULD_NOT, error))
        }
        Command::Fsck(arguments) => told(arguments.run()),
        Command::Gc(arguments) => told(arguments.run()),
        Command::Backup(arguments) => told(arguments.run()),
        Command::Restore(arguments) => told(arguments.run()),
        Command::Migrate(arguments) => told(arguments.run()),
        Command::Mend(arguments) => told(arguments.run()),
        Command::Archive(arguments) => told(arguments.run()),
        Command::Ship(arguments) => told(arguments.run()),
    };
    match ran {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::FAILURE,
        Err((code, error)) => {
            // Each error tells its cause itself.
            eprintln!("writ-depot: {error}");
            ExitCode::from(code)
        }
    }
}

fn told(ran: Result<Answer, UpkeepError>) -> Result<Answer, (u8, anyhow::Error)> {
    ran.map_err(|error| (error.code(), error.into()))
}

/// A connection is an open file, and so is every large NAR that is asked for often: as many as this process may have.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

fn serve(mut options: Options) -> Result<()> {
    server::may_listen(&options)?;
    // What it may write must be there before everything else is closed to it.
    writ_durable::create_directories(&options.data).with_context(|| options.data.display().to_string())?;
    options.database.resolve()?;
    sandbox::of_server(&options).apply();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = options.threads {
        builder.worker_threads(threads as usize);
    }
    // Blocking threads read files and verify signatures: a few per core, not hundreds.
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = builder.max_blocking_threads(4 + 4 * cores).enable_all().build().context("no threads")?;
    runtime.block_on(server::serve(options))?;
    Ok(())
}
