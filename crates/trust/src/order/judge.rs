//! The rules by which an order is taken.
//!
//! Signatures are judged on the exact bytes before anything of them is parsed. No comment and no file name decides anything.

use super::memory::Memory;
use super::{MAX_ORDER, Order, OrderError, OrderId};
use crate::digest::Digest;
use crate::ids::{ApplianceId, SiteId};
use crate::role::Role;
use crate::root::TrustRoot;
use crate::rules::rules;
use crate::text::one_line;
use crate::threshold::{MAX_SIGNATURES, Signer, Tally};
use crate::time::Time;

/// How far ahead of the judge's clock an order may claim to be made, in milliseconds (5 minutes).
pub const AHEAD_MILLIS: i64 = 5 * 60_000;

rules! {
    /// The rules, by the names that messages and evidence use.
    OrderRule:
    /// The document is not larger than orders are.
    Size "size",
    /// There are not more signatures than anybody could need.
    SignatureCount "signature-count",
    /// The newest trust root has not expired.
    TrustExpiry "trust-expiry",
    /// Enough order keys signed.
    Threshold "signature-threshold",
    /// The bytes are an order of the known schema.
    Document "document",
    /// The order is for the own site.
    Site "site",
    /// The appliance is one of those that it is for.
    Audience "audience",
    /// No order of its id was taken before.
    Replayed "replayed",
    /// It has not expired.
    Expiry "expiry",
    /// It was not made in the future.
    IssuedAt "issued-at",
    /// It was made since the appliance remembers what it took.
    BeforeMemory "before-memory",
    /// There is room to remember it.
    TooMany "too-many",
}

/// Why an order is not taken. Each message is one line: the rule, what was found, what was expected, what to do.
#[derive(Debug, thiserror::Error)]
pub enum OrderRefusal {
    /// See [`OrderRule::Size`].
    #[error("rule size: the order has {size} bytes, expected at most {MAX_ORDER}: do not trust where it came from")]
    Size {
        /// Bytes found.
        size: usize,
    },
    /// See [`OrderRule::SignatureCount`].
    #[error("rule signature-count: {found} signature files came with the order, expected at most {MAX_SIGNATURES}")]
    SignatureCount {
        /// Files found.
        found: usize,
    },
    /// See [`OrderRule::TrustExpiry`].
    #[error("rule trust-expiry: the newest trust root expired at {expires_at}: publish a newer one, then order again")]
    TrustExpiry {
        /// When it expired.
        expires_at: Time,
    },
    /// See [`OrderRule::Threshold`].
    #[error(
        "rule signature-threshold: {found} of {needed} order keys signed{}: have more of their holders run writ order sign", 
        why(.tally)
    )]
    Threshold {
        /// Keys that count.
        found: usize,
        /// Keys that it takes.
        needed: u32,
        /// What came of each signature.
        tally: Tally,
    },
    /// See [`OrderRule::Document`].
    #[error("rule document: signed, but not an order: {}", one_line(.0))]
    Document(OrderError),
    /// See [`OrderRule::Site`].
    #[error("rule site: the order is for site {found}, expected {expected}: it was brought to the wrong place")]
    Site {
        /// The site it is for.
        found: SiteId,
        /// The own site.
        expected: SiteId,
    },
    /// See [`OrderRule::Audience`].
    #[error("rule audience: order {id} is for other appliances than {own}: it was brought to the wrong place")]
    Audience {
        /// Which order.
        id: OrderId,
        /// The appliance.
        own: ApplianceId,
    },
    /// See [`OrderRule::Replayed`].
    #[error("rule replayed: an order {id} was taken before: whoever wants the same again makes a new order")]
    Replayed {
        /// Which order.
        id: OrderId,
    },
    /// See [`OrderRule::Expiry`].
    #[error("rule expiry: order {id} ended at {expires_at}, and {}: make a new order", passed(*.now, *.forgotten))]
    Expiry {
        /// Which order.
        id: OrderId,
        /// When it ended.
        expires_at: Time,
        /// The judge's clock.
        now: Time,
        /// The end of an order that was taken and forgotten, where the clock alone would not refuse it.
        forgotten: Option<Time>,
    },
    /// See [`OrderRule::IssuedAt`].
    #[error("rule issued-at: order {id} claims to be made at {issued_at}, and it is {now}: a clock is wrong")]
    IssuedAt {
        /// Which order.
        id: OrderId,
        /// When it claims to be made.
        issued_at: Time,
        /// The judge's clock.
        now: Time,
    },
    /// See [`OrderRule::BeforeMemory`].
    #[error(
        "rule before-memory: order {id} was made at {issued_at}, and what was taken is remembered from {since} on: make a \
         new order"
    )]
    BeforeMemory {
        /// Which order.
        id: OrderId,
        /// When it was made.
        issued_at: Time,
        /// From when on orders are remembered.
        since: Time,
    },
    /// See [`OrderRule::TooMany`].
    #[error(
        "rule too-many: order {id} is one too many: so many are remembered until they expire; make a new one later"
    )]
    TooMany {
        /// Which order.
        id: OrderId,
    },
}

fn passed(now: Time, forgotten: Option<Time>) -> String {
    match forgotten {
        None => format!("it is {now}"),
        Some(ended) => format!("it was {ended} already, though the clock says {now}"),
    }
}

fn why(tally: &Tally) -> String {
    if tally.rejected.is_empty() { String::new() } else { format!(" ({tally})") }
}

impl OrderRefusal {
    /// The rule.
    pub fn rule(&self) -> OrderRule {
        match self {
            Self::Size { .. } => OrderRule::Size,
            Self::SignatureCount { .. } => OrderRule::SignatureCount,
            Self::TrustExpiry { .. } => OrderRule::TrustExpiry,
            Self::Threshold { .. } => OrderRule::Threshold,
            Self::Document(_) => OrderRule::Document,
            Self::Site { .. } => OrderRule::Site,
            Self::Audience { .. } => OrderRule::Audience,
            Self::Replayed { .. } => OrderRule::Replayed,
            Self::Expiry { .. } => OrderRule::Expiry,
            Self::IssuedAt { .. } => OrderRule::IssuedAt,
            Self::BeforeMemory { .. } => OrderRule::BeforeMemory,
            Self::TooMany { .. } => OrderRule::TooMany,
        }
    }
}

/// An order whose signatures count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOrder {
    /// The order.
    pub order: Order,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// The order keys that signed and count, each once.
    pub signers: Vec<Signer>,
}

/// Judges an order by what everybody can judge it by, whoever it is for: its signatures under a trust root, its site, its time.
pub fn verify<S: AsRef<[u8]>>(
    bytes: &[u8],
    signatures: &[S],
    root: &TrustRoot,
    site: &SiteId,
    now: Time,
) -> Result<SignedOrder, OrderRefusal> {
    let signed = read(bytes, signatures, root, site, now)?;
    check_time(&signed.order, None, now)?;
    Ok(signed)
}

/// Judges whether an appliance takes an order, after all that it took before. `now` is the machine's clock, or the floor's where
/// that is later. Whoever takes it has [`Memory::take`] make that durable before anything is done.
pub fn judge<S: AsRef<[u8]>>(
    bytes: &[u8],
    signatures: &[S],
    root: &TrustRoot,
    (site, appliance): (&SiteId, &ApplianceId),
    memory: &Memory,
    now: Time,
) -> Result<SignedOrder, OrderRefusal> {
    let signed = read(bytes, signatures, root, site, now)?;
    let order = &signed.order;
    let id = || order.id.clone();
    if !order.audience.includes(appliance) {
        return Err(OrderRefusal::Audience { id: id(), own: appliance.clone() });
    }
    if memory.taken.contains_key(&order.id) {
        return Err(OrderRefusal::Replayed { id: id() });
    }
    // What was forgotten had expired: whatever the clock says now, that was so.
    check_time(order, memory.forgotten, now)?;
    if order.issued_at < memory.since {
        return Err(OrderRefusal::BeforeMemory { id: id(), issued_at: order.issued_at, since: memory.since });
    }
    if memory.is_full() {
        return Err(OrderRefusal::TooMany { id: id() });
    }
    Ok(signed)
}

fn read<S: AsRef<[u8]>>(
    bytes: &[u8],
    signatures: &[S],
    root: &TrustRoot,
    site: &SiteId,
    now: Time,
) -> Result<SignedOrder, OrderRefusal> {
    if bytes.len() > MAX_ORDER {
        return Err(OrderRefusal::Size { size: bytes.len() });
    }
    if signatures.len() > MAX_SIGNATURES {
        return Err(OrderRefusal::SignatureCount { found: signatures.len() });
    }
    if now >= root.expires_at {
        return Err(OrderRefusal::TrustExpiry { expires_at: root.expires_at });
    }
    let tally = Tally::count(root, bytes, signatures, |key| key.counts_now(Role::Order, Some(site), now));
    if !tally.meets(root, Role::Order) {
        let (found, needed) = (tally.signers.len(), root.threshold(Role::Order));
        return Err(OrderRefusal::Threshold { found, needed, tally });
    }
    let order = Order::parse(bytes).map_err(OrderRefusal::Document)?;
    if order.site != *site {
        return Err(OrderRefusal::Site { found: order.site, expected: site.clone() });
    }
    Ok(SignedOrder { order, digest: Digest::of(bytes), signers: tally.signers })
}

/// `forgotten` is a moment that is known to have been, whatever the clock says.
fn check_time(order: &Order, forgotten: Option<Time>, now: Time) -> Result<(), OrderRefusal> {
    let Order { id, issued_at, expires_at, .. } = order;
    let forgotten = forgotten.filter(|ended| *ended > now);
    if *expires_at <= forgotten.unwrap_or(now) {
        // Where the clock alone says so too, it is the clock that is named.
        let forgotten = forgotten.filter(|_| *expires_at > now);
        return Err(OrderRefusal::Expiry { id: id.clone(), expires_at: *expires_at, now, forgotten });
    }
    if issued_at.millis_since(now) > AHEAD_MILLIS {
        return Err(OrderRefusal::IssuedAt { id: id.clone(), issued_at: *issued_at, now });
    }
    Ok(())
}
