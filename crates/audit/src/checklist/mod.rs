//! The checklists of the operating standards, answered from evidence: what machines show by verdicts and incidents, what people do
//! by what they attested.
//!
//! No item is silently well: one that no check of the policy answers says so, and counts as not met.

mod answer;
pub mod items;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use writ_evidence::BundleId;
use writ_policy::duty::Cadence;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::{Span, Time};

pub use people::last_done;

use crate::archive::Archive;
use crate::attest::{self, Attested};
use crate::compare::model::Link;
use crate::compare::{CompareError, Comparison, Verdict, compare};
use crate::load::attestations;
use crate::period::Period;
use crate::verify::VerifyReport;

/// How often a checklist is gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rhythm {
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
    /// Every quarter of a year.
    Quarterly,
    /// Every year.
    Annual,
}

impl Rhythm {
    /// All, from the shortest.
    pub const ALL: [Self; 5] = [Self::Daily, Self::Weekly, Self::Monthly, Self::Quarterly, Self::Annual];

    /// The word that people write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Annual => "annual",
        }
    }

    /// How many days it looks back over.
    pub fn days(self) -> i64 {
        match self {
            Self::Daily => 1,
            Self::Weekly => 7,
            Self::Monthly => 31,
            Self::Quarterly => 92,
            Self::Annual => 366,
        }
    }

    /// The one by which something is done that is due every so many days: the longest that is not longer.
    pub fn of_days(days: i64) -> Self {
        let all = Self::ALL;
        all.into_iter().find(|rhythm| days <= rhythm.days()).unwrap_or(Self::Annual)
    }
}

impl fmt::Display for Rhythm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What an item came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Evidence shows that it is not so, or shows nothing.
    NotMet,
    /// No check of the policy answers it.
    NoCheck,
    /// Evidence shows it.
    Met,
    /// There is nothing here that it could be about.
    NotApplicable,
    /// People are to do it, and it is not attested, or not lately.
    Due,
    /// People attested it, and it is not due again.
    Done,
    /// People do it when something happens.
    OnEvent,
    /// People would do it, and no duty of the policy asks for it.
    NoDuty,
}

impl State {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotMet => "NOT MET",
            Self::NoCheck => "NO CHECK",
            Self::Met => "met",
            Self::NotApplicable => "not applicable",
            Self::Due => "DUE",
            Self::Done => "done",
            Self::OnEvent => "on event",
            Self::NoDuty => "no duty",
        }
    }

    /// Whether an automated item is as it should be.
    pub fn is_good(self) -> bool {
        !matches!(self, Self::NotMet | Self::NoCheck)
    }
}

/// A check that answers an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckAnswer {
    /// The appliance.
    pub appliance: ApplianceId,
    /// The check.
    pub check: String,
    /// Its verdict over the time.
    pub verdict: Verdict,
    /// Why, in words.
    pub why: Vec<String>,
    /// The bundles that tell of it.
    pub evidence: Vec<Link>,
}

/// What was last attested of a duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastAttested {
    /// When it was signed.
    pub at: Time,
    /// By whom, as the trust root calls the key.
    pub by: String,
    /// What was stated.
    pub statement: String,
    /// Until when it holds, by its own word.
    pub until: Time,
    /// The bundle.
    pub bundle_id: BundleId,
    /// Its file, relative to the audit folder.
    pub path: String,
    /// Its digest.
    pub digest: Digest,
}

impl LastAttested {
    /// When it is due again that is due every so often.
    pub fn due_again(&self, every: &Span) -> Time {
        self.at.plus(every)
    }
}

/// A duty of the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DutyAnswer {
    /// Its id.
    pub duty: String,
    /// What is done.
    pub title: String,
    /// When it is due.
    pub cadence: Cadence,
    /// Who does it, as a role.
    pub by: String,
    /// What is attached.
    pub attach: String,
    /// [`State::Due`], [`State::Done`] or [`State::OnEvent`].
    pub state: State,
    /// When it was last attested; null if never.
    pub last: Option<LastAttested>,
    /// When it is due next; null where it is due on an event alone, or was never done.
    pub next: Option<Time>,
}

/// An item with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Its ids in the catalogue; none for another duty of the policy.
    pub ids: Vec<&'static str>,
    /// What is asked.
    pub title: String,
    /// Whether evidence answers it; otherwise people do.
    pub automated: bool,
    /// What it came to.
    pub state: State,
    /// Why, in sentences.
    pub says: Vec<String>,
    /// The checks that answer it.
    pub checks: Vec<CheckAnswer>,
    /// What people do for it.
    pub duties: Vec<DutyAnswer>,
}

/// A checklist, `writ.checklist.v1`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checklist {
    /// Always `writ.checklist.v1`.
    pub schema: &'static str,
    /// The site.
    pub site: SiteId,
    /// The site's name in words.
    pub title: String,
    /// Which.
    pub rhythm: Rhythm,
    /// The time that it looks back over.
    pub period: Period,
    /// Whether the folder verified.
    pub verified: bool,
    /// The first thing that is wrong with the folder, if any.
    pub first_problem: Option<String>,
    /// The items.
    pub items: Vec<Answer>,
}

impl Checklist {
    /// Whether the folder verified and every automated item is as it should be.
    pub fn is_fine(&self) -> bool {
        self.verified && self.items.iter().filter(|item| item.automated).all(|item| item.state.is_good())
    }
}

/// What everything is answered from.
struct Facts<'a> {
    archive: &'a Archive,
    comparison: &'a Comparison,
    /// By then, oldest first.
    attested: &'a [Attested],
    /// What each appliance was to obey then; null where it cannot be read.
    orders: BTreeMap<&'a ApplianceId, Option<&'a Policy>>,
    now: Time,
}

/// Goes through a checklist of a site as of an instant. The report tells whether the folder verified.
pub fn checklist(
    archive: &Archive,
    site: &SiteId,
    rhythm: Rhythm,
    now: Time,
) -> Result<(Checklist, VerifyReport), CompareError> {
    let period = Period { from: now.plus_millis(-rhythm.days() * DAY), to: now.plus_millis(1) };
    let comparison = compare(archive, site, Some(period), now)?;
    let attested = attested(archive, site, now);
    let orders = attest::orders(archive, site, now);
    let facts = Facts { archive, comparison: &comparison, attested: &attested, orders, now };
    let own = || items::ITEMS.iter().filter(|item| item.rhythm == rhythm);
    let mut answers: Vec<Answer> = own().map(|item| answer::of(&facts, item)).collect();
    let listed: BTreeSet<&str> = items::ITEMS.iter().flat_map(|item| item.ids.iter().copied()).collect();
    answers.extend(people::others(&facts, rhythm, &listed));
    let report = &comparison.verification;
    let checklist = Checklist {
        schema: "writ.checklist.v1",
        site: site.clone(),
        title: comparison.title.clone(),
        rhythm,
        period,
        verified: report.ok,
        first_problem: report.problems.first_bad().map(|p| format!("{} {}: {}", p.code, p.path, p.what)),
        items: answers,
    };
    Ok((checklist, comparison.verification))
}

/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

/// What people attested at a site up to an instant, oldest first.
pub fn attested(archive: &Archive, site: &SiteId, until: Time) -> Vec<Attested> {
    let mut all = Vec::new();
    // What is wrong with them was told of when the folder was verified.
    let mut unheard = VerifyReport::begin(archive);
    attestations::walk(archive, &mut unheard, &mut |stored| {
        if stored.bundle.client_id == *site && stored.bundle.generated_at <= until {
            all.push(attest::Attested { path: stored.path.to_owned(), digest: stored.digest, bundle: stored.bundle });
        }
    });
    all.sort_by_key(|one| one.bundle.generated_at);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_asked_once_and_every_item_can_be_answered() {
        let mut seen = BTreeSet::new();
        for item in items::ITEMS {
            assert!(!item.ids.is_empty() && item.title.len() > 10, "{item:?}");
            for id in item.ids {
                assert!(seen.insert(*id), "{id} is asked twice");
                assert!(id.starts_with("CK-"), "{id}");
            }
        }
        // What the operating standards ask of checklists, but for what is no item of one.
        let missing: Vec<String> =
            (1..=41).map(|n| format!("CK-{n:02}")).filter(|id| !seen.contains(id.as_str())).collect();
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn what_is_due_every_so_often_is_in_the_list_of_that_rhythm() {
        for (days, rhythm) in [
            (1, Rhythm::Daily),
            (7, Rhythm::Weekly),
            (30, Rhythm::Monthly),
            (31, Rhythm::Monthly),
            (91, Rhythm::Quarterly),
            (365, Rhythm::Annual),
            (2000, Rhythm::Annual),
        ] {
            assert_eq!(Rhythm::of_days(days), rhythm, "{days}");
        }
    }
}
