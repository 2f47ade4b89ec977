//! The thread that keeps what is held current: it looks at the folder now and then, and reads again what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::held::Held;
use super::pulse;
use super::site::{Source, read};
use crate::clock::Clock;

/// How often what was read so far is shown, while there is more to read.
const SHOW: Duration = Duration::from_millis(200);
/// A folder that is being written is read when it was the same at two looks, and at the latest after so many.
const PATIENCE: u32 = 6;

/// What a keeper is asked for.
#[derive(Debug)]
pub enum Ask {
    /// To read everything again, now.
    All,
    /// To read one site again, now.
    Site(SiteId),
    /// To end.
    End,
}

/// When what a site is read from changed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pulse {
    folders: Digest,
    documents: Digest,
}

/// What is known of a site since it was read.
#[derive(Debug)]
struct Known {
    pulse: Pulse,
    /// The documents that it named.
    documents: BTreeSet<Digest>,
    read_at: Time,
    /// What it was at the last look, where that is something else.
    seen: Option<Pulse>,
    looks: u32,
}

/// What keeps a portal's memory current.
pub struct Keeper {
    source: Source,
    held: Arc<Held>,
    clock: Clock,
    look: Duration,
    again: i64,
    known: BTreeMap<SiteId, Known>,
}

impl Keeper {
    /// Looks every `look`, and reads again after so many milliseconds whatever has not changed.
    pub fn new(source: Source, held: Arc<Held>, clock: Clock, look: Duration, again: i64) -> Self {
        Self { source, held, clock, look, again, known: BTreeMap::new() }
    }

    /// Starts it on a thread of its own.
    ///
    /// # Errors
    /// When there is no thread.
    pub fn start(mut self) -> std::io::Result<(Sender<Ask>, std::thread::JoinHandle<()>)> {
        let (sender, asks) = channel();
        let thread = std::thread::Builder::new().name("reader".to_owned());
        let running = thread.spawn(move || self.run(&asks))?;
        Ok((sender, running))
    }

    fn run(&mut self, asks: &Receiver<Ask>) {
        let mut ask = None;
        loop {
            match ask {
                Some(Ask::End) => return,
                Some(Ask::All) => self.known.clear(),
                Some(Ask::Site(site)) => drop(self.known.remove(&site)),
                None => {}
            }
            if self.pass(asks) {
                return;
            }
            ask = match asks.recv_timeout(self.look) {
                Ok(ask) => Some(ask),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
        }
    }

    /// Looks at every site, and reads what is to be read. Whether it was told to end meanwhile.
    fn pass(&mut self, asks: &Receiver<Ask>) -> bool {
        let looked_at = Some((self.clock)());
        let sites = match pulse::sites(&self.source.folder) {
            Ok(sites) => sites,
            Err(error) => {
                let trouble = format!("the audit folder cannot be read: {error}");
                if self.held.fleet().trouble.is_none() {
                    tracing::error!("{}: {trouble}", self.source.folder.display());
                }
                self.held.publish(0, Some(trouble), looked_at);
                return false;
            }
        };
        self.known.retain(|site, _| sites.binary_search(site).is_ok());
        self.held.keep(|site| sites.binary_search(site).is_ok());
        let mut shown = Instant::now();
        for site in &sites {
            let pulse = self.pulse(site);
            let now = (self.clock)();
            if !self.is_to_be_read(site, pulse, now) {
                continue;
            }
            self.read(site, pulse.folders, now);
            if shown.elapsed() >= SHOW {
                self.held.publish(sites.len(), None, looked_at);
                shown = Instant::now();
            }
            match asks.try_recv() {
                Ok(Ask::End) => return true,
                Ok(Ask::All) => self.known.clear(),
                Ok(Ask::Site(other)) => drop(self.known.remove(&other)),
                Err(_) => {}
            }
        }
        self.held.publish(sites.len(), None, looked_at);
        false
    }

    fn pulse(&self, site: &SiteId) -> Pulse {
        let (folder, known) = (&self.source.folder, self.known.get(site));
        let named = known.into_iter().flat_map(|known| &known.documents);
        Pulse { folders: pulse::of(folder, site), documents: pulse::of_documents(folder, named) }
    }

    /// Reads a site, whose folders were so before.
    fn read(&mut self, site: &SiteId, folders: Digest, now: Time) {
        let folder = &self.source.folder;
        let (before, turn) = (pulse::of_all_documents(folder), self.held.begin());
        let mut read = read(&self.source, site, now);
        let documents = std::mem::take(&mut read.documents);
        let named = pulse::of_documents(folder, &documents);
        // One that came or went meanwhile may be one of its own, which it was read without.
        let rests = pulse::of_all_documents(folder) == before;
        let pulse = Pulse { folders, documents: if rests { named } else { Digest::of(b"meanwhile") } };
        self.held.take(turn, read, false);
        self.known.insert(site.clone(), Known { pulse, documents, read_at: now, seen: None, looks: 0 });
    }

    fn is_to_be_read(&mut self, site: &SiteId, pulse: Pulse, now: Time) -> bool {
        let Some(known) = self.known.get_mut(site) else { return true };
        if !(0..self.again).contains(&now.millis_since(known.read_at)) {
            return true;
        }
        if known.pulse == pulse {
            known.seen = None;
            return false;
        }
        known.looks += 1;
        known.seen.replace(pulse) == Some(pulse) || known.looks >= PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use writ_audit::Trust;

    use super::*;

    #[test]
    fn what_is_being_written_is_read_when_it_rests_and_at_the_latest_after_six_looks() {
        let clock: Clock = Arc::new(|| Time::from_unix_millis(0));
        let source = Source {
            folder: "/nowhere".into(),
            trust: Trust::Folder,
            period: "90d".parse().unwrap(),
            without_entries: false,
            rejected: None,
        };
        let mut keeper = Keeper::new(source, Arc::new(Held::new(1)), clock, Duration::from_secs(1), 1000);
        let site: SiteId = "clinic-001".parse().unwrap();
        let at = Time::from_unix_millis;
        let pulse = |n: u8| Pulse { folders: Digest::of(&[n]), documents: Digest::of(b"none") };
        let known = || Known { pulse: pulse(0), documents: BTreeSet::new(), read_at: at(0), seen: None, looks: 0 };
        assert!(keeper.is_to_be_read(&site, pulse(0), at(0)), "never read");
        keeper.known.insert(site.clone(), known());
        assert!(!keeper.is_to_be_read(&site, pulse(0), at(999)));
        assert!(keeper.is_to_be_read(&site, pulse(0), at(1000)), "long ago");
        assert!(!keeper.is_to_be_read(&site, pulse(1), at(1)), "just changed");
        assert!(keeper.is_to_be_read(&site, pulse(1), at(2)), "and rests");
        keeper.known.insert(site.clone(), known());
        let reads: Vec<bool> = (1..=6).map(|n| keeper.is_to_be_read(&site, pulse(n), at(1))).collect();
        assert_eq!(reads, [false, false, false, false, false, true]);
    }
}
