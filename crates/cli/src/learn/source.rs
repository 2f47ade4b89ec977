//! Where it is learned from, and for which tree.

use std::path::PathBuf;

use writ_audit::learn::{Decisions, Figures, Library, Pattern};
use writ_audit::verify::VerifyReport;
use writ_trust::ids::SiteId;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use super::flake::Flake;
use crate::audit::{self, Root};
use crate::check::tree::root_above;
use crate::clock;
use crate::failure::{Failure, Outcome};

/// The evidence, the root to trust and the tree.
#[derive(Debug, clap::Args)]
pub struct Source {
    /// The audit folder, as `writ audit` makes and reads it
    #[arg(long, value_name = "DIR", default_value = "audit")]
    audit: PathBuf,
    #[command(flatten)]
    root: Root,
    /// Go on where the entries of a site's log are not here, as in a folder that was gathered from appliances' inboxes
    #[arg(long)]
    without_entries: bool,
    /// Only the evidence of this site
    #[arg(long)]
    site: Option<SiteId>,
    /// The tree of policy, for what was rejected and by which figures; by default the one that this folder is in
    #[arg(long, value_name = "DIR")]
    flake: Option<PathBuf>,
    /// Judge as of this instant instead of now, so that the same comes of it again
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
}

/// What was learned.
pub struct Lessons {
    /// The patterns.
    pub library: Library,
    /// What verifying the folder came to.
    pub report: VerifyReport,
    /// The tree, where there is one.
    pub flake: Option<Flake>,
    /// As of when.
    pub now: Time,
}

impl Source {
    /// Verifies the evidence, and learns from it. Says so where the folder did not verify.
    pub fn read(&self) -> Outcome<Lessons> {
        let now = self.now.unwrap_or_else(clock::now_in_seconds);
        let flake = match &self.flake {
            Some(path) => Some(Flake::find(path)?),
            None => root_above(&std::env::current_dir().unwrap_or_default()).map(Flake::find).transpose()?,
        };
        let (figures, decisions) = match &flake {
            Some(flake) => (flake.figures()?, flake.decisions()),
            None => (Figures::default(), Decisions::default()),
        };
        let archive = self.root.open(&self.audit, self.site.clone(), self.without_entries, now)?;
        audit::known(&archive, self.site.as_ref())?;
        let (library, report) = Library::gather(&archive, self.site.as_ref(), &figures, &decisions);
        audit::warn_unless_verified(&report);
        Ok(Lessons { library, report, flake, now })
    }
}

impl Lessons {
    /// The tree, which this needs.
    pub fn flake(&self) -> Outcome<&Flake> {
        self.flake.as_ref().ok_or_else(|| {
            Failure::could_not("no tree of policy was named, and this folder is in none")
                .next("--flake DIR names the folder that holds baselines/, rules/, hosts/ and modules/")
        })
    }

    /// The pattern that a name stands for.
    pub fn pattern(&self, name: &str) -> Outcome<&Pattern> {
        match self.library.find(name)[..] {
            [pattern] => Ok(pattern),
            [] => {
                let known = self.library.patterns.iter().map(|pattern| pattern.id.as_str());
                let failure = Failure::could_not(format!("this evidence knows no pattern {}", one_line(name)));
                Err(failure.nearest(name, known, || "writ learn status: it lists the patterns".to_owned()))
            }
            [first, second, ..] => {
                let failure = Failure::could_not(format!("several patterns begin with {}", one_line(name)));
                Err(failure.next(format!("write more of it: {} or {}", first.id, second.id)))
            }
        }
    }
}

/// The longest text that people give, in characters.
const LONGEST: usize = 1000;

/// What people write: some words, no longer than anybody reads.
pub fn words(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it needs words".to_owned()),
        long if long.chars().count() > LONGEST => Err(format!("it is longer than {LONGEST} characters")),
        odd if odd.contains('\0') => Err("it has a character that no text has".to_owned()),
        words => Ok(words.to_owned()),
    }
}
