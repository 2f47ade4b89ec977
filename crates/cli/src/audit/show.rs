//! `writ audit show`: one bundle in plain words.

use writ_audit::show::{Shown, find};
use writ_audit::story;
use writ_evidence::BundleId;
use writ_evidence::flat::flat;
use writ_trust::ids::{ApplianceId, SiteId};

use super::{Source, warn_unless_verified};
use crate::failure::{Answer, Failure, Outcome};
use crate::screen;

/// Tell the story of one bundle in plain words
///
/// Only a bundle that verified is shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit show audit EB-20261123-0042
  writ audit show audit EB-20261123-0042 --flat | jq .incident.hipaa_controls
  writ audit show audit EB-20261123-0042 --json | jq .chain

Exit codes: 0 shown; 1 no such bundle verified; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// The bundle's id
    #[arg(value_name = "BUNDLE")]
    bundle: BundleId,
    /// Only this site
    #[arg(long)]
    site: Option<SiteId>,
    /// Only this appliance, where several have used the id
    #[arg(long)]
    appliance: Option<ApplianceId>,
    /// Print the flat form, with `evidence_bundle_hash` and `signatures`
    #[arg(long, conflicts_with = "json")]
    flat: bool,
    /// Print the bundle as JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let archive = self.source.open(self.site)?;
        let (found, report) = find(&archive, self.bundle, self.appliance.as_ref());
        warn_unless_verified(&report);
        if found.is_empty() {
            let failure = Failure::refused(format!("no verified bundle is called {}", self.bundle));
            return Err(failure.at(self.source.folder.display()).next("`writ audit verify` says what did not verify"));
        }
        let many = found.len() > 1;
        if many && (self.json || self.flat) {
            let names: Vec<String> = found.iter().map(|s| s.bundle.appliance.to_string()).collect();
            let failure = Failure::could_not(format!("{} appliances have a bundle {}", names.len(), self.bundle));
            return Err(failure.because(names.join(", ")).next("name one with --appliance"));
        }
        for shown in &found {
            match (self.json, self.flat) {
                (true, _) => screen::json(&shown.bundle),
                (_, true) => screen::json(&flat(&shown.bundle, shown.digest, &shown.signature, &[])),
                _ => print(shown),
            }
        }
        Ok(Answer::Yes)
    }
}

fn print(shown: &Shown) {
    let bundle = &shown.bundle;
    let title = format!("{} {} of {}/{}", bundle.bundle_id, bundle.kind, bundle.client_id, bundle.appliance);
    screen::line(&screen::paint(screen::BOLD, &title));
    story::tell(bundle).iter().for_each(|sentence| screen::line(&format!("  {sentence}")));
    let fact = |name: &str, value: &str| {
        screen::line(&format!("{} {value}", screen::paint(screen::DIM, &format!("{name:>9}:"))))
    };
    fact("written", &bundle.generated_at.to_string());
    if let Some(release) = &bundle.release {
        fact("release", &format!("{}-{} {}", release.epoch, release.serial, release.digest));
    }
    if let Some(incident) = bundle.incident.as_ref().filter(|i| !i.hipaa_controls.is_empty()) {
        fact("controls", &incident.hipaa_controls.join(", "));
    }
    if let Some(runbook) = &bundle.runbook {
        fact("runbook", &format!("{} {}", runbook.runbook_id, runbook.runbook_hash));
    }
    fact("signed by", &format!("{} (verified)", bundle.public_key.key_id()));
    fact("digest", &shown.digest.to_string());
    fact("file", &shown.path);
}
