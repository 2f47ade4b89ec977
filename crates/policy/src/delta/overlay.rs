//! A section of a policy as what many policies share and what one has for itself: how evaluation says them, because a
//! thousand appliances of a few kinds share most of what they must obey.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Result, Value as Json};

/// The sections that are said this way, each an object of items by id.
pub const SECTIONS: [&str; 6] = ["controls", "checks", "rules", "runbooks", "duties", "exceptions"];

/// What one policy has for itself. A section that is not named is as the base has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Overlay {
    /// By section: items that are not in the base, or that stand there otherwise.
    #[serde(default)]
    pub set: BTreeMap<String, Map<String, Json>>,
    /// By section: ids of the base that this policy does not have.
    #[serde(default)]
    pub drop: BTreeMap<String, BTreeSet<String>>,
}

impl Overlay {
    /// What is set and dropped, from the sections' names and their JSON: objects of items by id, and lists of ids.
    pub fn parse<'t>(
        set: impl IntoIterator<Item = (&'t str, &'t str)>,
        drop: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<Self> {
        fn parsed<'t, T: DeserializeOwned>(
            of: impl IntoIterator<Item = (&'t str, &'t str)>,
        ) -> Result<BTreeMap<String, T>> {
            of.into_iter().map(|(section, text)| Ok((section.to_owned(), serde_json::from_str(text)?))).collect()
        }
        Ok(Self { set: parsed(set)?, drop: parsed(drop)? })
    }

    /// A section as it stands in the policy. An id that is both dropped and set is set.
    pub fn over(&self, section: &str, base: &Map<String, Json>) -> Map<String, Json> {
        let mut items = base.clone();
        for id in self.drop.get(section).into_iter().flatten() {
            items.remove(id);
        }
        for (id, item) in self.set.get(section).into_iter().flatten() {
            items.insert(id.clone(), item.clone());
        }
        items
    }

    /// Whether this policy has a section as the base has it.
    pub fn leaves(&self, section: &str) -> bool {
        self.set.get(section).is_none_or(Map::is_empty) && self.drop.get(section).is_none_or(BTreeSet::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_are_dropped_replaced_and_added() {
        let set = [("checks", r#"{ "b": 20, "d": 4 }"#)];
        let overlay = Overlay::parse(set, [("checks", r#"["a", "gone"]"#), ("rules", "[]")]).unwrap();
        let base = json!({ "a": 1, "b": 2, "c": 3 });
        let base = base.as_object().unwrap();
        assert_eq!(Json::Object(overlay.over("checks", base)), json!({ "b": 20, "c": 3, "d": 4 }));
        assert_eq!(&overlay.over("rules", base), base);
        assert_eq!((overlay.leaves("checks"), overlay.leaves("rules"), overlay.leaves("duties")), (false, true, true));
    }

    #[test]
    fn what_is_dropped_and_set_is_set() {
        let overlay = Overlay::parse([("checks", r#"{ "a": 2 }"#)], [("checks", r#"["a"]"#)]).unwrap();
        assert_eq!(Json::Object(overlay.over("checks", json!({ "a": 1 }).as_object().unwrap())), json!({ "a": 2 }));
    }
    #[test]
    fn what_is_of_another_form_is_an_error() {
        assert!(Overlay::parse([("checks", "[]")], []).is_err());
        assert!(Overlay::parse([], [("checks", "{}")]).is_err());
        assert!(Overlay::parse([("checks", "{")], []).is_err());
    }
}
