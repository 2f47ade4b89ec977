//! Do the programs run?

use writ_agent::enforce::state;
use writ_confine::Enforced;

use super::appliance::Appliance;
use super::courier::{Silence, said};
use super::finding::{Finding, Question};
use super::syncing::advice;
use crate::pages::page;

/// How often the enforcer writes its status at least, in milliseconds.
const STATUS_EVERY: i64 = 30_000;
/// After how many of these it counts as silent.
const MISSED: i64 = 3;

/// How much of what is missing is told.
const MOST_MISSING: usize = 3;

/// What the state calls a key in the inbox that cannot be the courier's.
const COURIER_KEY: &str = "courier-key";

fn wrong(code: &'static str, subject: &str, what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding::wrong(Question::Running, code, subject, what, next)
}

/// What stands in the way of the enforcer and the courier themselves.
pub fn findings(seen: &Appliance) -> Vec<Finding> {
    let mut found: Vec<Finding> = enforcer(seen).into_iter().collect();
    found.extend(courier(seen));
    let enforcer = seen.enforcer.status.as_ref().filter(|_| seen.enforcer.runs);
    found.extend(confined("writ-enforce", enforcer.and_then(|status| status.confined.as_ref())));
    found.extend(enforcer.and_then(|status| polled(&status.polled())));
    let courier = seen.courier.as_ref().filter(|courier| courier.runs).and_then(|courier| courier.status.as_ref().ok());
    found.extend(confined("writ-sync", courier.and_then(|status| status.confined.as_ref())));
    for (program, status) in [("writ-probe", &seen.probe), ("writ-planner", &seen.planner)] {
        found.extend(confined(program, status.as_ref().and_then(|status| status.confined.as_ref())));
    }
    found
}

/// What the kernel does not take from a process although it should: no failure of the process, and worth knowing.
fn confined(program: &str, enforced: Option<&Enforced>) -> Option<Finding> {
    let missing = enforced.map(|enforced| enforced.missing.as_slice()).filter(|missing| !missing.is_empty())?;
    let missing: Vec<String> = missing.iter().take(MOST_MISSING).map(|missing| said(missing)).collect();
    let what = format!("it is confined less than it should be: {}", missing.join("; "));
    let next = "a newer kernel (6.12 or later, with Landlock and seccomp) confines it; its unit's own restrictions hold meanwhile";
    Some(Finding::note(Question::Running, "not-confined", program, what, next))
}

/// What nobody tells the enforcer of: it is found all the same, only later.
fn polled(sources: &[String]) -> Option<Finding> {
    let some: Vec<String> = sources.iter().take(MOST_MISSING).map(|line| said(line)).collect();
    let what = format!("changes are found when checks are due, and not at once: {}", some.join("; "));
    let next = concat!(
        "nothing has to be done: each check is looked at as often as the policy says; what each source needs is in ",
        page!("appliance.md"),
        "#what-tells-it-at-once"
    );
    (!some.is_empty()).then(|| Finding::note(Question::Running, "polled-only", "writ-enforce", what, next))
}

fn enforcer(seen: &Appliance) -> Option<Finding> {
    let enforcer = &seen.enforcer;
    let folder = seen.config.state_dir.display();
    let start = "`systemctl start writ-enforce`; if it does not stay up, `journalctl -u writ-enforce -n 50` says why";
    if let Some(damage) = &enforcer.damage {
        let what = format!("its state cannot be read: {damage}");
        let next = format!(
            "restart writ-enforce: it puts {} aside and continues after the last bundle in the outbox; incidents that were \
             open are not closed by that",
            state::FILE
        );
        return Some(wrong("state-damaged", "writ-enforce", what, next));
    }
    if enforcer.state.is_none() {
        let what = format!("it has never run here: there is no {} in {folder}", state::FILE);
        let next = format!("{start}; if it ran elsewhere, name its configuration with --config");
        return Some(wrong("enforcer-never-started", "writ-enforce", what, next));
    }
    let at = enforcer.status.as_ref().map(|status| status.at);
    let last =
        at.map_or_else(|| "nothing is known of when it did".to_owned(), |at| format!("it last did {}", seen.ago(at)));
    if !enforcer.runs {
        let what =
            format!("it does not run ({last}): nothing is looked at, nothing is repaired, no release is taken up");
        return Some(wrong("enforcer-not-running", "writ-enforce", what, start));
    }
    if !is_silent(seen) {
        return None;
    }
    let what = format!("it runs and says nothing: {last}, and at least every 30 s is right");
    let next =
        "`systemctl restart writ-enforce`, after `journalctl -u writ-enforce -n 50` was kept for whoever looks into it";
    Some(wrong("enforcer-silent", "writ-enforce", what, next))
}

/// Whether the enforcer has said nothing for longer than it should.
pub fn is_silent(seen: &Appliance) -> bool {
    let at = seen.enforcer.status.as_ref().map(|status| status.at);
    let longest = MISSED * STATUS_EVERY.max(seen.config.heartbeat.millis());
    at.is_none_or(|at| seen.now.millis_since(at) > longest || seen.is_to_come(at))
}

fn courier(seen: &Appliance) -> Option<Finding> {
    let courier = seen.courier.as_ref()?;
    let folder = courier.config.state_dir.display();
    let start = "`systemctl start writ-sync`; if it does not stay up, `journalctl -u writ-sync -n 50` says why";
    match &courier.status {
        Err(Silence::Never) => {
            let what = format!("it has never run here: there is no status.json in {folder}");
            Some(wrong("courier-never-started", "writ-sync", what, start))
        }
        Err(Silence::Unusable(why)) => {
            let what = format!("its status.json in {folder} cannot be used: {why}");
            let next = "restart writ-sync; if it is so again, somebody else writes into its folder";
            Some(wrong("courier-status", "writ-sync", what, next))
        }
        Ok(status) if !courier.runs => {
            let last = status.at.map_or_else(|| "never".to_owned(), |at| seen.ago(at));
            let what = format!("it does not run (its last word: {last}): nothing comes in, and no evidence goes out");
            Some(wrong("courier-not-running", "writ-sync", what, start))
        }
        Ok(status) => {
            let why = said(status.not_vouched.as_ref()?);
            let what = format!("the enforcer does not vouch for it, so no depot listens to it: {why}");
            let mut refused = seen.enforcer.state.iter().flat_map(|state| &state.refusals);
            let key = refused.any(|refused| refused.what == COURIER_KEY);
            let next = match seen.enforcer.runs {
                true if key => advice(COURIER_KEY),
                false => "start writ-enforce: it gives its word within a minute",
                true => concat!(
                    "see that writ-sync may write inbox/ and read presence/ of the spool (",
                    page!("appliance.md"),
                    "#the-spool), and that both configurations name the same spool; the enforcer gives its word within a \
                     minute",
                ),
            };
            Some(wrong("courier-not-vouched", "writ-sync", what, next))
        }
    }
}
