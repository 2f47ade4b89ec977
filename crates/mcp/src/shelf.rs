//! What is held of what was read, so that not every question verifies the folder anew.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use writ_audit::{Period, pulse};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use crate::answer::Refusal;
use crate::reading::{Reading, Source};

/// How many readings are held.
const ROOM: usize = 4;
/// After how long a site is read again although nothing seems to have changed, in milliseconds: silence is told as silence then.
const AGAIN: i64 = 5 * 60_000;

/// A reading, of what and when.
#[derive(Clone)]
struct Slot {
    site: SiteId,
    period: Option<String>,
    pulse: Digest,
    reading: Arc<Reading>,
}

/// The last readings, the newest first. One site is read at a time.
#[derive(Default)]
pub struct Shelf(Mutex<VecDeque<Slot>>);

impl Shelf {
    /// A site as it is now, over a period as people write it; and a digest of what was read, for cursors.
    ///
    /// # Errors
    /// When the period is none, or nothing of the site can be judged.
    pub fn get(
        &self,
        source: &Source,
        site: &SiteId,
        period: Option<&str>,
        now: Time,
    ) -> Result<(Arc<Reading>, Digest), Refusal> {
        let parsed = period.map(|text| Period::parse(text, now)).transpose().map_err(Refusal::new)?;
        let mut held = self.locked();
        let pulse = pulse::of(&source.folder, site);
        let of = Digest::of(format!("{pulse} {site} {period:?}").as_bytes());
        let fresh = |slot: &Slot| slot.pulse == pulse && (0..AGAIN).contains(&now.millis_since(slot.reading.read_at));
        let at = held.iter().position(|slot| slot.site == *site && slot.period.as_deref() == period);
        if let Some(slot) = at.and_then(|at| held.remove(at)).filter(fresh) {
            held.push_front(slot.clone());
            return Ok((slot.reading, of));
        }
        let reading = Arc::new(Reading::of(source, site, parsed, now)?);
        held.push_front(Slot {
            site: site.clone(),
            period: period.map(str::to_owned),
            pulse,
            reading: reading.clone(),
        });
        held.truncate(ROOM);
        Ok((reading, of))
    }

    /// Forgets a site.
    pub fn forget(&self, site: &SiteId) {
        self.locked().retain(|slot| slot.site != *site);
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
