//! Probes on the real machine: what holds for all of them here, and one file for each below.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod chrony;
mod clamav;
mod cpu;
mod disk;
mod file;
mod host;
mod kernel;
mod listening_ports;
mod luks;
mod nix_config;
mod nix_generation;
mod parsers;
mod postgresql;
mod process;
mod sshd;
mod systemd;
mod tls_certificate;
mod users;

use std::path::PathBuf;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use writ_agent::probes::{self, ANNOUNCED, NETWORK, PROBES, ProbeContext, Watch};
use writ_policy::check::ProbeCall;
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Probed;
use writ_policy::schema::Kind;
use writ_policy::values::Values;
use writ_trust::time::Time;

pub fn call(name: &str, parameters: Json) -> ProbeCall {
    ProbeCall { name: name.into(), parameters: parameters.as_object().cloned().unwrap() }
}

pub fn context() -> ProbeContext {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = Time::from_unix_millis(i64::try_from(now.as_millis()).unwrap());
    ProbeContext::new(now, Instant::now(), PathBuf::from("/nowhere/profile"), None)
}

/// What a probe sees; every field must be one that its schema promises, with a value that it promises.
pub fn seen(name: &str, parameters: Json) -> Observation {
    let probed = probes::run(&call(name, parameters), &mut context());
    let Probed::Seen(observation) = probed else { panic!("{name}: {probed:?}") };
    check_schema(name, &observation);
    observation
}

pub fn check_schema(probe: &str, observation: &Observation) {
    let schema = probes::schema_of(probe).unwrap();
    assert_eq!(schema.unpromised(observation), [], "{probe}");
}

pub fn int(observation: &Observation, field: &str) -> i64 {
    let Some(Value::Int(n)) = observation.get(field) else { panic!("{field} in {observation:?}") };
    *n
}

pub fn list<'a>(observation: &'a Observation, field: &str) -> &'a [String] {
    let Some(Value::List(items)) = observation.get(field) else { panic!("{field} in {observation:?}") };
    items
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn every_name_is_there_once_and_every_field_is_documented() {
    let registry = probes::registry();
    assert_eq!(registry.probes.len(), PROBES.len() + NETWORK.len() + ANNOUNCED.len(), "no name is in two lists");
    assert_eq!((registry.announced.len(), registry.network.len()), (ANNOUNCED.len(), NETWORK.len()));
    for schema in registry.probes.values() {
        assert!(!schema.about.is_empty() && !schema.observation.is_empty(), "{}", schema.name);
        let mut names: Vec<_> = schema.observation.iter().map(|f| f.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), schema.observation.len(), "{}", schema.name);
        let fields = schema.observation.iter().map(|f| (f.name, f.about));
        for (name, about) in fields.chain(schema.parameters.iter().map(|p| (p.name, p.about))) {
            assert!(!about.is_empty() && !about.ends_with('.'), "{}.{name}: {about:?}", schema.name);
        }
    }
}

#[test]
fn what_values_there_can_be_fits_the_type_and_is_told_once() {
    let registry = probes::registry();
    let probes = registry.probes.values();
    let fields =
        probes.clone().flat_map(|probe| probe.observation.iter().map(|f| (probe.name, f.name, f.kind, f.values)));
    let takes = probes.map(|probe| (probe.name, probe.parameters));
    let takes = takes.chain(registry.steps.values().map(|step| (step.name, step.parameters)));
    let parameters = takes.flat_map(|(of, all)| all.iter().map(move |p| (of, p.name, p.kind, p.values)));
    for (of, name, kind, values) in fields.chain(parameters) {
        let fits = match values {
            Values::Any => true,
            Values::Between(least, most) => kind == Kind::Int && least < most,
            Values::Form(_) => matches!(kind, Kind::Text | Kind::List),
            Values::Closed(all) | Values::Known(all, _) => {
                let distinct: std::collections::BTreeSet<_> = all.iter().collect();
                matches!(kind, Kind::Text | Kind::List) && all.len() >= 2 && distinct.len() == all.len()
            }
        };
        assert!(fits, "{of}.{name}: {values:?}");
    }
}

#[test]
fn ill_typed_unknown_and_missing_parameters_are_refused_by_every_probe() {
    let refused = |name: &str, parameters: Json| {
        let probed = probes::run(&call(name, parameters.clone()), &mut context());
        assert!(matches!(probed, Probed::Failed(_)), "{name} {parameters}: {probed:?}");
    };
    for probe in PROBES {
        let name = probe.schema.name;
        refused(name, json!({ "no_such_parameter": 1 }));
        for parameter in probe.schema.parameters {
            for odd in [json!(null), json!(1.5), json!([1]), json!({"secret": "x"}), json!({})] {
                refused(name, json!({ parameter.name: odd }));
            }
            if parameter.required {
                refused(name, json!({}));
            }
            if matches!(parameter.name, "path" | "binary" | "config" | "profile") {
                for odd in ["", "etc/motd", "/etc/../etc/motd", "/a\0b", "..", &format!("/{}", "x".repeat(5000))] {
                    refused(name, json!({ parameter.name: odd }));
                }
            }
        }
    }
    refused("no_such_probe", json!({}));
    refused("cpu", json!({ "window": "0s" }));
    refused("cpu", json!({ "window": "2d" }));
    refused("listening_ports", json!({ "protocol": "sctp" }));
    refused("process", json!({ "name": "/usr/bin/x" }));
    refused("sysctl", json!({ "key": "kernel.no_such_setting" }));
}

#[test]
fn watches_name_what_announces_changes() {
    let watch = |name: &str, parameters| probes::watch(&call(name, parameters), &context());
    assert_eq!(watch("file", json!({ "path": "/etc/motd" })), [Watch::Path("/etc/motd".into())]);
    assert_eq!(watch("systemd_unit", json!({ "unit": "nginx" })), [Watch::Unit("nginx.service".into())]);
    assert!(watch("nix_generation", json!({})).contains(&Watch::Path("/nowhere/profile".into())));
    assert_eq!(watch("nftables", json!({})), [Watch::Firewall]);
    assert_eq!(watch("mount", json!({ "path": "/" })), [Watch::Mounts]);
    assert_eq!(watch("listening_ports", json!({ "protocol": "tcp" })), [Watch::Addresses]);
    assert_eq!(watch("removable_media", json!({})), [Watch::Devices, Watch::Mounts]);
    assert_eq!(watch("chrony", json!({})), [Watch::Clock]);
    assert!(watch("sessions", json!({})).contains(&Watch::Sessions));
    let [Watch::Journal(pattern)] = watch("failed_logins", json!({ "window": "1h" }))[..] else { panic!() };
    assert!(["Failed password for ann", "FAILED LOGIN (1)"].iter().all(|line| pattern.fits(line.as_bytes())));
    assert!(!pattern.fits(b"Accepted password for ann") && !pattern.fits(b" Failed ") && !pattern.fits(b""));
    assert!(watch("users", json!({})).contains(&Watch::Path("/etc/shadow".into())));
    assert!(watch("memory", json!({})).is_empty());
    assert!(watch("file", json!({ "path": "relative" })).is_empty() && watch("nothing", json!({})).is_empty());
}

/// Any JSON, small.
fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,20}".prop_map(Json::from),
        "/[a-z./]{0,12}".prop_map(Json::from),
        "[0-9]{1,3}(s|m|h)".prop_map(Json::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::hash_map("program|secret|[a-z]{1,4}", inner, 0..2)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn no_parameters_make_a_probe_panic(values in proptest::collection::vec(any_json(), 3), which in 0..PROBES.len()) {
        let schema = PROBES[which].schema;
        let parameters = schema.parameters.iter().map(|p| p.name).zip(values).map(|(n, v)| (n.to_owned(), v)).collect();
        let call = ProbeCall { name: schema.name.into(), parameters };
        let mut context = context();
        probes::watch(&call, &context);
        if let Probed::NotApplicable(reason) | Probed::Failed(reason) = probes::run(&call, &mut context) {
            prop_assert!(!reason.is_empty() && !reason.contains('\n'));
        }
    }
}
