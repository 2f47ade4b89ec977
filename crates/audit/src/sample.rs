//! A random sample of bundles that nobody could steer and anybody can draw again.
//!
//! The rank of a bundle is the SHA-256 of the seed and of its digest, and those of the least rank are taken: who knows the seed can
//! draw the same sample, and who signed the bundles before the seed was chosen could not choose which. Each site is sampled by
//! itself, so that neither the order of files nor what else is in the folder changes anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use writ_evidence::incident::ResolutionStatus;
use writ_evidence::{Bundle, Kind};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;

use crate::archive::{Archive, Stored};
use crate::calendar::{quarter, quarters};
use crate::period::Period;
use crate::proof::{places, standing};
use crate::query::{Filter, Row, row};
use crate::verify::VerifyReport;

/// What a choice is made by: 8 to 64 letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed(String);

/// Why a text is no seed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a seed: expected 8 to 64 letters, digits and `-`, thrown by chance (a run without --seed prints one)"
)]
pub struct SeedError(String);

impl Seed {
    /// The seed of these random bytes, two letters of `a` to `p` for each: what evidence tells of it, nothing that looks for
    /// numbers of patients can take for one.
    pub fn from_bytes(bytes: &[u8; 16]) -> Self {
        let letter = |nibble: u8| char::from(b'a' + nibble);
        Self(bytes.iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect())
    }

    /// The rank of something by its name: the least are taken.
    pub fn rank(&self, name: &str) -> Digest {
        Digest::of(format!("writ.sample.v1\n{self}\n{name}\n").as_bytes())
    }
}

impl FromStr for Seed {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, SeedError> {
        let fits = (8..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err(SeedError(text.chars().take(70).collect())) }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The `count` things of the least rank, those first.
#[derive(Debug)]
pub struct Choice<T> {
    count: usize,
    there: u64,
    least: BTreeMap<(Digest, String), T>,
}

impl<T> Choice<T> {
    /// A choice of so many.
    pub fn new(count: usize) -> Self {
        Self { count, there: 0, least: BTreeMap::new() }
    }

    /// Offers something by its name; `make` is asked for it only if it is among the chosen so far.
    pub fn offer(&mut self, seed: &Seed, name: &str, make: impl FnOnce() -> T) {
        self.there += 1;
        let key = (seed.rank(name), name.to_owned());
        let full = self.least.len() >= self.count;
        if full && self.least.last_key_value().is_none_or(|(last, _)| key >= *last) {
            return;
        }
        self.least.insert(key, make());
        if self.least.len() > self.count {
            self.least.pop_last();
        }
    }

    /// How many were offered.
    pub fn there(&self) -> u64 {
        self.there
    }

    /// Those that were chosen, the least rank first.
    pub fn chosen(self) -> Vec<T> {
        self.least.into_values().collect()
    }
}

/// What to sample.
#[derive(Debug, Clone)]
pub struct Ask {
    /// By what.
    pub seed: Seed,
    /// How many of each group.
    pub count: usize,
    /// Whether each quarter of a year is a group of its own.
    pub per_quarter: bool,
    /// Whether only closed incidents are sampled, those that were resolved and those that were not as groups of their own.
    pub failed_and_successful: bool,
    /// Which bundles are sampled.
    pub filter: Filter,
}

/// A bundle of the sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sampled {
    /// What is told of it.
    #[serde(flatten)]
    pub row: Row,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// The id of the key whose signature held.
    pub key_id: String,
    /// That key, as `minisign -P` takes it.
    pub public_key: String,
    /// Whether the site's log is proven to hold it: `proven`, `not proven` or `not configured`.
    pub log: &'static str,
    /// The number of its entry there.
    pub index: Option<u64>,
}

impl Sampled {
    /// Whether its site has a log that is not proven to hold it.
    pub fn is_unproven(&self) -> bool {
        self.log == crate::proof::NOT_PROVEN
    }
}

/// A group, of which so many were to be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stratum {
    /// The site.
    pub site: SiteId,
    /// The quarter, where each is a group of its own.
    pub quarter: Option<String>,
    /// `successful` or `failed`, where those are groups of their own.
    pub outcome: Option<&'static str>,
    /// How many there are.
    pub there: u64,
    /// How many were asked for.
    pub asked: usize,
    /// Those that were taken.
    pub bundles: Vec<Sampled>,
}

/// A sample, `writ.sample.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Always `writ.sample.v1`.
    pub schema: &'static str,
    /// By what it was drawn.
    pub seed: Seed,
    /// Of what time; null for all there is.
    pub period: Option<Period>,
    /// Whether the whole folder verified. Bundles that did not verify cannot be sampled.
    pub verified: bool,
    /// What was wrong with it, if anything: the first.
    pub first_problem: Option<String>,
    /// The groups.
    pub strata: Vec<Stratum>,
}

impl Sample {
    /// Every bundle of it.
    pub fn bundles(&self) -> impl Iterator<Item = &Sampled> {
        self.strata.iter().flat_map(|stratum| &stratum.bundles)
    }

    /// Whether the folder verified, something was sampled, and no log that there is fails to hold it.
    pub fn is_fine(&self) -> bool {
        self.is_good(|_| true)
    }

    /// The same of one site.
    pub fn is_fine_of(&self, site: &SiteId) -> bool {
        self.is_good(|sampled| sampled.row.site == *site)
    }

    fn is_good(&self, counts: impl Fn(&Sampled) -> bool) -> bool {
        let own: Vec<&Sampled> = self.bundles().filter(|sampled| counts(sampled)).collect();
        self.verified && !own.is_empty() && own.iter().all(|sampled| !sampled.is_unproven())
    }
}

/// Site, quarter and outcome.
type Group = (SiteId, Option<String>, Option<&'static str>);

/// Draws a sample of the verified bundles of every site that the archive judges. A group that has none is there, empty.
pub fn sample(archive: &Archive, ask: &Ask) -> (Sample, VerifyReport) {
    let mut groups: BTreeMap<Group, Choice<Sampled>> = BTreeMap::new();
    let report = archive.walk(&mut |stored: Stored<'_>| {
        let bundle = &stored.bundle;
        let outcome = outcome(bundle);
        if bundle.kind == Kind::Attestation
            || !ask.filter.matches(bundle)
            || (ask.failed_and_successful && outcome.is_none())
        {
            return;
        }
        let quarter = ask.per_quarter.then(|| quarter(bundle.generated_at));
        let outcome = outcome.filter(|_| ask.failed_and_successful);
        let group =
            groups.entry((bundle.client_id.clone(), quarter, outcome)).or_insert_with(|| Choice::new(ask.count));
        group.offer(&ask.seed, &stored.digest.to_string(), || Sampled {
            row: row(&stored),
            digest: stored.digest,
            key_id: bundle.public_key.key_id().to_string(),
            public_key: bundle.public_key.line(),
            log: crate::proof::NOT_CONFIGURED,
            index: None,
        });
    });
    for group in expected(archive, ask, &groups) {
        groups.entry(group).or_insert_with(|| Choice::new(ask.count));
    }
    let mut strata: Vec<Stratum> = groups
        .into_iter()
        .map(|((site, quarter, outcome), choice)| {
            let there = choice.there();
            Stratum { site, quarter, outcome, there, asked: ask.count, bundles: choice.chosen() }
        })
        .collect();
    prove(archive, &mut strata);
    let first = report.problems.first_bad().map(|p| format!("{} {}: {}", p.code, p.path, p.what));
    let sample = Sample {
        schema: "writ.sample.v1",
        seed: ask.seed.clone(),
        period: ask.filter.period,
        verified: report.ok,
        first_problem: first,
        strata,
    };
    (sample, report)
}

/// The groups that there should be: of each site, of the quarters of the period up to now, or of those that have something.
fn expected(archive: &Archive, ask: &Ask, seen: &BTreeMap<Group, Choice<Sampled>>) -> BTreeSet<Group> {
    let outcomes = if ask.failed_and_successful { vec![Some("failed"), Some("successful")] } else { vec![None] };
    let mut expected = BTreeSet::new();
    for (site, _) in archive.sites.iter().filter(|(_, record)| !record.releases.is_empty()) {
        let of_site = match (ask.per_quarter, ask.filter.period) {
            (false, _) => vec![None],
            (true, None) => {
                seen.keys().filter(|(own, ..)| own == site).map(|(_, quarter, _)| quarter.clone()).collect()
            }
            (true, Some(period)) => {
                let to = archive.now.map_or(period.to, |now| period.to.min(now));
                quarters(&Period { to, ..period }).into_iter().map(Some).collect()
            }
        };
        for quarter in of_site {
            expected.extend(outcomes.iter().map(|outcome| (site.clone(), quarter.clone(), *outcome)));
        }
    }
    expected
}

/// Whether a closed incident was resolved.
fn outcome(bundle: &Bundle) -> Option<&'static str> {
    let success = bundle.outputs?.resolution_status == ResolutionStatus::Success;
    (bundle.kind == Kind::IncidentClosed).then_some(if success { "successful" } else { "failed" })
}

/// Says of each bundle where the site's log holds it.
fn prove(archive: &Archive, strata: &mut [Stratum]) {
    let mut wanted: BTreeMap<SiteId, Vec<(Digest, String)>> = BTreeMap::new();
    for stratum in strata.iter() {
        let of = wanted.entry(stratum.site.clone()).or_default();
        of.extend(stratum.bundles.iter().map(|sampled| (sampled.digest, sampled.row.path.clone())));
    }
    for (site, bundles) in wanted {
        let bundles: Vec<(Digest, &str)> = bundles.iter().map(|(digest, path)| (*digest, path.as_str())).collect();
        let places = places(archive, &site, &bundles);
        for sampled in strata.iter_mut().filter(|stratum| stratum.site == site).flat_map(|s| &mut s.bundles) {
            sampled.index = places.get(&sampled.digest).map(|place| place.index);
            sampled.log = standing(archive, &site, sampled.index.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_long_enough_to_be_thrown_and_plain_enough_to_be_told() {
        for good in ["12345678", "dice-4412-6", "0123456789abcdef0123456789abcdef"] {
            assert_eq!(good.parse::<Seed>().unwrap().to_string(), good);
        }
        for bad in ["", "1234567", "with space", "new\nline", "../../etc", &"x".repeat(65), "émigré-seed"] {
            assert!(bad.parse::<Seed>().is_err(), "{bad}");
        }
        assert_eq!(Seed::from_bytes(&[0xab; 16]).to_string().len(), 32);
    }

    #[test]
    fn one_site_is_fine_while_the_log_of_another_does_not_hold_what_was_drawn() {
        let site = |name: &str| name.parse::<SiteId>().unwrap();
        let drawn = |name: &str, log| Sampled {
            row: Row {
                bundle_id: "EB-20261123-0001".parse().unwrap(),
                generated_at: "2026-11-23T06:00:00Z".parse().unwrap(),
                site: site(name),
                appliance: "front-desk".parse().unwrap(),
                kind: Kind::Started,
                event_type: None,
                machine: None,
                check: None,
                incident_id: None,
                controls: vec![],
                severity: None,
                resolution: None,
                resolution_status: None,
                tier: None,
                runbook: None,
                mttr_seconds: None,
                sla_target_seconds: None,
                sla_met: None,
                summary: String::new(),
                path: String::new(),
            },
            digest: Digest::of(name.as_bytes()),
            key_id: String::new(),
            public_key: String::new(),
            log,
            index: None,
        };
        let stratum = |name: &str, log| Stratum {
            site: site(name),
            quarter: None,
            outcome: None,
            there: 1,
            asked: 1,
            bundles: vec![drawn(name, log)],
        };
        let mut sample = Sample {
            schema: "writ.sample.v1",
            seed: "a-seed-of-chance".parse().unwrap(),
            period: None,
            verified: true,
            first_problem: None,
            strata: vec![
                stratum("clinic-001", crate::proof::NOT_CONFIGURED),
                stratum("clinic-002", crate::proof::NOT_PROVEN),
            ],
        };
        let fine = |sample: &Sample, name: &str| sample.is_fine_of(&site(name));
        assert!(fine(&sample, "clinic-001") && !fine(&sample, "clinic-002") && !sample.is_fine());
        assert!(!fine(&sample, "clinic-003"), "nothing was drawn of it");
        sample.verified = false;
        assert!(!fine(&sample, "clinic-001"));
    }

    #[test]
    fn a_choice_is_that_of_the_least_ranks_whatever_their_order() {
        let seed: Seed = "a-seed-of-chance".parse().unwrap();
        let names: Vec<String> = (0..50).map(|n| format!("bundle {n}")).collect();
        let choose = |names: &[&String], count| {
            let mut choice = Choice::new(count);
            names.iter().for_each(|name| choice.offer(&seed, name, || (*name).clone()));
            assert_eq!(choice.there(), names.len() as u64);
            choice.chosen()
        };
        let forward: Vec<&String> = names.iter().collect();
        let backward: Vec<&String> = names.iter().rev().collect();
        let five = choose(&forward, 5);
        assert_eq!((five.len(), &five), (5, &choose(&backward, 5)));
        // A larger sample holds the smaller one.
        assert_eq!(choose(&forward, 9)[..5], five[..]);
        assert_eq!(choose(&forward, 99).len(), 50);
        assert!(choose(&forward, 0).is_empty());
    }
}
