//! Random moments, for depot and courier in turn. The seed is printed; the same seed makes the same choices, though the
//! machine decides what a moment hits.

use std::time::Duration;

use writ_scenarios::depot::Depot;
use writ_scenarios::run;
use writ_trust::log::checkpoint::Checkpoint;

use super::courier::Courier;
use super::world::World;

/// The seed, unless `WRIT_SEED` names another.
const SEED: u64 = 0x5EED;
/// The longest life of either between two kills, in milliseconds.
const LONGEST_MS: u64 = 400;
/// How many passages a process may make before it kills itself, when it is one that does.
const MOST_POINTS: u64 = 120;

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

struct Life {
    world: World,
    random: Random,
    depot: Option<Depot>,
    courier: Option<Courier>,
    /// Checkpoints that the courier built on at some time.
    seen: Vec<Checkpoint>,
    /// Processes that ended at a numbered point of their own.
    at_points: usize,
}

impl Life {
    /// Every other process kills itself at a numbered point, if it lives so long.
    fn at_point(&mut self) -> Option<String> {
        (self.random.below(2) == 0).then(|| (1 + self.random.below(MOST_POINTS)).to_string())
    }

    fn start_depot(&mut self) {
        let mut command = self.world.depot_command();
        if let Some(at) = self.at_point() {
            command.env("WRIT_CRASH_AT", at);
        }
        // One that dies at a point before it listens is started again without one.
        let depot = Depot::spawn(&mut command, &self.world.data());
        self.at_points += usize::from(depot.is_err());
        self.depot = Some(depot.unwrap_or_else(|_| self.world.depot()));
        self.courier.iter().for_each(Courier::hurry);
    }

    fn start_courier(&mut self) {
        let mut command = self.world.courier_command();
        if let Some(at) = self.at_point() {
            command.env("WRIT_CRASH_AT", at);
        }
        self.courier = Some(self.world.courier_with(&mut command));
    }

    /// Kills one of the two at a random moment, at once or at a point before, and starts it again.
    fn kill(&mut self, number: u64) {
        // Moments are random, but not so that most of them fall before anything has begun.
        let before = self.world.delivered();
        if self.random.below(4) > 0 {
            let begun = || Ok((self.world.delivered() > before).then_some(()));
            let _ = run::wait("a delivery", Duration::from_secs(3), begun);
        }
        // A random moment is what this is about.
        std::thread::sleep(Duration::from_millis(self.random.below(LONGEST_MS)));
        if number.is_multiple_of(2) {
            let mut depot = self.depot.take().unwrap();
            self.at_points += usize::from(!depot.lives());
            depot.kill().unwrap();
            self.start_depot();
        } else {
            let mut courier = self.courier.take().unwrap();
            self.at_points += usize::from(!courier.lives());
            drop(courier);
            self.start_courier();
        }
        self.seen.extend(self.world.seen(&self.world.origin));
        self.trickle();
    }

    /// The appliance goes on speaking, also while nobody carries.
    fn trickle(&mut self) {
        let left = self.rest();
        self.world.say(left.min(7));
    }

    fn rest(&self) -> usize {
        bundles() - self.world.said.len()
    }
}

/// The round that `cargo xtask test --all` asks for.
fn all() -> bool {
    std::env::var_os("WRIT_ALL_KILLS").is_some()
}

fn bundles() -> usize {
    if all() { 10_000 } else { 600 }
}

fn kills() -> u64 {
    if all() { 60 } else { 12 }
}

#[test]
fn kills_at_random_moments_lose_and_double_nothing() {
    let seed = std::env::var("WRIT_SEED").map_or(SEED, |seed| seed.parse().expect("WRIT_SEED is a number"));
    println!("seed {seed}: WRIT_SEED={seed} makes the same choices again");
    let (mut world, depot) = World::running();
    world.enrol_courier();
    world.say(bundles() - 7 * usize::try_from(kills()).unwrap());
    let random = Random(seed);
    let mut life = Life { world, random, depot: Some(depot), courier: None, seen: Vec::new(), at_points: 0 };
    life.start_courier();
    let mut early = 0;
    for number in 0..kills() {
        life.kill(number);
        early = life.world.delivered();
    }
    println!("{} of {} delivered before the last kill, {} ended at a point", early, bundles(), life.at_points);
    // In the short round there may be none.
    assert!(!all() || life.at_points > 0, "no process came as far as its point: the points are badly chosen");
    assert!(early > 0, "nothing was under way: the moments are badly chosen");

    // Left alone, it comes to rest with everything delivered.
    life.depot = None;
    life.courier = None;
    life.depot = Some(life.world.depot());
    life.courier = Some(life.world.courier());
    let left = life.rest();
    life.world.say(left);
    let world = &life.world;
    world.wait_for("every receipt", || world.delivered() == bundles());
    life.courier.take().unwrap().stop();
    life.seen.extend(world.seen(&world.origin));
    world.assert_delivered_once(&life.seen);
    world.assert_audited();
}
