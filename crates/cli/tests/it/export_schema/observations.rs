//! The schemas of observations are what probes see.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use writ_agent::probes::{self, ProbeContext};
use writ_policy::check::ProbeCall;
use writ_policy::outcome::Probed;
use writ_policy::schema::{Class, FieldSchema, Kind};
use writ_policy::values::{Form, Values};

use super::judge::{judged, judged_by_many};

/// A value of a field, and one of another type.
fn values(field: &FieldSchema) -> (Value, Value) {
    let text = match field.possible() {
        Values::Any | Values::Between(..) => "a",
        Values::Closed(values) | Values::Known(values, _) => values[0],
        Values::Form(form) => example(form),
    };
    match field.kind {
        Kind::Bool => (json!(true), json!("true")),
        Kind::Int => (json!(2), json!([2])),
        Kind::List => (json!([text]), json!(text)),
        _ => (json!(text), json!([text])),
    }
}

fn example(form: Form) -> &'static str {
    match form {
        Form::Mode | Form::ModeGiven => "0644",
        Form::Sha256 => "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        Form::Instant => "2026-11-23T14:40:56Z",
        Form::Port => "22",
        Form::Socket => "[::]:22",
        Form::AbsolutePath => "/etc/motd",
        Form::FileName => "sshd",
        Form::CheckId => "ssh.config",
    }
}

/// A value of the field's type that it cannot have, or that a newer version of the program it is from may have.
fn beyond(field: &FieldSchema) -> Option<(Value, bool)> {
    let (text, fits) = match field.possible() {
        Values::Any => return None,
        Values::Between(least, most) if field.kind == Kind::Int => {
            return Some((json!(if least > i64::MIN { least - 1 } else { most + 1 }), false));
        }
        Values::Between(..) => return None,
        Values::Closed(_) | Values::Form(_) => ("never/such\u{0}", false),
        Values::Known(..) => ("newer", true),
    };
    Some((if field.kind == Kind::List { json!([text]) } else { json!(text) }, fits))
}

#[test]
fn fields_of_each_type_fit_and_others_do_not() {
    let mut cases: Vec<(String, Value, bool)> = Vec::new();
    for probe in probes::registry().probes.values() {
        let mut case = |document: Value, fits| cases.push((format!("observation-{}-v1", probe.name), document, fits));
        case(json!({}), true);
        case(json!({ "unexpected": 1 }), false);
        let mut all = json!({});
        for field in probe.observation {
            let (good, bad) = values(field);
            if let Some((value, fits)) = beyond(field) {
                case(json!({ field.name: value }), fits);
            }
            all[field.name] = good.clone();
            case(json!({ field.name: good }), true);
            case(json!({ field.name: bad }), false);
            case(json!({ field.name: null }), false);
            // A number that names somebody leaves the appliance as a hash.
            let any = matches!(field.possible(), Values::Any | Values::Known(..));
            let hashed = field.kind == Kind::Text && any || field.class == Class::Identifier && field.kind == Kind::Int;
            case(json!({ field.name: "hmac:0123" }), hashed);
        }
        case(all, true);
    }
    let verdicts = judged_by_many(cases.iter().map(|(schema, document, _)| (schema.as_str(), document)));
    let wrong: Vec<_> = cases.iter().zip(verdicts).filter(|((.., fits), verdict)| fits != verdict).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn what_probes_see_here_is_valid() {
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let mut looked = 0;
    for (probe, parameters) in [
        ("cpu", json!({})),
        ("disk", json!({"path": "/"})),
        ("file", json!({"path": "/etc/passwd"})),
        ("file", json!({"path": "/nowhere"})),
        ("kernel_command_line", json!({})),
        ("listening_ports", json!({})),
        ("memory", json!({})),
        ("mount", json!({"path": "/"})),
        ("process", json!({"name": "init"})),
        ("sysctl", json!({"name": "kernel.randomize_va_space"})),
        ("users", json!({})),
    ] {
        let call = ProbeCall { name: probe.into(), parameters: parameters.as_object().cloned().unwrap() };
        let mut context = ProbeContext::new(now, Instant::now(), PathBuf::from("/nowhere/profile"), None);
        // A container may lack what some probe looks at.
        if let Probed::Seen(observation) = probes::run(&call, &mut context) {
            let document = serde_json::to_value(&observation).unwrap();
            assert_eq!(
                judged(&format!("observation-{probe}-v1"), std::slice::from_ref(&document)),
                [true],
                "{document}"
            );
            looked += 1;
        }
    }
    assert!(looked >= 6, "only {looked} probes saw anything");
}
