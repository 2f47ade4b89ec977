use proptest::prelude::*;

use super::*;

/// Two calls: `a`, `b` and `c` make the first, every 10, 20 and 60 s; `d` makes the second.
const CHECKS: [(&str, usize, u64); 4] = [("a", 0, 10), ("b", 0, 20), ("c", 0, 60), ("d", 1, 10)];

fn shared() -> Shared<u32> {
    Shared::new(CHECKS.map(|(check, line, every)| (check.to_owned(), line, Duration::from_secs(every))))
}

fn wanted(check: &str) -> Event<u32> {
    Event::Wanted(check.to_owned())
}

fn answer(check: &str, seen: u32) -> Act<u32> {
    Act::Answer(check.to_owned(), seen)
}

#[test]
fn one_look_answers_all_who_wait_and_who_comes_soon_after() {
    let (mut s, at) = (shared(), Instant::now());
    assert_eq!(s.step(wanted("a"), at), [Act::Look(0)]);
    assert_eq!(s.step(wanted("b"), at), []);
    assert_eq!(s.step(Event::Seen(0, 1), at), [answer("a", 1), answer("b", 1)]);
    let later = at + Duration::from_secs(8);
    assert_eq!(s.step(wanted("c"), later), [answer("c", 1)], "within half of its 60 s");
    assert_eq!(s.step(wanted("a"), later), [Act::Look(0)], "not within half of its 10 s");
    assert_eq!(s.step(wanted("d"), later), [Act::Look(1)], "another call");
    assert_eq!(s.step(wanted("nobody"), later), []);
}

#[test]
fn what_was_poked_is_looked_at_again_and_whoever_waits_is_not_kept_waiting_by_that() {
    let (mut s, at) = (shared(), Instant::now());
    s.step(wanted("a"), at);
    s.step(Event::Poked("b".into()), at);
    assert_eq!(s.step(wanted("b"), at), [], "a look is under way, and one more will be");
    assert_eq!(s.step(Event::Seen(0, 1), at), [answer("a", 1), Act::Look(0)]);
    s.step(Event::Poked("b".into()), at);
    assert_eq!(s.step(wanted("b"), at), [], "it began before that, and answers the first of the two");
    assert_eq!(s.step(Event::Seen(0, 2), at), [answer("b", 2), Act::Look(0)]);
    assert_eq!(s.step(Event::Seen(0, 3), at), [answer("b", 3)]);
    assert_eq!(s.step(wanted("c"), at), [answer("c", 3)]);
}

#[test]
fn after_a_doubt_nothing_answers_that_began_before() {
    let (mut s, at) = (shared(), Instant::now());
    s.step(wanted("a"), at);
    s.step(Event::Doubtful, at);
    assert_eq!(s.step(Event::Seen(0, 1), at), [Act::Look(0)], "not even who waited already");
    assert_eq!(s.step(Event::Seen(0, 2), at), [answer("a", 2)]);
    s.step(Event::Doubtful, at);
    assert_eq!(s.step(wanted("b"), at), [Act::Look(0)]);
}

#[derive(Debug, Clone)]
enum Happens {
    Wants(usize),
    Pokes(usize),
    Doubts,
    Ends(usize),
    Passes(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0..4_usize).prop_map(Happens::Wants),
        2 => (0..4_usize).prop_map(Happens::Pokes),
        1 => Just(Happens::Doubts),
        4 => (0..2_usize).prop_map(Happens::Ends),
        3 => (1..20_u64).prop_map(Happens::Passes),
    ]
}

/// What the law is held against: a plain record of everything that happened, in order.
#[derive(Default)]
struct Record {
    moment: u64,
    /// When each look began, and at which second.
    looks: Vec<(u64, u64)>,
    under_way: [Option<u32>; 2],
    poked: [u64; 2],
    doubted: u64,
    /// For each check, what it is owed: when it was wanted for the first and for the last time, and the pokes and the second then.
    owed: BTreeMap<String, Owed>,
}

#[derive(Debug, Clone, Copy)]
struct Owed {
    first: Asked,
    last: Asked,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    moment: u64,
    poked: u64,
    second: u64,
}

impl Record {
    fn take(&mut self, acts: Vec<Act<u32>>, second: u64) {
        for act in acts {
            self.moment += 1;
            match act {
                Act::Look(line) => {
                    assert!(self.under_way[line].is_none(), "one look at a time for each call");
                    self.under_way[line] = Some(u32::try_from(self.looks.len()).unwrap());
                    self.looks.push((self.moment, second));
                }
                Act::Answer(check, look) => self.answered(&check, self.looks[look as usize]),
            }
        }
    }

    fn answered(&mut self, check: &str, (began, second): (u64, u64)) {
        let owed = self.owed.remove(check).expect("who is answered wanted it");
        let every = CHECKS.iter().find(|(name, ..)| *name == check).unwrap().2;
        let serves = |asked: Asked| {
            let fresh = began > asked.moment || asked.second - second <= every / 2;
            fresh && began > asked.poked && began > self.doubted
        };
        assert!(serves(owed.first), "{check}: by a look that is too old");
        if !serves(owed.last) {
            self.owed.insert(check.to_owned(), Owed { first: owed.last, last: owed.last });
        }
    }
}

proptest! {
    /// Each wanted look is answered once, by a look that is not older than half of the check's interval, nor than a poke, nor
    /// than a doubt; and nobody waits who no look is under way for.
    #[test]
    fn everybody_is_answered_once_by_a_look_that_is_young_enough(all in prop::collection::vec(happens(), 0..200)) {
        let (mut s, start, mut second, mut record) = (shared(), Instant::now(), 0_u64, Record::default());
        let ends = (0..8).map(|n| Happens::Ends(n % 2));
        for one in all.into_iter().chain(ends) {
            record.moment += 1;
            let now = start + Duration::from_secs(second);
            let event = match one {
                Happens::Passes(seconds) => {
                    second += seconds;
                    continue;
                }
                Happens::Wants(n) => {
                    let asked = Asked { moment: record.moment, poked: record.poked[CHECKS[n].1], second };
                    let owed = record.owed.entry(CHECKS[n].0.to_owned()).or_insert(Owed { first: asked, last: asked });
                    owed.last = asked;
                    wanted(CHECKS[n].0)
                }
                Happens::Pokes(n) => {
                    record.poked[CHECKS[n].1] = record.moment;
                    Event::Poked(CHECKS[n].0.to_owned())
                }
                Happens::Doubts => {
                    record.doubted = record.moment;
                    Event::Doubtful
                }
                Happens::Ends(line) => {
                    let Some(look) = record.under_way[line].take() else { continue };
                    Event::Seen(line, look)
                }
            };
            let acts = s.step(event, now);
            record.take(acts, second);
            for (check, line, _) in CHECKS {
                let waits = record.owed.contains_key(check);
                prop_assert!(!waits || record.under_way[line].is_some(), "{check} waits for nothing");
            }
        }
        prop_assert!(record.owed.is_empty(), "{:?} were never answered", record.owed);
        prop_assert_eq!(s.waits_since(), None);
    }
}
