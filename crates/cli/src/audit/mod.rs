//! `writ audit`: gathering evidence, and verifying, comparing and reading it, offline.

mod attest;
mod attesting;
mod checklist;
mod collect;
pub(crate) mod compare;
mod fetch;
mod hours;
mod query;
mod rejected;
mod restore_test;
mod sample;
mod show;
mod unpack;
mod verify;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use writ_audit::report::terminal::{self, Look};
use writ_audit::verify::VerifyReport;
use writ_audit::{Archive, Folder, Options, Trust};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::time::Time;

pub(crate) use self::rejected::Rejected;
use crate::failure::{Failure, Outcome};
use crate::{clock, files, screen};

/// Verify and read evidence, and hold a baseline against it, offline
///
/// An audit folder holds trust roots, releases, the documents they name, evidence, and the site's log. `writ audit fetch`
/// makes one from a depot, `writ audit collect` from folders, `writ audit unpack` from archives of days. Everything after that is
/// offline.
///
/// Nothing in it counts before its signatures were verified from a trust root on.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
A whole audit:
  writ audit collect --releases releases --outbox outbox --to audit
  writ audit verify audit --trust root-you-were-given.json
  writ audit compare audit --trust root-you-were-given.json --html report.html")]
pub enum Command {
    Verify(verify::Arguments),
    Compare(compare::Arguments),
    Show(show::Arguments),
    Query(query::Arguments),
    Sample(sample::Arguments),
    RestoreTest(restore_test::Arguments),
    Checklist(checklist::Arguments),
    Attest(attest::Arguments),
    Collect(collect::Arguments),
    Fetch(fetch::Arguments),
    Unpack(unpack::Arguments),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        match self {
            Self::Verify(arguments) => arguments.run(),
            Self::Compare(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
            Self::Query(arguments) => arguments.run(),
            Self::Sample(arguments) => arguments.run(),
            Self::RestoreTest(arguments) => arguments.run(),
            Self::Checklist(arguments) => arguments.run(),
            Self::Attest(arguments) => arguments.run(),
            Self::Collect(arguments) => arguments.run(),
            Self::Fetch(arguments) => arguments.run(),
            Self::Unpack(arguments) => arguments.run(),
        }
    }
}

/// The folder to read and the root to trust.
#[derive(Debug, clap::Args)]
pub struct Source {
    /// The audit folder
    folder: PathBuf,
    #[command(flatten)]
    root: Root,
    /// Go on where the entries of a site's log are not here, as in a folder that was gathered from appliances' inboxes
    #[arg(long)]
    without_entries: bool,
}

/// The root to trust, and how it is verified.
#[derive(Debug, clap::Args)]
pub struct Root {
    /// The first trust root, as a file that you were given by a way you trust
    #[arg(long, value_name = "FILE", conflicts_with = "trust_digest")]
    trust: Option<PathBuf>,
    /// The digest of the first trust root in the folder, as you were given it
    #[arg(long, value_name = "sha256:…")]
    trust_digest: Option<Digest>,
    /// How many threads verify; the result is the same. By default one for each processor
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl Source {
    /// Reads trust roots, releases and documents.
    pub fn open(&self, site: Option<SiteId>) -> Outcome<Archive> {
        self.open_as_of(site, clock::now())
    }

    /// The same, where it is judged as of another instant than now.
    fn open_as_of(&self, site: Option<SiteId>, now: Time) -> Outcome<Archive> {
        self.root.open(&self.folder, site, self.without_entries, now)
    }
}

impl Root {
    /// Whether the root comes from outside of the folder.
    fn is_given(&self) -> bool {
        self.trust.is_some() || self.trust_digest.is_some()
    }

    /// Reads trust roots, releases and documents of a folder, to be judged as of `now`.
    pub fn open(&self, folder: &Path, site: Option<SiteId>, without_entries: bool, now: Time) -> Outcome<Archive> {
        let trust = match (&self.trust, self.trust_digest) {
            (Some(path), _) => Trust::Root(files::read(path, MAX_DOCUMENT, "the trust root")?),
            (None, Some(digest)) => Trust::Digest(digest),
            (None, None) => Trust::Folder,
        };
        let folder = Folder::open(folder).map_err(|e| {
            Failure::could_not("cannot open the audit folder").caused_by(&e).next("make one with `writ audit collect`")
        })?;
        let archive = Archive::open(folder, &Options { trust, site, without_entries, now: Some(now) });
        Ok(match self.jobs {
            Some(jobs) => archive.with_jobs(jobs),
            None => archive,
        })
    }
}

/// That a site which was named is one that the folder knows of.
pub fn known(archive: &Archive, site: Option<&SiteId>) -> Outcome<()> {
    let Some(site) = site.filter(|site| archive.sites.get(site).is_none_or(|record| record.releases.is_empty())) else {
        return Ok(());
    };
    let failure = Failure::could_not(format!("no verified release of site {site} is in this folder"));
    Err(failure.next("look at the name, and at what `writ audit verify` says of the folder"))
}

/// The width of tables where there is no terminal.
const WIDTH: u16 = 120;

/// How this terminal looks. Colour is taken away again where there is no terminal.
fn look() -> Look {
    let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let width = columns.or_else(|| comfy_table::Table::new().width()).filter(|width| *width >= 60);
    Look { colour: true, width: Some(width.unwrap_or(WIDTH)) }
}

/// Says that what is shown does not come from a folder that verified, on standard error.
pub fn warn_unless_verified(report: &VerifyReport) {
    if !report.ok {
        screen::warning(&terminal::conclusion(report, Look { colour: false, width: None }));
    } else if !report.pinned {
        screen::warning("the trust root was taken from the folder itself: give --trust or --trust-digest");
    }
}

/// That a result could not be written in its form.
pub fn unprintable(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::could_not("the result cannot be written").caused_by(error)
}
