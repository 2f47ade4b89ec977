//! The folder of orders: what lies there is judged, whoever put it there and under whatever name.

use std::collections::BTreeSet;

use writ_trust::digest::Digest;
use writ_trust::order::judge::{self, OrderRefusal, OrderRule};
use writ_trust::order::{Order, OrderId};
use writ_trust::root::TrustRoot;
use writ_trust::time::Time;

use super::{Engine, Orders};
use crate::enforce::refused::Refused;
use crate::enforce::releases::{Offered, unreadable};

impl Engine {
    /// Judges every order in the folder, and begins with what is taken. Where nothing is obeyed yet, during a trial, and where
    /// nothing more can be told, they are left where they are.
    pub fn look_at_orders(&mut self) {
        if self.policy().is_none() || self.trial_has_begun() || self.is_full() {
            return;
        }
        let offered = self.acceptor.folder().orders(&self.identity.site);
        if offered.is_empty() {
            self.forget_orders(BTreeSet::new(), self.clock.now());
            return;
        }
        let chain = self.acceptor.chain(&mut Vec::new());
        let judged_by = chain.and_then(|(chain, _)| {
            let running = self.state.running.map(|r| (r.release, r.digest));
            self.acceptor.floor(&chain, running).map(|floor| (chain, floor))
        });
        let (chain, floor) = match judged_by {
            Ok(judged_by) => judged_by,
            Err(e) => return self.say_once(format!("orders cannot be judged: {e}")),
        };
        if chain.newest().version < floor.trust.version {
            return self.say_once("orders cannot be judged: the newest trust root is not here".to_owned());
        }
        self.judge_orders(offered, chain.newest(), floor.instant(self.clock.now()));
    }

    fn judge_orders(&mut self, offered: Vec<Offered>, root: &TrustRoot, now: Time) {
        let (mut lying, mut refused, mut taken) = (BTreeSet::new(), Vec::new(), false);
        for Offered { name, signed } in offered {
            let signed = match signed {
                Ok(signed) => signed,
                Err(e) => {
                    let message = format!("order {name}: {e}");
                    refused.push(Refused::new("order", unreadable(&e), message, None));
                    continue;
                }
            };
            let digest = Digest::of(&signed.bytes);
            if let Some(id) = self.known_order(digest, &signed.bytes)
                && self.lay(&id)
                && lying.insert(id)
            {
                continue;
            }
            let own = (&self.identity.site.clone(), &self.identity.appliance.clone());
            match judge::judge(&signed.bytes, &signed.signatures, root, own, &self.orders().memory, now) {
                Ok(order) => {
                    lying.insert(order.order.id.clone());
                    self.take_order(order);
                    taken = true;
                }
                Err(refusal) => {
                    if let OrderRefusal::Replayed { id } = &refusal {
                        lying.insert(id.clone());
                    }
                    refused.push(of_order(&refusal, digest));
                }
            }
        }
        self.refuse(&refused);
        self.forget_orders(lying, now);
        if taken {
            self.commit_now();
            self.act_on_orders();
        }
    }

    /// The order that was taken and has exactly these bytes.
    fn known_order(&mut self, digest: Digest, bytes: &[u8]) -> Option<OrderId> {
        let Orders { memory, .. } = self.orders();
        let known = memory.taken.values().any(|taken| taken.digest == digest);
        known.then(|| Order::parse(bytes).ok().map(|order| order.id)).flatten()
    }

    /// Whether an order that was taken lay there at the last look already. One that was gone has been brought again.
    fn lay(&self, id: &OrderId) -> bool {
        self.lying.known.as_ref().is_none_or(|known| known.contains(id))
    }

    fn forget_orders(&mut self, lying: BTreeSet<OrderId>, now: Time) {
        self.orders().memory.forget(now, |id| lying.contains(id));
        self.lying.known = Some(lying);
    }
}

fn of_order(refusal: &OrderRefusal, digest: Digest) -> Refused {
    let refused = Refused::new("order", refusal.rule().name(), refusal, Some(digest));
    // The rules after that one are asked of orders that enough order keys signed.
    if refusal.rule() > OrderRule::Threshold { refused.keyed() } else { refused }
}
