//! Twenty and more bad inputs per document, each refused for its own reason in one line.

use serde_json::{Value, json};
use writ_trust::document::DocumentError;
use writ_trust::floor::Floor;
use writ_trust::json::{JsonError, MAX_DOCUMENT};
use writ_trust::release::{Release, ReleaseError};
use writ_trust::root::{RootError, TrustRoot};

use crate::world::*;

/// Ways to make any document bad, whatever it holds.
fn spoiled(good: &[u8], schema: &str) -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(good).unwrap();
    let mut value: Value = serde_json::from_slice(good).unwrap();
    let mut unknown = value.clone();
    unknown["surprise"] = json!(1);
    value.as_object_mut().unwrap().remove("site");
    value.as_object_mut().unwrap().remove("version");
    vec![
        vec![],
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        b"{}".to_vec(),
        b"{\"schema\":1}".to_vec(),
        format!("{{\"schema\":{schema:?}}}").into_bytes(),
        good[..good.len() - 1].to_vec(),
        good[1..].to_vec(),
        [good, b"{}"].concat(),
        [b"\xef\xbb\xbf", good].concat(),
        [b"\xff", good].concat(),
        text.replacen(schema, "writ.other.v1", 1).into_bytes(),
        text.replacen(schema, &schema.replace(".v1", ".v2"), 1).into_bytes(),
        text.replacen('{', "{\"schema\":\"writ.other.v1\",", 1).into_bytes(),
        text.replacen('{', "{\"\\u0073chema\":\"x\",", 1).into_bytes(),
        serde_json::to_vec(&unknown).unwrap(),
        serde_json::to_vec(&value).unwrap(),
        vec![b' '; MAX_DOCUMENT + 1],
        "[".repeat(10_000).into_bytes(),
        text.replacen(":1", ":1.0", 1).into_bytes(),
        text.replacen(":1", ":1e0", 1).into_bytes(),
        text.replacen(":1", ":-1", 1).into_bytes(),
        text.replacen(":1", ":0", 1).into_bytes(),
        text.replacen(":1", ":\"1\"", 1).into_bytes(),
        text.replacen(":1", ":9007199254740993", 1).into_bytes(),
    ]
}

fn all_refused<T: std::fmt::Debug, E: std::fmt::Display>(good: &[u8], schema: &str, parse: fn(&[u8]) -> Result<T, E>) {
    parse(good).map_err(|e| e.to_string()).unwrap();
    let bad = spoiled(good, schema);
    assert!(bad.len() >= 20);
    for (at, bytes) in bad.iter().enumerate() {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        let Err(error) = parse(bytes) else { panic!("input {at} was accepted: {shown}") };
        assert_one_line(&error.to_string());
    }
}

#[test]
fn bad_bytes() {
    let world = World::new();
    let mut floor = world.floor.clone();
    floor.release = Some(writ_trust::floor::FloorRelease { serial: serial(1), ..floor.release.unwrap() });
    all_refused(&release().canonical(), "writ.release.v1", Release::parse);
    all_refused(&root().canonical(), "writ.trust.v1", TrustRoot::parse);
    all_refused(&floor.canonical(), "writ.floor.v1", Floor::parse);
}

#[test]
fn a_newer_schema_is_called_newer_and_not_malformed() {
    let error = Release::parse(br#"{"schema":"writ.release.v2","anything":[]}"#).unwrap_err();
    assert!(matches!(&error, ReleaseError::Document(DocumentError::OtherSchema { .. })));
    assert!(error.to_string().contains("writ.release.v2") && error.to_string().contains("newer"), "{error}");
    let error = Release::parse(b"{}").unwrap_err();
    assert!(matches!(error, ReleaseError::Document(DocumentError::NoSchema { .. })));
    let error = Release::parse(b"{").unwrap_err();
    assert!(matches!(error, ReleaseError::Document(DocumentError::Json(JsonError::Syntax(_)))));
}

/// Replaces the value at a JSON pointer, or removes it when given `None`.
fn put(document: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(o), Some(v)) => drop(o.insert(name.into(), v)),
        (Value::Object(o), None) => drop(o.remove(name).expect("a member to remove")),
        (Value::Array(a), Some(v)) => a[name.parse::<usize>().unwrap()] = v,
        (parent, value) => panic!("{pointer}: {parent} {value:?}"),
    }
}

fn edited(good: &[u8], pointer: &str, value: Option<Value>) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(good).unwrap();
    put(&mut document, pointer, value);
    serde_json::to_vec(&document).unwrap()
}

#[test]
fn bad_members_of_a_release() {
    let good = release().canonical();
    let own = "/generations/front-desk";
    let own = |rest: &str| format!("{own}{rest}");
    let bad: Vec<(String, Option<Value>)> = vec![
        ("/site".into(), Some(json!("../x"))),
        ("/site".into(), None),
        ("/epoch".into(), Some(json!(0))),
        ("/serial".into(), Some(json!(-1))),
        ("/serial".into(), Some(json!("5"))),
        ("/issued_at".into(), Some(json!("yesterday"))),
        ("/issued_at".into(), Some(json!("2026-11-20T08:00:00+01:00"))),
        ("/expires_at".into(), Some(json!(null))),
        ("/previous".into(), None),
        ("/previous".into(), Some(json!("sha256:abc"))),
        ("/source".into(), Some(json!(null))),
        ("/source/revision".into(), Some(json!("main"))),
        ("/source/revision".into(), None),
        ("/source/nar_hash".into(), Some(json!("sha256-AAAA"))),
        ("/source/dirty".into(), Some(json!("no"))),
        ("/trust_version".into(), Some(json!(0))),
        ("/generations".into(), Some(json!([]))),
        ("/generations/A B".into(), Some(json!({}))),
        (own("/public_key"), Some(json!("RWQ"))),
        (own("/public_key"), Some(json!(public(FRONT_DESK).to_file()))),
        (own("/system_type"), Some(json!("x86 64"))),
        (own("/policy"), Some(json!(null))),
        (own("/policy/schema"), Some(json!("writ policy"))),
        (own("/policy/size"), Some(json!("1"))),
        (own("/policy/extra"), Some(json!(1))),
        (own("/closure"), None),
        (own("/closure/toplevel"), Some(json!("/nix/store/../../etc"))),
        (own("/closure/digest"), Some(json!("SHA256:00"))),
        (own("/not_before"), None),
        ("/revoked_appliance_keys".into(), Some(json!(null))),
        ("/revoked_appliance_keys".into(), Some(json!([{"public_key": public(STRANGER).line()}]))),
    ];
    for (pointer, value) in bad {
        let error = Release::parse(&edited(&good, &pointer, value.clone())).expect_err(&pointer);
        assert!(
            matches!(error, ReleaseError::Document(DocumentError::Json(JsonError::Shape(_)))),
            "{pointer}: {error}"
        );
        assert_one_line(&error.to_string());
    }
    for (pointer, value) in
        [(own("/closure"), Value::Null), ("/previous".into(), Value::Null), ("/generations".into(), json!({}))]
    {
        Release::parse(&edited(&good, &pointer, Some(value))).expect(&pointer);
    }
}

#[test]
fn releases_that_contradict_themselves() {
    use ReleaseError as E;
    let refused = |edit: fn(&mut Release)| {
        let mut release = release();
        edit(&mut release);
        let error = Release::parse(&release.canonical()).expect_err("parsed");
        assert_one_line(&error.to_string());
        error
    };
    let revoked = |who, reason: &str| writ_trust::release::RevokedKey {
        public_key: public(who),
        revoked_at: time("2026-11-01T00:00:00Z"),
        reason: reason.into(),
    };
    fn front(release: &mut Release) -> &mut writ_trust::release::Generation {
        release.generations.get_mut(&"front-desk".parse().unwrap()).unwrap()
    }
    let mut stranger = release();
    stranger.revoked_appliance_keys = vec![revoked(STRANGER, "lost"), revoked(STRANGER, "lost again")];
    assert!(matches!(Release::parse(&stranger.canonical()), Err(E::RevokedTwice(_))));
    for reason in ["", "two\nlines", &"x".repeat(501)] {
        stranger.revoked_appliance_keys = vec![revoked(STRANGER, reason)];
        assert!(matches!(Release::parse(&stranger.canonical()), Err(E::Reason(_))));
    }
    stranger.revoked_appliance_keys = vec![revoked(FRONT_DESK, "lost")];
    assert!(matches!(Release::parse(&stranger.canonical()), Err(E::RevokedEntry(_))));
    assert!(matches!(refused(|r| r.expires_at = r.issued_at), E::Lifetime { .. }));
    assert!(matches!(refused(|r| front(r).public_key = public(BACK_ROOM)), E::SharedKey { .. }));
    assert!(matches!(refused(|r| front(r).policy.size = 0), E::Size { document: "policy", .. }));
    assert!(matches!(refused(|r| front(r).policy.size = MAX_DOCUMENT as u64 + 1), E::Size { .. }));
    assert!(matches!(refused(|r| front(r).closure.as_mut().unwrap().size = 0), E::Size { document: "closure", .. }));
}

#[test]
fn bad_members_of_a_floor() {
    let good = World::new().floor.canonical();
    let bad: [(&str, Option<Value>); 20] = [
        ("/site", Some(json!(""))),
        ("/site", None),
        ("/release", None),
        ("/release", Some(json!([]))),
        ("/release/epoch", Some(json!(0))),
        ("/release/epoch", None),
        ("/release/serial", Some(json!(-4))),
        ("/release/serial", Some(json!("4"))),
        ("/release/digest", Some(json!(""))),
        ("/release/digest", None),
        ("/release/extra", Some(json!(1))),
        ("/trust", Some(json!(null))),
        ("/trust", None),
        ("/trust/version", Some(json!(0))),
        ("/trust/version", None),
        ("/trust/digest", Some(json!("sha256:"))),
        ("/trust/digest", None),
        ("/clock", None),
        ("/clock", Some(json!(0))),
        ("/clock", Some(json!("1969-12-31T23:59:59Z"))),
    ];
    for (pointer, value) in bad {
        let error = Floor::parse(&edited(&good, pointer, value)).expect_err(pointer);
        assert_one_line(&error.to_string());
    }
    Floor::parse(&edited(&good, "/release", Some(Value::Null))).unwrap();
}

#[test]
fn bad_members_of_a_trust_root() {
    let good = root().canonical();
    let bad: [(&str, Option<Value>); 22] = [
        ("/version", Some(json!(0))),
        ("/version", None),
        ("/epoch", Some(json!("1"))),
        ("/keys", Some(json!({}))),
        ("/keys/0", Some(json!("RWQ"))),
        ("/keys/0/public_key", Some(json!("RWQ"))),
        ("/keys/0/public_key", None),
        ("/keys/0/name", None),
        ("/keys/0/roles", Some(json!(["Trust"]))),
        ("/keys/0/roles", Some(json!(["root"]))),
        ("/keys/0/roles", Some(json!("trust"))),
        ("/keys/0/sites", None),
        ("/keys/0/sites", Some(json!(["*"]))),
        ("/keys/0/valid_from", Some(json!("2026"))),
        ("/keys/0/valid_until", None),
        ("/keys/0/revoked_at", None),
        ("/keys/0/extra", Some(json!(null))),
        ("/thresholds", Some(json!({"trust": -1, "release": 1}))),
        ("/thresholds", Some(json!({"trust": 1, "release": 1, "king": 1}))),
        ("/thresholds", Some(json!({"trust": 4294967296u64, "release": 1}))),
        ("/log_origins", Some(json!({"X": []}))),
        ("/expires_at", None),
    ];
    for (pointer, value) in bad {
        let error = TrustRoot::parse(&edited(&good, pointer, value)).expect_err(pointer);
        assert!(matches!(error, RootError::Document(_)), "{pointer}: {error}");
        assert_one_line(&error.to_string());
    }
}

#[test]
fn trust_roots_that_contradict_themselves() {
    use RootError as E;
    use writ_trust::role::Role;
    let parsed = |edit: fn(&mut TrustRoot)| {
        let mut root = root();
        edit(&mut root);
        TrustRoot::parse(&root.canonical())
    };
    let refused = |edit| {
        let error = parsed(edit).expect_err("parsed");
        assert_one_line(&error.to_string());
        error
    };
    fn with_id(key: u8, id: u8) -> writ_trust::minisign::PublicKey {
        let mut random = [key; 40];
        random[32..].fill(id);
        writ_trust::minisign::SecretKey::generate(&random).public_key()
    }
    assert!(matches!(refused(|r| r.keys[1] = r.keys[0].clone()), E::RepeatedKey(_)));
    assert!(matches!(refused(|r| r.keys[3].public_key = with_id(RELEASE_A, 77)), E::RepeatedKey(_)), "under two ids");
    assert!(matches!(refused(|r| r.keys[3].public_key = with_id(77, RELEASE_A)), E::RepeatedKeyId(_)));
    assert!(matches!(
        refused(|r| r.keys.push(trust_key(STRANGER, "cache-1", &[Role::Cache]))),
        E::RepeatedCacheName(_)
    ));
    assert!(matches!(refused(|r| r.keys[0].name = String::new()), E::Name { .. }));
    assert!(matches!(refused(|r| r.keys[0].name = "a\nb".into()), E::Name { .. }));
    assert!(matches!(refused(|r| r.keys[5].name = "cache:1".into()), E::Name { .. }));
    assert!(matches!(refused(|r| r.keys[0].roles.clear()), E::Lists(_)));
    assert!(matches!(refused(|r| r.keys[0].roles = vec![Role::Trust; 2]), E::Lists(_)));
    assert!(matches!(refused(|r| r.keys[2].sites = vec!["abc".parse().unwrap(); 2]), E::Lists(_)));
    assert!(matches!(refused(|r| r.keys[0].sites = vec!["abc".parse().unwrap()]), E::TrustKeyForSites(_)));
    assert!(matches!(refused(|r| r.keys[0].valid_until = r.keys[0].valid_from), E::Lifetime(_)));
    assert!(matches!(
        refused(|r| {
            r.thresholds.remove(&Role::Release);
        }),
        E::NoThreshold(Role::Release)
    ));
    assert!(matches!(
        refused(|r| {
            r.thresholds.remove(&Role::Trust);
        }),
        E::NoThreshold(Role::Trust)
    ));
    assert!(matches!(
        refused(|r| {
            r.thresholds.insert(Role::Trust, 0);
        }),
        E::ZeroThreshold(Role::Trust)
    ));
    assert!(matches!(
        refused(|r| {
            r.thresholds.insert(Role::Trust, 3);
        }),
        E::Unsatisfiable { present: 2, .. }
    ));
    assert!(matches!(
        refused(|r| {
            r.thresholds.insert(Role::Log, 1);
        }),
        E::Unsatisfiable { present: 0, .. }
    ));
    let revoked = |r: &mut TrustRoot| r.keys[0].revoked_at = Some(r.expires_at);
    assert!(matches!(refused(revoked), E::Unsatisfiable { role: Role::Trust, present: 1, .. }));
    let split = |r: &mut TrustRoot| {
        r.keys[2].sites = vec!["clinic-002".parse().unwrap()];
        r.keys[3].sites = vec!["clinic-003".parse().unwrap()];
        r.keys[4].sites = vec!["clinic-002".parse().unwrap()];
    };
    assert!(matches!(refused(split), E::Unsatisfiable { site: Some(_), present: 1, .. }));

    fn origins(root: &mut TrustRoot, origins: &[&str]) {
        root.log_origins.insert("clinic-001".parse().unwrap(), origins.iter().map(|o| o.to_string()).collect());
    }
    assert!(matches!(refused(|r| origins(r, &[""])), E::Entry { what: "log origin", .. }));
    assert!(matches!(refused(|r| origins(r, &["a b"])), E::Entry { .. }));
    assert!(matches!(refused(|r| origins(r, &["a+b"])), E::Entry { .. }));
    assert!(matches!(refused(|r| origins(r, &["a", "a"])), E::Entry { .. }));
    parsed(|r| origins(r, &["a.example/1", "a.example/2"])).unwrap();

    // The example of Go's golang.org/x/mod/sumdb/note documentation.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    parsed(|r| r.witnesses = vec![PETER.into()]).unwrap();
    assert!(matches!(refused(|r| r.witnesses = vec![PETER.into(); 2]), E::Entry { what: "witness", .. }));
    assert!(matches!(refused(|r| r.witnesses = vec![PETER.replace("c74f", "c740")]), E::Entry { .. }));
    assert!(matches!(refused(|r| r.witnesses = vec![PETER.replace("Peter", "Paul")]), E::Entry { .. }));
    assert!(matches!(refused(|r| r.witnesses = vec!["PeterNeumann".into()]), E::Entry { .. }));

    fn authority(root: &mut TrustRoot, name: &str, certificate: &str) {
        let (name, certificate) = (name.into(), certificate.into());
        root.timestamp_authorities.push(writ_trust::root::TimestampAuthority { name, certificate });
    }
    parsed(|r| authority(r, "tsa.example", "MAMCAQE=")).unwrap();
    assert!(matches!(refused(|r| authority(r, "", "MAMCAQE=")), E::Entry { what: "timestamp authority", .. }));
    assert!(matches!(refused(|r| authority(r, "tsa.example", "not base64")), E::Entry { .. }));
    assert!(matches!(refused(|r| authority(r, "tsa.example", "AAAA")), E::Entry { .. }), "not DER");
}
