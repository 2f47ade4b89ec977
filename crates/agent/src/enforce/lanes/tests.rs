use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn job(key: &str, lane: Lane, touches: &[&str]) -> Job {
    let touches = touches.iter().map(|path| Touch::Path(PathBuf::from(path))).collect();
    Job { key: key.to_owned(), check: key.to_owned(), rule: format!("L1-{key}"), lane, touches }
}

/// Lanes with their clock, and all that they had done.
struct Driver {
    lanes: Lanes,
    now: Instant,
    started: Vec<String>,
    handed_over: Vec<String>,
}

impl Driver {
    fn new() -> Self {
        Self { lanes: Lanes::default(), now: Instant::now(), started: Vec::new(), handed_over: Vec::new() }
    }

    fn step(&mut self, event: Event) {
        let (lanes, acts) = step(std::mem::take(&mut self.lanes), event, self.now);
        self.lanes = lanes;
        for act in acts {
            match act {
                Act::Start(job) => self.started.push(job.key),
                Act::HandOver(job, _) => self.handed_over.push(job.key),
            }
        }
    }

    fn running(&self) -> Vec<&str> {
        self.lanes.running().map(|job| job.key.as_str()).collect()
    }
}

#[test]
fn the_quick_do_not_wait_for_the_long() {
    let mut driver = Driver::new();
    for key in ["backup", "backup-offsite"] {
        driver.step(Event::Asked(job(key, Lane::Long, &[])));
    }
    for key in ["a", "b", "c"] {
        driver.step(Event::Asked(job(key, Lane::Quick, &[])));
    }
    assert_eq!(driver.started, ["backup", "a", "b"]);
    driver.step(Event::Ended("a".into()));
    driver.step(Event::Ended("backup".into()));
    assert_eq!(driver.started, ["backup", "a", "b", "c", "backup-offsite"]);
}

#[test]
fn nobody_overtakes_who_waits_for_the_same() {
    let mut driver = Driver::new();
    driver.step(Event::Asked(job("first", Lane::Quick, &["/etc/a"])));
    driver.step(Event::Asked(job("both", Lane::Quick, &["/etc/a", "/etc/b"])));
    driver.step(Event::Asked(job("late", Lane::Quick, &["/etc/b"])));
    driver.step(Event::Asked(job("other", Lane::Quick, &["/etc/c"])));
    assert_eq!(driver.started, ["first", "other"]);
    driver.step(Event::Ended("first".into()));
    assert_eq!(driver.running(), ["both", "other"]);
}

#[test]
fn what_is_asked_again_keeps_its_place_and_runs_once() {
    let mut driver = Driver::new();
    driver.step(Event::Asked(job("runs", Lane::Long, &[])));
    driver.step(Event::Asked(job("waits", Lane::Long, &[])));
    driver.step(Event::Asked(job("last", Lane::Long, &[])));
    for key in ["runs", "waits"] {
        driver.step(Event::Asked(job(key, Lane::Long, &["/etc/other"])));
    }
    driver.step(Event::Ended("runs".into()));
    assert_eq!((&driver.started[..], driver.lanes.waiting.len()), (&["runs".to_owned(), "waits".to_owned()][..], 1));
    assert_eq!(driver.lanes.running["waits"].touches.len(), 1, "as it was asked last");
}

#[test]
fn who_waits_too_long_goes_to_people_and_so_does_who_finds_the_line_full() {
    let mut driver = Driver::new();
    driver.step(Event::Asked(job("runs", Lane::Long, &[])));
    driver.step(Event::Asked(job("waits", Lane::Long, &[])));
    driver.now += LONGEST_WAIT - Duration::from_secs(1);
    driver.step(Event::Tick);
    assert!(driver.handed_over.is_empty());
    driver.now += Duration::from_secs(1);
    driver.step(Event::Tick);
    assert_eq!(driver.handed_over, ["waits"]);
    for number in 0..=LONGEST_LINE {
        driver.step(Event::Asked(job(&number.to_string(), Lane::Long, &[])));
    }
    assert_eq!(driver.handed_over, ["waits".to_owned(), LONGEST_LINE.to_string()]);
}

#[test]
fn over_all_rules_only_so_many_run_within_an_hour_and_fewer_that_run_programs() {
    let mut driver = Driver::new();
    let run = |driver: &mut Driver, key: &str, program: bool| {
        let mut job = job(key, Lane::Quick, &[]);
        job.touches.extend(program.then(|| Touch::Program(key.to_owned())));
        driver.step(Event::Asked(job));
        driver.step(Event::Ended(key.to_owned()));
    };
    let Budget { runs, programs } = Budget::default();
    for number in 0..=programs {
        run(&mut driver, &format!("program-{number}"), true);
    }
    assert_eq!((driver.started.len(), &driver.handed_over[..]), (programs, &[format!("program-{programs}")][..]));
    for number in programs..=runs {
        run(&mut driver, &format!("file-{number}"), false);
    }
    assert_eq!((driver.started.len(), &driver.handed_over[1..]), (runs, &[format!("file-{runs}")][..]));
    driver.now += HOUR;
    run(&mut driver, "later", true);
    assert_eq!(driver.started.last().map(String::as_str), Some("later"));
    driver.step(Event::Allowed(Budget { runs: 1, programs: 1 }));
    run(&mut driver, "less", false);
    assert_eq!(driver.handed_over.last().map(String::as_str), Some("less"));
    let limit = |fires, within: &str| Budget::of(&CircuitBreaker { fires, within: within.parse().unwrap() });
    assert_eq!(limit(5, "1h"), Budget::default());
    assert_eq!(limit(100, "30m"), Budget { runs: 200, programs: 200 }, "what one rule may, all may together");
}

#[test]
fn while_it_is_held_nothing_starts_and_what_is_dropped_never_does() {
    let mut driver = Driver::new();
    driver.step(Event::Held(true));
    driver.step(Event::Asked(job("a", Lane::Quick, &[])));
    assert!(driver.started.is_empty());
    driver.step(Event::Held(false));
    assert_eq!(driver.started, ["a"]);
    driver.step(Event::Asked(job("b", Lane::Quick, &["/etc/b"])));
    driver.step(Event::Asked(job("c", Lane::Quick, &["/etc/b"])));
    driver.step(Event::Dropped);
    for key in ["a", "b"] {
        driver.step(Event::Ended(key.into()));
    }
    assert_eq!((driver.started, driver.handed_over), (vec!["a".to_owned(), "b".to_owned()], vec![]));
}

fn lane() -> impl Strategy<Value = Lane> {
    prop::sample::select(vec![Lane::Quick, Lane::Ordinary, Lane::Long])
}

fn jobs() -> impl Strategy<Value = Job> {
    let touches = prop::collection::vec(prop::sample::select(vec!["/a", "/a/b", "/c", "/d", "/e"]), 0..3);
    (0..12_u8, lane(), touches).prop_map(|(key, lane, touches)| job(&format!("k{key}"), lane, &touches))
}

#[derive(Debug, Clone)]
enum Happening {
    Asked(Job),
    /// One of those that run, by its place among them.
    Ended(usize),
    Held(bool),
    Dropped,
    Hours(u64),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        6 => jobs().prop_map(Happening::Asked),
        4 => (0..5_usize).prop_map(Happening::Ended),
        1 => any::<bool>().prop_map(Happening::Held),
        1 => Just(Happening::Dropped),
        1 => (0..3_u64).prop_map(Happening::Hours),
    ];
    prop::collection::vec(one, 0..80)
}

fn sound(lanes: &Lanes) -> Result<(), TestCaseError> {
    let running: Vec<&Job> = lanes.running().collect();
    for (at, one) in running.iter().enumerate() {
        prop_assert!(!running[..at].iter().any(|other| one.meets(other)), "{one:?} runs beside one that it meets");
    }
    for lane in [Lane::Quick, Lane::Ordinary, Lane::Long] {
        prop_assert!(running.iter().filter(|job| job.lane == lane).count() <= lane.places());
    }
    let keys: BTreeSet<&str> = lanes.running().chain(lanes.waiting()).map(|job| job.key.as_str()).collect();
    prop_assert_eq!(keys.len(), running.len() + lanes.waiting.len(), "a key has one job");
    prop_assert!(lanes.waiting.len() <= LONGEST_LINE);
    Ok(())
}

proptest! {
    /// Whatever happens in whatever order: no two jobs that change the same run at once, and each job that was asked for
    /// starts, goes to people, or was dropped.
    #[test]
    fn each_job_starts_or_goes_to_people(happenings in happenings()) {
        let mut driver = Driver::new();
        let mut open: BTreeSet<String> = BTreeSet::new();
        for happening in happenings {
            let (before, handed_before) = (driver.started.len(), driver.handed_over.len());
            match happening {
                Happening::Asked(job) => {
                    if !driver.running().contains(&job.key.as_str()) {
                        open.insert(job.key.clone());
                    }
                    driver.step(Event::Asked(job));
                }
                Happening::Ended(at) => {
                    let key = driver.running().get(at).map(|key| (*key).to_owned());
                    driver.step(key.map_or(Event::Tick, Event::Ended));
                }
                Happening::Held(held) => driver.step(Event::Held(held)),
                Happening::Dropped => {
                    open.clear();
                    driver.step(Event::Dropped);
                }
                Happening::Hours(hours) => {
                    driver.now += Duration::from_secs(hours * 3600);
                    driver.step(Event::Tick);
                }
            }
            for key in driver.started[before..].iter().chain(&driver.handed_over[handed_before..]) {
                prop_assert!(open.remove(key), "{key} was not asked for, or twice");
            }
            sound(&driver.lanes)?;
            let waiting: BTreeSet<String> = driver.lanes.waiting().map(|job| job.key.clone()).collect();
            prop_assert_eq!(&waiting, &open);
        }
        // From here on everybody ends: nobody waits for ever.
        driver.step(Event::Held(false));
        while let Some(key) = driver.running().first().map(|key| (*key).to_owned()) {
            driver.step(Event::Ended(key));
            sound(&driver.lanes)?;
        }
        prop_assert!(driver.lanes.waiting.is_empty());
    }

    /// In whatever order jobs are asked for and end, the same jobs start, each as often as it was asked for.
    #[test]
    fn the_order_does_not_decide_who_runs(
        jobs in prop::collection::vec(jobs(), 0..30),
        orders in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 30),
    ) {
        let mut distinct: BTreeMap<String, Job> = BTreeMap::new();
        for job in jobs {
            distinct.insert(job.key.clone(), job);
        }
        let mut left: Vec<Job> = distinct.values().cloned().collect();
        let mut driver = Driver::new();
        for (ask, end) in orders {
            if !left.is_empty() {
                driver.step(Event::Asked(left.remove(ask.index(left.len()))));
            }
            let running: Vec<String> = driver.running().iter().map(|key| (*key).to_owned()).collect();
            if !running.is_empty() {
                driver.step(Event::Ended(running[end.index(running.len())].clone()));
            }
        }
        while let Some(key) = driver.running().first().map(|key| (*key).to_owned()) {
            driver.step(Event::Ended(key));
        }
        driver.started.sort();
        prop_assert_eq!(driver.started, distinct.into_keys().collect::<Vec<_>>());
    }

    /// Where there are places for all and no two change the same, the order in which they are asked for decides nothing.
    #[test]
    fn those_that_do_not_meet_all_start_in_any_order(order in Just(vec![
        job("a", Lane::Quick, &["/a"]), job("b", Lane::Quick, &["/b"]), job("c", Lane::Ordinary, &["/c"]),
        job("d", Lane::Ordinary, &[]), job("e", Lane::Long, &["/e"]),
    ]).prop_shuffle()) {
        let mut driver = Driver::new();
        for job in order {
            driver.step(Event::Asked(job));
        }
        prop_assert_eq!(driver.running(), ["a", "b", "c", "d", "e"]);
    }
}
