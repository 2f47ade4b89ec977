//! What speaks against letting appliances have a release now: those that should have tried it before them have not kept it.

use std::collections::BTreeSet;

use writ_policy::rings::Rings;
use writ_trust::ids::ApplianceId;
use writ_trust::time::Time;

use super::look::Site;
use super::report::judged;
use super::standing::{Limits, Standing};

/// One line for each appliance that speaks against promoting others: those of earlier rings, and where the site has no rings
/// those whose time has come. `promoted` are the ones that would have it.
pub fn of(seen: &Site, rings: &Rings, promoted: &BTreeSet<ApplianceId>, limits: &Limits, now: Time) -> Vec<String> {
    let places = rings.places();
    let last = promoted.iter().filter_map(|name| places.get(name.as_str())).max().copied();
    let goes_before = |name: &ApplianceId| match (places.get(name.as_str()), last) {
        (Some(place), Some(last)) => *place < last,
        (Some(_), None) => false,
        (None, _) => seen.release.generations.get(name).is_some_and(|own| own.not_before <= now),
    };
    let before = seen.release.generations.keys().filter(|name| !promoted.contains(*name) && goes_before(name));
    let against = before.filter_map(|name| {
        let (standing, what) = judged(seen, name, limits, now)?;
        let ring = places.get(name.as_str()).and_then(|place| rings.0.get(*place));
        let ring = ring.map(|ring| format!(" (ring {})", ring.name)).unwrap_or_default();
        (standing != Standing::Current).then(|| format!("{name}{ring}: {what}"))
    });
    against.collect()
}
