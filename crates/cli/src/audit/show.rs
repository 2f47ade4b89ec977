//! `writ audit show`: one bundle in plain words.

use writ_audit::Archive;
use writ_audit::proof::{self, Named, Proof};
use writ_audit::show::{Shown, find};
use writ_audit::story;
use writ_evidence::BundleId;
use writ_evidence::flat::flat;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::text::escaped;

use super::{Source, warn_unless_verified};
use crate::failure::{Answer, Failure, Outcome};
use crate::screen;

/// Tell the story of one bundle in plain words, with its proof
///
/// Only a bundle that verified is shown. Its proof is made anew from what is in the folder: the key and the release that names it,
/// its place in the key's chain, the number of its entry in the site's log with the proof that the signed checkpoint covers it, by
/// when others say that it was there, and the commands by which anybody checks the same without this program.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit show audit EB-20261123-0042
  writ audit show audit EB-20261123-0042 --flat | jq .incident.hipaa_controls
  writ audit show audit EB-20261123-0042 --proof | jq '.place | {index, size, proof}'
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
    /// Print the proof as JSON: proof-v1 of `writ export schema`
    #[arg(long, conflicts_with_all = ["json", "flat"])]
    proof: bool,
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
        if many && (self.json || self.flat || self.proof) {
            let names: Vec<String> = found.iter().map(|s| s.bundle.appliance.to_string()).collect();
            let failure = Failure::could_not(format!("{} appliances have a bundle {}", names.len(), self.bundle));
            return Err(failure.because(names.join(", ")).next("name one with --appliance"));
        }
        for shown in &found {
            match (self.json, self.flat, self.proof) {
                (true, ..) => screen::json(&shown.bundle),
                (_, true, _) => screen::json(&flat(&shown.bundle, shown.digest, &shown.signature, &[])),
                (_, _, true) => screen::json(&proof::of(&archive, shown)),
                _ => print(&archive, shown, &self.source),
            }
        }
        Ok(Answer::Yes)
    }
}

fn print(archive: &Archive, shown: &Shown, source: &Source) {
    let bundle = &shown.bundle;
    let title = format!("{} {} of {}/{}", bundle.bundle_id, bundle.kind, bundle.client_id, bundle.appliance);
    screen::line(&screen::paint(screen::BOLD, &title));
    story::tell(bundle).iter().for_each(|sentence| screen::line(&format!("  {}", escaped(sentence))));
    fact("written", &bundle.generated_at.to_string());
    if let Some(release) = &bundle.release {
        fact("release", &format!("{}-{} {}", release.epoch, release.serial, release.digest));
    }
    if let Some(incident) = bundle.incident.as_ref().filter(|i| !i.hipaa_controls.is_empty()) {
        fact("controls", &escaped(incident.hipaa_controls.join(", ")));
    }
    if let Some(runbook) = &bundle.runbook {
        fact("runbook", &format!("{} {}", runbook.runbook_id, runbook.runbook_hash));
    }
    let proof = proof::of(archive, shown);
    print_proof(&proof);
    screen::line(&format!("\nAnybody checks the same, in {}:", source.folder.display()));
    for (what, commands) in proof::commands(&proof) {
        screen::line(&format!("  {}", screen::paint(screen::DIM, &format!("# {what}"))));
        commands.iter().for_each(|command| screen::line(&format!("  {command}")));
    }
}

fn fact(name: &str, value: &str) {
    let name = if name.is_empty() { String::new() } else { format!("{name}:") };
    screen::line(&format!("{} {value}", screen::paint(screen::DIM, &format!("{name:>10}"))));
}

fn print_proof(proof: &Proof) {
    let key = &proof.signed_by;
    fact("signed by", &format!("{} (verified), key {}", key.key_id, key.fingerprint));
    fact(
        "",
        &match &key.named {
            Named::Releases { first, first_digest, last } => {
                let digest = first_digest.map(|digest| format!(" {digest}")).unwrap_or_default();
                format!("{}'s key by releases {first}{digest} to {last}", proof.appliance)
            }
            Named::TrustRoot { version, name } => {
                format!("{}'s key for attestations by trust root {version}", escaped(name))
            }
            Named::Nobody => "which nothing here names".to_owned(),
        },
    );
    let previous = proof.chain.previous.map_or_else(|| "nothing: it is the first".to_owned(), |d| d.to_string());
    fact("chain", &format!("number {} of this key; before it {previous}", proof.chain.sequence));
    match &proof.place {
        Some(place) => {
            fact("log", &format!("entry {} of {} in {}", place.index, place.size, escaped(&place.origin)));
            let from = if place.by == "tiles" { "the log's own tiles" } else { "the receipt beside it" };
            let hashes = screen::count(place.proof.len(), "hash").replace("hashs", "hashes");
            fact(
                "",
                &format!("proven anew from {from}: {hashes} lead to root {}, which the log's key signed", place.root),
            );
        }
        None => fact(
            "log",
            &format!(
                "{}{}",
                proof.log,
                match proof.log {
                    proof::NOT_CONFIGURED => ": the trust root names no log of this site",
                    _ => ": nothing here proves that the site's log holds it",
                }
            ),
        ),
    }
    for held in &proof.held {
        let who = match held.kind {
            "external" => "by an authority of time or a witness",
            _ => "by the log's own word, which proves nothing by itself",
        };
        fact("time", &format!("there at the latest {} {who}", held.at));
    }
    if proof.held.is_empty() {
        fact("time", "nobody else says when it was there");
    }
    fact("digest", &format!("{} (recomputed)", proof.evidence_bundle_hash));
    fact("file", &proof.path);
}
