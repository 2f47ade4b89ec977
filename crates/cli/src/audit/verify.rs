//! `writ audit verify`: every signature, chain, number and digest, and the log that holds all of it.

use std::path::{Path, PathBuf};

use writ_audit::archive::{KeptCheckpoint, Progress};
use writ_audit::log_summary::{OneLog, VERIFIED};
use writ_audit::report::terminal;
use writ_audit::verify::VerifyReport;
use writ_trust::ids::SiteId;
use writ_trust::log::note::MAX_NOTE;

use super::Source;
use crate::failure::{Answer, Failure, Outcome};
use crate::screen::Meter;
use crate::{files, screen};

/// Verify everything in an audit folder, offline
///
/// From the trust root on: every root, release, document and bundle; that chains have no hole, number or date out of
/// order; that runbooks which ran are the signed ones; that every incident was closed at most once. Names the first bad
/// thing with its place, and what follows from it.
///
/// Where the trust root names a log for the site, also: that its entries come to the root that its key signed; that every
/// bundle and release that it holds is here, and every one here is in it; and that all that anybody saw of it (receipts,
/// older checkpoints, the last checkpoint in each bundle) is a beginning of it. Where it names none, that is said
/// and never counted as `verified`, and so with `--without-entries` (for a folder gathered from appliances' inboxes) where the
/// log's entries are not here: without them nobody can see whether the newest bundles were withheld.
///
/// A log that was rewritten as a whole, with all that saw it, is known only by who kept something: `--keep-checkpoint` writes down
/// what the log has come to, and holds the log against it the next time; `--witness` holds it against what somebody else kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit verify audit --trust root-you-were-given.json
  writ audit verify audit --trust-digest sha256:3243b6d9ad49c909dd890dada5522c72d62acafafe20589f5ab2b274d87164cf
  writ audit verify audit --trust root-you-were-given.json --keep-checkpoint clinic-001.checkpoint
  writ audit verify audit --trust root-you-were-given.json --witness from-the-other-auditor.checkpoint
  writ audit verify audit --json | jq .problems.list

Exit codes: 0 Verified OK; 1 something is wrong; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Only this site
    #[arg(long)]
    site: Option<SiteId>,
    /// A checkpoint of the site's log (a signed note) that was kept before, or by somebody else: the log here must begin with it.
    /// May be given several times
    #[arg(long, value_name = "FILE")]
    witness: Vec<PathBuf>,
    /// Hold the log against the checkpoint in this file, if there is one, and keep the new one in it when all verified
    #[arg(long, value_name = "FILE")]
    keep_checkpoint: Option<PathBuf>,
    /// Print the result as JSON: verification-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let kept = self.kept()?;
        let archive = self.source.open(self.site.clone())?.with_kept(kept);
        let report =
            if self.json { archive.walk(&mut |_| {}) } else { archive.walk_telling(&mut |_| {}, &mut telling()) };
        if self.json {
            screen::json(&report);
        } else {
            screen::line(terminal::verification(&report, super::look()).trim_end());
        }
        if let Some(file) = &self.keep_checkpoint {
            keep(&report, file)?;
        }
        Ok(if report.ok { Answer::Yes } else { Answer::No })
    }

    /// The checkpoints that were given, by the names of their files.
    fn kept(&self) -> Outcome<Vec<KeptCheckpoint>> {
        const WHAT: &str = "the checkpoint";
        let of = |path: &Path, note| KeptCheckpoint { name: path.display().to_string(), note };
        let mut kept = Vec::new();
        for path in &self.witness {
            kept.push(of(path, files::read(path, MAX_NOTE, WHAT)?));
        }
        if let Some(path) = &self.keep_checkpoint
            && !self.witness.contains(path)
        {
            kept.extend(files::read_if_there(path, MAX_NOTE, WHAT)?.map(|note| of(path, note)));
        }
        Ok(kept)
    }
}

/// Shows how far it has come, on a terminal.
fn telling() -> impl FnMut(Progress) {
    let (mut meter, mut found, mut done) = (Meter::new("verifying, bundle"), 0, 0);
    move |progress| match progress {
        Progress::Found(more) => {
            found += more as u64;
            meter.expect(found);
        }
        Progress::Verified => {
            done += 1;
            meter.step(done);
        }
        Progress::Logs => meter.now("and the log"),
    }
}

/// Keeps what the log of the only site has come to, if all of it verified.
fn keep(report: &VerifyReport, file: &Path) -> Outcome<()> {
    let not_kept = |why: &str| Failure::could_not("no checkpoint was kept").at(file.display()).because(why);
    let logs = report.logs.iter().filter(|site| !site.logs.is_empty());
    let newest: Vec<(&'static str, Option<&OneLog>)> = logs.map(|site| (site.state, site.logs.last())).collect();
    match newest[..] {
        [(VERIFIED, Some(OneLog { note: Some(note), .. }))] if report.ok => {
            files::replace(file, note.as_bytes(), 0o644, "the checkpoint")
        }
        [] if report.ok => {
            Err(not_kept("the trust root names no log for this site").next("leave --keep-checkpoint away"))
        }
        [_, _, ..] if report.ok => {
            Err(not_kept("there are several sites, and one checkpoint is of one log").next("name one with --site"))
        }
        _ => {
            screen::warning(&format!("{}: not everything verified, so no checkpoint was kept", file.display()));
            Ok(())
        }
    }
}
