//! Batches of logs in the spool, by a simulated clock: what does not follow, what goes, and what whoever lays them out may make
//! of the folder.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use writ_agent::clock::{Clock, Simulated};
use writ_agent::config::Config;
use writ_agent::enforce::driver::{Driver, Units};
use writ_agent::enforce::engine::{Engine, EngineError};
use writ_evidence::Kind;
use writ_evidence::log_drop::{LogsDropped, RULE};
use writ_evidence::records::Refused;
use writ_trust::digest::Digest;
use writ_wire::log_batch::{LogBatch, LogBatchSchema, file_name};

use crate::support::{Site, now};

/// A site with a spool of logs, and its enforcer in this process.
struct Spool {
    site: Site,
    time: Arc<Simulated>,
    driver: Option<Driver>,
}

impl Spool {
    fn new(more: &str) -> Self {
        let site = Site::new();
        site.publish(1, &site.policy());
        site.configure(more);
        let time = Simulated::starting(now());
        let mut spool = Self { site, time, driver: None };
        spool.restart();
        spool
    }

    fn restart(&mut self) {
        drop(self.driver.take());
        let mut tries = 0;
        let mut engine = loop {
            tries += 1;
            let config = Config::read(&self.site.path("etc/enforce.toml")).unwrap();
            match Engine::open_at(config, Clock::Simulated(self.time.clone())) {
                // A process that another test starts shares the lock of an enforcer that ended, until it runs its program.
                Err(EngineError::Locked { .. }) if tries < 500 => std::thread::sleep(Duration::from_millis(10)),
                opened => break opened.unwrap(),
            }
        };
        engine.start(false);
        fs::create_dir_all(self.site.state("requests")).unwrap();
        self.driver = Some(Driver::new(engine, Box::new(|_| ()), Units::default()));
    }

    /// So many seconds later it looks again.
    fn after(&mut self, seconds: u64) {
        self.time.advance(Duration::from_secs(seconds));
        let driver = self.driver.as_mut().unwrap();
        assert!(driver.act(&mut std::iter::empty()));
        driver.quiet();
    }

    fn folder(&self) -> PathBuf {
        let folder = self.site.path("logs/audit");
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn lay(&self, number: u64, previous: Option<Digest>, lines: &str) -> Digest {
        let packed = packed(number, previous, lines);
        fs::write(self.folder().join(file_name(number)), &packed).unwrap();
        Digest::of(&packed)
    }

    /// The number of the last batch that was followed.
    fn followed(&self) -> u64 {
        self.state()["log_chains"]["audit"]["number"].as_u64().unwrap()
    }

    fn state(&self) -> Value {
        serde_json::from_slice(&fs::read(self.site.state("state.json")).unwrap()).unwrap()
    }

    fn there(&self) -> Vec<u64> {
        (1..100).filter(|number| self.folder().join(file_name(*number)).exists()).collect()
    }

    fn told(&self, rule: &str) -> Vec<Refused> {
        let told = self.site.of_kind(Kind::Refused).into_iter().filter_map(|bundle| bundle.refused);
        told.filter(|refused| refused.rule == rule).collect()
    }
}

fn packed(number: u64, previous: Option<Digest>, lines: &str) -> Vec<u8> {
    let at = |n: u64| now().plus_millis(i64::try_from(n).unwrap() * 1_000 - 3_600_000);
    let batch = LogBatch {
        schema: LogBatchSchema::V1,
        source: "audit".parse().unwrap(),
        number,
        previous,
        from: at(number - 1),
        to: at(number),
        lines: lines.lines().count() as u64,
        dropped: 0,
    };
    batch.pack(lines.as_bytes())
}

/// A line of which ten thousand bytes are left when it is packed.
fn long(n: u64) -> String {
    let text: String = (0..300).map(|part: u64| Digest::of(&(n << 16 | part).to_be_bytes()).hex()).collect();
    format!("{{\"text\":\"{text}\"}}\n")
}

#[test]
fn what_goes_is_told_by_stretches_and_once() {
    // Room for six and a half.
    let budget = packed(1, Some(Digest::of(b"before")), &long(1)).len() * 13 / 2 / 1024;
    let mut spool = Spool::new(&format!("logs_budget = \"{budget}KiB\"\n"));
    let mut chain: Vec<Digest> = Vec::new();
    let lay = |spool: &Spool, numbers: std::ops::RangeInclusive<u64>, chain: &mut Vec<Digest>| {
        for number in numbers {
            chain.push(spool.lay(number, chain.last().copied(), &long(number)));
        }
    };
    lay(&spool, 1..=6, &mut chain);
    spool.after(0);
    assert_eq!(spool.there(), [1, 2, 3, 4, 5, 6]);
    // One of them was sent.
    fs::remove_file(spool.folder().join(file_name(3))).unwrap();
    lay(&spool, 7..=9, &mut chain);
    spool.after(601);
    assert_eq!(spool.there(), [4, 5, 6, 7, 8, 9]);
    lay(&spool, 10..=10, &mut chain);
    // The disk takes no state: it is told, and nothing goes before that is durable.
    let state = spool.site.state("state.json");
    let aside = spool.site.path("aside");
    fs::rename(&state, &aside).unwrap();
    fs::create_dir_all(state.join("in the way")).unwrap();
    for _ in 0..3 {
        spool.after(601);
    }
    assert_eq!(spool.there(), [4, 5, 6, 7, 8, 9, 10]);
    fs::remove_dir_all(&state).unwrap();
    fs::rename(&aside, &state).unwrap();
    spool.after(601);
    spool.after(601);
    assert_eq!(spool.there(), [7, 8, 9, 10]);
    let told: Vec<(u64, Option<Digest>, Option<Digest>)> = spool
        .told(RULE)
        .iter()
        .map(|refused| (LogsDropped::parse(&refused.message).unwrap(), refused.digest))
        .map(|(dropped, last)| (dropped.batches, dropped.before, last))
        .collect();
    assert_eq!(told, [(2, None, Some(chain[1])), (3, Some(chain[2]), Some(chain[5]))]);
    assert!(spool.told("log-chain").is_empty());
}

#[test]
fn what_is_no_batch_is_judged_once_and_holds_up_nothing_behind_it() {
    let mut spool = Spool::new("");
    let garbage = |spool: &Spool, numbers: std::ops::RangeInclusive<u64>| {
        for number in numbers {
            fs::write(spool.folder().join(file_name(number)), format!("none {number}")).unwrap();
        }
    };
    // More than one look reads.
    garbage(&spool, 2..=20);
    let first = spool.lay(1, None, "{}\n");
    spool.lay(21, Some(first), "{}\n");
    garbage(&spool, 22..=24);
    for _ in 0..3 {
        spool.after(31);
    }
    assert_eq!(spool.told("log-batch").len(), 22);
    assert_eq!(spool.told("log-chain").len(), 1, "the one behind them was come to");
    let counted = |spool: &Spool| spool.state()["refused_total"].as_u64().unwrap();
    for _ in 0..4 {
        spool.after(31);
    }
    // In an hour the end of the chain is told, and with it what was counted.
    spool.after(3_600);
    assert_eq!(spool.site.of_kind(Kind::Logs).len(), 2);
    assert_eq!(counted(&spool), 23, "none of it was judged again");
}

#[test]
fn a_broken_chain_is_told_when_there_is_room_to_tell_it() {
    let mut spool = Spool::new("");
    // What anybody may have refused within an hour is used up.
    for number in 1..=40 {
        fs::write(spool.folder().join(file_name(number)), format!("none {number}")).unwrap();
    }
    for _ in 0..4 {
        spool.after(31);
    }
    assert_eq!(spool.told("log-batch").len(), 32);
    let broken = spool.lay(41, Some(Digest::of(b"another")), "{}\n");
    spool.after(31);
    spool.lay(42, Some(broken), "{}\n");
    spool.after(31);
    assert!(spool.told("log-chain").is_empty(), "there is no room yet");
    spool.restart();
    spool.after(3_600);
    let told = |spool: &Spool| spool.told("log-chain").iter().map(|refused| refused.digest).collect::<Vec<_>>();
    assert_eq!(told(&spool), [Some(broken)]);
    spool.after(3_600);
    assert_eq!(told(&spool).len(), 1, "once");
}

#[test]
fn no_break_is_lost_while_there_is_no_room_to_tell_it() {
    let mut spool = Spool::new("");
    // What anybody may have refused within an hour is used up.
    for number in 1..=40 {
        fs::write(spool.folder().join(file_name(number)), format!("none {number}")).unwrap();
    }
    for _ in 0..4 {
        spool.after(31);
    }
    // More gaps than are kept.
    let broken: Vec<Option<Digest>> =
        (25..=36).map(|n| Some(spool.lay(2 * n, Some(Digest::of(b"another")), "{}\n"))).collect();
    for _ in 0..3 {
        spool.after(31);
    }
    assert!(spool.told("log-chain").is_empty() && spool.followed() < 72, "there is no room yet");
    spool.after(3_600);
    spool.after(31);
    let told: Vec<Option<Digest>> = spool.told("log-chain").iter().map(|refused| refused.digest).collect();
    assert_eq!(told, broken);
}

#[test]
fn junk_under_the_highest_number_hides_nothing() {
    let mut spool = Spool::new("");
    let junk = |spool: &Spool, text: &str| fs::write(spool.folder().join(file_name(99_999)), text).unwrap();
    let first = spool.lay(1, None, "{}\n");
    junk(&spool, "none");
    spool.after(31);
    assert_eq!((spool.followed(), spool.told("log-batch").len()), (1, 1));
    spool.lay(2, Some(first), "{}\n");
    spool.after(31);
    assert_eq!((spool.followed(), spool.told("log-batch").len()), (2, 1));
    junk(&spool, "another that is none");
    spool.after(31);
    assert_eq!(spool.told("log-batch").len(), 2, "what changed is judged again");
    // The chain begins anew, far below it.
    (1..=2).for_each(|number| fs::remove_file(spool.folder().join(file_name(number))).unwrap());
    let anew = spool.lay(1, None, "{}\n{}\n");
    spool.after(31);
    assert_eq!(spool.followed(), 1);
    let told = |spool: &Spool| spool.told("log-chain").iter().map(|refused| refused.digest).collect::<Vec<_>>();
    assert_eq!(told(&spool), [Some(anew)]);
    spool.restart();
    let second = spool.lay(2, Some(anew), "{}\n");
    spool.after(31);
    assert_eq!((spool.followed(), told(&spool).len()), (2, 1));
    // A batch in its place is one.
    let last = spool.lay(99_999, Some(second), "{}\n");
    spool.after(31);
    assert_eq!((spool.followed(), told(&spool)), (99_999, vec![Some(anew), Some(last)]));
}

#[test]
fn junk_under_the_highest_number_goes_and_the_newest_batch_stays() {
    // Room for none.
    let mut spool = Spool::new("logs_budget = \"1KiB\"\n");
    let mut chain: Vec<Digest> = Vec::new();
    for number in 1..=3 {
        chain.push(spool.lay(number, chain.last().copied(), &long(number)));
    }
    // It begins as a batch does.
    let (junk, packed) = (spool.folder().join(file_name(99_999)), packed(99_999, None, &long(9)));
    fs::write(&junk, &packed[..packed.len() - 4]).unwrap();
    spool.after(0);
    assert_eq!((spool.there(), junk.exists()), (vec![3], false));
    chain.push(spool.lay(4, Some(chain[2]), &long(4)));
    // More than one look judges: of some of them nobody knows yet what they are.
    let junk = |spool: &Spool| spool.there().into_iter().filter(|number| *number >= 50).count();
    (50..=79).for_each(|number| fs::write(spool.folder().join(file_name(number)), "none").unwrap());
    spool.after(601);
    assert!(spool.there().contains(&4) && (1..30).contains(&junk(&spool)), "{:?}", spool.there());
    for _ in 0..2 {
        spool.after(601);
    }
    assert_eq!(spool.there(), [4]);
    let told: Vec<(u64, Option<Digest>)> = spool
        .told(RULE)
        .iter()
        .map(|refused| (LogsDropped::parse(&refused.message).unwrap().batches, refused.digest))
        .collect();
    assert_eq!(told, [(2, Some(chain[1])), (1, Some(chain[2]))], "and nothing of the junk");
}

#[test]
fn what_goes_after_a_gap_goes_at_the_next_look() {
    // Room for six and a half.
    let budget = packed(1, Some(Digest::of(b"before")), &long(1)).len() * 13 / 2 / 1024;
    let mut spool = Spool::new(&format!("logs_budget = \"{budget}KiB\"\n"));
    let mut chain: Vec<Digest> = Vec::new();
    for number in 1..=6 {
        chain.push(spool.lay(number, chain.last().copied(), &long(number)));
    }
    spool.after(0);
    // One of them was sent.
    fs::remove_file(spool.folder().join(file_name(2))).unwrap();
    for number in 7..=12 {
        chain.push(spool.lay(number, chain.last().copied(), &long(number)));
    }
    spool.after(601);
    assert_eq!(spool.there(), (3..=12).collect::<Vec<_>>());
    spool.after(31);
    assert_eq!(spool.there(), [9, 10, 11, 12]);
    let told: Vec<(u64, Option<Digest>)> = spool
        .told(RULE)
        .iter()
        .map(|refused| (LogsDropped::parse(&refused.message).unwrap().batches, refused.digest))
        .collect();
    assert_eq!(told, [(1, Some(chain[0])), (6, Some(chain[7]))]);
}

#[test]
fn a_link_in_the_place_of_a_folder_has_nothing_removed_elsewhere() {
    let mut spool = Spool::new("logs_budget = \"8KiB\"\n");
    let mut last = None;
    for number in 1..=6 {
        last = Some(spool.lay(number, last, "{}\n"));
    }
    spool.after(0);
    assert_eq!(spool.there().len(), 6);
    // Batches that are larger, in a folder of somebody else.
    fs::rename(spool.folder(), spool.site.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(spool.site.path("elsewhere"), spool.site.path("logs/audit")).unwrap();
    let mut last = None;
    for number in 1..=6 {
        last = Some(spool.lay(number, last, &long(number)));
    }
    spool.after(601);
    assert_eq!(spool.there().len(), 6);
    assert!(spool.told(RULE).is_empty());
    // The same as a folder of its own is over the budget.
    fs::remove_file(spool.site.path("logs/audit")).unwrap();
    fs::rename(spool.site.path("elsewhere"), spool.site.path("logs/audit")).unwrap();
    spool.after(601);
    assert_eq!((spool.there(), spool.told(RULE).len()), (vec![6], 1));
}
