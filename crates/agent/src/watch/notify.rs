//! What systemd hears from a service of type `notify` (sd_notify(3)). Nothing when it did not start us.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Tells systemd that the enforcer is there, alive, and what it is doing.
#[derive(Debug, Default)]
pub struct Notifier {
    watchdog: Option<Duration>,
    told: Option<Instant>,
}

impl Notifier {
    /// A notifier as the environment asks for (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).
    pub fn from_environment() -> Self {
        let mut micros = 0;
        let enabled = sd_notify::watchdog_enabled(false, &mut micros);
        Self { watchdog: enabled.then(|| Duration::from_micros(micros)), told: None }
    }

    /// The service is up.
    pub fn ready(&mut self) {
        say(&[NotifyState::Ready]);
        self.alive();
    }

    /// The service is going down.
    pub fn stopping(&self) {
        say(&[NotifyState::Stopping]);
    }

    /// One line for `systemctl status`.
    pub fn status(&self, text: &str) {
        say(&[NotifyState::Status(text)]);
    }

    /// The main loop turns. Cheap: it is said only as often as the watchdog needs.
    pub fn alive(&mut self) {
        let Some(period) = self.watchdog else { return };
        if self.told.is_none_or(|told| told.elapsed() >= period / 4) {
            self.told = Some(Instant::now());
            say(&[NotifyState::Watchdog]);
        }
    }

    /// The longest time between two calls of [`Notifier::alive`] that the watchdog is content with.
    pub fn rhythm(&self) -> Option<Duration> {
        self.watchdog.map(|period| period / 3)
    }
}

fn say(states: &[NotifyState]) {
    // Without systemd there is nobody to tell, and a notification that is lost is repeated.
    let _ = sd_notify::notify(false, states);
}
