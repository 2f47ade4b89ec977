//! The daemon: waits for what is due or happens, does it, and says how it went.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use signal_hook::iterator::Signals;
use tracing::{debug, info, warn};
use writ_trust::digest::Digest;

use super::courier::Courier;
use super::fetch::Progress;
use super::identity::Vouched;
use super::now;
use super::schedule::{Action, Ending, Event, Job, Schedule};
use super::trouble::Trouble;
use super::watch::{self, Folders, Message};
use crate::watch::notify::Notifier;

/// The longest sleep: after it the presence folder is looked at, whatever inotify said.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// The stack of the thread that fetches, in bytes.
const FETCH_STACK: usize = 2 * 1024 * 1024;

struct Daemon {
    courier: Courier,
    schedule: Schedule,
    vouched: Option<Vouched>,
    messages: Receiver<Message>,
    sender: Sender<Message>,
    folders: Folders,
    notifier: Notifier,
    fetching: Option<Fetching>,
}

/// A fetch that is under way.
struct Fetching {
    release: Digest,
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
    progress: Arc<Mutex<Progress>>,
}

/// What wakes a courier.
pub struct Wake(Signals);

impl Wake {
    /// Signals wake from now on: before this they end the process. No thread is started yet.
    pub fn by_signals() -> io::Result<Self> {
        watch::signals().map(Self)
    }
}

/// Runs until it is told to stop.
pub fn run(courier: Courier, wake: Wake) -> io::Result<()> {
    let (sender, messages) = channel();
    watch::forward(wake.0, sender.clone())?;
    let config = &courier.config;
    let folders = Folders::watch([config.outbox(), config.presence(), config.notices()], sender.clone())?;
    let schedule = Schedule::new(config.rhythm());
    info!(depot = courier.status.depot, appliance = %config.appliance, site = %config.site, "courier");
    let mut daemon = Daemon {
        courier,
        schedule,
        vouched: None,
        messages,
        sender,
        folders,
        notifier: Notifier::from_environment(),
        fetching: None,
    };
    daemon.look_for_word();
    daemon.notifier.ready();
    daemon.turn();
    daemon.end();
    Ok(())
}

impl Daemon {
    fn turn(&mut self) {
        loop {
            self.notifier.alive();
            for Action::Start(job) in self.tell(Event::Tick) {
                self.start(job);
            }
            self.write_status();
            let due = self.schedule.next().map(|at| Duration::from_millis(at.saturating_sub(self.courier.millis())));
            let longest = self.notifier.rhythm().map_or(LONGEST_SLEEP, |rhythm| rhythm.min(LONGEST_SLEEP));
            match self.messages.recv_timeout(due.unwrap_or(longest).min(longest)) {
                Ok(message) => {
                    if !self.take(message) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.look_for_word(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Stop => return false,
            Message::Now => {
                info!("asked to do everything now");
                self.look_for_word();
                self.tell(Event::Asked);
            }
            Message::Outbox => drop(self.tell(Event::OutboxChanged)),
            Message::Notices => drop(self.tell(Event::NoticesChanged)),
            Message::Presence => self.look_for_word(),
            Message::Fetched(release, result) => self.fetched(release, result),
        }
        true
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        let mut random = [0; 8];
        // Without randomness there is no jitter, and nothing worse.
        let _ = getrandom::fill(&mut random);
        let (now, random) = (self.courier.millis(), u64::from_le_bytes(random));
        let (schedule, actions) = self.schedule.clone().step(event, now, random);
        self.schedule = schedule;
        actions
    }

    /// Whether the enforcer vouches for this courier, at this moment.
    fn look_for_word(&mut self) {
        self.folders.rearm();
        let before = self.vouched.is_some();
        match self.courier.vouched() {
            Ok(vouched) => {
                if !before {
                    info!("the enforcer vouches for this courier");
                }
                self.courier.status.not_vouched = None;
                self.vouched = Some(vouched);
            }
            Err(trouble) => {
                let message = trouble.to_string();
                if self.courier.status.not_vouched.as_ref() != Some(&message) {
                    warn!("waiting for the enforcer's word: {message}");
                    self.courier.status.not_vouched = Some(message);
                }
                self.vouched = None;
            }
        }
        if before != self.vouched.is_some() {
            self.courier.status.changed();
        }
        self.tell(Event::Vouched(self.vouched.is_some()));
    }

    fn start(&mut self, job: Job) {
        if job == Job::CheckIn {
            // Every minute: the word is renewed, and a folder may have been made anew.
            self.look_for_word();
        }
        let Some(vouched) = self.vouched.clone() else {
            self.ended(job, Err(Trouble::Waiting("the enforcer does not vouch for this courier".into())));
            return;
        };
        debug!(job = job.name(), "begins");
        match job {
            Job::CheckIn => {
                let result = self.courier.check_in(&vouched);
                self.ended_with_events(job, result);
            }
            Job::Sync => {
                let result = self.courier.pull(&vouched);
                let is_done = matches!(result, Ok((Ending::Done, _)));
                self.ended_with_events(job, result);
                if let Some(fetching) = &self.fetching {
                    self.stop_if_outdated(fetching);
                }
                self.courier.prune(is_done && self.fetching.is_none());
            }
            Job::Deliver => {
                let result = self.courier.deliver(&vouched);
                self.ended(job, result);
            }
            Job::Notices => {
                let result = self.courier.send_notices(&vouched);
                self.ended(job, result);
            }
            Job::Orders => {
                let result = self.courier.fetch_orders(&vouched);
                self.ended(job, result);
            }
            Job::Logs => {
                let result = self.courier.send_logs(&vouched);
                self.ended(job, result);
            }
            Job::Fetch => self.start_fetch(),
        }
    }

    fn ended_with_events(&mut self, job: Job, result: Result<(Ending, Vec<Event>), Trouble>) {
        match result {
            Ok((ending, events)) => {
                self.ended(job, Ok(ending));
                for event in events {
                    self.tell(event);
                }
            }
            Err(trouble) => self.ended(job, Err(trouble)),
        }
    }

    fn ended(&mut self, job: Job, result: Result<Ending, Trouble>) {
        self.courier.status.ended(job, &result, now());
        let ending = result.unwrap_or_else(|trouble| trouble.ending());
        self.tell(Event::Ended(job, ending));
    }

    fn start_fetch(&mut self) {
        let fetch = match self.courier.fetch() {
            Ok(Some(fetch)) => fetch,
            Ok(None) => return self.ended(Job::Fetch, Ok(Ending::Done)),
            Err(trouble) => return self.ended(Job::Fetch, Err(trouble)),
        };
        let (release, stop, progress) =
            (fetch.release, Arc::<AtomicBool>::default(), Arc::<Mutex<Progress>>::default());
        let (sender, theirs) = (self.sender.clone(), (Arc::clone(&stop), Arc::clone(&progress)));
        let started = thread::Builder::new().name("fetch".to_owned()).stack_size(FETCH_STACK).spawn(move || {
            let result = fetch.run(&theirs.0, &theirs.1);
            let _ = sender.send(Message::Fetched(release, result));
        });
        match started {
            Ok(thread) => self.fetching = Some(Fetching { release, thread, stop, progress }),
            Err(e) => self.ended(Job::Fetch, Err(Trouble::at(&self.courier.config.inbox())(e))),
        }
    }

    /// A newer release came while the closure of another one is fetched: that is of no use any more.
    fn stop_if_outdated(&self, fetching: &Fetching) {
        let wanted = self.courier.fetch().ok().flatten();
        if wanted.is_none_or(|wanted| wanted.release != fetching.release) {
            fetching.stop.store(true, Ordering::Relaxed);
        }
    }

    fn fetched(&mut self, release: Digest, result: Result<bool, Trouble>) {
        if let Some(fetching) = self.fetching.take() {
            let _ = fetching.thread.join();
        }
        let placed = match (result, self.vouched.clone()) {
            (Ok(true), Some(vouched)) => self.courier.place_pending(&vouched, release),
            (Ok(true), None) => Err(Trouble::Waiting("the enforcer does not vouch for this courier".into())),
            (Ok(false), _) => Ok(Some(Event::FetchWanted)),
            (Err(trouble), _) => Err(trouble),
        };
        self.ended_with_events(Job::Fetch, placed.map(|event| (Ending::Done, event.into_iter().collect())));
        // A fetch follows a pull that came to its end.
        self.courier.prune(true);
    }

    fn write_status(&mut self) {
        let read = |fetching: &Fetching| fetching.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fetching = self.fetching.as_ref().map(read);
        if self.courier.status.fetching != fetching {
            self.courier.status.fetching = fetching;
            self.courier.status.changed();
        }
        let text = match (&self.courier.status.not_vouched, self.courier.status.waiting) {
            (Some(why), _) => format!("waiting: {why}"),
            (None, waiting) => format!("{waiting} bundles waiting"),
        };
        self.notifier.status(&text);
        self.courier.write_status();
    }

    /// Stops in an orderly way. A download that is under way ends with the process, and is continued by the next one.
    fn end(&mut self) {
        self.notifier.stopping();
        if let Some(fetching) = &self.fetching {
            fetching.stop.store(true, Ordering::Relaxed);
        }
        self.courier.status.changed();
        self.courier.write_status();
        info!("stopped");
    }
}
