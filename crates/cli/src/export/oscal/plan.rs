//! `writ export oscal assessment-plan`.

use std::path::PathBuf;

use writ_audit::report::oscal::plan::plan;
use writ_audit::report::oscal::references::Ids;
use writ_trust::history::PastRelease;

use super::super::audited::{self, Folder, Unverified};
use crate::failure::{Failure, Outcome};

/// Write what a signed release has appliances look at as an OSCAL assessment plan
///
/// Each check is an activity with what it expects, and a task with how often it looks, on which appliances; what people do is
/// beside them. It is made from the release and its policies in an audit folder, so that nobody has to trust a tree.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ export oscal assessment-plan audit --trust root-you-were-given.json > assessment-plan.json
  writ export oscal assessment-plan audit --site clinic-001 --release 1-12 --out oscal

A folder that does not verify is refused; with --even-if-unverified the document is written, says so, and the exit code is 1.

Exit codes: 0 written; 1 the folder does not verify; 2 no such site or release, or could not run.")]
pub struct Arguments {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    unverified: Unverified,
    /// The release, as EPOCH-SERIAL [default: the newest]
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,
    /// Write the file into this folder, under the name that other documents find it by, instead of to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let (archive, site, now) = self.folder.open()?;
        let releases = archive.sites.get(&site).map(|record| record.releases.as_slice()).unwrap_or_default();
        let past = named(releases, self.release.as_deref())?;
        let report = archive.walk(&mut |_| {});
        self.unverified.allow(&report)?;
        let Some(plan) = plan(&archive, past, &report, now) else {
            return Err(Failure::could_not("this release names no appliance: there is nothing to plan").at(name(past)));
        };
        let policies = past.release.generations.values().filter_map(|g| archive.policies.get(&g.policy.digest));
        let ids = Ids::of_controls(policies.flat_map(|policy| policy.controls.keys()).map(String::as_str));
        super::write(
            &super::document(plan)?,
            &ids,
            self.out.as_deref(),
            "tell whoever makes Writ: this is no fault of yours",
        )?;
        Ok(audited::answer(&report))
    }
}

fn name(past: &PastRelease) -> String {
    format!("{}-{}", past.release.epoch, past.release.serial)
}

/// The release of this name, or the newest.
fn named<'a>(releases: &'a [PastRelease], wanted: Option<&str>) -> Outcome<&'a PastRelease> {
    let found = match wanted {
        Some(wanted) => releases.iter().rev().find(|past| name(past) == wanted),
        None => releases.last(),
    };
    found.ok_or_else(|| {
        let wanted = writ_trust::text::one_line(wanted.unwrap_or("any"));
        let there: Vec<String> = releases.iter().map(name).collect();
        Failure::could_not(format!("there is no verified release {wanted}"))
            .at("--release")
            .next(format!("there are: {}", there.join(", ")))
    })
}
