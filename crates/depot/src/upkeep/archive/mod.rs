//! `writ-depot archive`: what a site's logs took in on each day, one archive a day, for a medium that keeps it.
//!
//! Each has what a day added to an audit folder: bundles with their signatures and receipts, releases with their documents, the
//! trust roots, and of each log the entries, the tiles and a signed checkpoint that covers them. All of them unpacked into one
//! folder, oldest first, are an audit folder that `writ audit verify` reads. One that is there is not made again.

mod contents;
mod day;
mod days;
mod tar;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use writ_trust::ids::SiteId;

pub use self::day::Day;
pub use self::days::Days;
use super::{Answer, Outcome, UpkeepError, tell};
use crate::database::DatabaseOptions;

/// What the command line takes.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The data directory; a depot may serve it meanwhile
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Which database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// The folder of the archives; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Only this site
    #[arg(long)]
    pub site: Option<SiteId>,
    /// Only this day in UTC, as in 2026-11-28; ended an hour ago at least [default: every such day that has no archive]
    #[arg(long, value_name = "DAY")]
    pub day: Option<Day>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// What came of it, `writ.depot-archived.v1`.
#[derive(Debug, Clone, Serialize)]
struct Done {
    schema: &'static str,
    made: Vec<String>,
    /// How many were there already.
    there: usize,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome<Answer> {
        let done = archive(&self)?;
        if self.json {
            tell::json(&done);
        } else {
            done.made.iter().for_each(|name| tell::line(name));
            tell::line(&format!("{} archives made, {} were there", done.made.len(), done.there));
        }
        Ok(Answer::Yes)
    }
}

fn archive(arguments: &Arguments) -> Outcome<Done> {
    writ_durable::create_directories(&arguments.to).map_err(UpkeepError::io(&arguments.to))?;
    let days = Days::open(&arguments.data, &arguments.database, arguments.site.as_ref(), arguments.day)?;
    let mut done = Done { schema: "writ.depot-archived.v1", made: Vec::new(), there: 0 };
    for (site, day) in days.ended() {
        // It is written after the archive itself.
        if days::manifest_path(&arguments.to, site, day).exists() {
            done.there += 1;
            continue;
        }
        done.made.push(days.make(site, day, &arguments.to)?.archive);
    }
    Ok(done)
}
