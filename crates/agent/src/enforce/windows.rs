//! What waits for a maintenance window: a switch to another system, and runbooks that a window is about.
//!
//! A release is judged by the windows of its own policy, so that people can say in a release when it is to be switched
//! to, at once too.

use serde_json::{Value, json};
use tracing::info;
use writ_policy::policy::Policy;
use writ_policy::runbook::Runbook;
use writ_policy::settings::Settings;
use writ_policy::settings::maintenance::{Opening, Work, open};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use super::engine::Engine;
use super::generation::Generation;
use super::lanes::{self, Budget};
use super::refused::Refused;
use super::state::Point;
use crate::steps;
use crate::switch::boot;
use crate::switch::journal::Journal;
use crate::zone::Zone;

/// The rule by which a release waits.
pub const RULE: &str = "maintenance-window";

/// The longest time to a window, in milliseconds: a week, and an hour for changes of the clocks.
const LONGEST_MILLIS: i64 = (7 * 24 + 1) * 3_600_000;

/// A release that waits for its window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowWait {
    /// The release.
    pub release: Point,
    /// When the window opens; none when none ever does.
    pub until: Option<Time>,
    /// When the window opens, in words.
    pub opens: String,
}

/// Whether work may begin at a time, by a site's windows; if not, when it may: as a time, and in words.
pub fn wait_for(settings: &Settings, work: Work, zone: &Zone, at: Time) -> Option<(Option<Time>, String)> {
    let Opening::Closed(opens) = open(&settings.maintenance.windows, work, zone.local(at)) else { return None };
    let Some(opens) = opens else { return Some((None, "which no window of this site ever allows".to_owned())) };
    // From the beginning of a minute: a window opens then, and not some seconds later.
    let minute = at.plus_millis(-at.unix_millis().rem_euclid(60_000));
    let until = minute.plus_millis(i64::from(opens.minutes) * 60_000);
    Some((Some(until), format!("{} {} {}", opens.day.name(), opens.at, zone.called())))
}

impl Engine {
    /// The window for which the switch to a release has to wait: when it opens, and that in words. The first generation of
    /// all waits for none, and by what cannot be read nobody is judged: then the windows of the policy in force count.
    pub(super) fn window_of(&self, generation: &Generation, work: Work) -> Option<(Option<Time>, String)> {
        self.running.as_ref()?;
        let settings = &generation.policy.as_ref().ok().or(self.policy())?.settings;
        wait_for(settings, work, &Zone::of(&settings.time_zone), self.clock.now())
    }

    /// Whether it has to wait, which is said once.
    pub(super) fn waits_for_window(&mut self, generation: &Generation, work: Work) -> bool {
        let release = generation.point();
        let Some((until, opens)) = self.window_of(generation, work) else {
            self.window_wait = None;
            return false;
        };
        if self.window_wait.as_ref().is_none_or(|known| known.release != release) {
            info!(%release, opens, "the switch waits for a maintenance window");
        }
        let next = match work {
            Work::Reboot => {
                "needs a boot of the machine, and is switched to in the next maintenance window that allows one"
            }
            _ => "brings another system, which is switched to in the next maintenance window",
        };
        let message = format!("rule {RULE}: release {release} {next}: {opens}; what runs is enforced until then");
        self.tell_window_wait(message, generation.digest);
        self.window_wait = Some(WindowWait { release, until, opens });
        true
    }

    /// Once for each release, and not again when the window that was told has gone by unused.
    fn tell_window_wait(&mut self, message: String, release: Digest) {
        let refused = Refused::new("switch", RULE, message, Some(release)).keyed();
        let told = |known: &&super::state::RefusalCount| {
            (known.digest, known.what.as_str(), known.rule.as_str()) == (refused.digest, "switch", RULE)
        };
        if self.state.refusals.iter().find(told).is_none_or(|known| known.untold) {
            self.refuse(&[refused]);
        }
    }

    /// Whether a switch that waits for what its import lacked may not be tried now, because its window has closed.
    pub(super) fn import_waits_for_window(&mut self, journal: &Journal) -> bool {
        if !journal.course.waits_for_import() {
            return false;
        }
        let release = Point { epoch: journal.request.epoch, serial: journal.request.serial };
        let known = self.window_wait.as_ref().filter(|known| known.release == release);
        // A time that is further away than any window was told by a clock that was wrong.
        let to_come = |until: Time| (1..=LONGEST_MILLIS).contains(&until.millis_since(self.clock.now()));
        if known.is_some_and(|known| known.until.is_none_or(to_come)) {
            return true;
        }
        // What needs a boot is told so by its driver, once it is imported.
        let work = boot::window(journal);
        self.load(release, journal.request.release).is_ok_and(|generation| self.waits_for_window(&generation, work))
    }

    /// The time of the site, how much may run, and the secrets are those of the policy in force.
    pub(super) fn take_up_settings(&mut self) {
        self.take_up_secrets();
        if let Some(policy) = self.policy() {
            let budget = Budget::of(&policy.settings.circuit_breaker);
            self.attempts.note(lanes::Event::Allowed(budget));
        }
        let name = self.policy().map(|policy| policy.settings.time_zone.clone());
        self.zone = name.as_deref().map(Zone::of).unwrap_or_default();
        if name.is_some() && !self.zone.is_known() {
            self.say_once(format!("times of the site are taken as {}: install tzdata", self.zone.called()));
        }
    }

    /// Has the folder of releases looked at when the window opens.
    pub(super) fn watch_window(&mut self) {
        if self.window_opens().is_some_and(|until| until <= self.clock.now()) {
            self.window_wait = None;
            self.poll_wanted = true;
        }
    }

    /// When the window opens that a release waits for.
    pub(super) fn window_opens(&self) -> Option<Time> {
        self.window_wait.as_ref()?.until
    }

    /// The status file's account of a release that waits for a window; null when none does.
    pub(super) fn window_status(&self) -> Value {
        let account = |wait: &WindowWait| json!({ "release": wait.release.to_string(), "until": wait.until, "opens": wait.opens });
        self.window_wait.as_ref().map_or(Value::Null, account)
    }
}

/// The window for which a rule's runbook has to wait: it holds a step that windows are about, and none is open. When it
/// opens, and that in words.
pub fn runbook_waits(policy: &Policy, rule: &str, zone: &Zone, at: Time) -> Option<(Option<Time>, String)> {
    waits(policy, policy.runbooks.get(policy.rules.get(rule)?.run.as_ref()?)?, zone, at)
}

/// The same of a runbook.
pub fn waits(policy: &Policy, runbook: &Runbook, zone: &Zone, at: Time) -> Option<(Option<Time>, String)> {
    let mut works = runbook.steps.iter().filter_map(|step| steps::window(&step.step, &step.parameters));
    works.find_map(|work| wait_for(&policy.settings, work, zone, at))
}
