//! The thread that waits for every descriptor at once: inotify, netlink, mounts, the clock, the journal.
//!
//! What comes is a poke and never a fact. A source that cannot be had, or that broke, is told in the [`Account`] and tried again
//! every minute; what it is about is found by polling meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use tracing::{error, info, warn};

use super::account::{Account, Standing};
use super::files::Files;
use super::journal::Journal;
use super::kernel::{ClockSet, Mounts, Netlink};
use super::source::Source;
use super::{Message, Topic};
use crate::probes::{Pattern, Watch};

/// How long it takes until a source that cannot be had is tried again.
const RETRY: Duration = Duration::from_secs(60);
/// The thread's stack, in bytes; what is not used of it costs nothing.
const STACK: usize = 256 * 1024;

/// What is to be told of.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Paths, with what each is about.
    pub paths: Vec<(PathBuf, Topic)>,
    /// Everything else. Units and sessions are D-Bus's to tell, and only counted here.
    pub watches: BTreeSet<Watch>,
}

/// Whoever waits for events.
pub struct Events {
    table: Arc<Mutex<Table>>,
    wake: Arc<OwnedFd>,
    account: Account,
}

/// A way to have a source, which may fail.
type Open = Box<dyn Fn() -> io::Result<Box<dyn Source>> + Send>;

struct Table {
    files: Result<Files, String>,
    /// Paths that nobody watches because they are too many, and why.
    polled: Vec<(u64, &'static str)>,
    slots: BTreeMap<&'static str, Slot>,
    account: Account,
}

/// A source that is wanted.
struct Slot {
    open: Open,
    /// What it tells of, to know whether it is still what is wanted.
    about: BTreeSet<Watch>,
    source: Result<Box<dyn Source>, (String, Instant)>,
}

impl Slot {
    /// Has the source if it can be had; says why not, once for each reason.
    fn opened(name: &str, open: Open, about: BTreeSet<Watch>, now: Instant) -> Self {
        let source = open().map_err(|e| {
            warn!(source = name, "it cannot be listened to: {e}; what it is about is found by polling");
            (e.to_string(), now + RETRY)
        });
        Self { open, about, source }
    }

    /// Tries again what could not be had; true when it can.
    fn retry(&mut self, name: &str, now: Instant) -> bool {
        let Err((why, at)) = &mut self.source else { return false };
        if now < *at {
            return false;
        }
        match (self.open)() {
            Ok(source) => {
                info!(source = name, "it is listened to again");
                self.source = Ok(source);
                true
            }
            Err(e) => {
                (*why, *at) = (e.to_string(), now + RETRY);
                false
            }
        }
    }

    fn standing(&self) -> Standing {
        match &self.source {
            Ok(source) => Standing { dropped: source.dropped(), ..Standing::default() },
            Err((why, _)) => Standing::polling(why.clone()),
        }
    }
}

/// The source of a watch, by the name that the account has for it.
pub(crate) fn source_of(watch: &Watch) -> &'static str {
    match watch {
        Watch::Path(_) | Watch::Polled(..) => FILES,
        Watch::Unit(_) | Watch::Sessions => DBUS,
        Watch::Addresses => "addresses",
        Watch::Firewall => "firewall",
        Watch::Mounts => "mounts",
        Watch::Devices => "devices",
        Watch::Clock => "clock",
        Watch::Journal(_) => "journal",
    }
}

/// The name of inotify in the account.
pub const FILES: &str = "files";
/// The name of D-Bus in the account.
pub const DBUS: &str = "dbus";

fn opens(about: &BTreeSet<Watch>) -> Option<Open> {
    fn boxed<S: Source + 'static>(open: impl Fn() -> io::Result<S> + Send + 'static) -> Option<Open> {
        Some(Box::new(move || Ok(Box::new(open()?) as Box<dyn Source>)))
    }
    match about.first()? {
        Watch::Path(_) | Watch::Polled(..) | Watch::Unit(_) | Watch::Sessions => None,
        Watch::Addresses => boxed(Netlink::addresses),
        Watch::Firewall => boxed(Netlink::firewall),
        Watch::Devices => boxed(Netlink::devices),
        Watch::Mounts => boxed(Mounts::open),
        Watch::Clock => boxed(ClockSet::open),
        Watch::Journal(_) => {
            let pattern = |watch: &Watch| if let Watch::Journal(pattern) = watch { Some(*pattern) } else { None };
            let patterns: Vec<Pattern> = about.iter().filter_map(pattern).collect();
            boxed(move || Journal::follow(patterns.iter().copied()))
        }
    }
}

impl Events {
    /// Waits for nothing yet. Messages go to `messages`; how it stands with each source, into `account`.
    ///
    /// # Errors
    /// When there is no thread or descriptor left to wait with.
    pub fn new(messages: Sender<Message>, account: Account) -> io::Result<Self> {
        let files = Files::new().map_err(|e| e.to_string());
        if let Err(why) = &files {
            error!("inotify cannot be had: {why}; changes of files are found by polling only");
        }
        let table =
            Arc::new(Mutex::new(Table { files, polled: Vec::new(), slots: BTreeMap::new(), account: account.clone() }));
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let events = Self { table: Arc::clone(&table), wake: Arc::clone(&wake), account };
        thread::Builder::new()
            .name("events".to_owned())
            .stack_size(STACK)
            .spawn(move || wait(&table, &wake, &messages))?;
        Ok(events)
    }

    /// Waits for exactly this from now on.
    pub fn set(&self, wanted: Wanted) {
        let mut by_source: BTreeMap<&'static str, BTreeSet<Watch>> = BTreeMap::new();
        let mut polled = Vec::new();
        for watch in wanted.watches {
            if let Watch::Polled(number, why) = watch {
                polled.push((number, why));
            }
            by_source.entry(source_of(&watch)).or_default().insert(watch);
        }
        let names = by_source.keys().copied().chain([FILES]).collect();
        let mut table = lock(&self.table);
        table.polled = polled;
        if let Ok(files) = &mut table.files {
            files.set(wanted.paths);
        }
        table.slots.retain(|name, slot| by_source.get(name) == Some(&slot.about));
        let now = Instant::now();
        for (name, about) in by_source {
            if !table.slots.contains_key(name)
                && let Some(open) = opens(&about)
            {
                table.slots.insert(name, Slot::opened(name, open, about, now));
            }
        }
        table.tell_account();
        drop(table);
        self.account.want(names);
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    /// Waits for a source that tests bring.
    #[cfg(test)]
    pub(super) fn add(&self, name: &'static str, source: Box<dyn Source>) {
        let open = || Err(io::Error::other("it is a test's"));
        let slot = Slot { open: Box::new(open), about: BTreeSet::new(), source: Ok(source) };
        lock(&self.table).slots.insert(name, slot);
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

impl Drop for Events {
    /// Programs that were started to listen end with whoever wanted that.
    fn drop(&mut self) {
        lock(&self.table).slots.clear();
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits, and hands on what comes, until nobody listens any more.
fn wait(table: &Mutex<Table>, wake: &OwnedFd, messages: &Sender<Message>) {
    loop {
        let (polled, due) = lock(table).polled();
        let mut descriptors = vec![PollFd::new(wake, PollFlags::IN)];
        descriptors.extend(polled.iter().map(|(_, descriptor, flags)| PollFd::new(descriptor, *flags)));
        let left = due.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 60, tv_nsec: 0 });
        if poll(&mut descriptors, Some(&timeout)).is_err() {
            // Interrupted, or out of memory for a moment: nothing is marked as ready.
            thread::sleep(Duration::from_millis(10));
            continue;
        }
        let ready = descriptors[1..].iter().map(|descriptor| !descriptor.revents().is_empty());
        let ready: BTreeSet<&'static str> =
            polled.iter().zip(ready).filter(|(_, ready)| *ready).map(|((name, ..), _)| *name).collect();
        if !descriptors[0].revents().is_empty() {
            let _ = rustix::io::read(wake, &mut [0_u8; 8]);
        }
        for message in lock(table).take(&ready) {
            if messages.send(message).is_err() {
                return;
            }
        }
    }
}

/// Descriptors with the name of their source, and what is waited for.
type Polled = Vec<(&'static str, Arc<OwnedFd>, PollFlags)>;

impl Table {
    /// What is to be polled, and until when.
    fn polled(&self) -> (Polled, Instant) {
        let mut polled = Polled::new();
        let mut due = Instant::now() + RETRY;
        if let Ok(files) = &self.files {
            polled.push((FILES, files.descriptor(), PollFlags::IN));
        }
        for (name, slot) in &self.slots {
            match &slot.source {
                Ok(source) => {
                    polled.extend(source.descriptor().map(|descriptor| (*name, descriptor, source.flags())));
                    due = source.due().map_or(due, |at| due.min(at));
                }
                Err((_, at)) => due = due.min(*at),
            }
        }
        (polled, due)
    }

    /// Takes what has come and does what is due; each source is given one turn.
    fn take(&mut self, ready: &BTreeSet<&'static str>) -> Vec<Message> {
        let mut messages = Vec::new();
        if let Ok(files) = &mut self.files {
            match files.take(ready.contains(FILES)) {
                Ok(topics) => messages.extend(topics.into_iter().map(Message::Changed)),
                Err(e) => {
                    error!("inotify ended: {e}; changes of files are found by polling only");
                    self.files = Err(e.to_string());
                }
            }
        }
        let now = Instant::now();
        for (name, slot) in &mut self.slots {
            if slot.retry(name, now) {
                // Whatever happened meanwhile was not heard.
                messages.extend(slot.about.iter().cloned().map(Message::Happened));
            }
            let Ok(source) = &mut slot.source else { continue };
            if !ready.contains(name) && source.due().is_none_or(|at| now < at) {
                continue;
            }
            match source.take(now) {
                Ok(watches) => messages.extend(watches.into_iter().map(Message::Happened)),
                Err(e) => {
                    warn!(source = name, "it tells nothing any more: {e}; what it is about is found by polling");
                    slot.source = Err((e.to_string(), now + RETRY));
                    messages.extend(slot.about.iter().cloned().map(Message::Happened));
                }
            }
        }
        self.tell_account();
        messages
    }

    fn tell_account(&self) {
        let mut files = self.files.as_ref().map_or_else(|why| Standing::polling(why.clone()), Files::standing);
        for (number, why) in &self.polled {
            files.missing += number;
            files.why.get_or_insert_with(|| (*why).to_owned());
        }
        self.account.put(FILES, files);
        for (name, slot) in &self.slots {
            self.account.put(name, slot.standing());
        }
    }
}

#[cfg(test)]
mod tests;
