//! How many connections there are at one time, and how many of them from one address: whoever opens all that they can at one
//! clinic leaves room for the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body::Peer;

/// The places for connections.
#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    /// The most from one address.
    each: usize,
    held: Arc<Mutex<HashMap<Peer, usize>>>,
}

/// A place that is not given to anybody yet.
#[derive(Debug)]
pub struct Free(OwnedSemaphorePermit);

/// A connection's place, which it gives back when dropped.
#[derive(Debug)]
pub struct Place {
    peer: Option<Peer>,
    held: Arc<Mutex<HashMap<Peer, usize>>>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// So many, and half of them (one at least) for one address.
    pub fn new(connections: u32) -> Self {
        let all = connections as usize;
        Self { free: Arc::new(Semaphore::new(all)), each: (all / 2).max(1), held: Arc::default() }
    }

    /// Waits for a free place; `None` only when there will never be one.
    pub async fn free(&self) -> Option<Free> {
        self.free.clone().acquire_owned().await.ok().map(Free)
    }

    /// Gives a place to a connection; `None` when its address has as many as one may have. A proxy, or whoever is on this
    /// machine, is judged by nobody here.
    pub fn give(&self, Free(permit): Free, peer: Option<Peer>) -> Option<Place> {
        if let Some(peer) = peer {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let of_peer = held.entry(peer).or_default();
            if *of_peer >= self.each {
                return None;
            }
            *of_peer += 1;
        }
        Some(Place { peer, held: self.held.clone(), _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_peer) = held.get_mut(&peer) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                held.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_leaves_half_of_the_places_to_others() {
        let places = Places::new(4);
        let options = crate::options::for_tests();
        let peer = |address: &str| Peer::of(address.parse().unwrap(), &options);
        let take = async |address: &str| places.give(places.free().await.unwrap(), peer(address));
        let (one, two) = (take("192.0.2.1").await, take("192.0.2.1").await);
        assert!(one.is_some() && two.is_some());
        assert!(take("192.0.2.1").await.is_none(), "a third of the same address");
        let others = (take("192.0.2.2").await, take("2001:db8::1").await);
        assert!(others.0.is_some() && others.1.is_some());
        drop(one);
        assert!(take("192.0.2.1").await.is_some(), "a place that was given back");
        drop((two, others));
        assert!(places.held.lock().unwrap().is_empty() && places.free.available_permits() == 4);
        let local = [take("127.0.0.1").await, take("127.0.0.1").await, take("127.0.0.1").await];
        assert!(local.iter().all(Option::is_some), "a proxy judges its clients itself");
    }
}
