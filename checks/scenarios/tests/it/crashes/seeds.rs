//! Random moments. The seeds are printed; the same seeds make the same choices, though the machine decides what a moment
//! hits.

use std::fs;
use std::time::Duration;

use writ_scenarios::run;
use writ_trust::digest::Digest;
use writ_trust::release::ClosureRef;

use super::{all_told_once, floor};
use crate::house::systems::System;
use crate::house::{House, ran};

/// How many moments.
const KILLS: u64 = 30;
/// The first seed, unless `WRIT_SEED` names another.
const FIRST: u64 = 0x5EED;
const FILES: usize = 3;
/// The longest life of a process between two kills.
const LONGEST_MS: u64 = 400;

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// What one seed did.
struct Life<'a> {
    house: &'a House,
    systems: &'a [ClosureRef; 2],
    serial: u64,
    /// How many drivers and rollback timers were killed.
    switches_killed: usize,
}

impl Life<'_> {
    fn publish_next(&mut self) {
        self.serial += 1;
        let system = self.systems[usize::try_from(self.serial % 2).unwrap()].clone();
        self.house.publish(&self.house.release_of(self.serial, &self.house.policy_bytes(), Some(system)));
    }

    /// Breaks things while the enforcer runs, and kills at a random moment.
    fn live(&mut self, seed: u64) {
        let mut random = Random(seed);
        let daemon = self.house.spawn(self.house.enforcer());
        let (breaks, publishes) = (random.below(4) > 0, random.below(2) == 0);
        let early = Duration::from_millis(random.below(60));
        let late = Duration::from_millis(random.below(LONGEST_MS));
        let victims = random.below(3);
        std::thread::sleep(early);
        if breaks {
            self.house.break_file(usize::try_from(random.below(FILES as u64)).unwrap());
        }
        if publishes {
            self.publish_next();
            // Moments are random, but not so that most of them fall before anything has begun.
            let begun = || Ok((!self.house.processes("writ-switch").is_empty()).then_some(()));
            let _ = run::wait("a driver", Duration::from_secs(3), begun);
        }
        // A random moment is what this is about.
        std::thread::sleep(late);
        if victims != 0 {
            self.switches_killed += self.house.kill_all("writ-switch");
        }
        if victims == 1 {
            // The switch alone; the enforcer takes note before it goes, too.
            std::thread::sleep(early);
        }
        daemon.kill();
    }
}

#[test]
fn thirty_kills_at_random_moments() {
    let first = std::env::var("WRIT_SEED").map_or(FIRST, |seed| seed.parse().expect("WRIT_SEED is a number"));
    println!("seeds {first} to {}; WRIT_SEED={first} makes the same choices again", first + KILLS - 1);
    let house = House::new();
    house.furnish(FILES);
    let system = |name| house.system(System { name, ..System::default() });
    let systems = [system("even"), system("odd")];
    let mut life = Life { house: &house, systems: &systems, serial: 0, switches_killed: 0 };
    life.publish_next();
    let mut before = None;
    for seed in first..first + KILLS {
        life.live(seed);
        let now = floor(&house).map(|f| (f.epoch, f.serial));
        assert!(now >= before, "seed {seed}: the floor fell from {before:?} to {now:?}");
        before = now;
        let activated = !house.activations().is_empty();
        assert!(!activated || now.is_some(), "seed {seed}: something was activated without a floor");
    }

    println!("{} releases, {} processes of switches killed", life.serial, life.switches_killed);
    assert!(life.switches_killed > 0, "no switch was hit: the moments are badly chosen");

    // Left alone, it comes to rest with the newest release.
    life.publish_next();
    let newest = format!("1-{}", life.serial);
    let daemon = house.daemon();
    house.wait_for("the newest release", || house.obeys().as_deref() == Some(newest.as_str()));
    let whole = || (0..FILES).all(|n| house.is_whole(n));
    house.wait_for("all to be healed and told", || whole() && house.chain().open_incidents().is_empty());
    assert!(daemon.stop().success());
    let bytes = fs::read(house.place(&newest).join("release.json")).unwrap();
    assert_eq!(floor(&house).unwrap().digest, Digest::of(&bytes));
    assert_eq!(house.profile(), Some(systems[usize::try_from(life.serial % 2).unwrap()].toplevel.to_string()));
    all_told_once(&house);
    println!("{} bundles", house.chain().bundles.len());
    audited(&house);
}

/// The auditor's own tool finds nothing wrong either.
fn audited(house: &House) {
    house.gather();
    let verified = ran(&mut house.audit("verify"));
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
}
