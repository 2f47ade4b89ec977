//! A depot that was lost and is restored from an old copy: the holders of the trust keys begin its log anew.

use std::path::Path;
use std::process::Command;

use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::SignedCheckpoint;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::receipt::Receipt;
use writ_trust::log::restart::{LastKnown, LogRestart, RestartSchema};
use writ_trust::numbers::TrustVersion;
use writ_trust::role::Role;
use writ_trust::root_chain::TrustChain;
use writ_wire::receipts::Receipts;
use writ_wire::sync::Sync;
use writ_wire::{Signed, check_in};

use crate::client::{get, put};
use crate::daemon::Start;
use crate::world::*;

const SECOND: &str = "log.example/clinic-001/2";

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

#[test]
fn a_restored_depot_is_refilled_under_a_new_log() {
    let dir = folder();
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    let depot = Start::new(dir.path()).start();
    publish(depot.address, &release(1, None));
    let early: Vec<Signed> = (1..=5).map(bundle).collect();
    receipts(front_desk().submit(depot.address, early.clone()), &early);
    assert!(depot.stop().success());
    copy(&data, &backup);
    let depot = Start::new(dir.path()).start();
    let late: Vec<Signed> = (6..=10).map(bundle).collect();
    receipts(front_desk().submit(depot.address, late.clone()), &late);
    let last = checkpoint(depot.address).checkpoint;
    depot.kill();
    copy(&backup, &data);
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    assert_eq!(checkpoint(address).checkpoint.size, last.size - 5, "restored, and behind");

    let restart = LogRestart {
        schema: RestartSchema::V1,
        site: site(),
        origin: SECOND.to_owned(),
        previous: LastKnown { origin: ORIGIN.to_owned(), size: last.size, root: last.root },
        issued_at: now(),
        reason: "restored from a copy".to_owned(),
    };
    let target = format!("/publish/restart/{SITE}");
    let envelope = signed(restart.canonical(), &[TRUST_A, TRUST_B]);
    assert_eq!(put(address, &target, &envelope.canonical()).status, 409, "the trust root does not name that log yet");
    let mut next = root();
    next.version = TrustVersion::new(2).unwrap();
    next.log_origins.insert(site(), vec![ORIGIN.to_owned(), SECOND.to_owned()]);
    put(address, "/publish/trust/2", &signed(next.canonical(), &[TRUST_A, TRUST_B]).canonical()).expect(200);
    assert_eq!(get(address, "/trust/2.json").expect(200), next.canonical());

    // The old log takes nothing more, and the new one has not begun.
    assert_eq!(front_desk().submit(address, late.clone()).status, 503);
    assert_eq!(checkpoint(address).checkpoint.size, last.size - 5);
    assert_eq!(put(address, &target, &signed(restart.canonical(), &[TRUST_A]).canonical()).status, 403);
    put(address, &target, &envelope.canonical()).expect(200);
    put(address, &target, &envelope.canonical()).expect(200);
    let rival = LogRestart { reason: "another".to_owned(), ..restart.clone() };
    assert_eq!(put(address, &target, &signed(rival.canonical(), &[TRUST_A, TRUST_B]).canonical()).status, 409);

    let sync = Sync::parse(&front_desk().get(address, "/agent/sync?trust=1&log=0").expect(200)).unwrap();
    let head = sync.log.unwrap();
    assert_eq!((head.number, sync.roots.len(), sync.held, sync.newest), (2, 1, 5, 5));
    assert_eq!(head.restart, Some(envelope.clone()));
    let keys = [public(LOG)];
    assert_eq!(SignedCheckpoint::verify(&head.checkpoint.0, SECOND, &keys).unwrap().checkpoint.size, 3);
    let proven = Receipt::parse(&sync.release.unwrap().receipt.unwrap().0).unwrap().verify(SECOND, &keys).unwrap();
    assert_eq!((proven.index, proven.entry.digest()), (2, Digest::of(&release(1, None).canonical())));
    let first = reader().get(address, &format!("/log/{SITE}/2/tile/entries/000.p/1")).expect(200);
    let LogEntry::Restart { digest, .. } = LogEntry::parse(&first[2..]).unwrap() else { panic!("not a restart") };
    assert_eq!(digest, Digest::of(&restart.canonical()));
    let told = reader().get(address, &format!("/log/{SITE}/2/restart")).expect(200);
    assert_eq!(Signed::parse(&told).unwrap(), envelope);
    assert_eq!(std::fs::read(data.join(format!("log/{SITE}/2/restart.json"))).unwrap(), restart.canonical());

    // The appliance sees from the check-in what is missing, and sends it again; also what the old log has.
    let heartbeat = heartbeat(FRONT_DESK, "front-desk", now());
    let check_in = check_in::CheckIn { schema: check_in::CheckInSchema::V1, heartbeat }.canonical();
    let reply = front_desk().request(address, "POST", "/agent/checkin", &check_in).expect(200);
    let reply = check_in::CheckInReply::parse(&reply).unwrap();
    assert_eq!((reply.held, reply.newest, reply.trust_version.get()), (5, 5, 2));
    for bundles in [&late, &early] {
        let answer = Receipts::parse(&front_desk().submit(address, bundles.clone()).expect(200)).unwrap();
        assert_eq!((answer.receipts.len(), answer.held), (5, 10));
        let note = String::from_utf8(answer.checkpoint.0.clone()).unwrap();
        for receipt in answer.receipts {
            let proof = receipt.proof.into_iter().map(|hash| hash.0.try_into().unwrap()).collect();
            let receipt = Receipt { entry: receipt.entry.0, index: receipt.index, proof, checkpoint: note.clone() };
            receipt.verify(SECOND, &keys).unwrap();
        }
    }
    assert_eq!(checkpoint_of(address, 1), last.size - 5);
    assert_eq!(checkpoint_of(address, 2), 3 + 10);
    depot.kill();
    let depot = Start::new(dir.path()).start();
    assert_eq!(checkpoint_of(depot.address, 2), 3 + 10);
    let page = reader().get(depot.address, &format!("/api/evidence/sites/{SITE}/bundles?log=2&from=0")).expect(200);
    assert_eq!(writ_wire::evidence_page::EvidencePage::parse(&page).unwrap().bundles.len(), 10);
}

#[test]
fn a_restart_whose_signer_was_revoked_is_signed_again() {
    const TRUST_C: u8 = 3;
    let mut first = root();
    first.log_origins.insert(site(), vec![ORIGIN.to_owned(), SECOND.to_owned()]);
    let dir = folder_with(&first);
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    let last = LastKnown { origin: ORIGIN.to_owned(), size: 0, root: writ_trust::log::tree::EMPTY_ROOT };
    let restart = LogRestart {
        schema: RestartSchema::V1,
        site: site(),
        origin: SECOND.to_owned(),
        previous: last,
        issued_at: now(),
        reason: "lost".to_owned(),
    };
    let target = format!("/publish/restart/{SITE}");
    let by = |signers: &[u8]| signed(restart.canonical(), signers);
    put(address, &target, &by(&[TRUST_A, TRUST_B]).canonical()).expect(200);

    // One of the two is revoked, and a third log is listed.
    let mut next = first.clone();
    next.version = TrustVersion::new(2).unwrap();
    next.keys[1].revoked_at = Some(time("2026-01-01T00:00:00Z"));
    next.keys.push(trust_key(TRUST_C, "Cyd", Role::Trust));
    next.log_origins.insert(site(), vec![ORIGIN.to_owned(), SECOND.to_owned(), "log.example/clinic-001/3".to_owned()]);
    let envelope = signed(next.canonical(), &[TRUST_A, TRUST_B, TRUST_C]).canonical();
    put(address, "/publish/trust/2", &envelope).expect(200);
    let mut chain = TrustChain::pinned(&first.canonical()).unwrap();
    chain.extend(&next.canonical(), &signed(next.canonical(), &[TRUST_A, TRUST_B, TRUST_C]).signatures).unwrap();
    let served = |address| {
        let told = Signed::parse(&reader().get(address, &format!("/log/{SITE}/2/restart")).expect(200)).unwrap();
        let verified = LogRestart::verify(&told.document.0, &told.signatures, &chain, &site());
        (told.signatures.len(), verified.is_ok())
    };
    assert_eq!(served(address), (2, false), "one signature that counts");
    let nobody = signed(restart.canonical(), &[]).canonical();
    assert_eq!(put(address, &target, &nobody).status, 403);
    assert_eq!(put(address, &target, &by(&[TRUST_B, STRANGER]).canonical()).status, 403, "nobody who counts");
    put(address, &target, &by(&[TRUST_C, STRANGER]).canonical()).expect(200);
    assert_eq!(served(address), (3, true));
    put(address, &target, &by(&[TRUST_A, TRUST_C]).canonical()).expect(200);
    assert_eq!(served(address), (3, true), "once each");
    let files = || {
        let names = std::fs::read_dir(dir.path().join(format!("data/log/{SITE}/2"))).unwrap();
        names.filter(|name| name.as_ref().unwrap().file_name().to_string_lossy().starts_with("restart.json")).count()
    };
    assert_eq!(files(), 4, "the document and three signatures");
    depot.kill();
    let depot = Start::new(dir.path()).start();
    assert_eq!(served(depot.address), (3, true));
}

fn checkpoint_of(address: std::net::SocketAddr, log: u64) -> u64 {
    let note = reader().get(address, &format!("/log/{SITE}/{log}/checkpoint")).expect(200);
    let origin = if log == 1 { ORIGIN } else { SECOND };
    SignedCheckpoint::verify(&note, origin, &[public(LOG)]).unwrap().checkpoint.size
}
