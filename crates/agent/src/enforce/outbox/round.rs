//! Which bundles may leave the outbox. Pure: whether one was delivered, and whether one may be thinned, is asked for.
//!
//! First those that were delivered long enough ago; all that were not found delivered yet are asked about on the way. Then, while the outbox is over its budget, the oldest that were
//! delivered, whatever their age; then posture that was not. Incidents, switches, starts and refusals that were not delivered are
//! never removed, and neither is the newest bundle: after a loss of the state the chain continues from it. What an earlier key
//! signed is never thinned, because what tells of that names numbers of the own chain only.

use writ_evidence::BundleId;
use writ_evidence::id::Date;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

/// The chain of the appliance's present key, among those of earlier ones.
pub const OWN: usize = 0;
/// The most bundles that one `thinned` bundle tells of.
pub const MOST_THINNED: usize = 256;
/// The fewest: the bundle that tells of them takes room too.
pub const LEAST_THINNED: usize = 8;

/// A bundle in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Which chain it is of.
    pub chain: usize,
    /// Its number in the chain.
    pub sequence: u64,
    /// Its id.
    pub id: BundleId,
    /// The room that it takes with its signature, in bytes.
    pub bytes: u64,
    /// Whether it was found delivered before: then it is asked about only when it may go.
    pub proven: bool,
}

/// What the outbox is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What was delivered before this instant, and has an id of an earlier date, is old enough to go; nothing when there is no
    /// telling.
    pub old_before: Option<Time>,
    /// How much there may be, in bytes.
    pub budget: u64,
    /// Bundles of the own chain from this number on stay.
    pub stay_from: u64,
}

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// To nothing: begin.
    Begin,
    /// When the bundle was delivered, if it was.
    Delivered(Option<Time>),
    /// The digest of the bundle when it may be thinned.
    Thinnable(Option<Digest>),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// See whether this bundle was delivered.
    AskDelivered(Item),
    /// See whether this bundle may be thinned.
    AskThinnable(Item),
    /// It is decided.
    Decided(Decision),
}

/// What a round came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Delivered bundles that go.
    pub deliver: Vec<Item>,
    /// Bundles that were not delivered and go, with their digests, once a bundle has told of them.
    pub thin: Vec<(Item, Digest)>,
    /// How much there is after that, in bytes.
    pub left: u64,
    /// How much of it is above the budget.
    pub over: u64,
    /// How much of it was not found delivered.
    pub undelivered: u64,
    /// More may be thinned at once.
    pub more: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Old,
    Delivered,
    Thin,
}

/// What is known of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unasked,
    Waiting,
    Delivered,
    Gone,
}

/// A round, under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    limits: Limits,
    /// Chain by chain, the own one last, in the order of their numbers.
    items: Vec<Item>,
    standing: Vec<Standing>,
    /// What is left of all that was found, in bytes.
    left: u64,
    stage: Stage,
    at: usize,
    decision: Decision,
}

impl Round {
    /// A round over the bundles of an outbox that holds `total` bytes in all.
    pub fn new(mut items: Vec<Item>, total: u64, limits: Limits) -> Self {
        items.sort_unstable_by_key(|item| (item.chain == OWN, item.chain, item.sequence));
        let standing = vec![Standing::Unasked; items.len()];
        let decision = Decision::default();
        Self { limits, items, standing, left: total, stage: Stage::Old, at: 0, decision }
    }

    /// Takes an answer in; says what is to be asked next, or what was decided.
    #[must_use]
    pub fn step(mut self, event: Event) -> (Self, Act) {
        match event {
            Event::Begin => {}
            Event::Delivered(when) => {
                self.standing[self.at] = if when.is_some() { Standing::Delivered } else { Standing::Waiting };
                if self.stage == Stage::Old && self.is_old(self.at) && when < self.limits.old_before && when.is_some() {
                    self.take_delivered();
                }
                // Over the budget the next look takes it as it stands now.
                self.at += usize::from(self.stage == Stage::Old);
            }
            Event::Thinnable(digest) => {
                if let Some(digest) = digest {
                    self.take_away();
                    self.decision.thin.push((self.items[self.at], digest));
                }
                self.at += 1;
            }
        }
        let act = self.next();
        (self, act)
    }

    fn take_away(&mut self) {
        self.standing[self.at] = Standing::Gone;
        self.left = self.left.saturating_sub(self.items[self.at].bytes);
    }

    fn take_delivered(&mut self) {
        self.take_away();
        self.decision.deliver.push(self.items[self.at]);
    }

    fn is_old(&self, at: usize) -> bool {
        self.limits.old_before.is_some_and(|before| self.items[at].id.date < Date::of(before))
    }

    fn must_stay(&self, at: usize) -> bool {
        self.items[at].chain == OWN && self.items[at].sequence >= self.limits.stay_from
    }

    fn next(&mut self) -> Act {
        let end = self.items.len();
        if self.stage == Stage::Old {
            while self.at < end && (self.must_stay(self.at) || (self.items[self.at].proven && !self.is_old(self.at))) {
                self.at += 1;
            }
            if self.at < end {
                return Act::AskDelivered(self.items[self.at]);
            }
            (self.stage, self.at) = (Stage::Delivered, 0);
        }
        while self.stage == Stage::Delivered {
            if self.left <= self.limits.budget {
                return self.decided();
            }
            match self.standing.get(self.at) {
                None => (self.stage, self.at) = (Stage::Thin, 0),
                Some(_) if self.must_stay(self.at) => self.at += 1,
                Some(Standing::Unasked) => return Act::AskDelivered(self.items[self.at]),
                Some(Standing::Delivered) => self.take_delivered(),
                Some(Standing::Waiting | Standing::Gone) => self.at += 1,
            }
        }
        let thinnable = |at: usize| self.items[at].chain == OWN && self.standing[at] != Standing::Gone;
        while self.at < end && !thinnable(self.at) {
            self.at += 1;
        }
        // A little more than needed, so that it is not each new bundle that thins.
        let enough = self.left <= self.limits.budget - self.limits.budget / 16;
        let full = self.decision.thin.len() >= MOST_THINNED;
        if self.at < end && !self.must_stay(self.at) && !enough && !full {
            return Act::AskThinnable(self.items[self.at]);
        }
        self.decision.more = full && !enough;
        self.decided()
    }

    fn decided(&mut self) -> Act {
        let mut decision = std::mem::take(&mut self.decision);
        let waits = |(item, standing): &(&Item, &Standing)| match standing {
            Standing::Unasked => !item.proven,
            Standing::Waiting => true,
            Standing::Delivered | Standing::Gone => false,
        };
        let waiting = self.items.iter().zip(&self.standing).filter(waits).map(|(item, _)| item.bytes);
        decision.undelivered = waiting.sum();
        if decision.thin.len() < LEAST_THINNED {
            let kept: u64 = decision.thin.drain(..).map(|(item, _)| item.bytes).sum();
            self.left += kept;
            decision.undelivered += kept;
        }
        decision.left = self.left;
        decision.over = self.left.saturating_sub(self.limits.budget);
        Act::Decided(decision)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const EACH: u64 = 8192;

    fn date(day: u64) -> Date {
        format!("202611{:02}", day.min(30)).parse().unwrap()
    }

    fn midnight(day: u64) -> Time {
        format!("2026-11-{:02}T00:00:00Z", day.min(30)).parse().unwrap()
    }

    /// Bundles 1 to `count`, ten a day.
    fn items(count: u64) -> Vec<Item> {
        let id = |n: u64| BundleId { date: date(1 + n / 10), number: n };
        let item = |n: u64| Item { chain: OWN, sequence: n, id: id(n), bytes: EACH, proven: n.is_multiple_of(3) };
        (1..=count).map(item).collect()
    }

    fn limits(old_before: u64, most: u64, count: u64) -> Limits {
        Limits { old_before: Some(midnight(old_before)), budget: most * EACH, stay_from: count }
    }

    fn run(count: u64, limits: Limits, delivered: impl Fn(u64) -> bool, posture: impl Fn(u64) -> bool) -> Decision {
        // Delivered on the day of their ids.
        let when = |item: Item| {
            let day = 1 + item.sequence / 10;
            delivered(item.sequence).then(|| midnight(day))
        };
        decide(items(count), limits, when, posture)
    }

    fn decide(
        items: Vec<Item>,
        limits: Limits,
        delivered: impl Fn(Item) -> Option<Time>,
        posture: impl Fn(u64) -> bool,
    ) -> Decision {
        let count = items.len() as u64;
        let mut round = Round::new(items, count * EACH, limits);
        let mut event = Event::Begin;
        for _ in 0..10 * count + 10 {
            let (next, act) = round.step(event);
            round = next;
            event = match act {
                Act::AskDelivered(item) => Event::Delivered(delivered(item)),
                Act::AskThinnable(item) => {
                    Event::Thinnable(posture(item.sequence).then(|| Digest::of(&item.sequence.to_be_bytes())))
                }
                Act::Decided(decision) => return decision,
            };
        }
        panic!("it never ends");
    }

    fn numbers(items: &[Item]) -> Vec<u64> {
        items.iter().map(|item| item.sequence).collect()
    }

    #[test]
    fn delivered_bundles_go_when_they_are_old() {
        let decision = run(50, limits(3, 1000, 50), |n| n != 7, |_| true);
        assert_eq!(numbers(&decision.deliver), (1..20).filter(|n| *n != 7).collect::<Vec<_>>());
        assert_eq!((decision.thin.len(), decision.over), (0, 0));
        assert_eq!(decision.undelivered, 2 * EACH, "one, and the newest, which nobody asks about");
        // Every third was found delivered before.
        let nothing = Decision { left: 50 * EACH, undelivered: 40 * EACH, ..Decision::default() };
        assert_eq!(run(50, limits(3, 1000, 50), |_| false, |_| true), nothing, "nothing else does");
    }

    #[test]
    fn age_counts_from_the_delivery_and_without_a_time_there_is_no_age() {
        let late = |item: Item| Some(if item.sequence < 10 { midnight(2) } else { midnight(29) });
        let decision = decide(items(50), limits(5, 1000, 50), late, |_| true);
        assert_eq!(numbers(&decision.deliver), (1..10).collect::<Vec<_>>());
        let timeless = Limits { old_before: None, ..limits(5, 1000, 50) };
        assert!(decide(items(50), timeless, late, |_| true).deliver.is_empty());
    }

    #[test]
    fn the_chains_of_earlier_keys_go_first_and_are_never_thinned() {
        let earlier = items(30).into_iter().map(|item| Item { chain: 2, ..item });
        let all: Vec<Item> = earlier.chain(items(50)).collect();
        let delivered = |item: Item| (item.chain == 2 && item.sequence.is_multiple_of(2)).then(|| midnight(1));
        let decision = decide(all.clone(), limits(2, 1000, 50), delivered, |_| true);
        assert_eq!(numbers(&decision.deliver), [2, 4, 6, 8]);
        let decision = decide(all, limits(1, 50, 50), delivered, |_| true);
        assert_eq!(numbers(&decision.deliver), (2..=30).step_by(2).collect::<Vec<_>>());
        assert!(decision.thin.len() > 10 && decision.thin.iter().all(|(item, _)| item.chain == OWN));
        // Their newest may go, too.
        assert!(decision.deliver.iter().any(|item| item.sequence == 30));
    }

    #[test]
    fn what_was_found_delivered_is_asked_about_only_when_it_may_go() {
        let asked = std::cell::RefCell::new(BTreeSet::new());
        let ask = |item: Item| {
            asked.borrow_mut().insert(item.sequence);
            Some(midnight(1))
        };
        decide(items(50), limits(3, 1000, 50), ask, |_| true);
        let expected: BTreeSet<u64> = (1..50).filter(|n| *n < 20 || n % 3 != 0).collect();
        assert_eq!(asked.into_inner(), expected);
    }

    #[test]
    fn over_budget_the_oldest_delivered_ones_go_first() {
        let decision = run(50, limits(1, 45, 50), |n| n > 20, |_| true);
        assert_eq!(numbers(&decision.deliver), [21, 22, 23, 24, 25]);
        assert!(decision.thin.is_empty());
    }

    #[test]
    fn then_posture_is_thinned_and_nothing_else() {
        let decision = run(100, limits(1, 80, 100), |n| n % 10 == 0, |n| n % 2 == 1);
        assert_eq!(numbers(&decision.deliver), [10, 20, 30, 40, 50, 60, 70, 80, 90]);
        // 91 are left, 75 is a little below the budget.
        let thinned: Vec<u64> = decision.thin.iter().map(|(item, _)| item.sequence).collect();
        assert_eq!(thinned, (1..32).step_by(2).collect::<Vec<_>>());
        assert_eq!((decision.over, decision.more), (0, false));
    }

    #[test]
    fn what_cannot_be_thinned_is_told_and_too_little_is_not_worth_it() {
        let decision = run(100, limits(1, 80, 100), |_| false, |n| n < 8);
        assert_eq!(
            decision,
            Decision { left: 100 * EACH, over: 20 * EACH, undelivered: 100 * EACH, ..Decision::default() }
        );
    }

    #[test]
    fn one_bundle_tells_of_a_bounded_number_and_then_there_is_more() {
        let decision = run(900, limits(1, 100, 900), |_| false, |_| true);
        assert_eq!((decision.thin.len(), decision.more), (MOST_THINNED, true));
        assert_eq!(decision.over, (900 - 256 - 100) * EACH);
    }

    proptest! {
        #[test]
        fn nothing_goes_that_must_stay(
            count in 1..300_u64,
            old in 1..30_u64,
            most in 1..300_u64,
            delivered in prop::collection::btree_set(1..300_u64, 0..300),
            posture in prop::collection::btree_set(1..300_u64, 0..300),
        ) {
            let limits = limits(old, most, count);
            let decision = run(count, limits, |n| delivered.contains(&n), |n| posture.contains(&n));
            let gone = numbers(&decision.deliver);
            let thinned: Vec<u64> = decision.thin.iter().map(|(item, _)| item.sequence).collect();
            prop_assert!(gone.iter().all(|n| delivered.contains(n)));
            prop_assert!(thinned.iter().all(|n| posture.contains(n) && !delivered.contains(n)));
            prop_assert!(thinned.is_sorted());
            let all: BTreeSet<u64> = gone.iter().chain(&thinned).copied().collect();
            prop_assert_eq!(all.len(), gone.len() + thinned.len());
            prop_assert!(!all.contains(&count), "the newest stays");
            let left = (count - all.len() as u64) * EACH;
            prop_assert_eq!((decision.left, decision.over), (left, left.saturating_sub(limits.budget)));
            prop_assert!(decision.undelivered <= decision.left);
            let fits = count <= most;
            if fits {
                prop_assert!(thinned.is_empty());
            }
        }
    }
}
