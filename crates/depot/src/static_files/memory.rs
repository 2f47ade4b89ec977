//! Files that are asked for often, in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::HeaderValue;
use bytes::Bytes;

use super::Kind;

/// What a file costs beside its bytes.
const OVERHEAD: u64 = 512;
/// What an open file counts for: there are only so many that a process may have.
const OPEN: u64 = 32 * 1024;

/// A file that is remembered.
#[derive(Debug)]
pub(super) struct Remembered {
    /// What is in it.
    pub content: Content,
    /// Its tag.
    pub etag: HeaderValue,
    /// What it is.
    pub kind: Kind,
}

/// What is in a file.
#[derive(Debug)]
pub(super) enum Content {
    /// A small one's bytes.
    Whole(Bytes),
    /// A large one, open, and its size in bytes.
    Open(Arc<File>, u64),
}

impl Content {
    /// The size of the file in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Open(_, size) => *size,
        }
    }
}

#[derive(Debug)]
struct Slot {
    file: Arc<Remembered>,
    /// Asked for since it was last looked at for making room.
    asked: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    /// By address.
    files: HashMap<Arc<str>, Slot>,
    /// The files in the order in which they are looked at for making room.
    order: VecDeque<Arc<str>>,
    bytes: u64,
    /// How often something was forgotten.
    forgotten: u64,
}

/// What was forgotten up to some instant; a file that is opened after it is remembered only while nothing more was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(u64);

/// Files in memory. What was not asked for since the last look makes room first.
#[derive(Debug)]
pub struct FileMemory {
    limit: u64,
    inner: RwLock<Inner>,
}

fn cost(file: &Remembered) -> u64 {
    match &file.content {
        Content::Whole(bytes) => bytes.len() as u64 + OVERHEAD,
        Content::Open(..) => OPEN,
    }
}

impl FileMemory {
    /// At most so many bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit, inner: RwLock::default() }
    }

    /// A file, if it is here.
    pub(super) fn get(&self, address: &str) -> Option<Arc<Remembered>> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let slot = inner.files.get(address)?;
        slot.asked.store(true, Ordering::Relaxed);
        Some(slot.file.clone())
    }

    /// To be taken before a file is opened that is to be remembered.
    pub(super) fn generation(&self) -> Generation {
        Generation(self.inner.read().unwrap_or_else(PoisonError::into_inner).forgotten)
    }

    /// Remembers a file, unless it would take more than a quarter of all, or may have been replaced since it was opened.
    pub(super) fn put(&self, address: &str, file: &Arc<Remembered>, opened: Generation) {
        let needed = cost(file);
        if needed > self.limit / 4 {
            return;
        }
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *inner;
        if Generation(inner.forgotten) != opened {
            return;
        }
        while inner.bytes + needed > self.limit {
            let Some(first) = inner.order.pop_front() else { break };
            match inner.files.get(&first) {
                Some(slot) if slot.asked.swap(false, Ordering::Relaxed) => inner.order.push_back(first),
                Some(_) => {
                    if let Some(slot) = inner.files.remove(&first) {
                        inner.bytes -= cost(&slot.file);
                    }
                }
                None => {}
            }
        }
        let slot = Slot { file: file.clone(), asked: AtomicBool::new(false) };
        let address: Arc<str> = address.into();
        match inner.files.insert(address.clone(), slot) {
            Some(old) => inner.bytes -= cost(&old.file),
            None => inner.order.push_back(address),
        }
        inner.bytes += needed;
    }

    /// Forgets a file that was replaced.
    pub fn forget(&self, address: &str) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.forgotten += 1;
        if let Some(slot) = inner.files.remove(address) {
            inner.bytes -= cost(&slot.file);
            inner.order.retain(|other| &**other != address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_keeps_what_is_asked_for() {
        let memory = FileMemory::new(10 * 1024);
        let file = |size| {
            let (content, etag) = (Content::Whole(vec![0; size].into()), HeaderValue::from_static("\"x\""));
            Arc::new(Remembered { content, etag, kind: Kind::Narinfo })
        };
        let path = |n: usize| format!("/{n}");
        let at_first = memory.generation();
        memory.put(&path(0), &file(488), at_first);
        for n in 1..100 {
            assert!(memory.get(&path(0)).is_some(), "asked for all the time");
            memory.put(&path(n), &file(488), at_first);
        }
        assert_eq!(memory.inner.read().unwrap().files.len(), 10);
        assert!(memory.inner.read().unwrap().bytes <= 10 * 1024);
        memory.put(&path(200), &file(5000), at_first);
        assert!(memory.get(&path(200)).is_none(), "too large to be worth it");
        memory.put(&path(0), &file(100), at_first);
        memory.forget(&path(0));
        assert!(memory.get(&path(0)).is_none());
        // Opened before it was replaced, and slower than whoever replaced it.
        memory.put(&path(0), &file(100), at_first);
        assert!(memory.get(&path(0)).is_none(), "the old one would be served for ever");
        memory.put(&path(0), &file(100), memory.generation());
        assert!(memory.get(&path(0)).is_some());
        let inner = memory.inner.read().unwrap();
        assert_eq!(inner.bytes, inner.files.values().map(|slot| cost(&slot.file)).sum::<u64>());
        assert_eq!(inner.order.len(), inner.files.len());
    }
}
