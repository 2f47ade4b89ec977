//! Orders: every rule attacked, and that none is ever taken twice.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use writ_trust::ids::ApplianceId;
use writ_trust::order::judge::{self, OrderRefusal, OrderRule, SignedOrder};
use writ_trust::order::memory::{MOST_REMEMBERED, Memory};
use writ_trust::order::{
    Audience, LONGEST_LIFE_MILLIS, MAX_ORDER, Order, OrderAction, OrderId, OrderSchema, PauseOrder, RunbookOrder,
};
use writ_trust::role::Role;
use writ_trust::root::TrustRoot;
use writ_trust::time::Time;

use crate::world::{
    CACHE, RELEASE_A, RELEASE_B, STRANGER, TRUST_A, TRUST_B, assert_one_line, root, sign, time, trust_key,
};

const ORDER_A: u8 = 41;
const ORDER_B: u8 = 42;
const ORDER_C: u8 = 43;

/// A root with three order keys, of which two must sign.
fn ordering() -> TrustRoot {
    let mut root = root();
    for (who, name) in [(ORDER_A, "Ada's order key"), (ORDER_B, "Ben's order key"), (ORDER_C, "Cyd's order key")] {
        root.keys.push(trust_key(who, name, &[Role::Order]));
    }
    root.thresholds.insert(Role::Order, 2);
    root.validate().unwrap();
    root
}

fn order() -> Order {
    Order {
        schema: OrderSchema::V1,
        site: "clinic-001".parse().unwrap(),
        id: OrderId::from_random([7; 16]),
        audience: Audience::Appliances(vec!["front-desk".parse().unwrap()]),
        action: OrderAction::Rescan,
        reason: "after the power cut".into(),
        issued_at: time("2026-11-23T11:00:00Z"),
        expires_at: time("2026-11-24T11:00:00Z"),
    }
}

/// Everything that a judgement takes; a test changes what it wants to be wrong.
struct World {
    root: TrustRoot,
    order: Order,
    signers: Vec<u8>,
    memory: Memory,
    appliance: ApplianceId,
    now: Time,
}

impl World {
    fn new() -> Self {
        Self {
            root: ordering(),
            order: order(),
            signers: vec![ORDER_A, ORDER_B],
            memory: Memory::new(time("2026-11-01T00:00:00Z")),
            appliance: "front-desk".parse().unwrap(),
            now: time("2026-11-23T12:00:00Z"),
        }
    }

    fn judge(&self) -> Result<SignedOrder, OrderRefusal> {
        let bytes = self.order.canonical();
        self.judge_bytes(&bytes, &sign(&bytes, &self.signers))
    }

    fn judge_bytes(&self, bytes: &[u8], signatures: &[Vec<u8>]) -> Result<SignedOrder, OrderRefusal> {
        let site = "clinic-001".parse().unwrap();
        judge::judge(bytes, signatures, &self.root, (&site, &self.appliance), &self.memory, self.now)
    }
}

/// The refusal in a world that one edit made wrong.
fn with(edit: impl FnOnce(&mut World)) -> OrderRefusal {
    let mut world = World::new();
    edit(&mut world);
    world.judge().expect_err("taken")
}

/// The refusal of these bytes, signed by those whose word counts.
fn raw(bytes: &[u8]) -> OrderRefusal {
    World::new().judge_bytes(bytes, &sign(bytes, &[ORDER_A, ORDER_B])).expect_err("taken")
}

fn edited(edit: impl FnOnce(&mut Order)) -> OrderRefusal {
    let mut order = order();
    edit(&mut order);
    raw(&order.canonical())
}

type Attack = (OrderRule, &'static str, fn() -> OrderRefusal);

const ATTACKS: &[Attack] = &[
    (OrderRule::Size, "endless data", || raw(&vec![b' '; MAX_ORDER + 1])),
    (OrderRule::SignatureCount, "endless signatures", || with(|w| w.signers = vec![STRANGER; 65])),
    (OrderRule::TrustExpiry, "freeze: no new root is let through", || with(|w| w.now = time("2027-11-01T00:00:00Z"))),
    (OrderRule::Threshold, "no signature", || with(|w| w.signers.clear())),
    (OrderRule::Threshold, "one of two", || with(|w| w.signers = vec![ORDER_C])),
    (OrderRule::Threshold, "one key twice", || with(|w| w.signers = vec![ORDER_A, ORDER_A])),
    (OrderRule::Threshold, "an unknown key", || with(|w| w.signers = vec![ORDER_A, STRANGER])),
    (OrderRule::Threshold, "release keys are not order keys", || with(|w| w.signers = vec![RELEASE_A, RELEASE_B])),
    (OrderRule::Threshold, "trust keys are not order keys", || with(|w| w.signers = vec![TRUST_A, TRUST_B])),
    (OrderRule::Threshold, "a cache key is no order key", || with(|w| w.signers = vec![ORDER_A, CACHE])),
    (OrderRule::Threshold, "a root that names no order key", || with(|w| w.root = root())),
    (OrderRule::Threshold, "a revoked key", || {
        with(|w| {
            w.root.keys.last_mut().unwrap().revoked_at = Some(time("2027-01-01T00:00:00Z"));
            w.signers = vec![ORDER_A, ORDER_C];
        })
    }),
    (OrderRule::Threshold, "a key of another site", || {
        with(|w| {
            w.root.keys.last_mut().unwrap().sites = vec!["clinic-002".parse().unwrap()];
            w.signers = vec![ORDER_A, ORDER_C];
        })
    }),
    (OrderRule::Threshold, "tampered after it was signed", || {
        let mut world = World::new();
        let signatures = sign(&world.order.canonical(), &[ORDER_A, ORDER_B]);
        world.order.action = OrderAction::Collect;
        world.judge_bytes(&world.order.canonical(), &signatures).unwrap_err()
    }),
    (OrderRule::Document, "not JSON", || raw(b"{")),
    (OrderRule::Document, "a member that nobody knows", || {
        let mut value = serde_json::to_value(order()).unwrap();
        value["extra"] = 1.into();
        raw(&serde_json::to_vec(&value).unwrap())
    }),
    (OrderRule::Document, "an action that nobody knows", || {
        let mut value = serde_json::to_value(order()).unwrap();
        value["action"] = "rollback".into();
        raw(&serde_json::to_vec(&value).unwrap())
    }),
    (OrderRule::Document, "for ever", || edited(|o| o.expires_at = o.issued_at.plus_millis(LONGEST_LIFE_MILLIS + 1))),
    (OrderRule::Document, "ends before it begins", || edited(|o| o.expires_at = o.issued_at)),
    (OrderRule::Document, "without a reason", || edited(|o| o.reason.clear())),
    (OrderRule::Document, "a reason of two lines", || edited(|o| o.reason = "a\nb".into())),
    (OrderRule::Document, "for nobody", || edited(|o| o.audience = Audience::Appliances(vec![]))),
    (OrderRule::Document, "for one twice", || {
        edited(|o| o.audience = Audience::Appliances(vec!["front-desk".parse().unwrap(); 2]))
    }),
    (OrderRule::Document, "a pause without an end", || edited(|o| o.action = pause(&["a"], "9h"))),
    (OrderRule::Document, "a pause of nothing", || edited(|o| o.action = pause(&[], "1h"))),
    (OrderRule::Document, "a runbook without a name", || {
        edited(|o| o.action = OrderAction::RunRunbook(RunbookOrder { runbook: String::new(), check: "a".into() }))
    }),
    (OrderRule::Site, "another clinic's order", || with(|w| w.order.site = "clinic-002".parse().unwrap())),
    (OrderRule::Audience, "another appliance's order", || with(|w| w.appliance = "back-room".parse().unwrap())),
    (OrderRule::Replayed, "the same again", || {
        let mut world = World::new();
        let taken = world.judge().unwrap();
        world.memory.take(&taken.order, taken.digest);
        world.judge().unwrap_err()
    }),
    (OrderRule::Replayed, "another one with the same id", || {
        let mut world = World::new();
        let taken = world.judge().unwrap();
        world.memory.take(&taken.order, taken.digest);
        world.order.action = OrderAction::Collect;
        world.judge().unwrap_err()
    }),
    (OrderRule::Expiry, "an old one", || with(|w| w.now = time("2026-11-24T11:00:00Z"))),
    (OrderRule::Expiry, "taken, forgotten, and the clock set back", || {
        let mut world = World::new();
        let taken = world.judge().unwrap();
        world.memory.take(&taken.order, taken.digest);
        assert!(!world.memory.forget(time("2026-11-24T10:59:59Z"), |_| false));
        assert!(!world.memory.forget(time("2026-11-24T11:00:00Z"), |_| true));
        assert!(world.memory.forget(time("2026-11-24T11:00:00Z"), |_| false) && world.memory.taken.is_empty());
        world.judge().unwrap_err()
    }),
    (OrderRule::IssuedAt, "one of the future", || with(|w| w.now = time("2026-11-23T10:54:59Z"))),
    (OrderRule::BeforeMemory, "what was taken by who has lost its memory", || {
        with(|w| w.memory = Memory::new(time("2026-11-23T11:30:00Z")))
    }),
    (OrderRule::TooMany, "more than can be remembered", || {
        with(|w| {
            for n in 0..MOST_REMEMBERED as u128 {
                let order = Order { id: OrderId::from_random(n.to_be_bytes()), ..order() };
                w.memory.take(&order, writ_trust::digest::Digest::of(b""));
            }
            w.order.id = OrderId::from_random([0xff; 16]);
        })
    }),
];

fn pause(checks: &[&str], length: &str) -> OrderAction {
    let checks = checks.iter().map(|&check| check.to_owned()).collect();
    OrderAction::Pause(PauseOrder { checks, length: length.parse().unwrap() })
}

#[test]
fn every_rule_stops_its_attacks() {
    let mut attacked = BTreeSet::new();
    for (rule, what, attack) in ATTACKS {
        let refusal = attack();
        assert_eq!(refusal.rule(), *rule, "{what}: {refusal}");
        assert!(refusal.to_string().starts_with(&format!("rule {rule}: ")), "{what}: {refusal}");
        assert_one_line(&refusal.to_string());
        attacked.insert(*rule);
    }
    assert_eq!(attacked.into_iter().collect::<Vec<_>>(), OrderRule::ALL, "every rule is attacked");
}

#[test]
fn what_holds_is_taken_and_is_read_as_it_is_written() {
    let taken = World::new().judge().unwrap();
    assert_eq!((taken.signers.len(), &taken.order), (2, &order()));
    let all = Order { audience: Audience::All, ..order() };
    let run = RunbookOrder { runbook: "RB-1".into(), check: "a".into() };
    for order in [
        all,
        Order { action: OrderAction::Collect, ..order() },
        Order { action: pause(&["a", "b"], "8h"), ..order() },
        Order { action: OrderAction::RunRunbook(run), ..order() },
    ] {
        assert_eq!(Order::parse(&order.canonical()).unwrap(), order);
        let mut world = World::new();
        (world.appliance, world.order) = ("front-desk".parse().unwrap(), order);
        world.judge().unwrap();
        world.signers = vec![ORDER_C, ORDER_A, STRANGER];
        world.judge().unwrap();
    }
    let text = String::from_utf8(order().canonical()).unwrap();
    assert!(text.contains("\"action\":\"rescan\"") && text.contains("{\"appliances\":[\"front-desk\"]}"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Orders are shown in any order, again and again, at any time, whatever the clock does in between.
    #[test]
    fn no_order_is_ever_taken_twice(shown in vec((0u8..4, 0u8..2, -40i64..40, any::<bool>()), 1..30)) {
        let mut world = World::new();
        let mut taken = BTreeSet::new();
        for (id, variant, hours, lies) in shown {
            world.now = time("2026-11-23T12:00:00Z").plus_millis(hours * 3_600_000);
            world.order = Order { id: OrderId::from_random([id; 16]), ..order() };
            if variant == 1 {
                world.order.action = OrderAction::Collect;
                world.order.expires_at = time("2026-11-25T11:00:00Z");
            }
            if let Ok(judged) = world.judge() {
                prop_assert!(taken.insert(judged.digest), "{} was taken twice", judged.order.id);
                prop_assert!(!world.memory.taken.contains_key(&judged.order.id), "nor another one of its id");
                world.memory.take(&judged.order, judged.digest);
            }
            world.memory.forget(world.now, |_| lies);
            let kept = serde_json::to_vec(&world.memory).unwrap();
            world.memory = serde_json::from_slice(&kept).unwrap();
        }
    }

    /// At one moment it does not matter in which order they are shown.
    #[test]
    fn which_orders_are_taken_does_not_depend_on_their_order(ids in vec(0u8..6, 1..12), turn in any::<usize>()) {
        let take = |ids: &[u8]| {
            let mut world = World::new();
            for id in ids {
                world.order = Order { id: OrderId::from_random([*id; 16]), ..order() };
                if id % 3 == 2 {
                    world.order.expires_at = time("2026-11-23T11:30:00Z");
                }
                if let Ok(judged) = world.judge() {
                    world.memory.take(&judged.order, judged.digest);
                }
            }
            world.memory
        };
        let mut turned = ids.clone();
        turned.rotate_left(turn % ids.len());
        prop_assert_eq!(take(&ids), take(&turned));
    }
}

#[test]
fn an_order_that_ended_says_whether_the_clock_or_what_was_forgotten_tells() {
    let by_clock = with(|w| w.now = time("2026-11-24T11:00:00Z")).to_string();
    assert!(by_clock.contains("and it is 2026-11-24T11:00:00Z"), "{by_clock}");
    let mut bound = World::new();
    bound.memory.forgotten = Some(time("2026-11-25T00:00:00Z"));
    let said = bound.judge().unwrap_err().to_string();
    assert!(said.contains("it was 2026-11-25T00:00:00Z already, though the clock says 2026-11-23T12:00:00Z"), "{said}");
    // Both say so: the clock is enough.
    bound.now = time("2026-11-24T12:00:00Z");
    let said = bound.judge().unwrap_err().to_string();
    assert!(said.contains("and it is 2026-11-24T12:00:00Z") && !said.contains("2026-11-25"), "{said}");
}
