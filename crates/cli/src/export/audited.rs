//! An audit folder, as exports of evidence read it.

use writ_audit::Archive;
use writ_audit::Period;
use writ_audit::compare::{Comparison, compare, which_site};
use writ_audit::verify::VerifyReport;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use crate::audit::compare::no_site;
use crate::audit::{Source, warn_unless_verified};
use crate::clock;
use crate::failure::{Answer, Failure, Outcome};

/// A site of an audit folder.
#[derive(Debug, clap::Args)]
pub struct Folder {
    #[command(flatten)]
    source: Source,
    /// The site; needed where the folder holds several
    #[arg(long)]
    site: Option<SiteId>,
    /// Judge as of this instant instead of now, so that the document can be made again byte for byte
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
}

impl Folder {
    /// What is there, the site, and the instant.
    pub fn open(&self) -> Outcome<(Archive, SiteId, Time)> {
        let now = self.now.unwrap_or_else(clock::now_in_seconds);
        let archive = self.source.open(self.site.clone())?;
        let site = which_site(&archive, self.site.as_ref()).map_err(|e| no_site(&archive, e))?;
        Ok((archive, site, now))
    }
}

/// A site of an audit folder over a period.
#[derive(Debug, clap::Args)]
pub struct Compared {
    #[command(flatten)]
    folder: Folder,
    /// The time to judge: 2026-11, 2026-11-23, 90d, 2026-10-01..2026-11-23 (UTC)
    #[arg(long)]
    period: Option<String>,
}

impl Compared {
    /// What is there, and what it comes to.
    pub fn compare(&self) -> Outcome<(Archive, Comparison, Time)> {
        let now = self.folder.now.unwrap_or_else(clock::now_in_seconds);
        let period = self.period.as_deref().map(|text| Period::parse(text, now)).transpose();
        let period = period.map_err(|e| Failure::could_not(e).at("--period"))?;
        let (archive, site, _) = self.folder.open()?;
        let comparison = compare(&archive, &site, period, now).map_err(|e| no_site(&archive, e))?;
        Ok((archive, comparison, now))
    }
}

/// Whether to write what does not say by itself that its folder does not verify.
#[derive(Debug, clap::Args)]
pub struct Unverified {
    /// Write the document also where the folder does not verify: it says so, and calls nothing satisfied
    #[arg(long)]
    even_if_unverified: bool,
}

impl Unverified {
    /// Refuses a folder that does not verify, unless it was asked for.
    pub fn allow(&self, report: &VerifyReport) -> Outcome<()> {
        if report.ok || self.even_if_unverified {
            return Ok(());
        }
        let mut failure = Failure::refused("this folder does not verify, and nothing was written");
        if let Some(first) = report.problems.first_bad() {
            failure = failure.at(&first.path).because(format!("{}: {}", first.code, first.what));
        }
        Err(failure.next("`writ audit verify` names everything; --even-if-unverified writes the document all the same"))
    }
}

/// How a document of a folder was written: 1 where the folder does not verify, which is said too.
pub fn answer(report: &VerifyReport) -> Answer {
    warn_unless_verified(report);
    if report.ok { Answer::Yes } else { Answer::No }
}
