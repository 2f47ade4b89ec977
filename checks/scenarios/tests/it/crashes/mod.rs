//! Killed at every numbered point, and at thirty random moments, and without power at every point: no incident is lost or told twice, the chain holds, and
//! the floor never falls.

mod lost_path;
mod outage;
mod points;
mod power;
mod seeds;
mod units;

use std::collections::BTreeMap;

use writ_evidence::Kind;
use writ_trust::floor::{Floor, FloorRelease};

use crate::house::House;

/// What the floor says; it is whole or not there.
fn floor(house: &House) -> Option<FloorRelease> {
    let bytes = house.state("floor");
    if bytes.is_empty() {
        return None;
    }
    Floor::parse(&bytes).unwrap_or_else(|e| panic!("the floor is damaged: {e}")).release
}

/// What must hold at the end: all is well, and evidence tells each thing once.
fn all_told_once(house: &House) {
    let chain = house.chain();
    let open = chain.open_incidents();
    assert!(open.is_empty(), "{open:?} are open at the end");
    assert!((0..house.files()).all(|n| house.is_whole(n)), "a file is not healed");
    let mut switches = BTreeMap::new();
    for bundle in chain.of(Kind::Switch) {
        let to = &bundle.switch.as_ref().unwrap().to;
        *switches.entry(to.serial).or_insert(0) += 1;
    }
    assert!(switches.values().all(|n| *n == 1), "a switch is told more than once: {switches:?}");
}
