//! All sites together, in the orders in which pages show them; made once when something changed, not at every request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::learned::Together;
use super::summary::{DutyRow, ExceptionRow, Summary};
use crate::access::users::{Role, User};

/// Something of a site, by its place in the site's own list.
type Of = (Arc<Summary>, usize);

/// The sites that somebody sees; none where that is all of them.
type Seen = Option<BTreeSet<SiteId>>;
/// For how many who see other sites what those teach together is kept.
const KEPT: usize = 64;

/// All sites that were read.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// By name.
    pub sites: BTreeMap<SiteId, Arc<Summary>>,
    /// Those that need somebody most, first.
    worst_first: Vec<Arc<Summary>>,
    /// Their exceptions, the next to end first.
    exceptions: Vec<Of>,
    /// What people do there, what is due first.
    duties: Vec<Of>,
    /// What sites teach together, by who sees them: added up when it is first asked for.
    together: Arc<Mutex<BTreeMap<Seen, Arc<Together>>>>,
    /// How many sites the folder has, read or not.
    pub there: usize,
    /// Why the folder cannot be read, if it cannot.
    pub trouble: Option<String>,
    /// When it was looked at last.
    pub looked_at: Option<Time>,
}

impl Fleet {
    /// These sites.
    pub fn new(
        sites: BTreeMap<SiteId, Arc<Summary>>,
        there: usize,
        trouble: Option<String>,
        looked_at: Option<Time>,
    ) -> Self {
        let mut worst_first: Vec<Arc<Summary>> = sites.values().cloned().collect();
        worst_first.sort_by_cached_key(|summary| summary.rank());
        let each = |of: &dyn Fn(&Summary) -> usize| -> Vec<Of> {
            sites.values().flat_map(|summary| (0..of(summary)).map(move |at| (summary.clone(), at))).collect()
        };
        let mut exceptions = each(&|summary| summary.exceptions.len());
        exceptions.sort_by_key(|(summary, at)| summary.exceptions[*at].expires);
        let mut duties = each(&|summary| summary.duties.len());
        duties.sort_by_key(|(summary, at)| summary.duties[*at].due());
        Self { worst_first, exceptions, duties, together: Arc::default(), sites, there, trouble, looked_at }
    }

    /// The sites that somebody may see, those first that need somebody most.
    pub fn worst_first(&self, who: &User) -> Vec<&Arc<Summary>> {
        self.worst_first.iter().filter(|summary| who.may_see(&summary.site)).collect()
    }

    /// The exceptions that somebody may see, the next to end first.
    pub fn exceptions(&self, who: &User) -> Vec<(&Summary, &ExceptionRow)> {
        let seen = self.exceptions.iter().filter(|(summary, _)| who.may_see(&summary.site));
        seen.map(|(summary, at)| (&**summary, &summary.exceptions[*at])).collect()
    }

    /// What people do at the sites that somebody may see, what is due first.
    pub fn duties(&self, who: &User) -> Vec<(&Summary, &DutyRow)> {
        let seen = self.duties.iter().filter(|(summary, _)| who.may_see(&summary.site));
        seen.map(|(summary, at)| (&**summary, &summary.duties[*at])).collect()
    }

    /// What the sites teach together that somebody may see.
    pub fn together(&self, who: &User) -> Arc<Together> {
        let seen = (who.role != Role::Operator).then(|| who.sites.clone());
        // Nobody adds up what somebody else is adding up.
        let mut kept = self.together.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(together) = kept.get(&seen) {
            return together.clone();
        }
        let sites = self.sites.values().filter(|summary| who.may_see(&summary.site));
        let together = Arc::new(Together::of(sites.map(|summary| &*summary.learned)));
        if kept.len() < KEPT {
            kept.insert(seen, together.clone());
        }
        together
    }

    /// Keeps what was added up before, where the sites teach what they taught then.
    pub fn teaching_as(&mut self, before: &Self) {
        let same = self.sites.len() == before.sites.len()
            && self
                .sites
                .iter()
                .zip(&before.sites)
                .all(|((site, now), (other, then))| site == other && Arc::ptr_eq(&now.learned, &then.learned));
        if same {
            self.together = before.together.clone();
        }
    }
}
