//! The courier's own key, and the enforcer's word for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use writ_agent::sync::courier::{Courier, OpenError};
use writ_trust::minisign::SecretKeyFile;
use writ_wire::Signed;
use writ_wire::courier::{Delegation, DelegationSchema};

use super::world::*;

#[test]
fn its_key_is_born_once_and_is_its_own() {
    let world = World::new();
    let courier = Courier::open(world.config()).unwrap();
    let public = fs::read_to_string(world.inbox("courier.pub")).unwrap();
    let path = world.path("state/courier.key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(courier.vouched().unwrap_err().to_string().contains("has not written it yet"));
    drop(courier);
    drop(Courier::open(world.config()).unwrap());
    assert_eq!(fs::read_to_string(world.inbox("courier.pub")).unwrap(), public);
    let key = SecretKeyFile::parse(&fs::read_to_string(&path).unwrap()).unwrap().open().unwrap();
    assert_eq!(public, key.public_key().to_file());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Courier::open(world.config()).err().unwrap().to_string().contains("0600"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "garbage").unwrap();
    assert!(Courier::open(world.config()).err().unwrap().to_string().contains("courier.key"));
}

#[test]
fn only_the_enforcer_s_word_for_this_very_key_counts() {
    let world = World::new();
    let courier = world.courier();
    courier.vouched().unwrap();
    let good = fs::read(world.path("spool/presence/courier.json")).unwrap();
    let with = |change: &dyn Fn(&mut Delegation)| {
        let mut delegation = Delegation::parse(&good).unwrap();
        assert_eq!(delegation.schema, DelegationSchema::V1);
        change(&mut delegation);
        world.put("courier.json", &Signed::by(delegation.canonical(), &secret(OWN), "t").unwrap());
        courier.vouched().map(|_| String::new()).unwrap_or_else(|e| e.to_string())
    };
    assert_eq!(with(&|_| {}), "");
    assert!(with(&|d| d.courier_key = secret(STRANGER).public_key()).contains("another key"));
    assert!(with(&|d| d.appliance = "back-room".parse().unwrap()).contains("back-room"));
    assert!(with(&|d| d.site = "clinic-002".parse().unwrap()).contains("clinic-002"));
    assert!(with(&|d| d.public_key = secret(STRANGER).public_key()).contains("does not fit"));
    let past = |d: &mut Delegation| {
        d.issued_at = d.issued_at.plus_millis(-8 * 86_400_000);
        d.expires_at = d.expires_at.plus_millis(-8 * 86_400_000);
    };
    assert!(with(&past).contains("counted until"));
    world.put(
        "courier.json",
        &Signed { document: writ_wire::Blob(b"{}".to_vec()), signatures: vec![writ_wire::Blob(vec![])] },
    );
    assert!(courier.vouched().is_err());
}

#[test]
fn one_courier_at_a_time() {
    let world = World::new();
    let first = world.courier();
    assert!(matches!(Courier::open(world.config()), Err(OpenError::Running(_))));
    drop(first);
    Courier::open(world.config()).unwrap();
}

#[test]
fn plain_http_to_another_machine_takes_a_word() {
    let world = World::new();
    let mut config = world.config();
    config.depot = "http://depot.example".into();
    assert!(matches!(Courier::open(config.clone()), Err(OpenError::Settings(_))));
    config.allow_http = true;
    Courier::open(config).unwrap();
}
