//! Which bundles were found delivered, so that the tiles that prove it need not be there for ever. Part of the state.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Numbers of bundles by the folder in the outbox that their chain is in; the own chain's has no name. As ranges of first and
/// last, because nearly all follow one another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proven(BTreeMap<String, Vec<(u64, u64)>>);

impl Proven {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this bundle is among them.
    pub fn contains(&self, folder: &str, sequence: u64) -> bool {
        let ranges = self.0.get(folder).map_or(&[][..], Vec::as_slice);
        let after = ranges.partition_point(|(first, _)| *first <= sequence);
        after > 0 && sequence <= ranges[after - 1].1
    }

    /// Those of the own chain, as ranges of first and last.
    pub fn own(&self) -> &[(u64, u64)] {
        self.0.get("").map_or(&[], Vec::as_slice)
    }

    /// The own chain's bundles lie in this folder from now on.
    pub fn put_aside(&mut self, folder: String) {
        if let Some(own) = self.0.remove("") {
            self.0.insert(folder, own);
        }
    }
}

impl FromIterator<(String, BTreeSet<u64>)> for Proven {
    fn from_iter<I: IntoIterator<Item = (String, BTreeSet<u64>)>>(chains: I) -> Self {
        let ranges = |numbers: BTreeSet<u64>| {
            let mut ranges: Vec<(u64, u64)> = Vec::new();
            for number in numbers {
                match ranges.last_mut() {
                    Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
                    _ => ranges.push((number, number)),
                }
            }
            ranges
        };
        let chains = chains.into_iter().filter(|(_, numbers)| !numbers.is_empty());
        Self(chains.map(|(folder, numbers)| (folder, ranges(numbers))).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_take_no_room_and_a_chain_that_is_put_aside_keeps_its_own() {
        let mut proven: Proven =
            [(String::new(), (5..5000).collect()), ("old".into(), BTreeSet::new())].into_iter().collect();
        assert_eq!(serde_json::to_string(&proven).unwrap(), r#"{"":[[5,4999]]}"#);
        proven.put_aside("abc".into());
        assert!(proven.contains("abc", 5) && !proven.contains("", 5));
    }

    proptest! {
        #[test]
        fn what_is_in_the_set_is_in_the_ranges(numbers in prop::collection::btree_set(0..200_u64, 0..100)) {
            let proven: Proven = [(String::new(), numbers.clone())].into_iter().collect();
            for number in 0..=200 {
                prop_assert_eq!(proven.contains("", number), numbers.contains(&number));
            }
            prop_assert_eq!(proven.is_empty(), numbers.is_empty());
        }
    }
}
