//! `writ audit sample`: bundles drawn at random, verified.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use clap::builder::PossibleValuesParser;
use writ_audit::Period;
use writ_audit::query::Filter;
use writ_audit::sample::{Ask, Sample, Sampled, Seed, Stratum, sample};
use writ_evidence::Kind;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::text::escaped;
use writ_trust::time::Time;

use super::attesting::{Attesting, Counts, Deed};
use super::{Source, known, warn_unless_verified};
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, random, screen};

/// Draw bundles at random, so many of each site, and verify them
///
/// The seed is thrown by chance and printed; with --seed the same sample is drawn again by anybody. Those bundles are taken whose
/// SHA-256 with the seed is the least: nobody who wrote bundles before the seed was thrown could choose which, and neither the order
/// of files nor what else is in the folder changes anything. An auditor who throws the seed themselves (dice will do) need not trust
/// whoever runs this.
///
/// With --attest-key it leaves evidence: what was drawn, by what seed, and what came of it, signed by a person's key. A duty of the
/// policy is done by it only where --duty names it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit sample 3 audit --trust root-you-were-given.json --period 7d               (every Monday)
  writ audit sample 1 audit --per-quarter --failed-and-successful --period 2026        (before an audit)
  writ audit sample 3 audit --seed kfbedjpoaclmnigh --period 2026-11   (the same again)
  writ audit sample 3 audit --period 7d --attest-key ../keys/sam.key

Exit codes: 0 verified, and something was drawn; 1 the folder did not verify, or nothing was there to draw; 2 could not run.")]
pub struct Arguments {
    /// How many of each site, or of each group
    #[arg(value_name = "N")]
    count: NonZeroUsize,
    #[command(flatten)]
    source: Source,
    /// What to draw by: 8 to 64 letters, digits and hyphens
    #[arg(long)]
    seed: Option<Seed>,
    /// Only this site
    #[arg(long)]
    site: Option<SiteId>,
    /// Only this appliance
    #[arg(long)]
    appliance: Option<ApplianceId>,
    /// Written in this time: 7d, 2026-10, 2026-10-01..2026-10-15 (UTC)
    #[arg(long)]
    period: Option<String>,
    /// Of this kind; may be given several times
    #[arg(long, value_parser = PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)))]
    kind: Vec<String>,
    /// So many of each quarter of a year
    #[arg(long)]
    per_quarter: bool,
    /// Only closed incidents, so many of those that were resolved and so many of those that were not
    #[arg(long, conflicts_with = "kind")]
    failed_and_successful: bool,
    #[command(flatten)]
    attesting: Attesting,
    /// Take this instant for now
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// Print the result as JSON: sample-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let now = self.now.unwrap_or_else(clock::now_in_seconds);
        let period = self.period.as_deref().map(|text| Period::parse(text, now)).transpose();
        let period = period.map_err(|e| Failure::could_not(e).at("--period"))?;
        let key = self.attesting.key()?;
        let seed = match &self.seed {
            Some(seed) => seed.clone(),
            None => Seed::from_bytes(&*random::bytes::<16>()?),
        };
        let archive = self.source.open(self.site.clone())?;
        known(&archive, self.site.as_ref())?;
        let filter = Filter {
            period,
            appliance: self.appliance.clone(),
            kinds: Kind::ALL.into_iter().filter(|k| self.kind.iter().any(|name| name == k.as_str())).collect(),
            ..Filter::default()
        };
        let ask = Ask {
            seed,
            count: self.count.get(),
            per_quarter: self.per_quarter,
            failed_and_successful: self.failed_and_successful,
            filter,
        };
        let (drawn, report) = sample(&archive, &ask);
        warn_unless_verified(&report);
        short(&drawn);
        if self.json {
            screen::json(&drawn);
        } else {
            print(&drawn);
        }
        if let Some(key) = key {
            let to = self.attesting.place(Some(&self.source.folder))?;
            for site in archive.sites.keys().filter(|site| drawn.bundles().any(|one| one.row.site == **site)) {
                let sealed = self.attesting.leave(&archive, to, site, &key, self.deed(&drawn, site, now), now)?;
                screen::aside(&format!("attested as {} of {site}", sealed.bundle_id));
            }
        }
        Ok(if drawn.is_fine() { Answer::Yes } else { Answer::No })
    }

    fn deed(&self, drawn: &Sample, site: &SiteId, now: Time) -> Deed {
        let own: Vec<&Sampled> = drawn.bundles().filter(|one| one.row.site == *site).collect();
        let attachments: BTreeMap<String, Digest> = own.iter().map(|one| (one.row.path.clone(), one.digest)).collect();
        let unproven = own.iter().filter(|one| one.is_unproven()).count();
        let came = match (drawn.verified, unproven) {
            (true, 0) => "were verified; the folder verified".to_owned(),
            (true, _) => format!("were looked at; the site's log is NOT proven to hold {unproven} of them"),
            (false, _) => "were looked at; the folder did NOT verify".to_owned(),
        };
        let statement =
            format!("{} drawn by the seed {} {came}", screen::count(attachments.len(), "bundle"), drawn.seed);
        Deed {
            counts: Counts::of(drawn.is_fine_of(site)),
            item: "CK-18",
            control: "164.308(a)(1)(ii)(D)",
            statement,
            from: drawn.period.map_or(now, |period| period.from),
            until: drawn.period.map_or(now.plus_millis(1), |period| period.to),
            facts: BTreeMap::from([
                ("seed".to_owned(), drawn.seed.to_string()),
                ("asked".to_owned(), self.count.to_string()),
                ("sampled".to_owned(), attachments.len().to_string()),
                ("verified".to_owned(), drawn.verified.to_string()),
            ]),
            attachments,
        }
    }
}

/// Says of which groups there were fewer than asked for.
fn short(drawn: &Sample) {
    if drawn.bundles().next().is_none() {
        screen::warning("there is no bundle to draw from: look at --period and the other conditions");
    }
    for stratum in drawn.strata.iter().filter(|stratum| stratum.bundles.len() < stratum.asked) {
        let Stratum { there, asked, .. } = stratum;
        screen::warning(&format!("{}: {asked} were asked for, and there are {there}", called(stratum)));
    }
}

/// A group in words.
fn called(stratum: &Stratum) -> String {
    let parts = [Some(stratum.site.as_str()), stratum.quarter.as_deref(), stratum.outcome];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn print(drawn: &Sample) {
    screen::line(&format!("seed {}", drawn.seed));
    for stratum in &drawn.strata {
        let of = format!("{}: {} of {}", called(stratum), stratum.bundles.len(), stratum.there);
        screen::line(&screen::paint(screen::BOLD, &of));
        for Sampled { row, digest, key_id, log, index, .. } in &stratum.bundles {
            screen::line(&format!("  {} {} {}", row.bundle_id, row.appliance, escaped(&row.summary)));
            let entry = index.map(|index| format!(", entry {index}")).unwrap_or_default();
            let proof = format!("signature of {key_id} verified; log: {log}{entry}; {digest}");
            screen::line(&format!("    {}", screen::paint(screen::DIM, &proof)));
        }
    }
    let all = drawn.bundles().count();
    let end = match &drawn.first_problem {
        None if drawn.verified => "Verified OK".to_owned(),
        first => format!("NOT VERIFIED ({})", first.as_deref().unwrap_or("no trust root holds")),
    };
    screen::line(&format!("{all} of {} verified; the whole folder: {end}", screen::count(all, "bundle")));
}
