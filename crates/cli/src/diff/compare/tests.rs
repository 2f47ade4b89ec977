//! What two sides come to.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use std::borrow::Cow;

/// No files: settings have no places.
fn nowhere() -> Places {
    let folder = std::path::Path::new("/nonexistent");
    Places::of(folder, folder)
}

fn items() -> impl Strategy<Value = Json> {
    let item = ("[5-7]", "[cd]", any::<bool>()).prop_map(|(minutes, check, high)| {
        json!({
            "every": format!("{minutes}m"), "checks": [check], "when": { "check": check },
            "severity": if high { "high" } else { "low" },
        })
    });
    prop::collection::btree_map("[a-e]", item, 0..4).prop_map(|items| json!(items))
}

fn layers() -> impl Strategy<Value = (Json, Json, Vec<String>)> {
    (items(), items(), prop::collection::vec("[a-f]", 0..3))
}

fn layer(texts: &mut Texts<'_>, (base, set, drop): &(Json, Json, Vec<String>)) -> Option<Layer> {
    let mut id = |value: &Json| texts.id(Cow::Owned(value.to_string()));
    let base = id(base);
    let set = set.as_object().is_some_and(|set| !set.is_empty()).then(|| id(set));
    let drop = (!drop.is_empty()).then(|| id(&json!(drop)));
    Some(Layer { base, set, drop })
}

fn side<'a>(texts: &mut Texts<'a>, settings: Json, check: &Json, overrides: Vec<&'a Override>) -> Appliance<'a> {
    let sections = SECTIONS.map(|name| {
        let value = match name {
            "settings" => settings.clone(),
            "checks" => json!({ "c": check }),
            _ => json!({}),
        };
        layer(texts, &(value, json!({}), Vec::new()))
    });
    Appliance { sections, public_key: None, system_type: None, overrides }
}

fn gathered<'a>(appliances: Vec<(&str, Appliance<'a>)>) -> Gathered<'a> {
    let appliances = appliances.into_iter().map(|(name, one)| (name.to_owned(), one)).collect();
    Gathered { sites: BTreeMap::from([("s".to_owned(), appliances)]), ..Gathered::default() }
}

fn now() -> Time {
    "2026-11-23T00:00:00Z".parse().unwrap()
}

#[test]
fn what_is_nested_too_deeply_is_an_error_and_no_null() {
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(200), "]".repeat(200));
    let mut texts = Texts::default();
    let mut one = |inner: &str| {
        let mut one = side(&mut texts, json!({}), &json!({}), Vec::new());
        let base = texts.id(Cow::Owned(deep(inner)));
        one.sections[2] = Some(Layer { base, set: None, drop: None });
        gathered(vec![("a", one)])
    };
    let (before, after) = (one("1"), one("2"));
    assert!(compare(&before, &after, &texts, &nowhere(), now()).is_err());
}

#[test]
fn what_means_another_thing_elsewhere_is_told_there() {
    let mut texts = Texts::default();
    let check = |severity: &str| json!({ "severity": severity });
    let told = |severities: Json| json!({ "notify": { "desk": { "severities": severities } } });
    let mut both = |severity: &str| {
        let all = side(&mut texts, told(json!(["low", "high"])), &check(severity), Vec::new());
        let low = side(&mut texts, told(json!(["low"])), &check(severity), Vec::new());
        gathered(vec![("all", all), ("low", low)])
    };
    let (before, after) = (both("low"), both("high"));
    let compared = compare(&before, &after, &texts, &nowhere(), now()).unwrap();
    let found: Vec<(Effect, String)> =
        compared.groups.iter().map(|group| (group.changes[0].change.effect, group.appliances[0].1.clone())).collect();
    assert_eq!(found, [(Effect::Unclear, "low".to_owned()), (Effect::Stronger, "all".to_owned())]);
}

#[test]
fn an_override_with_another_reason_is_another_change() {
    let made = |reason: &str| -> Override {
        serde_json::from_value(json!({ "path": ["checks", "c", "severity"], "reason": reason })).unwrap()
    };
    let (x, y) = (made("X"), made("Y"));
    let mut texts = Texts::default();
    let check = |severity: &str| json!({ "severity": severity });
    let mut of = |severity: &str, by: [Vec<&'static Override>; 2]| {
        let [a, b] = by.map(|by| side(&mut texts, json!({}), &check(severity), by));
        gathered(vec![("a", a), ("b", b)])
    };
    let (x, y): (&'static Override, &'static Override) = (Box::leak(Box::new(x)), Box::leak(Box::new(y)));
    let before = of("high", [Vec::new(), Vec::new()]);
    let after = of("low", [vec![x], vec![y]]);
    let compared = compare(&before, &after, &texts, &nowhere(), now()).unwrap();
    let reasons: Vec<Option<String>> =
        compared.groups.iter().flat_map(|group| &group.changes).map(|one| one.reason.clone()).collect();
    assert_eq!(reasons, [Some("X".to_owned()), Some("Y".to_owned())]);
}

#[test]
fn what_stands_in_the_place_of_a_secrets_name_is_not_told() {
    let mut texts = Texts::default();
    let mut with = |password: &str| {
        let probe = json!({ "probe": { "restic": { "repository": "/r", "password": password } } });
        gathered(vec![("a", side(&mut texts, json!({}), &probe, Vec::new()))])
    };
    let (before, after) = (with("correct horse"), with("battery staple"));
    let compared = compare(&before, &after, &texts, &nowhere(), now()).unwrap();
    let change = &compared.groups[0].changes[0].change;
    assert_eq!((&change.before, &change.after), (&Some(json!("****")), &Some(json!("****"))));
}

#[test]
fn lists_that_change_alike_are_one_change_with_the_values_of_each() {
    let mut texts = Texts::default();
    let mut both = |lists: [&[&str]; 3]| {
        let mut of = |list: &[&str]| {
            let mut one = side(&mut texts, json!({}), &json!({}), Vec::new());
            let controls = texts.id(Cow::Owned(json!({ "A": { "checks": list } }).to_string()));
            one.sections[1] = Some(Layer { base: controls, set: None, drop: None });
            one
        };
        gathered(vec![("a", of(lists[0])), ("b", of(lists[1])), ("c", of(lists[2]))])
    };
    let before = both([&["x", "y"], &["x", "z"], &["x", "y"]]);
    let after = both([&["y"], &["z"], &["y", "w"]]);
    let compared = compare(&before, &after, &texts, &nowhere(), now()).unwrap();
    let [lost, swapped] = compared.groups.as_slice() else { panic!("{} groups", compared.groups.len()) };
    let names = |group: &Group| group.appliances.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
    assert_eq!((names(lost), names(swapped)), (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]));
    let [one] = lost.changes.as_slice() else { panic!("{} changes", lost.changes.len()) };
    assert_eq!((&one.change.before, &one.change.after), (&Some(json!(["x", "y"])), &Some(json!(["y"]))));
    let other = Lists { appliances: vec!["s/b".to_owned()], before: json!(["x", "z"]), after: json!(["z"]) };
    assert_eq!(one.others, [other]);
    // What is told of it is true of both.
    assert_eq!(writ_policy::diff::what(&one.change), "-\"x\"");
    assert_eq!(writ_policy::diff::what(&swapped.changes[0].change), "-\"x\" +\"w\"");
}

proptest! {
    /// What is shared is compared once for all; that it is shared changes nothing of what is found.
    #[test]
    fn shared_sections_are_compared_as_whole_ones(a in layers(), b in layers()) {
        let mut texts = Texts::default();
        let (was, is) = (layer(&mut texts, &a), layer(&mut texts, &b));
        let mut differ =
            Differ { texts: &texts, values: HashMap::new(), sections: HashMap::new(), broken: None };
        for index in (0..SECTIONS.len()).filter(|i| ["controls", "checks", "rules", "duties"].contains(&SECTIONS[*i])) {
            let (before, after) = (differ.whole(was), differ.whole(is));
            let whole = compared(index, &before, &after);
            let mut found = differ.section(index, was, is).to_vec();
            found.sort_by(|x, y| x.change.path.cmp(&y.change.path));
            prop_assert_eq!(&found, &whole, "{}", SECTIONS[index]);
            prop_assert_eq!(found.is_empty(), before == after);
        }
    }
}
