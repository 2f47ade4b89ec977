//! What an answer rests on: which folder was verified from which trust root, what did not verify, and when that was.

use serde::Serialize;
use writ_audit::Period;
use writ_audit::compare::Comparison;
use writ_audit::log_summary::NOT_CONFIGURED;
use writ_audit::problem::{Problem, Weight};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

/// The most problems, and the most appliances that were not judged, that are told of.
const MOST: usize = 5;

/// From what log a site was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogBasis {
    /// `verified`, `not configured` and the like.
    pub state: &'static str,
    /// The name of the log in use.
    pub origin: Option<String>,
    /// How many entries its checkpoint names.
    pub size: Option<u64>,
    /// The root of its tree, in base64.
    pub root: Option<String>,
    /// When its key last said that this is its head.
    pub fresh_at: Option<Time>,
}

/// An appliance that nobody could judge, or not all the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotJudged {
    /// Its name.
    pub appliance: ApplianceId,
    /// Why, in words.
    pub why: String,
}

/// The appliances that nobody could judge, or not all the time: what lists do not tell of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unjudged {
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub first: Vec<NotJudged>,
}

impl Unjudged {
    fn of(comparison: &Comparison) -> Self {
        let all = comparison.appliances.iter().filter_map(|one| {
            let why = one.not_assessable.clone()?;
            Some(NotJudged { appliance: one.appliance.clone(), why })
        });
        let mut first: Vec<NotJudged> = all.collect();
        let count = first.len();
        first.truncate(MOST);
        Self { count, first }
    }

    /// The same in words; nothing where all were judged.
    fn sentence(&self) -> Option<String> {
        let first = self.first.first()?;
        let others = if self.count == 1 { String::new() } else { format!(", and {} more", self.count - 1) };
        Some(format!(
            "NOT JUDGED, or not all the time: {} ({}){others}. What is listed and counted below says nothing of what was asked there \
             then; coverage tells of each appliance.",
            first.appliance, first.why
        ))
    }
}

/// What an answer rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Basis {
    /// The site.
    pub site: SiteId,
    /// Whether everything verified.
    pub verified: bool,
    /// How many things did not.
    pub not_verified: usize,
    /// The first of them.
    pub problems: Vec<Problem>,
    /// The appliances of which no list here tells anything, or not of all the time.
    pub not_judged: Unjudged,
    /// The first trust root: its version.
    pub trust_root: Option<u64>,
    /// Its digest, to be compared with the one that was given.
    pub trust_root_digest: Option<Digest>,
    /// The newest release, as `epoch-serial`.
    pub release: Option<String>,
    /// How many bundles verified.
    pub bundles: usize,
    /// The log.
    pub log: LogBasis,
    /// The time that was judged.
    pub period: Period,
    /// When the folder was read.
    pub read_at: Time,
    /// How anybody verifies the same.
    pub verify_with: &'static str,
}

impl Basis {
    /// Of a site whose folder was verified and whose baseline was held against it.
    pub fn of(comparison: &Comparison, read_at: Time) -> Self {
        let (report, site) = (&comparison.verification, &comparison.site);
        let log = report.logs.iter().find(|log| log.site == *site);
        let head = log.and_then(|log| log.logs.last());
        let release = report.releases.iter().find(|releases| releases.site == *site);
        let root = report.roots.first();
        Self {
            site: site.clone(),
            verified: report.ok,
            not_verified: report.problems.bad,
            problems: report.problems.list.iter().filter(|p| p.weight == Weight::Bad).take(MOST).cloned().collect(),
            not_judged: Unjudged::of(comparison),
            trust_root: root.map(|root| root.version),
            trust_root_digest: root.and_then(|root| root.digest),
            release: release.and_then(|releases| releases.newest.clone()),
            bundles: report.bundles,
            log: LogBasis {
                state: log.map_or(NOT_CONFIGURED, |log| log.state),
                origin: head.map(|head| head.origin.clone()),
                size: head.and_then(|head| head.size),
                root: head.and_then(|head| head.root.clone()),
                fresh_at: head.and_then(|head| head.fresh_at),
            },
            period: comparison.period,
            read_at,
            verify_with: "writ audit verify FOLDER --trust FIRST-ROOT",
        }
    }

    /// The same in words, the worst first.
    pub fn sentences(&self) -> Vec<String> {
        let mut all = Vec::new();
        if !self.verified {
            let first = self.problems.first();
            let first = first.map(|p| format!(", the first of them {}: {} ({})", p.path, p.what, p.code));
            all.push(format!(
                "THIS FOLDER DOES NOT VERIFY: {} things are wrong{}. What follows rests on what did verify alone, and may lack what \
                 was withheld or altered.",
                self.not_verified,
                first.unwrap_or_default()
            ));
        }
        all.extend(self.not_judged.sentence());
        let root = self.trust_root_digest.map(|digest| format!(" {digest}")).unwrap_or_default();
        all.push(format!(
            "This rests on release {} and {} bundles of {}, verified at {} from trust root {}{root}; the site's log: {}{}.",
            self.release.as_deref().unwrap_or("none"),
            self.bundles,
            self.site,
            self.read_at,
            self.trust_root.unwrap_or(0),
            self.log.state,
            self.log.size.map(|size| format!(", {size} entries")).unwrap_or_default()
        ));
        if self.log.state == NOT_CONFIGURED {
            all.push("Without a log nobody sees whether the newest bundles were withheld.".to_owned());
        }
        all
    }
}
