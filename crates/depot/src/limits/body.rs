//! Reading a body: bounded in size, in time, and in the memory that all bodies together take.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use writ_trust::ids::SiteId;
use writ_wire::MAX_ENVELOPE;

use crate::fault::Fault;
use crate::options::Options;

/// What is accounted for at once, in bytes.
const UNIT: u64 = 4096;
/// What a body may hold without being accounted for, in bytes: connections are bounded, and each holds as much anyway. So what is
/// as small as a heartbeat comes also while all memory for those who are not known is in use.
const OF_CONNECTION: u64 = 8 * 1024;
/// How long the first piece of a body waits for memory.
const PATIENCE: Duration = Duration::from_secs(5);
/// The bytes of a body that must come in a second once its sender has used up `--idle-timeout` by waiting.
const SLOWEST: u64 = 16 * 1024;

/// The memory that all bodies together may take: one half for callers who are known, one for everybody else, so that nobody
/// unknown can keep out who is known. Of a half, nobody gets more than a third, and all appliances of a site together no more
/// than two, or the largest body if that is more: whoever has the keys of one site keeps no other out.
#[derive(Debug)]
pub struct BodyMemory {
    known: Arc<Half>,
    unknown: Arc<Half>,
}

#[derive(Debug)]
struct Half {
    free: Arc<Semaphore>,
    /// The units that one sender may have.
    each: usize,
    /// The units that all appliances of one site may have.
    site: usize,
    held: Mutex<HashMap<Holder, usize>>,
}

/// Who is charged for what a sender sends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Holder {
    Key([u8; 32]),
    Site(SiteId),
    From(Peer),
}

/// Who sends a body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sender {
    /// An appliance whose signature held: its key, and its site.
    Appliance([u8; 32], SiteId),
    /// Somebody who may read, whose signature held.
    Reader([u8; 32]),
    /// Anybody, from this address.
    From(Peer),
    /// Anybody, through a proxy that is asked to know its clients.
    Anybody,
}

/// Where somebody is who is not known: an IPv4 address, or a network of IPv6 as one subscriber has it (64 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(IpAddr);

impl Peer {
    /// Who is at the other end of a connection; `None` when that is a proxy, as far as can be told.
    pub fn of(address: IpAddr, options: &Options) -> Option<Self> {
        let address = address.to_canonical();
        if address.is_loopback() || options.allow_http {
            return None;
        }
        Some(Self(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        }))
    }
}

/// A body and its share of the memory, which it gives back when dropped.
#[derive(Debug)]
pub struct WholeBody {
    /// The bytes.
    pub bytes: Bytes,
    /// What it takes of the memory for bodies.
    pub share: Share,
}

/// A part of the memory for bodies; grows with what really came, since what a client says that it will send costs it nothing.
#[derive(Debug)]
pub struct Share {
    half: Arc<Half>,
    sender: Sender,
    /// What the sender is charged for, in units.
    charged: usize,
    taken: Option<OwnedSemaphorePermit>,
}

impl BodyMemory {
    /// As much as the options say.
    pub fn new(options: &Options) -> Self {
        let units = u64::from(options.body_memory) * 1024 * 1024 / UNIT / 2;
        let units = usize::try_from(units).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let half = || {
            let largest = MAX_ENVELOPE.div_ceil(UNIT as usize);
            let (each, site) = ((units / 3).max(largest), (units / 3 * 2).max(largest));
            Arc::new(Half { free: Arc::new(Semaphore::new(units)), each, site, held: Mutex::default() })
        };
        Self { known: half(), unknown: half() }
    }

    /// A share of nothing yet.
    pub fn share(&self, sender: Sender) -> Share {
        let half = match sender {
            Sender::Appliance(..) | Sender::Reader(_) => &self.known,
            Sender::From(_) | Sender::Anybody => &self.unknown,
        };
        Share { half: half.clone(), sender, charged: 0, taken: None }
    }
}

impl Share {
    /// Sees to it that there is memory for so many bytes. The first piece of a body waits for it; who has some already does
    /// not, or all would wait for what the others have.
    pub async fn cover(&mut self, bytes: u64) -> Result<(), Fault> {
        let needed = usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX);
        let missing = needed.saturating_sub(self.charged);
        if missing == 0 {
            return Ok(());
        }
        self.charge(missing)?;
        let (missing, memory) = (u32::try_from(missing).unwrap_or(u32::MAX), self.half.free.clone());
        let more = match self.taken {
            Some(_) => memory.try_acquire_many_owned(missing).ok(),
            None => timeout(PATIENCE, memory.acquire_many_owned(missing)).await.ok().and_then(Result::ok),
        };
        let more = more.ok_or(Fault::NoMemory("all memory for bodies is in use"))?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        Ok(())
    }

    fn charge(&mut self, units: usize) -> Result<(), Fault> {
        let mut held = self.half.held.lock().unwrap_or_else(PoisonError::into_inner);
        let holders = self.half.holders(&self.sender);
        for (holder, most, full) in &holders {
            if held.get(holder).copied().unwrap_or(0) + units > *most {
                return Err(Fault::NoMemory(full));
            }
        }
        for (holder, ..) in holders {
            *held.entry(holder).or_default() += units;
        }
        drop(held);
        self.charged += units;
        Ok(())
    }
}

impl Half {
    /// Who is charged for what this sender sends, how many units each may have, and what to say when they are in use.
    fn holders(&self, sender: &Sender) -> Vec<(Holder, usize, &'static str)> {
        let one = "all memory that one sender may have for bodies is in use";
        match sender {
            Sender::Appliance(key, site) => vec![
                (Holder::Key(*key), self.each, one),
                (Holder::Site(site.clone()), self.site, "all memory that one site may have for bodies is in use"),
            ],
            Sender::Reader(key) => vec![(Holder::Key(*key), self.each, one)],
            Sender::From(peer) => vec![(Holder::From(*peer), self.each, one)],
            Sender::Anybody => Vec::new(),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.half.held.lock().unwrap_or_else(PoisonError::into_inner);
        for (holder, ..) in self.half.holders(&self.sender) {
            if let Some(units) = held.get_mut(&holder) {
                *units = units.saturating_sub(self.charged);
                if *units == 0 {
                    held.remove(&holder);
                }
            }
        }
    }
}

/// How long a sender may let us wait: so long in all without sending anything, and that comes back with what is sent. Who
/// sends much and then drips does not hold what he sent for long.
#[derive(Debug)]
pub struct Pace {
    left: Duration,
    most: Duration,
    /// When all of it must have come, where that matters.
    end: Option<Instant>,
}

impl Pace {
    /// As slow as the options allow, for a file of any size.
    pub fn new(options: &Options) -> Self {
        Self { left: options.idle_timeout, most: options.idle_timeout, end: None }
    }

    fn until(&self) -> Instant {
        let until = Instant::now() + self.left;
        self.end.map_or(until, |end| end.min(until))
    }

    /// So much came after waiting for so long.
    fn came(&mut self, waited: Duration, bytes: usize) {
        let earned = Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000 / SLOWEST));
        self.left = self.left.saturating_sub(waited).saturating_add(earned).min(self.most);
    }
}

/// The length that a body says it has; `None` when it is sent in chunks. More than `limit` is refused unread.
pub fn stated_length(headers: &HeaderMap, body: &Body, limit: u64) -> Result<Option<u64>, Fault> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Fault::Encoded);
    }
    match body.size_hint().exact() {
        Some(length) if length > limit => Err(Fault::TooLarge(limit)),
        stated => Ok(stated),
    }
}

/// Reads a whole body of at most `limit` bytes.
pub async fn read(
    memory: &BodyMemory,
    options: &Options,
    sender: Sender,
    headers: &HeaderMap,
    mut body: Body,
    limit: u64,
) -> Result<WholeBody, Fault> {
    let stated = stated_length(headers, &body, limit)?;
    let mut share = memory.share(sender);
    let mut pace = Pace { end: Some(Instant::now() + options.body_timeout), ..Pace::new(options) };
    // What a client says that it will send is no reason to set that much aside.
    let mut bytes = BytesMut::with_capacity(usize::try_from(stated.unwrap_or(0).min(OF_CONNECTION)).unwrap_or(0));
    while let Some(data) = next(&mut body, &mut pace).await? {
        let size = bytes.len() as u64 + data.len() as u64;
        if size > limit {
            return Err(Fault::TooLarge(limit));
        }
        if size > OF_CONNECTION {
            share.cover(size).await?;
        }
        if bytes.is_empty() && body.is_end_stream() {
            return Ok(WholeBody { bytes: data, share });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(WholeBody { bytes: bytes.freeze(), share })
}

/// The next piece of a body; `None` at its end.
pub async fn next(body: &mut Body, pace: &mut Pace) -> Result<Option<Bytes>, Fault> {
    loop {
        let (begun, until) = (Instant::now(), pace.until());
        let frame = match timeout_at(until, body.frame()).await {
            Err(_) => return Err(Fault::Slow("nothing more came, or too little")),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(Fault::Malformed(format!("the body ends early: {error}"))),
            Ok(Some(Ok(frame))) => frame,
        };
        let data = frame.into_data();
        pace.came(begun.elapsed(), data.as_ref().map_or(0, Bytes::len));
        // Trailers say nothing here.
        if let Ok(data) = data {
            return Ok(Some(data));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_much_and_then_drips_is_not_waited_for_longer() {
        let (second, idle) = (Duration::from_secs(1), Duration::from_secs(20));
        let mut pace = Pace { left: idle, most: idle, end: None };
        pace.came(Duration::ZERO, 8 * 1024 * 1024);
        for _ in 0..25 {
            pace.came(second, 1024);
        }
        assert!(pace.left < second, "the next kilobyte would come too late: {:?}", pace.left);
        let mut pace = Pace { left: idle, most: idle, end: None };
        for _ in 0..1000 {
            pace.came(second, 17 * 1024);
        }
        assert!(pace.left > Duration::from_secs(19), "as slow as may be, for ever: {:?}", pace.left);
    }

    #[tokio::test]
    async fn nobody_gets_all_of_the_memory() {
        let half = Half { free: Arc::new(Semaphore::new(300)), each: 100, site: 200, held: Mutex::default() };
        let half = Arc::new(half);
        let memory = BodyMemory { known: half.clone(), unknown: half.clone() };
        let (one, other) = (Sender::Reader([1; 32]), Sender::Reader([2; 32]));
        let (mut first, mut second, mut third) = (memory.share(one.clone()), memory.share(one), memory.share(other));
        assert!(first.cover(60 * UNIT).await.is_ok());
        assert!(matches!(second.cover(41 * UNIT).await, Err(Fault::NoMemory(_))));
        assert!(second.cover(40 * UNIT).await.is_ok() && third.cover(100 * UNIT).await.is_ok());
        assert!(matches!(first.cover(61 * UNIT).await, Err(Fault::NoMemory(_))));
        drop((first, second, third));
        assert!(half.held.lock().unwrap().is_empty() && half.free.available_permits() == 300);
        // All keys of one site together leave something for every other.
        let of = |key, site: &str| memory.share(Sender::Appliance([key; 32], site.parse().unwrap()));
        let (mut a1, mut a2, mut a3, mut b1) = (of(1, "one"), of(2, "one"), of(3, "one"), of(4, "two"));
        assert!(a1.cover(100 * UNIT).await.is_ok() && a2.cover(100 * UNIT).await.is_ok());
        assert!(matches!(a3.cover(UNIT).await, Err(Fault::NoMemory(why)) if why.contains("one site")));
        assert!(b1.cover(100 * UNIT).await.is_ok());
        drop(a1);
        assert!(a3.cover(UNIT).await.is_ok());
        drop((a2, a3, b1));
        assert!(half.held.lock().unwrap().is_empty() && half.free.available_permits() == 300);
    }

    #[tokio::test]
    async fn what_is_as_small_as_a_heartbeat_waits_for_no_memory() {
        let options = crate::options::for_tests();
        let memory = BodyMemory::new(&options);
        let mut all = memory.share(Sender::Anybody);
        all.cover(memory.unknown.free.available_permits() as u64 * UNIT).await.unwrap();
        assert_eq!(memory.unknown.free.available_permits(), 0);
        let small = Body::from(vec![b' '; 4096]);
        let body = read(&memory, &options, Sender::Anybody, &HeaderMap::new(), small, 64 * 1024).await.unwrap();
        assert_eq!((body.bytes.len(), body.share.charged), (4096, 0));
        // What is larger counts in whole.
        drop(all);
        let large = Body::from(vec![b' '; 12 * 1024]);
        let body = read(&memory, &options, Sender::Anybody, &HeaderMap::new(), large, 64 * 1024).await.unwrap();
        assert_eq!(body.share.charged, 3);
    }

    #[test]
    fn a_subscriber_is_one_peer_and_a_proxy_is_none() {
        let mut options = crate::options::for_tests();
        let of = |address: &str, options: &Options| Peer::of(address.parse().unwrap(), options);
        assert_eq!(of("2001:db8::1", &options), of("2001:db8::ffff:1", &options));
        assert_ne!(of("2001:db8::1", &options), of("2001:db8:0:1::1", &options));
        assert_eq!(of("::ffff:192.0.2.1", &options), of("192.0.2.1", &options));
        assert_eq!(of("127.0.0.1", &options), None);
        options.allow_http = true;
        assert_eq!(of("192.0.2.1", &options), None);
    }
}
