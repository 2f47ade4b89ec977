//! Who may take up a release when: each appliance's `not_before` by the rings of its site, and that in words.

use std::collections::BTreeMap;

use writ_policy::rings::{self, Rings};
use writ_trust::ids::ApplianceId;
use writ_trust::release::{Generation, Release};
use writ_trust::time::Time;

/// The most appliances that are named one by one.
const MOST_NAMED: usize = 3;

/// Writes the `not_before` of each generation of a release that begins at `base` and follows `before`.
pub fn by_rings(
    generations: &mut BTreeMap<ApplianceId, Generation>,
    rings: &Rings,
    base: Time,
    before: Option<&Release>,
) {
    let places = rings.places();
    for (name, generation) in generations {
        let ring = places.get(name.as_str()).and_then(|place| rings.0.get(*place));
        let by_ring = ring.map_or(base, |ring| ring.after.not_before(base));
        let known = before.and_then(|before| before.generations.get(name));
        generation.not_before = rings::not_before(by_ring, generation, known);
    }
}

/// The appliances that may take a release up earlier than their ring says, as far as the release before does not let them
/// already.
pub fn earlier<'r>(release: &'r Release, rings: &Rings, before: Option<&Release>) -> Vec<&'r ApplianceId> {
    let mut by_ring = release.generations.clone();
    by_rings(&mut by_ring, rings, release.issued_at, before);
    let all = release.generations.iter();
    let earlier = all.filter(|(name, own)| {
        by_ring.get(*name).is_some_and(|by_ring| own.not_before.max(release.issued_at) < by_ring.not_before)
    });
    earlier.map(|(name, _)| name).collect()
}

/// When an appliance may take up a release.
pub fn words(release: &Release, generation: &Generation) -> String {
    if release.is_held(generation) {
        "once promoted".to_owned()
    } else if generation.not_before <= release.issued_at {
        "at once".to_owned()
    } else {
        format!("not before {}", generation.not_before)
    }
}

/// One line for each ring of the site, and more where its appliances have different times; nothing where it has no rings.
pub fn lines(release: &Release, rings: &Rings) -> Vec<String> {
    let mut lines = Vec::new();
    for ring in &rings.0 {
        let mut times: BTreeMap<Time, Vec<(&str, &Generation)>> = BTreeMap::new();
        for name in &ring.appliances {
            let own = name.parse::<ApplianceId>().ok().and_then(|name| release.generations.get(&name));
            if let Some(own) = own {
                times.entry(own.not_before.max(release.issued_at)).or_default().push((name, own));
            }
        }
        for alike in times.values() {
            let names: Vec<&str> = alike.iter().map(|(name, _)| *name).collect();
            let when = alike.first().map(|(_, generation)| words(release, generation)).unwrap_or_default();
            lines.push(format!("  ring {} ({}): {when}: {}", ring.name, ring.after.words(), named(&names)));
        }
    }
    lines
}

/// Some names, and how many there are besides.
pub fn named(names: &[&str]) -> String {
    match names.len().checked_sub(MOST_NAMED) {
        Some(more @ 1..) => format!("{} and {more} more", names[..MOST_NAMED].join(", ")),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use writ_policy::rings::{After, Ring};
    use writ_trust::digest::Digest;
    use writ_trust::minisign::SecretKey;
    use writ_trust::release::{PolicyRef, until_promoted};

    use super::*;

    /// An entry of an appliance with this policy.
    fn entry(policy: u8, not_before: Time) -> Generation {
        Generation {
            public_key: SecretKey::generate(&[7; 40]).public_key(),
            system_type: "x86_64-linux".parse().unwrap(),
            policy: PolicyRef { schema: "writ.policy.v2".parse().unwrap(), digest: Digest::of(&[policy]), size: 1 },
            closure: None,
            not_before,
        }
    }

    fn base() -> Time {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    /// Rings with delays that never go down, of some hours; the last ones wait for promotion.
    fn some_rings() -> impl Strategy<Value = Rings> {
        (prop::collection::vec(0u32..100, 1..6), 0usize..3).prop_map(|(mut hours, waiting)| {
            hours.sort_unstable();
            let delays = hours.iter().map(|hours| After::Delay(format!("{hours}h").parse().unwrap()));
            let all = delays.chain(std::iter::repeat_n(After::Promotion, waiting));
            let ring = |(n, after)| Ring { name: format!("ring-{n}"), after, appliances: vec![format!("desk-{n}")] };
            Rings(all.enumerate().map(ring).collect())
        })
    }

    proptest! {
        /// Nobody takes up something new before a ring that stands in front.
        #[test]
        fn what_is_new_comes_in_the_order_of_the_rings(rings in some_rings()) {
            let mut generations: BTreeMap<ApplianceId, Generation> =
                (0..rings.0.len()).map(|n| (format!("desk-{n}").parse().unwrap(), entry(2, base()))).collect();
            by_rings(&mut generations, &rings, base(), None);
            let times: Vec<Time> =
                (0..rings.0.len()).map(|n| generations[&format!("desk-{n}").parse().unwrap()].not_before).collect();
            prop_assert!(times.is_sorted(), "{times:?}");
            prop_assert!(times.iter().all(|time| *time >= base()));
        }

        /// A release that is drafted again, and one that promotes, puts nobody off.
        #[test]
        fn nobody_is_put_off(rings in some_rings(), later in 0i64..400_000_000, chosen in any::<u8>()) {
            let name = |n: usize| format!("desk-{n}").parse::<ApplianceId>().unwrap();
            let mut generations: BTreeMap<ApplianceId, Generation> =
                (0..rings.0.len()).map(|n| (name(n), entry(2, base()))).collect();
            by_rings(&mut generations, &rings, base(), None);
            let now = base().plus_millis(later);
            for (n, before) in generations.values().enumerate() {
                let is_chosen = chosen >> (n % 8) & 1 == 1;
                let after = rings::promoted(before, is_chosen, now);
                prop_assert!(after <= before.not_before && (!is_chosen || after <= now));
                prop_assert!(is_chosen || after == before.not_before, "others stay as they are");
                let by_ring = rings.0[n].after.not_before(now);
                prop_assert!(rings::not_before(by_ring, before, Some(before)) <= before.not_before);
            }
        }
    }

    #[test]
    fn something_new_has_the_time_of_its_ring_and_the_same_keeps_its_own() {
        let held = entry(2, until_promoted());
        assert_eq!(rings::not_before(base(), &entry(2, base()), Some(&held)), base());
        assert_eq!(rings::not_before(until_promoted(), &entry(3, base()), Some(&entry(2, base()))), until_promoted());
        assert_eq!(rings::not_before(until_promoted(), &entry(2, base()), Some(&entry(2, base()))), base());
        assert_eq!(named(&["a", "b", "c"]), "a, b, c");
        assert_eq!(named(&["a", "b", "c", "d"]), "a, b, c and 1 more");
    }
}
