//! Signed orders: judged here alone, taken once, told in evidence when they are taken and when they are over.
//!
//! ```text
//! lies in the folder ─ a rule of [`writ_trust::order::judge`] ─▶ refused (evidence)
//!        │ taken: remembered and told, durably
//!        ▼
//!   Recorded ─ the state is on the disk ─▶ Acting ─ done, or declined ─▶ completed (evidence)
//!        └──────── a restart finds it ────────┴─▶ interrupted: completed so, and never begun again
//! ```
//!
//! What an order asks for goes the ways that there are: the full scan of SIGUSR1, the pauses, the lanes of runbooks.

mod carry;
mod offered;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use writ_evidence::Draft;
use writ_evidence::incident::{Action, RunbookRef, Verification};
use writ_evidence::records::{OrderPhase, OrderRecord};
use writ_trust::digest::Digest;
use writ_trust::floor::Floor;
use writ_trust::minisign::KeyId;
use writ_trust::order::judge::SignedOrder;
use writ_trust::order::memory::Memory;
use writ_trust::order::{OrderAction, OrderId};
use writ_trust::time::Time;

use super::engine::Engine;
use crate::crash_point;

/// Before an order's id in the key of its job, and before the runbook where otherwise the name of a rule stands: no check and no rule
/// is named so.
const PREFIX: &str = "order:";
/// What is told of an order that a restart found.
const INTERRUPTED: &str =
    "the enforcer ended while it was under way; how far it came is not known, and it is not begun again";

/// What is known of orders across restarts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Orders {
    /// Those that were taken, so that none is taken twice.
    pub memory: Memory,
    /// Those of them that are not over.
    #[serde(default)]
    pub open: BTreeMap<OrderId, OpenOrder>,
    /// Whether it began by the machine's clock alone, before anything signed told what time it is at least.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_clock_alone: bool,
}

impl Orders {
    /// Nothing was taken until this moment, or nobody knows what was.
    pub fn new(since: Time) -> Self {
        Self { memory: Memory::new(since), open: BTreeMap::new(), by_clock_alone: false }
    }
}

/// An order that was taken and is not over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// What it asks for.
    pub action: OrderAction,
    /// Why.
    pub reason: String,
    /// The keys that signed it.
    pub signers: Vec<KeyId>,
    /// When it was taken.
    pub taken_at: Time,
    #[serde(skip)]
    standing: Standing,
}

/// How far an order has come since this process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Standing {
    /// An earlier process took it.
    #[default]
    Found,
    /// It is in the state, which may not be on the disk yet.
    Recorded,
    /// It is being carried out.
    Acting,
}

/// What lies in the folder of orders.
#[derive(Debug, Default)]
pub(super) struct Lying {
    /// The orders that were taken and lay there at the last look; none before the first, when all may.
    known: Option<BTreeSet<OrderId>>,
    /// What was refused and is not judged anew at each look.
    refused: offered::RefusedBefore,
}

/// What was done for an order.
#[derive(Debug, Default)]
struct Done {
    carried_out: bool,
    result: String,
    runbook: Option<RunbookRef>,
    actions: Vec<Action>,
    verification: Vec<Verification>,
}

impl Done {
    fn declined(why: impl Into<String>) -> Self {
        Self { result: why.into(), ..Self::default() }
    }

    fn well(result: impl Into<String>) -> Self {
        Self { carried_out: true, result: result.into(), ..Self::default() }
    }
}

/// The runbook of a job that an order asked for, by what stands in the place of its rule.
pub(super) fn runbook_of(rule: &str) -> Option<&str> {
    rule.strip_prefix(PREFIX)
}

/// The order that a job is for, by its key.
pub(super) fn order_of(key: &str) -> Option<OrderId> {
    key.strip_prefix(PREFIX)?.parse().ok()
}

impl Engine {
    /// See [`Engine::begin_orders`], which comes before.
    fn orders(&mut self) -> &mut Orders {
        let now = self.clock.now();
        self.state.orders.get_or_insert_with(|| Orders::new(now))
    }

    /// From now on what is taken is remembered, if it was not before: from the latest moment that is known to have been. A
    /// clock that is behind would let in again what was taken before the state was lost.
    fn begin_orders(&mut self, floor: &Floor) {
        let since = floor.instant(self.clock.now());
        let new = || Orders { by_clock_alone: floor.clock.is_none(), ..Orders::new(since) };
        let orders = self.state.orders.get_or_insert_with(new);
        if orders.by_clock_alone && floor.clock.is_some() {
            orders.memory.since = floor.instant(orders.memory.since);
            orders.by_clock_alone = false;
        }
    }

    /// The clock was set by so many milliseconds: what began by it is moved with it, and never to before the floor's time, when
    /// orders were taken that are remembered no more. Where the floor is not known, it is not moved back at all.
    pub(super) fn shift_orders(&mut self, step: i64) {
        let floor = self.trusted().map(|(.., floor)| floor.clock);
        let Some(orders) = &mut self.state.orders else { return };
        let since = orders.memory.since;
        orders.memory.since = shifted(since, step, floor.unwrap_or(Some(since)));
    }

    /// At a start: what an earlier process took and did not end is told as that. From the first start on what is taken is
    /// remembered.
    pub(super) fn recall_orders(&mut self) {
        match self.trusted() {
            Ok((.., floor)) => self.begin_orders(&floor),
            // No order is judged either until the floor can be read, and then it begins.
            Err(_) if self.state.orders.is_none() => return,
            Err(_) => {}
        }
        let found = |order: &OpenOrder| order.standing == Standing::Found;
        let open = self.orders().open.iter().filter(|(_, order)| found(order)).map(|(id, _)| id.clone());
        for id in open.collect::<Vec<_>>() {
            self.complete(&id, Done::declined(INTERRUPTED));
        }
    }

    /// Takes an order that was judged. Nothing is done for it before this is on the disk; and nothing at all, it is left where it
    /// lies, when that it was taken cannot be told.
    fn take_order(&mut self, signed: SignedOrder) -> bool {
        let SignedOrder { order, digest, signers } = signed;
        let signers: Vec<KeyId> = signers.iter().map(|signer| signer.public_key.key_id()).collect();
        let open = OpenOrder {
            digest,
            action: order.action.clone(),
            reason: order.reason.clone(),
            signers,
            taken_at: self.clock.now(),
            standing: Standing::Recorded,
        };
        let result = format!("taken, for {}", order.audience);
        let draft = self.teller().ordered(record(&order.id, &open, OrderPhase::Acknowledged, false, result));
        // Nothing is written in between: what tells of it and that it was taken become durable together.
        if self.seal(draft).is_none() {
            self.say_once(format!("order {} is not taken, because that cannot be told in evidence", order.id));
            return false;
        }
        info!(order = %order.id, action = %order.action, "order taken");
        let orders = self.orders();
        orders.memory.take(&order, digest);
        orders.open.insert(order.id, open);
        true
    }

    /// Begins what was taken and is on the disk, and ends what has lost its turn.
    pub(super) fn act_on_orders(&mut self) {
        if self.on_trial || self.state.orders.as_ref().is_none_or(|orders| orders.open.is_empty()) {
            return;
        }
        if self.writer.is_written() {
            for id in self.orders_that(|order| order.standing == Standing::Recorded) {
                let Some(order) = self.orders().open.get_mut(&id) else { continue };
                order.standing = Standing::Acting;
                let action = order.action.clone();
                crash_point!("order is durable, nothing done");
                self.act_on(&id, action);
            }
        }
        let runs = |order: &OpenOrder| matches!(order.action, OrderAction::RunRunbook(_));
        for id in self.orders_that(|order| order.standing == Standing::Acting && runs(order)) {
            let key = key_of(&id);
            if !self.attempts.knows(&key) && !self.looking.judges(&key) {
                self.complete(&id, Done::declined("a generation came on trial before its turn had come"));
            }
        }
    }

    fn orders_that(&self, is: impl Fn(&OpenOrder) -> bool) -> Vec<OrderId> {
        let open = self.state.orders.iter().flat_map(|orders| &orders.open);
        open.filter(|(_, order)| is(order)).map(|(id, _)| id.clone()).collect()
    }

    /// Tells that an order is over.
    fn complete(&mut self, id: &OrderId, done: Done) {
        let Some(order) = self.orders().open.remove(id) else { return };
        let Done { carried_out, result, runbook, actions, verification } = done;
        if carried_out {
            info!(order = %id, action = %order.action, "order carried out: {result}");
        } else {
            warn!(order = %id, action = %order.action, "order not carried out: {result}");
        }
        let mut draft = self.teller().ordered(record(id, &order, OrderPhase::Completed, carried_out, result));
        (draft.runbook, draft.actions_taken, draft.verification) = (runbook, actions, verification);
        self.seal_order(draft);
        crash_point!("order is over, not told");
        self.commit_now();
        crash_point!("order is over and told");
    }

    /// What a runbook did is left out where it would not fit into a bundle with all that it printed.
    fn seal_order(&mut self, draft: Draft) {
        let brief = Draft { actions_taken: Vec::new(), ..draft.clone() };
        if self.seal(draft).is_none() {
            self.seal(brief);
        }
    }
}

/// A time that was taken from a clock which was set by so many milliseconds since; not moved to before the floor's time, nor
/// forward to it.
fn shifted(since: Time, step: i64, floor: Option<Time>) -> Time {
    let moved = since.plus_millis(step);
    floor.map_or(moved, |floor| moved.max(floor.min(since)))
}

fn key_of(id: &OrderId) -> String {
    format!("{PREFIX}{id}")
}

fn record(id: &OrderId, order: &OpenOrder, phase: OrderPhase, carried_out: bool, result: String) -> OrderRecord {
    OrderRecord {
        digest: order.digest,
        action: order.action.to_string(),
        carried_out,
        result,
        phase: Some(phase),
        id: Some(id.clone()),
        reason: Some(order.reason.clone()),
        signers: order.signers.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_does_not_move_the_memory_to_before_the_floor() {
        let at = |seconds: i64| Time::from_unix_millis(1_800_000_000_000 + seconds * 1000);
        let hour = 3_600_000;
        assert_eq!(shifted(at(0), hour, Some(at(-60))), at(3600));
        assert_eq!(shifted(at(0), -hour, None), at(-3600));
        assert_eq!(shifted(at(0), -hour, Some(at(-7200))), at(-3600));
        assert_eq!(shifted(at(0), -hour, Some(at(-60))), at(-60));
        assert_eq!(shifted(at(0), -hour, Some(at(60))), at(0), "nor forward");
    }
}
