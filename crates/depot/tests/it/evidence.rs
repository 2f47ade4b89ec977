//! Evidence: stored before it is acknowledged, once, and as it was signed.

use writ_trust::digest::Digest;
use writ_trust::log::receipt::Receipt;
use writ_trust::log::tile::{EntryBundle, Tile};
use writ_wire::check_in::{CheckIn, CheckInReply, CheckInSchema};
use writ_wire::evidence_page::EvidencePage;
use writ_wire::heartbeats::Heartbeats;
use writ_wire::receipts::Reason;
use writ_wire::sync::Sync;

use crate::daemon::Start;
use crate::world::*;

#[test]
fn the_whole_way() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    assert_eq!(checkpoint(address).checkpoint.size, 1, "the trust root");
    let state = publish(address, &release(1, None));
    assert_eq!(state.state, writ_wire::publication::State::Active);

    let sync = front_desk().get(address, "/agent/sync?trust=1&log=0");
    let tag = sync.header("etag").unwrap().to_owned();
    let sync = Sync::parse(&sync.expect(200)).unwrap();
    let logged = sync.release.unwrap();
    assert_eq!(logged.release.document.0, release(1, None).canonical());
    let receipt = Receipt::parse(&logged.receipt.unwrap().0).unwrap().verify(ORIGIN, &[public(LOG)]).unwrap();
    assert_eq!(receipt.entry.digest(), Digest::of(&release(1, None).canonical()));
    assert_eq!((receipt.index, receipt.checkpoint.checkpoint.size), (1, 2));
    assert_eq!((sync.held, sync.newest, sync.roots.len()), (0, 0, 0));
    let again = {
        let mut headers = front_desk().headers("GET", "/agent/sync?trust=1&log=0", b"", now());
        headers.push(("if-none-match".into(), tag));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        crate::client::request(address, "GET", "/agent/sync?trust=1&log=0", &headers, b"")
    };
    assert_eq!((again.status, again.body.len()), (304, 0));

    let bundles: Vec<_> = (1..=10).map(bundle).collect();
    let first = receipts(front_desk().submit(address, bundles.clone()), &bundles);
    assert_eq!((first.receipts.len(), first.held, first.newest), (10, 10, 10));
    assert_eq!(first.receipts.iter().map(|r| r.index).collect::<Vec<_>>(), (2..12).collect::<Vec<_>>());

    let beat = heartbeat(FRONT_DESK, "front-desk", now());
    let check_in = CheckIn { schema: CheckInSchema::V1, heartbeat: beat.clone() }.canonical();
    let reply = front_desk().request(address, "POST", "/agent/checkin", &check_in).expect(200);
    let reply = CheckInReply::parse(&reply).unwrap();
    assert_eq!((reply.serial, reply.held, reply.newest, reply.log_size), (Some(serial(1)), 10, 10, 12));
    let beats = reader().get(address, &format!("/api/heartbeats/{SITE}")).expect(200);
    assert_eq!(Heartbeats::parse(&beats).unwrap().heartbeats, [beat]);

    let size = checkpoint(address).checkpoint.size;
    assert_eq!(size, 12);
    let tile = Tile::holding(0, size - 1, size).unwrap();
    let hashes = reader().get(address, &format!("/log/{SITE}/{}", tile.path())).expect(200);
    assert_eq!(hashes.len(), 12 * 32);
    let entries = reader().get(address, &format!("/log/{SITE}/1/{}", EntryBundle::holding(0, size).unwrap().path()));
    let entries = entries.expect(200);
    let entries = EntryBundle { index: 0, width: 12 }.decode(&entries).unwrap();
    for (entry, hash) in entries.iter().zip(hashes.chunks(32)) {
        assert_eq!(writ_trust::log::tree::leaf_hash(entry), hash);
    }
    let narrower = reader().get(address, &format!("/log/{SITE}/tile/0/000.p/5")).expect(200);
    assert_eq!(narrower, hashes[..5 * 32]);

    let page = reader().get(address, &format!("/api/evidence/sites/{SITE}/bundles?log=1&from=0")).expect(200);
    let page = EvidencePage::parse(&page).unwrap();
    assert_eq!(page.next, None);
    assert_eq!(page.bundles.into_iter().map(|b| b.bundle).collect::<Vec<_>>(), bundles);
    assert!(depot.stop().success());

    // Everything is there again, and sent again it is not stored again.
    let depot = Start::new(dir.path()).start();
    let again = receipts(front_desk().submit(depot.address, bundles.clone()), &bundles);
    let at = |receipts: &writ_wire::receipts::Receipts| {
        receipts.receipts.iter().map(|r| (r.digest, r.index, r.entry.clone())).collect::<Vec<_>>()
    };
    assert_eq!(at(&again), at(&first));
    assert_eq!(checkpoint(depot.address).checkpoint.size, 12);
    let beats = reader().get(depot.address, &format!("/api/heartbeats/{SITE}")).expect(200);
    assert_eq!(Heartbeats::parse(&beats).unwrap().heartbeats.len(), 1, "stored when the depot was stopped");
}

#[test]
fn what_does_not_count_is_refused_one_by_one() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    let mut first = release(1, None);
    publish(address, &first);
    let all = [bundle(1), bundle(2)];
    receipts(front_desk().submit(address, all.to_vec()), &all);

    let mut flipped = bundle(3);
    flipped.document.0[80] ^= 1;
    let other =
        |filling: &str, sequence| signed(bundle_text("front-desk", FRONT_DESK, sequence, filling), &[FRONT_DESK]);
    let mut unsigned = bundle(3);
    unsigned.signatures.clear();
    let mut twice = bundle(3);
    twice.signatures.push(twice.signatures[0].clone());
    let cases = [
        (bundle(3), None),
        (bundle(2), None),
        (other("another", 2), Some(Reason::Conflict)),
        (flipped, Some(Reason::Signature)),
        (unsigned, Some(Reason::Signature)),
        (twice, Some(Reason::Signature)),
        (signed(b"{}".to_vec(), &[FRONT_DESK]), Some(Reason::Malformed)),
        (signed(bundle_text("front-desk", FRONT_DESK, 0, ""), &[FRONT_DESK]), Some(Reason::Malformed)),
        (signed(bundle_text("front-desk", STRANGER, 3, ""), &[STRANGER]), Some(Reason::UnknownKey)),
        (signed(bundle_text("front-desk", STRANGER, 3, ""), &[FRONT_DESK]), Some(Reason::Malformed)),
        (signed(bundle_text("back-room", BACK_ROOM, 3, ""), &[BACK_ROOM]), Some(Reason::OtherSpeaker)),
        (signed(bundle_text("back-room", FRONT_DESK, 3, ""), &[FRONT_DESK]), Some(Reason::OtherSpeaker)),
        (other(&"x".repeat(1024 * 1024), 4), Some(Reason::TooLarge)),
    ];
    let bundles: Vec<_> = cases.iter().map(|(bundle, _)| bundle.clone()).collect();
    let answer = receipts(front_desk().submit(address, bundles), &cases.each_ref().map(|(bundle, _)| bundle.clone()));
    for (bundle, reason) in &cases {
        let digest = Digest::of(&bundle.document.0);
        let held = answer.receipts.iter().any(|receipt| receipt.digest == digest);
        let refused: Vec<_> = answer.refused.iter().filter(|r| r.digest == digest).map(|r| r.reason).collect();
        match reason {
            None => assert!(held, "{digest}"),
            Some(reason) => assert!(refused.contains(reason), "{reason}: {refused:?}"),
        }
    }
    assert_eq!((answer.receipts.len(), answer.held, answer.newest), (2, 3, 3));

    // 422 when nothing of a batch is held; the reasons come all the same.
    let nothing = front_desk().submit(address, vec![other("another", 2)]);
    assert_eq!(nothing.status, 422);
    let nothing = writ_wire::receipts::Receipts::parse(&nothing.body).unwrap();
    assert_eq!(nothing.refused[0].reason, Reason::Conflict);

    // A gap is taken, and told.
    let gap = receipts(front_desk().submit(address, vec![bundle(7)]), &[bundle(7)]);
    assert_eq!((gap.held, gap.newest), (3, 7));

    // A revoked key is nobody's any more.
    let previous = Digest::of(&first.canonical());
    first = release(2, Some(previous));
    first.generations.remove(&"front-desk".parse().unwrap());
    first.revoked_appliance_keys.push(revoked(FRONT_DESK));
    publish(address, &first);
    assert_eq!(front_desk().submit(address, vec![bundle(4)]).status, 401);
    assert_eq!(checkpoint(address).checkpoint.size, 1 + 1 + 2 + 1 + 1 + 1);
}
