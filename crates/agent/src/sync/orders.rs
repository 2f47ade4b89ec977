//! Fetches the orders that the depot has for this appliance, and takes away those that it has no more.
//!
//! An order stays in the inbox until it has expired: the enforcer takes each once, however long it lies there.

use std::collections::BTreeSet;
use std::fs;

use tracing::{info, warn};
use writ_trust::digest::Digest;
use writ_trust::order::judge;
use writ_trust::order::{MAX_ORDER, OrderId};
use writ_trust::text::one_line;
use writ_wire::orders::{MOST_ORDERS, Orders, tag};
use writ_wire::{MAX_ENVELOPE, paths};

use super::courier::Courier;
use super::identity::Vouched;
use super::inbox::{names, read};
use super::now;
use super::schedule::Ending;
use super::trouble::Trouble;
use crate::crash_point;

impl Courier {
    /// The tag of the orders that are here, as a check-in tells of it. What cannot be read is not here: it is fetched again, and
    /// keeps no check-in from its end.
    pub(super) fn orders_here(&self) -> Option<Digest> {
        let folder = self.inbox.orders();
        let mut digests = Vec::new();
        for name in names(&folder).iter().filter(|name| order_of(name).is_some_and(|(_, whole)| whole)) {
            digests.extend(read(&folder.join(name), MAX_ORDER).ok().flatten().map(|bytes| Digest::of(&bytes)));
        }
        tag(digests)
    }

    /// Fetches the orders. One that is not signed as it should be, or not for this site, or whose place something else has, is not
    /// taken in, and does not keep the others from it.
    pub fn fetch_orders(&mut self, vouched: &Vouched) -> Result<Ending, Trouble> {
        let site = &self.config.site;
        let bytes = self.signed(vouched).get(&paths::orders(site), MAX_ENVELOPE as u64)?;
        let Orders { orders, .. } =
            Orders::parse(&bytes).map_err(|e| Trouble::refused("orders-document", one_line(e)))?;
        if orders.len() > MOST_ORDERS {
            let message = format!("{} orders in one answer, expected at most {MOST_ORDERS}", orders.len());
            return Err(Trouble::refused("orders-document", message));
        }
        let (root, mut kept, mut failed) = (self.chain.newest(), BTreeSet::new(), None);
        for signed in &orders {
            let judged = signed.check_bounds().map_err(|e| Trouble::refused("size", e)).and_then(|()| {
                let judged = judge::verify(&signed.document.0, &signed.signatures, root, site, now());
                judged.map_err(|refusal| Trouble::Refused { rule: refusal.rule().name(), message: one_line(refusal) })
            });
            match judged {
                Ok(judged) => {
                    let id = judged.order.id;
                    let there = read(&self.inbox.orders().join(format!("{id}.json")), MAX_ORDER).ok().flatten();
                    if there.as_ref() != Some(&signed.document.0) {
                        info!(order = %id, "order");
                        crash_point!("sync-order");
                        failed = self.inbox.write_order(&id, signed, root).err().or(failed);
                    }
                    kept.insert(id);
                }
                Err(trouble) => failed = Some(trouble),
            }
        }
        self.prune_orders(&kept);
        failed.map_or(Ok(Ending::Done), Err)
    }

    /// Removes what the depot has no more. What cannot be removed is passed over: it is no order that anybody takes again.
    fn prune_orders(&self, kept: &BTreeSet<OrderId>) {
        let folder = self.inbox.orders();
        for name in names(&folder) {
            if order_of(&name).is_none_or(|(id, _)| !kept.contains(&id)) {
                let path = folder.join(&name);
                if let Err(e) = fs::remove_file(&path) {
                    warn!(path = %path.display(), "it is no order that the depot has, and cannot be removed: {e}");
                }
            }
        }
    }
}

/// The order that a file is of, and whether it is the order itself and no signature.
fn order_of(name: &str) -> Option<(OrderId, bool)> {
    let (id, rest) = name.split_once('.')?;
    Some((id.parse().ok()?, rest == "json"))
}
