//! Days without a network, lived through by the real enforcer on a clock that is told to go on: it heals, it stays
//! within its budget, and when the network is back everything is delivered in order, to a real depot.
//!
//! Thirty days and 16 MiB with `cargo xtask test --all`, otherwise five and the least that an outbox may be given. In both more is
//! told than there is room for: posture has to go for the incidents to stay.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use writ_agent::clock::{Clock, Simulated};
use writ_agent::config::Config;
use writ_agent::enforce::driver::{Driver, Units};
use writ_agent::enforce::engine::{Engine, EngineError};
use writ_evidence::{Bundle, Kind};
use writ_scenarios::Time;
use writ_trust::log::entry::LogEntry;
use writ_trust::root::TrustRoot;

use crate::delivery::world::{Log, OTHERS, World};
use crate::house::*;

/// Files under watch, each looked at every hour.
const FILES: usize = 6;
/// How many times a day one of them is broken.
const BREAKS: i64 = 4;

/// How long a life is, and how much room it has.
struct Span {
    days: i64,
    /// How often posture is told.
    account_every: &'static str,
    budget_mib: u64,
}

impl Span {
    fn of_this_run() -> Self {
        match std::env::var_os("WRIT_ALL_KILLS") {
            Some(_) => Self { days: 30, account_every: "5m", budget_mib: 16 },
            None => Self { days: 5, account_every: "10m", budget_mib: 1 },
        }
    }
}

/// An enforcer that lives on a simulated clock.
struct Life<'w> {
    world: &'w World,
    driver: Driver,
    clock: Arc<Simulated>,
    broken: u64,
}

impl<'w> Life<'w> {
    /// Begins so many days ago, without a log and without a courier.
    fn begin(world: &'w World, span: &Span) -> Self {
        let house = &world.house;
        let alone = TrustRoot { log_origins: [].into(), ..house.root.clone() };
        fs::write(house.path("etc/alone.json"), alone.canonical()).unwrap();
        let at = |name: &str| house.path(name).display().to_string();
        let patient = format!("poll_releases = \"6h\"\noutbox_budget = \"{}MiB\"", span.budget_mib);
        let configuration = house
            .configuration()
            .replace(&at("etc/trust.json"), &at("etc/alone.json"))
            .replace(&at("outbox"), &at("spool/outbox"))
            .replace("poll_releases = \"100ms\"", &patient);
        fs::write(house.path("etc/enforce.toml"), configuration).unwrap();
        let life = Self::open(world, now_plus(-span.days * DAY), 0);
        assert_eq!(life.world.house.obeys().as_deref(), Some("1-1"));
        life
    }

    /// An enforcer that starts, at this time.
    fn open(world: &'w World, at: Time, broken: u64) -> Self {
        let clock = Simulated::starting(at);
        let mut tries = 0;
        let mut engine = loop {
            tries += 1;
            let config = Config::read(&world.house.path("etc/enforce.toml")).unwrap();
            match Engine::open_at(config, Clock::Simulated(Arc::clone(&clock))) {
                // A process that another test starts shares the lock of an enforcer that ended, until it runs its program.
                Err(EngineError::Locked { .. }) if tries < 500 => std::thread::sleep(Duration::from_millis(10)),
                opened => break opened.unwrap(),
            }
        };
        engine.start(false);
        let driver = Driver::new(engine, Box::new(|_| ()), Units::default());
        let mut life = Self { world, driver, clock, broken };
        life.act();
        life
    }

    fn now(&self) -> Time {
        Clock::Simulated(Arc::clone(&self.clock)).now()
    }

    fn act(&mut self) {
        assert!(self.driver.act(&mut std::iter::empty()));
        self.driver.quiet();
    }

    /// Time goes by, from one thing that is due to the next.
    fn live(&mut self, millis: i64) {
        let clock = Clock::Simulated(Arc::clone(&self.clock));
        let until = clock.instant() + Duration::from_millis(millis.unsigned_abs());
        while clock.instant() < until {
            let due = self.driver.next().saturating_duration_since(clock.instant()).max(Duration::from_millis(1));
            self.clock.advance(due.min(until - clock.instant()));
            self.act();
        }
    }

    /// A day on which files are broken.
    fn day(&mut self) {
        for _ in 0..BREAKS {
            let file = usize::try_from(self.broken).unwrap() % FILES;
            self.world.house.break_file(file);
            self.broken += 1;
            self.live(DAY / BREAKS);
            assert!(self.world.house.is_whole(file), "not healed within {} h, at {}", 24 / BREAKS, self.now());
        }
    }

    /// Somebody sets the clock, and back after an hour.
    fn jump(&mut self, millis: i64) {
        self.clock.set(self.now().plus_millis(millis));
        self.live(HOUR);
        self.clock.set(self.now().plus_millis(-millis));
        self.live(HOUR);
    }

    /// The machine starts anew, with a clock that has lost so much time and is set right an hour later.
    fn start_behind(mut self, millis: i64) -> Self {
        let (world, broken, at) = (self.world, self.broken, self.now());
        self.driver.engine().stop();
        drop(self);
        let mut life = Self::open(world, at.plus_millis(-millis), broken);
        life.live(HOUR);
        life.clock.set(life.now().plus_millis(millis));
        life.live(HOUR);
        let told = accounts(world);
        life.live(2 * HOUR);
        assert!(accounts(world) > told, "posture is told again at once, and not only in {} days", millis / DAY);
        life
    }

    fn end(mut self) -> u64 {
        self.driver.engine().stop();
        self.broken
    }
}

const HOUR: i64 = 3_600_000;

/// The last bundle that tells of posture.
fn accounts(world: &World) -> u64 {
    let told = outbox(world).into_iter().filter(|bundle| bundle.kind == Kind::Posture);
    told.map(|bundle| bundle.chain.sequence).max().unwrap_or(0)
}

/// Every bundle in the outbox, in order.
fn outbox(world: &World) -> Vec<Bundle> {
    let files = fs::read_dir(world.house.path("spool/outbox")).unwrap().map(|entry| entry.unwrap().path());
    let bundles = files.filter(|file| file.extension().is_some_and(|end| end == "json"));
    let mut bundles: Vec<Bundle> =
        bundles.map(|file| serde_json::from_slice(&fs::read(file).unwrap()).unwrap()).collect();
    bundles.sort_by_key(|bundle| bundle.chain.sequence);
    bundles
}

fn size(world: &World) -> u64 {
    let files = fs::read_dir(world.house.path("spool/outbox")).unwrap();
    files.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// The bytes of bundles that never go before they are delivered.
fn never_thinned(bundles: &[Bundle]) -> u64 {
    let kept = bundles.iter().filter(|bundle| bundle.kind != Kind::Posture);
    kept.map(|bundle| serde_json::to_vec(bundle).unwrap().len() as u64).sum()
}

#[test]
fn days_without_a_network() {
    let span = Span::of_this_run();
    let world = World::aged(FILES, span.days + 2, span.account_every);
    let mut life = Life::begin(&world, &span);
    for day in 0..span.days {
        match day {
            1 => life.jump(HOUR),
            2 => life.jump(-HOUR),
            3 => life.jump(365 * DAY),
            4 => {
                life.jump(-365 * DAY);
                life = life.start_behind(3 * 365 * DAY);
            }
            _ => {}
        }
        life.day();
        let (size, incidents) = (size(&world), never_thinned(&outbox(&world)));
        // What may never be thinned stands as a bundle and its signature, and may alone be more than there is room for.
        assert!(size <= (span.budget_mib << 20).max(incidents * 2), "{size} bytes after day {day}");
    }
    let broken = life.end();

    let bundles = outbox(&world);
    let count = |kind: Kind| bundles.iter().filter(|bundle| bundle.kind == kind).count() as u64;
    assert_eq!((count(Kind::IncidentOpened), count(Kind::IncidentClosed)), (broken, broken), "none is ever thinned");
    assert_eq!(count(Kind::Clock), 9, "each time that the clock was set, and set back");
    let last = bundles.last().unwrap().chain.sequence;
    let thinned: BTreeSet<u64> = bundles
        .iter()
        .filter_map(|bundle| bundle.thinned.as_ref())
        .flat_map(|thinned| &thinned.ranges)
        .flat_map(|range| range.first..=range.last)
        .collect();
    assert!(!thinned.is_empty(), "the budget of this test is too large to show anything");
    let kept: BTreeSet<u64> = bundles.iter().map(|bundle| bundle.chain.sequence).collect();
    assert_eq!(kept.union(&thinned).count() as u64, last, "each bundle is there or told of as thinned");
    assert!(kept.is_disjoint(&thinned));
    println!(
        "{last} bundles sealed, {} thinned; {} KiB in the outbox, of which {} KiB may never be thinned",
        thinned.len(),
        size(&world) >> 10,
        never_thinned(&bundles) >> 10
    );

    delivered(&world, &kept);
}

/// The network is back: all that was kept is in the site's log, in order, and an auditor finds nothing missing.
fn delivered(world: &World, kept: &BTreeSet<u64>) {
    let _depot = world.depot();
    world.publish();
    world.enrol_courier();
    while world.delivered() < kept.len() {
        let before = world.delivered();
        world.carried();
        assert!(world.delivered() > before, "{before} of {} are delivered, and no more", kept.len());
    }
    let log = Log::read(world, 1);
    let logged: Vec<u64> = log
        .entries
        .iter()
        .filter_map(|entry| match entry {
            LogEntry::Evidence { sequence, .. } => Some(*sequence),
            _ => None,
        })
        .collect();
    assert!(logged.iter().copied().eq(kept.iter().copied()), "in order, each once");
    assert_eq!(log.entries.len() as u64, kept.len() as u64 + OTHERS);
    let report = world.audit(0);
    assert_eq!(report["bundles"], kept.len() as u64, "{report}");
}
