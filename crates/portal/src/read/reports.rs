//! What was found of sites that could not be judged, kept so that not every look at it verifies the folder anew.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use writ_audit::verify::VerifyReport;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

/// How many are kept. They are of sites that somebody looks at because something is wrong.
const ROOM: usize = 4;

/// What was found of a site.
pub struct Found {
    /// The site.
    pub site: SiteId,
    /// When the site was read that could not be judged: when it is read again, this is of no use any more.
    pub read_at: Time,
    /// When this was found.
    pub at: Time,
    /// What it was.
    pub report: VerifyReport,
}

/// The last of them.
#[derive(Default)]
pub struct Reports(Mutex<VecDeque<Arc<Found>>>);

impl Reports {
    /// That of a site, as it was read then.
    pub fn get(&self, site: &SiteId, read_at: Time) -> Option<Arc<Found>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().find(|found| found.site == *site && found.read_at == read_at).cloned()
    }

    /// Keeps one, in place of an older one of the same site or of the oldest.
    pub fn keep(&self, found: Found) -> Arc<Found> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|other| other.site != found.site);
        let found = Arc::new(found);
        held.push_front(found.clone());
        held.truncate(ROOM);
        found
    }
}
