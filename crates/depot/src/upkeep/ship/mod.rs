//! `writ-depot ship`: archives of days into a bucket that keeps them (Object Lock, mode `COMPLIANCE`).
//!
//! A process of its own: the depot that serves connects to nobody. What counts as sent is what the bucket said, when it was read back,
//! that it has, with these bytes and locked long enough. Everything else waits, here, and is sent when it can be.

mod adopt;
mod hold;
mod ledger;
mod report;
mod round;
mod target;
mod verify;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use writ_bucket::Bucket;

use self::ledger::Ledger;
use self::report::Report;
use self::round::Round;
use self::target::Target;
use self::verify::Which;
use super::{Answer, Outcome, UpkeepError, backup, tell};
use crate::clock;
use crate::database::DatabaseOptions;
use crate::sandbox;

/// What the command line takes.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The data directory; a depot may serve it meanwhile
    #[arg(long, value_name = "DIR", required_unless_present = "verify")]
    pub data: Option<PathBuf>,
    /// Which database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Where archives wait and where it is noted what is in the bucket: a folder of this command alone, outside of the data
    /// directory; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub spool: PathBuf,
    /// Where archives go.
    #[command(flatten)]
    pub target: Target,
    /// How long an archive is locked at least, from the end of its day; longer where a policy of the site keeps evidence longer
    #[arg(long, value_name = "SPAN", default_value = "6y", value_parser = crate::options::span)]
    pub retention: Duration,
    /// How long after its day's end an archive may wait before that is an alert
    #[arg(long, value_name = "SPAN", default_value = "26h", value_parser = crate::options::span)]
    pub alert_after: Duration,
    /// Go on, with a round each so often, instead of ending after one
    #[arg(long, value_name = "SPAN", value_parser = crate::options::span, conflicts_with = "verify")]
    pub every: Option<Duration>,
    /// Write figures for Prometheus here, for node_exporter's textfile collector
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    pub metrics: Option<PathBuf>,
    /// Send nothing: look whether what was sent is still there, whole and locked
    #[arg(long)]
    pub verify: bool,
    /// Of the newest so many days
    #[arg(long, value_name = "N", default_value_t = 20, requires = "verify")]
    pub last: usize,
    /// Of all days
    #[arg(long, requires = "verify", conflicts_with_all = ["last", "sample"])]
    pub all: bool,
    /// Of so many days, by chance
    #[arg(long, value_name = "N", requires = "verify", conflicts_with = "last")]
    pub sample: Option<usize>,
    /// Read all of it, and compare its bytes, instead of asking what the server says of it
    #[arg(long, requires = "verify")]
    pub download: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(mut self) -> Outcome<Answer> {
        let bucket = self.target.bucket()?;
        let spool = &self.spool;
        writ_durable::create_directories(spool).map_err(UpkeepError::io(spool))?;
        if let Some(data) = &self.data {
            self.database.resolve()?;
            super::require_data(data, &self.database)?;
            backup::apart(data, spool, "--spool", "what is sent")?;
        }
        // What it may write must be there before everything else is closed to it.
        sandbox::of_shipper(&self).apply();
        // Whoever only looks may do so beside one who sends.
        let _lock =
            if self.verify { None } else { Some(backup::lock(spool, "another `writ-depot ship` with this spool")?) };
        let ledger = Ledger::open(spool, &self.target.name())?;
        match &self.data {
            Some(data) if !self.verify => self.rounds(data, &bucket, &ledger),
            _ => self.verified(&bucket, &ledger),
        }
    }

    fn verified(&self, bucket: &Bucket, ledger: &Ledger) -> Outcome<Answer> {
        let which = match self.sample {
            _ if self.all => Which::All,
            Some(count) => Which::Sample(count),
            None => Which::Last(self.last),
        };
        let verified = verify::verify(bucket, ledger, which, self.download, clock::now())?;
        if self.json {
            tell::json(&verified);
        } else {
            verified.show();
        }
        Ok(if verified.problems.is_empty() { Answer::Yes } else { Answer::No })
    }

    fn rounds(&self, data: &Path, bucket: &Bucket, ledger: &Ledger) -> Outcome<Answer> {
        let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let (retention, alert_after) = (millis(self.retention), millis(self.alert_after));
        let round =
            Round { data, database: &self.database, spool: &self.spool, bucket, ledger, retention, alert_after };
        loop {
            let ran = round.run();
            if let Ok(report) = &ran {
                self.tell(report)?;
            }
            let Some(every) = self.every else {
                return ran.map(|report| if report.is_well() { Answer::Yes } else { Answer::No });
            };
            if let Err(error) = ran {
                // The next round may find it mended: a backup that holds the directory off, a disk that was full.
                tracing::error!("{error}");
            }
            std::thread::sleep(every);
        }
    }

    fn tell(&self, report: &Report) -> Outcome<()> {
        if self.json {
            tell::json(report);
        } else {
            report.show(&self.target.to.bucket);
        }
        match &self.metrics {
            Some(path) => {
                writ_durable::replace(path, report.figures().as_bytes(), 0o644).map_err(UpkeepError::io(path))
            }
            None => Ok(()),
        }
    }
}
