//! What evidence teaches: which runbooks plans (L2) had run for which incidents, and how that went.
//!
//! A [`Pattern`] is a check that fails in a certain way, and a runbook that a plan had run for it. It is known by a
//! [`signature()`] in which neither a site nor an appliance is: an incident that moves between appliances counts on. Each incident
//! counts once for each runbook that was run for it: as a success for the one after which its check held, as a failure for those
//! before. Only evidence that verified counts, and none that [`VerifyReport`] says something bad of.
//!
//! ```text
//! seen often enough, and it helped ─▶ eligible ─ people merge its rule, and sign it ─▶ promoted ─ helps too rarely ─▶ withdrawable
//!                                        └──────── people turn it down ─▶ rejected ◀────────────────┘
//! ```
//!
//! By which figures, says the baseline ([`Figures`]); what people decided, the flake ([`Decisions`]) and the newest release.

mod count;
mod doubts;
mod gather;
mod model;
mod rules;
mod signature;
mod terms;
mod told;

pub use crate::costs::Calls;
pub use gather::Gathering;
pub use model::{
    Decisions, Figures, ID_DIGITS, LearnedRule, Library, MAX_BUNDLES, Pattern, RULE_PREFIX, SiteShare, State, Tiers,
};
pub use signature::{Parts, parameters, signature};
pub use terms::{Term, broken, in_words, narrowing, terms};

use writ_trust::ids::SiteId;

use crate::archive::Archive;
use crate::verify::VerifyReport;

impl Library {
    /// What the evidence of an archive teaches, of one site or of all, with what verifying it came to.
    pub fn gather(
        archive: &Archive,
        site: Option<&SiteId>,
        figures: &Figures,
        decisions: &Decisions,
    ) -> (Self, VerifyReport) {
        let mut gathering = match site {
            Some(site) => Gathering::of_site(archive, site),
            None => Gathering::begin(archive),
        };
        let report = archive.walk(&mut |stored| gathering.take(&stored));
        (gathering.finish(&report, figures, decisions), report)
    }
}
