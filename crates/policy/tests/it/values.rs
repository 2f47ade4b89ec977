//! Values that a probe never shows, and parameters that it never takes.

use serde_json::{Value, json};
use writ_policy::observation::Observation;
use writ_policy::schema::{Class, FieldSchema, Kind, ParameterSchema, ProbeSchema, Registry};
use writ_policy::validate::{Finding, path_text, validate};
use writ_policy::values::{Form, Values};

use crate::world::{now, policy};

const fn field(name: &'static str, kind: Kind, values: Values) -> FieldSchema {
    FieldSchema { name, kind, class: Class::Plain, values, about: "what it is" }
}

const FILE: ProbeSchema = ProbeSchema {
    name: "file",
    about: "",
    parameters: &[
        ParameterSchema { name: "path", kind: Kind::Text, required: true, values: Values::Any, about: "the file" }
            .form(Form::AbsolutePath),
        ParameterSchema { name: "family", kind: Kind::Text, required: false, values: Values::Any, about: "which" }
            .one_of(&["ip", "ip6"]),
    ],
    observation: &[
        field("exists", Kind::Bool, Values::Any),
        field("mode", Kind::Text, Values::Form(Form::Mode)),
        field("kind", Kind::Text, Values::Closed(&["file", "directory", "symlink", "other"])),
        field("state", Kind::Text, Values::Known(&["active", "inactive", ""], "initd 5")),
        field("ports", Kind::List, Values::Form(Form::Port)),
        field("level", Kind::Int, Values::Between(0, 5)),
        field("size_bytes", Kind::Int, Values::Any),
        field("left_seconds", Kind::Int, Values::Any),
        FieldSchema { class: Class::Identifier, ..field("owner", Kind::Text, Values::Closed(&["a", "b"])) },
    ],
};

/// The findings about the values of a check with this predicate, which is also the observation of a rule.
fn findings(expect: &Value) -> Vec<Finding> {
    let mut policy = policy();
    policy["checks"]["motd"]["expect"] = expect.clone();
    policy["checks"]["shadow"]["prefer"] = expect.clone();
    policy["rules"]["R1"]["when"]["observation"] = expect.clone();
    let registry = Registry { probes: [("file", FILE)].into(), ..crate::world::registry() };
    let all = validate(&policy, &registry, now());
    let found: Vec<Finding> = all.into_iter().filter(|f| f.code == "impossible-value").collect();
    let of = |prefix: &str| found.iter().filter(|f| path_text(&f.path).starts_with(prefix)).count();
    let expected = of("checks.motd.expect");
    assert_eq!((of("checks.shadow.prefer"), of("rules.R1.when.observation")), (expected, expected), "{expect}");
    found.into_iter().filter(|f| f.path[1] == "motd").collect()
}

#[test]
fn what_is_never_seen_is_told_at_its_place() {
    for (expect, place, message, nearest) in [
        (json!({"kind": {"eq": "folder"}}), "kind.eq", "`kind` is never \"folder\"", Some("directory")),
        (json!({"kind": {"ne": "files"}}), "kind.ne", "`kind` is never \"files\"", Some("file")),
        (json!({"kind": {"in": ["file", "fifo"]}}), "kind.in.1", "`kind` is never \"fifo\"", None),
        (json!({"kind": {"not_in": ["dir"]}}), "kind.not_in.0", "`kind` is never \"dir\"", Some("directory")),
        (json!({"kind": {"contains": "x_"}}), "kind.contains", "`kind` is never what contains \"x_\"", None),
        (
            json!({"kind": {"matches": "dir"}}),
            "kind.matches",
            "`kind` is never what matches \"dir\"",
            Some("directory"),
        ),
        (json!({"not": {"mode": {"eq": "700"}}}), "not.mode.eq", "`mode` is never \"700\"", Some("0700")),
        (json!({"any": [{"state": {"eq": "actve"}}]}), "any.0.state.eq", "`state` is never \"actve\"", Some("active")),
        (json!({"ports": {"contains": "ssh"}}), "ports.contains", "an entry of `ports` is never \"ssh\"", None),
        (
            json!({"ports": {"subset_of": ["22", "http"]}}),
            "ports.subset_of.1",
            "an entry of `ports` is never \"http\"",
            None,
        ),
        (json!({"level": {"ge": 6}}), "level.ge", "`level` is never 6", None),
        (json!({"level": {"gt": 5}}), "level.gt", "`level` is never more than 5", None),
        (json!({"level": {"lt": 0}}), "level.lt", "`level` is never less than 0", None),
        (json!({"size_bytes": {"ge": -1}}), "size_bytes.ge", "`size_bytes` is never -1", None),
    ] {
        let found = findings(&expect);
        let told: Vec<_> =
            found.iter().map(|f| (path_text(&f.path), f.message.as_str(), f.nearest.as_deref())).collect();
        let at = format!("checks.motd.expect.{place}");
        assert_eq!(told, [(at, message, nearest)], "{expect}");
        assert!(found[0].expected.is_some() && found[0].help.is_some(), "{expect}");
    }
}

#[test]
fn what_can_be_seen_is_no_mistake() {
    for expect in [
        json!({"kind": {"in": ["file", "other"]}, "mode": {"not_in": ["0777"]}}),
        json!({"kind": {"matches": "sym.*"}, "mode": {"matches": "07.."}}),
        json!({"kind": {"contains": "link"}, "mode": {"contains": "x"}}),
        // The way to say what a newer version has.
        json!({"state": {"matches": "frozen"}}),
        json!({"state": {"eq": ""}}),
        json!({"ports": {"eq": []}}),
        json!({"level": {"ge": 0, "le": 5}, "size_bytes": {"gt": 0}, "left_seconds": {"ge": -5}}),
        json!({"owner": {"eq": "nobody-knows"}, "exists": {"eq": true}}),
    ] {
        assert_eq!(findings(&expect), [], "{expect}");
    }
}

#[test]
fn another_field_that_has_the_value_is_named_and_keys_are_not_repeated() {
    let found = findings(&json!({"kind": {"eq": "inactive"}}));
    assert_eq!(found[0].help.as_deref(), Some("\"inactive\" is a value of `state`: what it is"));
    let key = format!("RWQAAEIy{}", "A".repeat(204));
    assert_eq!(findings(&json!({"kind": {"eq": key}})), []);
    assert_eq!(findings(&json!({"kind": {"matches": key}})), []);
}

#[test]
fn parameters_that_are_never_taken_are_told() {
    for (parameter, given, expected, nearest) in [
        (
            "path",
            json!("srv/dicom"),
            Some("an absolute path without \"..\", such as \"/etc/motd\""),
            Some("/srv/dicom"),
        ),
        ("path", json!("/srv/../etc"), Some("an absolute path without \"..\", such as \"/etc/motd\""), None),
        ("family", json!("ipv6"), Some("\"ip\" or \"ip6\""), Some("ip6")),
        ("path", json!("/srv/dicom"), None, None),
        ("path", json!({"secret": "x"}), None, None),
    ] {
        let mut policy = policy();
        policy["checks"]["motd"]["probe"]["file"][parameter] = given.clone();
        let registry = Registry { probes: [("file", FILE)].into(), ..crate::world::registry() };
        let found = validate(&policy, &registry, now());
        let found: Vec<_> = found.iter().filter(|f| f.code == "wrong-parameter").collect();
        let told: Vec<_> = found.iter().map(|f| (f.expected.as_deref(), f.nearest.as_deref())).collect();
        let wanted: Vec<_> = expected.map(|expected| (Some(expected), nearest)).into_iter().collect();
        assert_eq!(told, wanted, "{parameter} {given}");
    }
}

#[test]
fn an_observation_is_held_to_what_is_promised() {
    let good = Observation::new().with("mode", "0644").with("kind", "file").with("level", 5).with("size_bytes", 1);
    assert_eq!(FILE.unpromised(&good), []);
    for (name, odd) in [
        ("mode", writ_policy::observation::Value::from("644")),
        ("mode", 644.into()),
        ("kind", "fifo".into()),
        ("level", 6.into()),
        ("size_bytes", (-1).into()),
        ("ports", vec!["22".to_owned(), "x".to_owned()].into()),
        ("other", true.into()),
    ] {
        let seen = good.clone().with(name, odd.clone());
        assert_eq!(FILE.unpromised(&seen), [(name, &odd)]);
    }
}
