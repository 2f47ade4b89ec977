//! The folder of orders: what lies there is judged, whoever put it there and under whatever name.

use std::collections::{BTreeMap, BTreeSet};

use writ_trust::digest::Digest;
use writ_trust::floor::Floor;
use writ_trust::numbers::TrustVersion;
use writ_trust::order::judge::{self, OrderRefusal, OrderRule};
use writ_trust::order::{Order, OrderId};
use writ_trust::root::TrustRoot;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use super::{Engine, Orders};
use crate::enforce::accept::AcceptError;
use crate::enforce::refused::Refused;
use crate::enforce::releases::{Offered, Signed, unreadable};

/// How many refused contents are not judged anew.
const MOST_REFUSED: usize = 256;
/// After so many milliseconds they are (10 minutes): a key may count by then.
const ANEW_MILLIS: i64 = 600_000;

/// What was refused lately, by the digest of a content with its signatures: whoever writes into the folder must not have the same
/// signatures computed at each look.
#[derive(Debug, Default)]
pub(super) struct RefusedBefore {
    /// Under which trust root, and since when.
    under: Option<(TrustVersion, Time)>,
    contents: BTreeMap<Digest, Refused>,
}

impl RefusedBefore {
    /// Forgets what was refused under another root, or too long ago.
    fn look(&mut self, root: TrustVersion, now: Time) {
        let lasts =
            |(under, since): (TrustVersion, Time)| under == root && (0..ANEW_MILLIS).contains(&now.millis_since(since));
        if !self.under.is_some_and(lasts) {
            *self = Self { under: Some((root, now)), contents: BTreeMap::new() };
        }
    }

    fn remember(&mut self, content: Digest, refused: Refused) {
        if self.contents.len() >= MOST_REFUSED {
            self.contents.clear();
        }
        self.contents.insert(content, refused);
    }
}

/// The chain of roots, those of it that are not stored yet, by version, and the floor.
type Trusted = (TrustChain, Vec<(u64, Signed)>, Floor);

impl Engine {
    /// The trust roots, those of them that are not stored, and the floor.
    pub(super) fn trusted(&self) -> Result<Trusted, AcceptError> {
        let (chain, roots) = self.acceptor.chain(&mut Vec::new())?;
        let running = self.state.running.map(|r| (r.release, r.digest));
        let floor = self.acceptor.floor(&chain, running)?;
        Ok((chain, roots, floor))
    }

    /// Judges every order in the folder, and begins with what is taken. Where nothing is obeyed yet, during a trial, and where
    /// nothing more can be told, they are left where they are.
    pub fn look_at_orders(&mut self) {
        if self.policy().is_none() || self.trial_has_begun() || self.is_full() {
            return;
        }
        // Whether an order lies there or not: a root that was seen once is not forgotten again.
        let settled = self.trusted().and_then(|(chain, roots, floor)| {
            let floor = self.acceptor.settle_roots(&roots, &chain, floor)?;
            Ok((chain, floor))
        });
        let (chain, floor) = match settled {
            Ok(settled) => settled,
            Err(e) => return self.say_once(format!("orders cannot be judged: {e}")),
        };
        self.begin_orders(&floor);
        let offered = self.acceptor.folder().orders(&self.identity.site);
        self.judge_orders(offered, chain.newest(), floor.instant(self.clock.now()));
    }

    fn judge_orders(&mut self, offered: impl Iterator<Item = Offered>, root: &TrustRoot, now: Time) {
        let (mut lying, mut refused, mut taken) = (BTreeSet::new(), Vec::new(), false);
        let (site, appliance) = (self.identity.site.clone(), self.identity.appliance.clone());
        self.lying.refused.look(root.version, now);
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
            let content = content_of(digest, &signed.signatures);
            if let Some(before) = self.lying.refused.contents.get(&content) {
                // Still said: it is counted, and told where there was no room for that before.
                refused.push(before.clone());
                continue;
            }
            let own = (&site, &appliance);
            match judge::judge(&signed.bytes, &signed.signatures, root, own, &self.orders().memory, now) {
                Ok(order) => {
                    let id = order.order.id.clone();
                    if self.take_order(order) {
                        lying.insert(id);
                        taken = true;
                    }
                }
                Err(refusal) => {
                    if let OrderRefusal::Replayed { id } = &refusal {
                        lying.insert(id.clone());
                    }
                    let told = of_order(&refusal, digest);
                    if stays_refused(refusal.rule()) {
                        self.lying.refused.remember(content, told.clone());
                    }
                    refused.push(told);
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

/// The digest of a content with its signatures.
fn content_of(document: Digest, signatures: &[Vec<u8>]) -> Digest {
    let mut all = document.as_bytes().to_vec();
    for signature in signatures {
        all.extend(Digest::of(signature).as_bytes());
    }
    Digest::of(&all)
}

/// Whether a rule says the same of the same content as long as the trust root is the same and no key comes into its time. The
/// others go by the clock or by what was taken, or cost nothing.
fn stays_refused(rule: OrderRule) -> bool {
    matches!(rule, OrderRule::Threshold | OrderRule::Document | OrderRule::Site | OrderRule::Audience)
}

fn of_order(refusal: &OrderRefusal, digest: Digest) -> Refused {
    let refused = Refused::new("order", refusal.rule().name(), refusal, Some(digest));
    // The rules after that one are asked of orders that enough order keys signed.
    if refusal.rule() > OrderRule::Threshold { refused.keyed() } else { refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_forgotten_with_its_root_and_after_a_while_and_never_fills_the_memory() {
        let at = |millis: i64| Time::from_unix_millis(1_800_000_000_000 + millis);
        let (first, second) = (TrustVersion::FIRST, "2".parse().unwrap());
        let (document, refused) = (Digest::of(b"order"), Refused::new("order", "signature-threshold", "", None));
        let content = content_of(document, &[b"one".to_vec()]);
        assert_ne!(content, content_of(document, &[]), "another signature makes it another content");
        for (root, now, lasts) in [
            (first, at(ANEW_MILLIS - 1), true),
            (second, at(0), false),
            (first, at(ANEW_MILLIS), false),
            (first, at(-1), false),
        ] {
            let mut before = RefusedBefore::default();
            before.look(first, at(0));
            before.remember(content, refused.clone());
            before.look(root, now);
            assert_eq!(before.contents.contains_key(&content), lasts, "{root} {now}");
        }
        let mut before = RefusedBefore::default();
        before.look(first, at(0));
        for n in 0..3 * MOST_REFUSED {
            before.remember(Digest::of(n.to_string().as_bytes()), refused.clone());
            assert!(before.contents.len() <= MOST_REFUSED);
        }
    }
}
