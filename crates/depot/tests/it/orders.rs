//! Orders: forwarded to those that they are for, until they expire.

use std::net::SocketAddr;

use writ_trust::digest::Digest;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::tile::EntryBundle;
use writ_trust::order::{Audience, Order, OrderAction};
use writ_wire::check_in::{CheckIn, CheckInReply, CheckInSchema};
use writ_wire::orders::{MOST_ORDERS, Orders, tag};

use crate::client::put;
use crate::daemon::{Start, until};
use crate::world::*;

fn offer(address: SocketAddr, order: &Order) -> u16 {
    put(address, &format!("/publish/orders/{SITE}"), &signed(order.canonical(), &[ORDER_A, ORDER_B]).canonical()).status
}

fn for_front_desk() -> Audience {
    Audience::Appliances(vec!["front-desk".parse().unwrap()])
}

/// The digests that somebody is given.
fn given(caller: &Caller, address: SocketAddr) -> Vec<Digest> {
    let answer = caller.get(address, &format!("/api/orders/{SITE}")).expect(200);
    Orders::parse(&answer).unwrap().orders.iter().map(|order| Digest::of(&order.document.0)).collect()
}

/// The tag that an appliance is told of with its check-in.
fn told(who: u8, name: &str, address: SocketAddr) -> Option<Digest> {
    let check_in = CheckIn { schema: CheckInSchema::V1, heartbeat: heartbeat(who, name, now()) }.canonical();
    let reply = courier(name, who).request(address, "POST", "/agent/checkin", &check_in).expect(200);
    CheckInReply::parse(&reply).unwrap().orders
}

#[test]
fn an_order_comes_to_those_that_it_is_for_until_it_expires() {
    let dir = folder();
    let depot = Start::new(dir.path()).arguments(&["--extra-writes", "0"]).start();
    let address = depot.address;
    publish(address, &release(1, None));
    let back_room = courier("back-room", BACK_ROOM);
    assert_eq!((told(FRONT_DESK, "front-desk", address), given(&front_desk(), address)), (None, vec![]));

    let (one, all) = (order(1, for_front_desk()), order(2, Audience::All));
    assert_eq!((offer(address, &one), offer(address, &all)), (200, 200));
    assert_eq!(offer(address, &one), 200, "again");
    assert_eq!(offer(address, &Order { action: OrderAction::Collect, ..one.clone() }), 409, "another one of that id");
    let [first, second] = [&one, &all].map(|order| Digest::of(&order.canonical()));
    assert_eq!(given(&front_desk(), address), [first, second]);
    assert_eq!(given(&back_room, address), [second], "it is not told what others are ordered");
    assert_eq!(given(&reader(), address), [first, second]);
    assert_eq!(told(FRONT_DESK, "front-desk", address), tag([second, first]));
    assert_eq!(told(BACK_ROOM, "back-room", address), tag([second]));
    let stranger = Caller { key: STRANGER, delegation: None };
    assert_eq!(stranger.get(address, &format!("/api/orders/{SITE}")).status, 401);
    assert_eq!(front_desk().get(address, "/api/orders/clinic-002").status, 403);

    // Each is in the site's log, once.
    let head = checkpoint(address).checkpoint;
    let bundle = EntryBundle::holding(head.size - 1, head.size).unwrap();
    let entries = reader().get(address, &format!("/log/{SITE}/{}", bundle.path())).expect(200);
    let logged: Vec<_> = bundle.decode(&entries).unwrap().into_iter().map(|e| LogEntry::parse(e).unwrap()).collect();
    let orders: Vec<_> = logged
        .iter()
        .filter_map(|entry| match entry {
            LogEntry::Order { id, digest, .. } => Some((id, *digest)),
            _ => None,
        })
        .collect();
    assert_eq!(orders, [(&one.id, first), (&all.id, second)]);

    // The signatures that count are kept, and no others.
    let orders = reader().get(address, &format!("/api/orders/{SITE}")).expect(200);
    assert_eq!(Orders::parse(&orders).unwrap().orders[0].signatures.len(), 2);

    depot.kill();
    let depot = Start::new(dir.path()).arguments(&["--extra-writes", "0"]).start();
    let address = depot.address;
    assert_eq!(given(&front_desk(), address), [first, second], "a restart forgets none");
    let short = Order { expires_at: now().plus_millis(1_500), ..order(3, for_front_desk()) };
    assert_eq!(offer(address, &short), 200);
    assert_eq!(given(&front_desk(), address).len(), 3);
    until("the order to expire", || (given(&front_desk(), address).len() == 2).then_some(()));
    assert_eq!(told(FRONT_DESK, "front-desk", address), tag([first, second]));
    assert_eq!(offer(address, &short), 422);
}

#[test]
fn a_site_has_so_many_orders_and_no_more() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    publish(depot.address, &release(1, None));
    for n in 0..MOST_ORDERS {
        assert_eq!(offer(depot.address, &order(u8::try_from(n).unwrap(), Audience::All)), 200, "{n}");
    }
    assert_eq!(offer(depot.address, &order(200, Audience::All)), 409);
    assert_eq!(given(&front_desk(), depot.address).len(), MOST_ORDERS, "in one answer");
}
