//! Probes of which this version has only the schema: they are judged as calls, and never observe anything.

use serde_json::{Map, Value as Json, json};
use writ_agent::probes::{self, ANNOUNCED, NOT_OBSERVED};
use writ_policy::outcome::Probed;
use writ_policy::schema::{Class, Kind, ProbeSchema};

use crate::probes::{call, context};

fn failure(name: &str, parameters: Json) -> String {
    match probes::run(&call(name, parameters.clone()), &mut context()) {
        Probed::Failed(reason) => reason,
        other => panic!("{name} {parameters}: {other:?}"),
    }
}

fn good(kind: Kind) -> Json {
    match kind {
        Kind::Bool => json!(true),
        Kind::Int => json!(1),
        Kind::Text => json!("/x"),
        Kind::List => json!(["x"]),
        Kind::Span => json!("1h"),
        Kind::Program => json!({ "program": "x" }),
        Kind::Secret => json!({ "secret": "x" }),
    }
}

/// Parameters that the schema takes: all of them, or only those that must be given.
fn parameters(schema: &ProbeSchema, all: bool) -> Map<String, Json> {
    schema.parameters.iter().filter(|p| all || p.required).map(|p| (p.name.to_owned(), good(p.kind))).collect()
}

#[test]
fn a_good_call_is_not_observed_and_says_so_in_these_words() {
    for schema in ANNOUNCED {
        for all in [true, false] {
            let reason = failure(schema.name, parameters(schema, all).into());
            let name = schema.name;
            let exact = format!("not observed: this version has the schema of probe `{name}` but cannot look yet");
            assert_eq!(reason, exact);
        }
        assert!(probes::watch(&call(schema.name, parameters(schema, true).into()), &context()).is_empty());
    }
}

#[test]
fn a_call_that_will_never_be_right_names_the_parameter_today() {
    for schema in ANNOUNCED {
        let unknown = failure(schema.name, json!({ "no_such_parameter": 1 }));
        assert!(unknown.starts_with(&format!("{}: unknown parameter \"no_such_parameter\"", schema.name)), "{unknown}");
        for parameter in schema.parameters {
            let mut given = parameters(schema, true);
            given.insert(parameter.name.to_owned(), json!([1]));
            let odd = failure(schema.name, given.clone().into());
            let begins = format!("{}: parameter {} is [1], expected ", schema.name, parameter.name);
            assert!(odd.starts_with(&begins), "{odd}");
            given.remove(parameter.name);
            let without = failure(schema.name, given.into());
            let begins = format!("{}: parameter {} is missing: ", schema.name, parameter.name);
            assert_eq!(without.starts_with(&begins), parameter.required, "{without}");
        }
    }
}

#[test]
fn a_probe_of_a_newer_policy_is_not_observed_either() {
    let reason = failure("no_such\nprobe", json!({}));
    assert!(reason.starts_with("not observed: this version knows no probe `no_such\\u{a}probe`; known: "), "{reason}");
    assert!(reason.contains(" sysctl, ") && reason.contains(" windows_service, "), "{reason}");
    assert!(reason.starts_with(NOT_OBSERVED));
    assert!(probes::schema_of("no_such_probe").is_none());
}

#[test]
fn the_registry_tells_which_probes_cannot_look() {
    let registry = probes::registry();
    for name in registry.probes.keys() {
        let looks = probes::named(name).is_some() || probes::is_network(name);
        assert_eq!(registry.unobserved(name), !looks, "{name}");
        assert_eq!(probes::schema_of(name).map(|schema| schema.name), Some(*name));
    }
    assert!(!registry.unobserved("no_such_probe"), "what nobody knows is another mistake");
}

/// Fields that name a person or a machine, and free text, leave only as hashes and scrubbed: they are marked from the
/// start, as a policy that used one could not be taken back.
#[test]
fn names_and_free_text_are_marked() {
    let of_class = |class: Class| -> Vec<String> {
        let registry = probes::registry();
        let fields =
            registry.probes.values().flat_map(|schema| schema.observation.iter().map(|field| (schema.name, field)));
        fields
            .filter(|(_, field)| field.class == class)
            .map(|(probe, field)| format!("{probe}.{}", field.name))
            .collect()
    };
    assert_eq!(
        of_class(Class::Text),
        ["borg.last_error", "clamav.last_detection", "restic.last_error", "restore_test.notes"]
    );
    assert_eq!(
        of_class(Class::Identifier),
        [
            "account_activity.dormant",
            "account_activity.admins",
            "authorised_keys.accounts",
            "authorised_keys.unknown",
            "chrony.sources",
            "dns.addresses",
            "failed_logins.users",
            "file_scan.world_writable",
            "file_scan.unowned",
            "log_forwarding.targets",
            "ntp.agreeing",
            "privileged_groups.members",
            "privileged_groups.unknown",
            "process.users",
            "removable_media.devices",
            "sessions.users",
            "sshd.allow_users",
            "sshd.allow_groups",
            "sudo.holders",
            "tls_certificate.subject",
            "tls_certificate.issuer",
            "users.login_users",
            "users.uid_zero_users",
        ]
    );
}
