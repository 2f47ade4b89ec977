//! `writ fleet status`: who runs what, when the others will, and who has to be looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use writ_nix::evaluate::Tree;
use writ_policy::rings::Rings;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::time::Span;

use super::look;
use super::report::{Report, SiteSeen};
use super::standing::{Limits, Standing};
use super::table::{self, Choice};
use crate::depot::{DepotOptions, ReaderOptions};
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, files, screen};

/// Show who runs what, when the others will, and who is late, silent or rolled back
///
/// Everything is by what appliances signed: their last heartbeat, held against the newest release that people signed. With
/// --flake the rings of site.nix are named, too. Whether the depot hides something is for `writ watch` to find out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
How an appliance stands with the newest release:
  current                      it obeys it, or an older one that has the very same for it
  waits, held                  its time has not come; it waits to be promoted
  obeys-nothing                the same, of one that is new or began anew: it obeys no release meanwhile
  due, late                    its time has come; longer ago than --late-after
  rolled-back, rollback-failed, set-aside
                               it tried the release and did not keep it
  refuses                      it has the release, and a rule forbids it
  silent, never-heard, broken  its heartbeat is older than --max-age; there is none; it does not hold

Examples:
  writ fleet status --site clinic-001 --depot https://depot.example.org --read-key ../keys/operator.key \\
      --trust first-root.json
  writ fleet status --flake . --depot https://depot.example.org --read-key ../keys/operator.key \\
      --trust first-root.json                                          (all sites of hosts/, with their rings)
  writ fleet status --flake . --only silent --only never-heard …       (who may have been taken out of use)
  writ fleet status --flake . --json … | jq '.sites[].appliances[] | select(.standing == \"late\")'

Exit codes: 0 all is well; 1 somebody has to look at an appliance or a site; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    depot: DepotOptions,
    #[command(flatten)]
    reader: ReaderOptions,
    /// A site; may be repeated; all sites of --flake if absent
    #[arg(long = "site", value_name = "SITE", required_unless_present = "flake")]
    sites: Vec<SiteId>,
    /// The root of the sources, which name the rings
    #[arg(long, value_name = "DIR")]
    flake: Option<PathBuf>,
    /// The first trust root, as a file that you were given by a way you trust
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// The oldest that a heartbeat may be; appliances say one every minute
    #[arg(long, value_name = "SPAN", default_value = "10m")]
    max_age: Span,
    /// How long an appliance may take from when its time has come
    #[arg(long, value_name = "SPAN", default_value = "1h")]
    late_after: Span,
    /// Only appliances that stand so; may be repeated
    #[arg(long, value_enum, value_name = "STANDING", hide_possible_values = true)]
    only: Vec<Standing>,
    /// Also of a large site, list those that are current
    #[arg(long)]
    full: bool,
    /// Print the result as JSON: fleet-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let pinned = files::read(&self.trust, MAX_DOCUMENT, "the trust root")?;
        let (sites, rings) = self.sites()?;
        let client = self.depot.reader(&self.reader)?;
        let chain = look::chain(&client, &pinned)?;
        let limits = Limits { max_age: self.max_age.clone(), late_after: self.late_after.clone() };
        let mut seen = Vec::new();
        for site in sites {
            // Each by the time at which it was asked.
            let now = clock::now();
            seen.push(match look::site(&client, &chain, &site, now) {
                Ok(look) => SiteSeen::of(&look, rings.get(&site).unwrap_or(&Rings::default()), &limits, now),
                Err(problem) => SiteSeen::unknown(site, problem),
            });
        }
        let mut report = Report {
            schema: "writ.fleet.v1",
            at: clock::now(),
            depot: client.depot().to_owned(),
            trust_version: chain.newest().version.get(),
            trouble: seen.iter().map(SiteSeen::trouble).sum(),
            sites: seen,
        };
        let choice = Choice { full: self.full, only: &self.only };
        if self.json {
            if !choice.only.is_empty() {
                let wanted = |standing: &Standing| choice.only.contains(standing);
                report.sites.iter_mut().for_each(|site| site.appliances.retain(|shown| wanted(&shown.standing)));
            }
            screen::json(&report);
        } else {
            screen::line(&table::text(&report, &choice));
        }
        Ok(if report.trouble == 0 { Answer::Yes } else { Answer::No })
    }

    /// The sites that are asked about, each once, and the rings that the sources give them.
    fn sites(&self) -> Outcome<(Vec<SiteId>, BTreeMap<SiteId, Rings>)> {
        let mut sites = self.sites.clone();
        sites.sort();
        sites.dedup();
        let Some(flake) = &self.flake else { return Ok((sites, BTreeMap::new())) };
        if sites.is_empty() {
            sites = sites_of(flake)?;
        }
        Ok((sites.clone(), rings(flake, &sites)?))
    }
}

/// The sites of a source tree: the folders of hosts/ with a site.nix.
fn sites_of(flake: &Path) -> Outcome<Vec<SiteId>> {
    let folders = files::list(&flake.join("hosts"))?;
    let sites: Vec<SiteId> = folders
        .iter()
        .filter(|folder| folder.join("site.nix").is_file())
        .filter_map(|folder| files::name_of(folder).parse().ok())
        .collect();
    if sites.is_empty() {
        return Err(Failure::could_not("there is no site in these sources")
            .at(flake.join("hosts").display())
            .next("name the root of the sources with --flake, or a site with --site"));
    }
    Ok(sites)
}

/// The rings of some sites, as a source tree has them now.
fn rings(flake: &Path, sites: &[SiteId]) -> Outcome<BTreeMap<SiteId, Rings>> {
    let failed = |e: &dyn std::fmt::Display| {
        Failure::could_not("the rings of these sources cannot be read")
            .at(flake.display())
            .because(e)
            .next("writ check shows every mistake with its place; without --flake no ring is named")
    };
    let tree = Tree::open(flake).map_err(|e| failed(&e))?;
    tree.rings(sites).map_err(|e| failed(&e))
}
