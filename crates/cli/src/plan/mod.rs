//! `writ plan`: what planners and assistants propose, and what people make of it.

mod answered;
mod approve;
mod found;
mod queue;
mod reject;
mod review;
mod show;

use std::path::{Path, PathBuf};

use writ_audit::proposals::{Waiting, gather};
use writ_audit::{Archive, Folder as AuditFolder, Options, Trust};
use writ_trust::ids::{ApplianceId, SiteId};

use self::found::{Found, Kept};
use crate::audit::warn_unless_verified;
use crate::clock;
use crate::failure::{Failure, Outcome};
use crate::trust::folder::{self, Folder};

/// Look at what is proposed to be run, and approve it by a signed order or reject it
///
/// A plan that waits for people runs nothing. It comes from a planner, where the signed policy says that people look first
/// (`planner.review = "before"`): then it is in the appliance's evidence. Or from an assistant, by `writ mcp`: then it is a file
/// in a folder of proposals, which nobody signed. Either can name runbooks of the signed policy and nothing else.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
From a proposal to what the appliance told of it:
  writ audit fetch --depot https://depot.example.org --site clinic-001 --read-key ../keys/auditor.key \\
      --trust first-root.json --to audit
  writ plan review --audit audit --proposals proposals --trust releases/trust
  writ plan show INC-20261123-0007-1 --audit audit --trust releases/trust
  writ plan approve INC-20261123-0007-1 --audit audit --trust releases/trust --key ../keys/alice.key --to order.json
  writ order publish order.json --trust releases/trust --depot https://depot.example.org
  writ order show order.json --trust releases/trust --audit audit")]
pub enum Command {
    Review(review::Arguments),
    Show(show::Arguments),
    Approve(approve::Arguments),
    Reject(reject::Arguments),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::Review(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
            Self::Approve(arguments) => arguments.run(),
            Self::Reject(arguments) => arguments.run(),
        }
    }
}

/// Where proposals are, and which of them are meant.
#[derive(Debug, clap::Args)]
pub struct Places {
    /// An audit folder: what planners propose, and which incidents are open, is in the appliances' evidence
    #[arg(long, value_name = "AUDITDIR")]
    audit: Option<PathBuf>,
    /// A folder of proposals, as `writ mcp` fills it; what was answered is written down in it
    #[arg(long, value_name = "DIR")]
    proposals: Option<PathBuf>,
    /// Only of this site
    #[arg(long)]
    site: Option<SiteId>,
    /// Only of this appliance
    #[arg(long)]
    appliance: Option<ApplianceId>,
}

/// The trust roots, where they can be left out.
#[derive(Debug, clap::Args)]
pub struct MaybeTrust {
    /// The folder of trust roots, of which the first vouches for the audit folder
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
}

impl MaybeTrust {
    fn read(&self) -> Outcome<Option<Folder>> {
        self.trust.as_deref().map(folder::read).transpose()
    }
}

/// The evidence, and what waits by it.
pub struct Evidence {
    archive: Archive,
    waiting: Waiting,
    verified: bool,
}

impl Places {
    /// Reads the evidence, if any was named.
    fn evidence(&self, roots: Option<&Folder>) -> Outcome<Option<Evidence>> {
        let Some(audit) = &self.audit else { return Ok(None) };
        let archive = open(audit, roots, self.site.clone())?;
        let (waiting, report) = gather(&archive);
        warn_unless_verified(&report);
        Ok(Some(Evidence { archive, waiting, verified: report.ok }))
    }

    /// Every proposal that waits, of those that are meant.
    fn found(&self, evidence: Option<&Evidence>) -> Outcome<Found> {
        if self.audit.is_none() && self.proposals.is_none() {
            let failure = Failure::could_not("nobody said where proposals are");
            return Err(failure.next("give --audit AUDITDIR, or --proposals DIR, or both"));
        }
        let mut found = Found::default();
        if let Some(evidence) = evidence {
            found.take_evidence(&evidence.waiting, self.proposals.as_deref());
        }
        if let Some(folder) = &self.proposals {
            found.take_queue(folder, evidence.map(|evidence| &evidence.waiting))?;
        }
        let meant = |site: &SiteId, appliance: &ApplianceId| {
            self.site.as_ref().is_none_or(|only| only == site)
                && self.appliance.as_ref().is_none_or(|only| only == appliance)
        };
        found.all.retain(|one| meant(&one.site, &one.appliance));
        let unusable = evidence.into_iter().flat_map(|evidence| &evidence.waiting.unusable);
        let unusable = unusable.filter(|((site, appliance), _)| meant(site, appliance));
        found.unusable_plans = unusable.map(|(_, count)| *count).sum();
        Ok(found)
    }

    /// The proposal of this id.
    fn one(&self, id: &str, evidence: Option<&Evidence>) -> Outcome<Kept> {
        let mut all = self.found(evidence)?.all;
        let known: Vec<String> = all.iter().map(|one| one.id.clone()).collect();
        all.retain(|one| one.id == id);
        match (all.len(), all.pop()) {
            (1, Some(one)) => Ok(one),
            (0, _) | (_, None) => {
                let failure = Failure::refused(format!("no proposal {} waits", writ_trust::text::one_line(id)));
                let otherwise = || "see what waits: writ plan review".to_owned();
                Err(failure.nearest(id, known.iter().map(String::as_str), otherwise))
            }
            (many, Some(_)) => {
                let failure = Failure::refused(format!("{many} proposals are called {id}"));
                Err(failure
                    .because("each appliance numbers its incidents by itself")
                    .next("name one with --site and --appliance"))
            }
        }
    }
}

fn open(audit: &Path, roots: Option<&Folder>, site: Option<SiteId>) -> Outcome<Archive> {
    let folder = AuditFolder::open(audit).map_err(|e| {
        Failure::could_not("cannot open the audit folder").caused_by(&e).next("make one with `writ audit fetch`")
    })?;
    let first = roots.and_then(|roots| roots.roots.first()).map(|root| Trust::Root(root.bytes.clone()));
    let trust = first.unwrap_or(Trust::Folder);
    Ok(Archive::open(folder, &Options { trust, site, without_entries: true, now: Some(clock::now()) }))
}
