//! The daemon: waits for what happens and for what is due, and has the [driver](super::driver) act.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::driver::{Driver, Units};
use super::engine::Engine;
use super::work::Workers;
use crate::dbus::{self, UnitEvent};
use crate::evidence_writer::Settler;
use crate::looks::looker::Looker;
use crate::probes::{self, Watch};
use crate::watch::account::{Account, Standing};
use crate::watch::events::{DBUS, Events};
use crate::watch::notify::Notifier;
use crate::watch::{Message, signals};

/// How long events are gathered before they are acted on: writers make several at once.
const GATHER: Duration = Duration::from_millis(2);
/// How long they are gathered at most, while they keep coming.
const GATHER_AT_MOST: Duration = Duration::from_millis(10);
/// How long nothing happens before the outbox is fsynced.
const QUIET: Duration = Duration::from_millis(20);
/// How long after that it is done at the latest, however much happens.
const STARVED_AFTER: Duration = Duration::from_secs(1);
/// The longest sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The driver and what wakes it.
struct Daemon {
    driver: Driver,
    messages: Receiver<Message>,
    /// When what waits for a quiet moment was done.
    quiet_at: Instant,
}

/// Runs until it is told to stop.
pub fn run(mut engine: Engine) -> io::Result<()> {
    let (sender, messages) = channel();
    signals::watch(sender.clone())?;
    let events = Events::new(sender.clone(), engine.sources.clone())?;
    let units = Units::default();
    watch_units(&sender, &units, &engine.sources);
    engine.notifier = Notifier::from_environment();
    engine.attempts.workers = Some(Workers::new(sender.clone()));
    engine.looking.looker = Some(Looker::new(probes::run, engine.context_of_looker(), sender.clone()));
    engine.writer.settler = Some(Settler::new(engine.config.outbox_dir.clone(), sender)?);
    engine.start(false);
    engine.reconcile_tickets();
    writ_durable::create_directories(&engine.config.requests_dir())?;
    let driver = Driver::new(engine, Box::new(move |wanted| events.set(wanted)), units);
    let mut daemon = Daemon { driver, messages, quiet_at: Instant::now() };
    daemon.driver.engine().stays();
    daemon.driver.engine().notifier.ready();
    daemon.turn();
    daemon.driver.engine().stop();
    Ok(())
}

fn watch_units(messages: &Sender<Message>, units: &Units, sources: &Account) {
    // Without systemd there are no units that anybody could tell of.
    if !dbus::booted_with_systemd() {
        return;
    }
    sources.put(DBUS, Standing::polling("the system bus has not answered yet"));
    let (messages, units, account) = (messages.clone(), Arc::clone(units), sources.clone());
    let tell = move |message| messages.send(message).is_ok();
    let watched = dbus::watch_units(move |event| match event {
        UnitEvent::Began => {
            account.put(DBUS, Standing::default());
            // What happened before was not heard.
            tell(Message::Unit(None)) && tell(Message::Happened(Watch::Sessions))
        }
        UnitEvent::Lost(why) => {
            account.put(DBUS, Standing::polling(why));
            true
        }
        UnitEvent::Sessions => tell(Message::Happened(Watch::Sessions)),
        UnitEvent::Changed(unit) => {
            let wanted = units.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&unit);
            !wanted || tell(Message::Unit(Some(unit)))
        }
    });
    if let Err(e) = watched {
        warn!("systemd cannot be listened to: {e}; units are looked at by polling only");
        sources.put(DBUS, Standing::polling(e.to_string()));
    }
}

impl Daemon {
    /// The main loop.
    fn turn(&mut self) {
        loop {
            self.driver.engine().notifier.alive();
            if !self.driver.act(&mut self.messages.try_iter()) {
                return;
            }
            let wait = self.driver.next().saturating_duration_since(Instant::now());
            let wait = wait.min(if self.driver.unsettled() { QUIET } else { LONGEST_SLEEP });
            match self.messages.recv_timeout(wait) {
                Ok(first) => {
                    if !self.gather(first) {
                        return;
                    }
                    // Who makes something happen all the time must not keep evidence from the disk, nor the outbox from
                    // being kept within its bounds.
                    if self.quiet_at.elapsed() >= STARVED_AFTER {
                        self.quiet_at = Instant::now();
                        self.driver.starved();
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.quiet_at = Instant::now();
                    self.driver.quiet();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Takes a message and those that come with it; false when it is time to stop.
    fn gather(&mut self, first: Message) -> bool {
        let deadline = Instant::now() + GATHER_AT_MOST;
        let mut message = first;
        loop {
            // A runbook or a look is over: that is one thing, and somebody waits for it.
            let alone = matches!(message, Message::Ran | Message::Looked | Message::Settled);
            if !self.driver.take(message) {
                return false;
            }
            if alone {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now()).min(GATHER);
            if left.is_zero() {
                return true;
            }
            match self.messages.recv_timeout(left) {
                Ok(next) => message = next,
                Err(_) => return true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use writ_trust::minisign::SecretKey;

    use super::*;
    use crate::config::Config;
    use crate::watch::Topic;

    /// An enforcer that has sealed its first bundle, which is in the outbox and not known to be on the disk there.
    fn started(dir: &std::path::Path) -> Engine {
        let key = dir.join("key");
        std::fs::write(&key, SecretKey::generate(&[3; 40]).to_open_file().as_bytes()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let at = |name: &str| dir.join(name).display().to_string();
        let config = format!(
            "site = \"clinic-001\"\nappliance = \"front-desk\"\nreleases = {:?}\ntrust = {:?}\nkey = {:?}\nstate_dir = {:?}\n\
             outbox_dir = {:?}\n",
            at("releases"),
            at("trust.json"),
            at("key"),
            at("state"),
            at("outbox")
        );
        std::fs::write(dir.join("enforce.toml"), config).unwrap();
        let mut engine = Engine::open(Config::read(&dir.join("enforce.toml")).unwrap()).unwrap();
        engine.start(false);
        assert!(engine.unsettled());
        engine
    }

    #[test]
    fn a_steady_stream_of_events_does_not_keep_evidence_from_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let engine = started(dir.path());
        let (sender, messages) = channel();
        let now = Instant::now();
        // More than is taken in at once: there is never a quiet moment before the end.
        for _ in 0..1_000_000 {
            sender.send(Message::Changed(Topic::Check(String::new()))).unwrap();
        }
        sender.send(Message::Stop).unwrap();
        let driver = Driver::new(engine, Box::new(|_| ()), Units::default());
        let quiet_at = now.checked_sub(STARVED_AFTER).unwrap();
        let mut daemon = Daemon { driver, messages, quiet_at };
        daemon.turn();
        assert!(!daemon.driver.unsettled());
    }
}
