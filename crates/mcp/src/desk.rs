//! What every tool is given: what is read and held, what explains a tree, and where proposals wait.

use std::sync::Arc;

use serde_json::Value;
use writ_audit::pulse;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use crate::answer::Refusal;
use crate::arguments::PeriodText;
use crate::queue::Queue;
use crate::reading::{Clock, Reading, Source};
use crate::shelf::Shelf;

/// The most sites that a refusal names.
const NAMED: usize = 50;

/// What explains one thing of a tree of policy: given its name, the site and the appliance.
pub type Explain = Box<dyn Fn(&str, Option<&str>, Option<&str>) -> Result<Value, String> + Send + Sync>;

/// What every tool is given.
pub struct Desk {
    /// What is read.
    pub source: Source,
    /// What explains a tree, where one is given.
    pub explain: Option<Explain>,
    /// Where proposals wait, where people want any.
    pub queue: Option<Queue>,
    clock: Clock,
    shelf: Shelf,
}

impl Desk {
    /// One that has read nothing yet.
    pub fn new(source: Source, clock: Clock) -> Self {
        Self { source, explain: None, queue: None, clock, shelf: Shelf::default() }
    }

    /// What time it is.
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// The site that is asked for: the one named, or the only one there is.
    ///
    /// # Errors
    /// When there is no such site, or one of several has to be named.
    pub fn site(&self, named: Option<&SiteId>) -> Result<SiteId, Refusal> {
        let there = pulse::sites(&self.source.folder)
            .map_err(|error| Refusal::new(format!("the audit folder cannot be read: {error}")))?;
        let names = || there.iter().take(NAMED).map(SiteId::as_str).collect::<Vec<_>>().join(", ");
        match (named, &there[..]) {
            (Some(site), _) if there.binary_search(site).is_ok() => Ok(site.clone()),
            (Some(site), _) => {
                Err(Refusal::new(format!("nothing of {site} is in this folder; there are: {}", names())))
            }
            (None, [only]) => Ok(only.clone()),
            (None, []) => Err(Refusal::new("the audit folder holds no site")),
            (None, _) => Err(Refusal::new(format!("the folder holds several sites: name one of {}", names()))),
        }
    }

    /// A site as it is now, and a digest of what was read.
    ///
    /// # Errors
    /// As [`Desk::site`], and when nothing of it can be judged.
    pub fn read(&self, site: Option<&SiteId>, period: Option<&PeriodText>) -> Result<(Arc<Reading>, Digest), Refusal> {
        let site = self.site(site)?;
        self.shelf.get(&self.source, &site, period.map(PeriodText::as_str), self.now())
    }

    /// Forgets a site that is no longer what was read: the next question reads it anew.
    pub fn forget(&self, site: &SiteId) {
        self.shelf.forget(site);
    }
}
