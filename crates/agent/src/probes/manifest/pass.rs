//! A pass through the files of a manifest, a piece of it at each look.
//!
//! What is known as altered or missing is read first, so that what was restored is seen; then what was never read, and then
//! what was read longest ago. What is known of a file outlives the manifest for as long as that lists it unchanged.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use writ_policy::observation::Observation;

use super::beside::Beside;
use super::list::{Entry, List};
use crate::probes::{count, reading};

/// How many manifests are followed.
const MAX_PASSES: usize = 16;
/// How much is read before it is asked whether it is time, in bytes.
const SLICE: u64 = 256 * 1024;

/// Passes through manifests, kept from one look to the next.
#[derive(Default)]
pub(crate) struct Manifests {
    passes: Vec<Pass>,
    lines: RandomState,
}

/// One pass.
struct Pass {
    path: PathBuf,
    /// Of which bytes of the manifest.
    of: [u8; 32],
    /// What is known of each file, in the order of the list.
    known: Vec<Known>,
    /// From when on its seconds are counted.
    began: Instant,
    /// What is read just now: of what is known as bad, and of everything.
    open: [Option<Open>; 2],
    beside: Beside,
}

/// What is known of a file. There may be many: this is small.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// A hash of path and digest.
    line: u64,
    /// When it was read, in seconds.
    read_at: u32,
    found: Option<Found>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    AsListed,
    Altered,
    Missing,
}

/// A file that is read, and how far.
struct Open {
    line: u64,
    /// When it was begun, in seconds.
    since: u32,
    file: File,
    digest: Sha256,
}

/// How much of a look's time goes by until each of its parts is over: counting, what is known as bad, everything.
const PARTS: [f32; 3] = [0.2, 0.6, 1.0];

impl Manifests {
    /// Goes on for so long, and tells what is known by now. The time is by a clock that nobody sets.
    pub(super) fn look(
        &mut self,
        path: &Path,
        bytes: &[u8],
        list: &List,
        (now, budget): (Instant, Duration),
        seen: &mut Observation,
    ) {
        let of: [u8; 32] = Sha256::digest(bytes).into();
        let at = self.passes.iter().position(|pass| pass.path == path).unwrap_or_else(|| {
            if self.passes.len() == MAX_PASSES {
                self.passes.remove(0);
            }
            self.passes.push(Pass::begin(path, now));
            self.passes.len() - 1
        });
        let pass = &mut self.passes[at];
        if pass.of != of {
            pass.take_up(of, list, &self.lines);
        }
        pass.look(list, now, budget, seen);
    }
}

impl Pass {
    fn begin(path: &Path, began: Instant) -> Self {
        let (known, open, beside) = (Vec::new(), [None, None], Beside::default());
        Self { path: path.to_owned(), of: [0; 32], known, began, open, beside }
    }

    /// Goes on with another manifest. A file that is read just now is read on where that lists it too.
    fn take_up(&mut self, of: [u8; 32], list: &List, lines: &RandomState) {
        let before: HashMap<u64, Known> = self.known.drain(..).map(|known| (known.line, known)).collect();
        let lines = list.entries.iter().map(|entry| lines.hash_one(entry));
        let known = |line| before.get(&line).copied().unwrap_or(Known { line, read_at: 0, found: None });
        self.known = lines.map(known).collect();
        self.beside = Beside::default();
        self.of = of;
    }

    fn look(&mut self, list: &List, now: Instant, budget: Duration, seen: &mut Observation) {
        let began = Instant::now();
        let [counted, bad, all] = PARTS.map(|part| began + budget.mul_f32(part));
        let now = u32::try_from(now.saturating_duration_since(self.began).as_secs()).unwrap_or(u32::MAX);
        if let Some(extra) = self.beside.look(&self.path, list, counted) {
            seen.set("extra_count", count(extra));
        }
        let is_bad = |known: &Known| matches!(known.found, Some(Found::Altered | Found::Missing));
        self.read_on(0, list, now, bad, is_bad);
        self.read_on(1, list, now, all, |_| true);
        self.tell(now, seen);
    }

    /// Reads on until it is time, each file of these at most once; what was read longest ago comes first.
    fn read_on(&mut self, slot: usize, list: &List, now: u32, until: Instant, wanted: impl Fn(&Known) -> bool) {
        let mut order: Vec<usize> = (0..self.known.len()).filter(|at| wanted(&self.known[*at])).collect();
        let begun = self.open[slot].as_ref().map(|open| open.line);
        order.sort_by_key(|at| {
            let known = &self.known[*at];
            (Some(known.line) != begun, known.found.map(|_| known.read_at))
        });
        for at in order {
            let Some((found, read_at)) = self.read(slot, at, &list.entries[at], now, until) else { return };
            let known = &mut self.known[at];
            // What was begun long ago may say less than is known since.
            if known.found.is_none() || read_at >= known.read_at {
                (known.found, known.read_at) = (Some(found), read_at);
            }
            if Instant::now() >= until {
                return;
            }
        }
    }

    /// Reads one file to its end; none when it is time, and then it goes on from there. Gives also when it was begun.
    fn read(&mut self, slot: usize, at: usize, entry: &Entry, now: u32, until: Instant) -> Option<(Found, u32)> {
        let line = self.known[at].line;
        let mut open = match self.open[slot].take().filter(|open| open.line == line) {
            Some(open) => open,
            None => match reading::open(&self.path.with_file_name("").join(&*entry.path)) {
                Ok(Some(file)) => Open { line, since: now, file, digest: Sha256::new() },
                Ok(None) => return Some((Found::Missing, now)),
                // What cannot be read is not what was signed: another kind of file, or a disk that fails.
                Err(_) => return Some((Found::Altered, now)),
            },
        };
        let mut slice = Vec::new();
        loop {
            slice.clear();
            match (&open.file).take(SLICE).read_to_end(&mut slice) {
                Ok(_) => open.digest.update(&slice),
                Err(_) => return Some((Found::Altered, open.since)),
            }
            if (slice.len() as u64) < SLICE {
                break;
            }
            if Instant::now() >= until {
                self.open[slot] = Some(open);
                return None;
            }
        }
        let same = <[u8; 32]>::from(open.digest.finalize()) == entry.digest();
        Some((if same { Found::AsListed } else { Found::Altered }, open.since))
    }

    fn tell(&self, now: u32, seen: &mut Observation) {
        let whole = self.known.iter().all(|known| known.found.is_some());
        for (name, wanted) in [("altered_count", Found::Altered), ("missing_count", Found::Missing)] {
            let number = self.known.iter().filter(|known| known.found == Some(wanted)).count();
            if whole || number > 0 {
                seen.set(name, count(number));
            }
        }
        if whole {
            let oldest = self.known.iter().map(|known| known.read_at).min().unwrap_or(now);
            seen.set("pass_age_seconds", i64::from(now.saturating_sub(oldest)));
        }
    }
}
