//! Gathering an audit folder.

use writ_audit::collect::collect;
use writ_audit::verify::verify;
use writ_audit::{Folder, Options};

use crate::world::*;

#[test]
fn gathering_is_incremental_and_overwrites_nothing() {
    let world = World::day();
    let outbox = world.path().join(format!("evidence/clinic-001/{}", device().public_key().fingerprint()));
    let temp = tempfile::tempdir().unwrap();
    let to = temp.path().join("audit");
    let outboxes = [outbox.clone()];
    let gather = || collect(Some(world.path()), &outboxes, &to).unwrap();
    let held_back = std::fs::read(world.signature(28)).unwrap();
    std::fs::remove_file(world.signature(28)).unwrap();
    let done = gather();
    // Root, release and their signatures, one document, 27 signed bundles.
    assert_eq!((done.copied, done.present, done.waiting), (2 + 2 + 1 + 54, 0, 1), "{done:#?}");
    std::fs::write(world.signature(28), held_back).unwrap();
    let done = gather();
    assert_eq!((done.copied, done.present, done.waiting), (2, 59, 0));
    let report = verify(Folder::open(&to).unwrap(), &Options { trust: world.trust(), site: None });
    assert!(report.ok && report.bundles == 28, "{:#?}", report.problems);
    // A bundle that changed afterwards, one under another name, and a link are left out.
    let mut bytes = std::fs::read(world.file(2)).unwrap();
    bytes.push(b' ');
    std::fs::write(world.file(2), bytes).unwrap();
    std::fs::copy(world.file(4), outbox.join("9-EB-20261123-0009.json")).unwrap();
    let done = gather();
    let why: Vec<&str> = done.refused.iter().map(|r| r.why.as_str()).collect();
    assert_eq!(done.refused.len(), 2, "{why:?}");
    assert!(
        why.iter().any(|w| w.contains("nothing was overwritten"))
            && why.iter().any(|w| w.contains("under another name"))
    );
    let report = verify(Folder::open(&to).unwrap(), &Options { trust: world.trust(), site: None });
    assert!(report.ok, "{:#?}", report.problems);
}
