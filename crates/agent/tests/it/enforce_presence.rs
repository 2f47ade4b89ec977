//! What the enforcer lays out for the courier: heartbeats, and its word for the courier's key.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use writ_evidence::Kind;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_wire::courier::{Delegation, LIFETIME_MILLIS};
use writ_wire::heartbeat::Heartbeat;
use writ_wire::{Blob, Signed};

use crate::site_log::{Log, ORIGIN};
use crate::support::{Site, chmod, key, now, until};

fn laid_out(site: &Site, name: &str) -> Option<Signed> {
    let read = |name: &str| fs::read(site.path("presence").join(name)).ok();
    let (document, signature) = (read(name)?, read(&format!("{name}.minisig"))?);
    Some(Signed { document: Blob(document), signatures: vec![Blob(signature)] })
}

/// The heartbeat; a reader between the two renames looks again.
pub fn heartbeat(site: &Site) -> Heartbeat {
    let own = site.appliance_key.public_key();
    until("a heartbeat", || Heartbeat::verify(&laid_out(site, "heartbeat.json")?, &own).ok())
}

fn vouched(site: &Site) -> Option<PublicKey> {
    let own = site.appliance_key.public_key();
    Delegation::verify(&laid_out(site, "courier.json")?, &own, now()).ok().map(|delegation| delegation.courier_key)
}

fn courier(site: &Site, key: &SecretKey) {
    writ_durable::replace(&site.path("releases/courier.pub"), key.public_key().to_file().as_bytes(), 0o644).unwrap();
}

#[test]
fn a_heartbeat_says_what_is_so() {
    let site = Site::logged_by(&[ORIGIN]);
    site.configure("heartbeat = \"100ms\"\n");
    let daemon = site.daemon();
    let first = heartbeat(&site);
    assert_eq!((first.release, first.log, first.log_fresh_at), (None, None, None));
    assert!(first.sequence >= 1, "that it started is sealed");
    let mut policy = site.policy();
    let file = site.file_check(&mut policy, "motd");
    policy["runbooks"]["RB-motd"]["steps"][0]["parameters"]["mode"] = "0640".into();
    let mut log = Log::new(ORIGIN, 1);
    log.publish(&site, 3, &policy);
    let obeyed = until("it obeys", || Some(heartbeat(&site)).filter(|beat| beat.release.is_some()));
    assert_eq!(obeyed.release.unwrap().serial.get(), 3);
    let position = obeyed.log.unwrap();
    assert_eq!((position.number, position.origin.as_str(), position.size), (1, ORIGIN, 1));
    assert!(obeyed.log_fresh_at.is_some() && obeyed.refused == 0);
    chmod(&file, 0o600);
    until("an incident is open", || (heartbeat(&site).open_incidents == 1).then_some(()));
    fs::create_dir_all(site.release_dir("1-4")).unwrap();
    fs::write(site.release_dir("1-4").join("release.json"), "{}").unwrap();
    let refusing = until("it refuses", || Some(heartbeat(&site)).filter(|beat| beat.refused > 0));
    assert_eq!(refusing.refused, 1, "however often it is looked at");
    assert!(refusing.at > obeyed.at && refusing.sequence > obeyed.sequence);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_courier_is_vouched_for_and_its_new_key_is_logged() {
    let site = Site::new();
    site.publish(1, &site.policy());
    courier(&site, &key(20));
    let daemon = site.daemon();
    until("vouched for", || (vouched(&site) == Some(key(20).public_key())).then_some(()));
    courier(&site, &key(21));
    until("vouched for the other", || (vouched(&site) == Some(key(21).public_key())).then_some(()));
    assert!(site.log().contains("the courier has another key"));
    assert_eq!(daemon.stop(), Some(0));
    site.once_is(0);
    let expires_at = site.status()["presence"]["courier"]["expires_at"].as_str().unwrap().to_owned();
    let left = expires_at.parse::<writ_trust::time::Time>().unwrap().millis_since(now());
    assert!((LIFETIME_MILLIS - 600_000..=LIFETIME_MILLIS).contains(&left));
    // A restart finds its own word and leaves it.
    let at = |site: &Site| -> SystemTime { site.path("presence/courier.json").metadata().unwrap().modified().unwrap() };
    let before = at(&site);
    site.once_is(0);
    assert_eq!(at(&site), before);
    // A word that does not hold, or that has half its time behind it, is given anew.
    let (front, own) = ("front-desk".parse().unwrap(), &site.appliance_key);
    let old = now().plus_millis(-LIFETIME_MILLIS / 2);
    let site_id = "clinic-001".parse().unwrap();
    for (signer, issued_at) in [(own, old), (&key(77), now()), (own, now().plus_millis(86_400_000))] {
        let signed = Delegation::make(&site_id, &front, signer, &key(21).public_key(), issued_at).unwrap();
        fs::write(site.path("presence/courier.json"), &signed.document.0).unwrap();
        fs::write(site.path("presence/courier.json.minisig"), &signed.signatures[0].0).unwrap();
        site.once_is(0);
        let renewed = Delegation::parse(&laid_out(&site, "courier.json").unwrap().document.0).unwrap();
        assert!(renewed.issued_at.millis_since(now()).abs() < 600_000, "{issued_at}");
        assert_eq!(vouched(&site), Some(key(21).public_key()));
    }
}

#[test]
fn what_is_taken_away_from_a_running_enforcer_is_laid_out_again() {
    let site = Site::new();
    site.publish(1, &site.policy());
    site.configure("heartbeat = \"100ms\"\n");
    courier(&site, &key(20));
    let daemon = site.daemon();
    let vouched_again = || until("vouched for", || (vouched(&site) == Some(key(20).public_key())).then_some(()));
    vouched_again();
    fs::remove_file(site.path("presence/courier.json")).unwrap();
    vouched_again();
    fs::remove_dir_all(site.path("presence")).unwrap();
    vouched_again();
    heartbeat(&site);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn no_other_file_than_a_public_key_is_vouched_for() {
    type Make = fn(&Site, &Path);
    let cases: [(&str, Make); 7] = [
        ("courier-key", |_, path| fs::write(path, "not a key\n").unwrap()),
        ("courier-key", |_, path| fs::write(path, b"\xff\xfe").unwrap()),
        ("courier-key", |_, path| fs::write(path, "").unwrap()),
        ("courier-key", |site, path| fs::write(path, site.appliance_key.public_key().to_file()).unwrap()),
        ("size", |_, path| fs::write(path, vec![b'a'; 1 << 20]).unwrap()),
        ("readable", |site, path| std::os::unix::fs::symlink(site.path("etc/key"), path).unwrap()),
        ("readable", |_, path| {
            let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
            rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
        }),
    ];
    for (rule, make) in cases {
        let site = Site::new();
        site.publish(1, &site.policy());
        make(&site, &site.path("releases/courier.pub"));
        site.once_is(0);
        site.once_is(0);
        assert!(!site.path("presence/courier.json").exists(), "{rule}");
        let refusals = site.of_kind(Kind::Refused);
        assert_eq!(refusals.len(), 1, "{rule}");
        let refused = refusals[0].refused.as_ref().unwrap();
        assert_eq!((refused.what.as_str(), refused.rule.as_str()), ("courier-key", rule), "{}", refused.message);
    }
}

/// Where nothing can be laid out, everything else goes on.
#[test]
fn without_the_folder_enforcement_goes_on() {
    let site = Site::new();
    let mut policy = site.policy();
    let file = site.file_check(&mut policy, "motd");
    site.publish(1, &policy);
    fs::write(site.path("presence"), "in the way").unwrap();
    courier(&site, &key(20));
    chmod(&file, 0o600);
    let said = site.once_is(0);
    assert_eq!(crate::support::mode(&file), 0o644);
    assert!(said.contains("the heartbeat cannot be laid out") && said.contains("cannot be vouched for"), "{said}");
}
