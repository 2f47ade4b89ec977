//! Reading a body: bounded in size, in time, and in the memory that all bodies together take.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::fault::Fault;
use crate::options::Options;

/// What is accounted for at once, in bytes.
const UNIT: u64 = 4096;
/// How long the first piece of a body waits for memory.
const PATIENCE: Duration = Duration::from_secs(5);

/// The memory that all bodies together may take: one half for callers who are known, one for everybody else, so that nobody
/// unknown can keep out who is known.
#[derive(Debug)]
pub struct BodyMemory {
    known: Arc<Semaphore>,
    unknown: Arc<Semaphore>,
}

/// Who sends a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Somebody whose signature held.
    Known,
    /// Anybody.
    Unknown,
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
    memory: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl BodyMemory {
    /// As much as the options say.
    pub fn new(options: &Options) -> Self {
        let units = u64::from(options.body_memory) * 1024 * 1024 / UNIT / 2;
        let units = usize::try_from(units).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { known: Arc::new(Semaphore::new(units)), unknown: Arc::new(Semaphore::new(units)) }
    }

    fn share(&self, sender: Sender) -> Share {
        let memory = match sender {
            Sender::Known => &self.known,
            Sender::Unknown => &self.unknown,
        };
        Share { memory: memory.clone(), taken: None }
    }
}

impl Share {
    /// Sees to it that there is memory for so many bytes. The first piece of a body waits for it; who has some already does
    /// not, or all would wait for what the others have.
    async fn cover(&mut self, bytes: u64) -> Result<(), Fault> {
        let needed = usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX);
        let missing = needed.saturating_sub(self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if missing == 0 {
            return Ok(());
        }
        let (missing, memory) = (u32::try_from(missing).unwrap_or(u32::MAX), self.memory.clone());
        let more = match self.taken {
            Some(_) => memory.try_acquire_many_owned(missing).ok(),
            None => timeout(PATIENCE, memory.acquire_many_owned(missing)).await.ok().and_then(Result::ok),
        };
        let more = more.ok_or(Fault::NoMemory)?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        Ok(())
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
    let deadline = Instant::now() + options.body_timeout;
    // What a client says that it will send is no reason to set that much aside.
    let mut bytes = BytesMut::with_capacity(usize::try_from(stated.unwrap_or(0).min(8 * 1024)).unwrap_or(0));
    while let Some(data) = next(&mut body, deadline.min(Instant::now() + options.idle_timeout)).await? {
        let size = bytes.len() as u64 + data.len() as u64;
        if size > limit {
            return Err(Fault::TooLarge(limit));
        }
        share.cover(size).await?;
        if bytes.is_empty() && body.is_end_stream() {
            return Ok(WholeBody { bytes: data, share });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(WholeBody { bytes: bytes.freeze(), share })
}

/// The next piece of a body; `None` at its end.
pub async fn next(body: &mut Body, until: Instant) -> Result<Option<Bytes>, Fault> {
    loop {
        let frame = match timeout_at(until, body.frame()).await {
            Err(_) => return Err(Fault::Slow("nothing more came")),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(Fault::Malformed(format!("the body ends early: {error}"))),
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers say nothing here.
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}
