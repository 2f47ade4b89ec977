//! Between what was accepted and what is obeyed: the switch to another system.

use writ_agent::switch::{Journal, State, boot};
use writ_audit::words::when;
use writ_trust::text::one_line;

use super::super::appliance::Appliance;
use super::super::finding::Finding;
use super::{note, rules, wrong};

pub fn findings(seen: &Appliance) -> Vec<Finding> {
    match &seen.enforcer.journal {
        Ok(Some(journal)) => {
            let found = of(seen, journal).or_else(|| not_begun(seen));
            // What is on trial is booted, or decided, by itself.
            let boots = reboot_pending(seen).into_iter().chain(boot_entry_left(seen)).filter(|_| journal.is_over());
            found.into_iter().chain(boots).collect()
        }
        Ok(None) => not_begun(seen).into_iter().chain(reboot_pending(seen)).collect(),
        Err(e) => {
            let next = "have somebody look at the file; nothing is switched or healed until it is moved away";
            vec![wrong(
                "journal-damaged",
                "writ-switch",
                format!("the journal of the switch cannot be read: {}", one_line(e)),
                next,
            )]
        }
    }
}

fn of(seen: &Appliance, journal: &Journal) -> Option<Finding> {
    let (request, course) = (&journal.request, &journal.course);
    let point = format!("{}-{}", request.epoch, request.serial);
    let subject = format!("release {point}");
    let why = one_line(journal.last_note());
    if !journal.is_over() && course.waits_for_import() {
        let until =
            journal.rests_until(seen.now).map_or_else(|| "at once".to_owned(), |at| format!("in {}", seen.left(at)));
        let what = format!("its system cannot be brought in ({} tries; the next {until}): {why}", course.waits);
        return Some(wrong("switch-waits", &subject, what, rules::advice("import-waits")));
    }
    if !journal.is_over() {
        let what =
            format!("the switch to it is under way since {}: {}: {why}", when(journal.began_at), course.state.as_str());
        let next = "wait: it ends by itself, in the new system or back in the old one; `writ-switch status` tells more";
        return Some(note("switch-under-way", &subject, what, next));
    }
    if course.state == State::RollbackFailed {
        let what = format!("the way back from it failed: {why}. This machine needs a person now");
        let next =
            "boot the previous generation from the boot menu, and keep the output of `writ-switch status --json`";
        return Some(wrong("rollback-failed", &subject, what, next));
    }
    // What was set aside long ago and overtaken since is of no interest.
    let floor = seen.offer.as_ref().and_then(|offer| offer.floor)?;
    let set_aside = journal.set_aside.iter().find(|s| (s.epoch, s.serial) == (floor.epoch, floor.serial))?;
    let what = format!("it was tried and set aside on {}: {}", when(set_aside.at), one_line(&set_aside.reason));
    let next = "repair what it brings and release again with a newer serial; this one is not tried again";
    Some(wrong("release-set-aside", &format!("release {floor}"), what, next))
}

/// What runs is in effect only in part.
fn reboot_pending(seen: &Appliance) -> Option<Finding> {
    let why = boot::pending(&seen.config.boot, &seen.config.state_dir)?;
    let what = format!(
        "kernel, initrd or kernel parameters of the system that runs are not those that were booted: {}",
        one_line(why)
    );
    let next = "boot the machine when it disturbs nobody; `writ-switch status` tells of the last switch. To have it booted with \
                the next such release, let a maintenance window of the site allow `reboot`";
    Some(note("reboot-pending", "writ-switch", what, next))
}

/// What a switch that is over told the boot loader is still there.
fn boot_entry_left(seen: &Appliance) -> Option<Finding> {
    let why = boot::left(&seen.config.state_dir)?;
    let what = format!(
        "an entry that was to be booted once, or the boot loader's word about it, could not be taken back, so the next start of \
         the machine may be into a system that was not kept: {}",
        one_line(why)
    );
    let next = "mount the boot loader's partition, or make room on it: it is tried again every 10 minutes, and at once by \
                `writ-switch run`. Where the machine has another boot loader by now, remove reboot.json beside the journal";
    Some(wrong("boot-entry-left", "writ-switch", what, next))
}

/// A release was accepted, and nothing leads on from there.
fn not_begun(seen: &Appliance) -> Option<Finding> {
    let floor = seen.offer.as_ref().and_then(|offer| offer.floor)?;
    let obeyed = seen.enforcer.state.as_ref()?.running.map(|running| running.release);
    if !seen.enforcer.runs || obeyed >= Some(floor) {
        return None;
    }
    let window = seen.enforcer.status.as_ref().and_then(|status| status.window.as_ref());
    if let Some(window) = window.filter(|window| window.release == floor.to_string()) {
        let opens = one_line(&window.opens);
        let what = format!("it brings another system, which is switched to in the next maintenance window: {opens}");
        return Some(note("window-waits", &format!("release {floor}"), what, rules::advice("maintenance-window")));
    }
    let what = "it is accepted and not obeyed yet, and no switch to it has begun";
    let next =
        format!("wait {}; if it stays so, `journalctl -u writ-enforce -n 50` says why", seen.config.poll_releases);
    Some(wrong("release-not-begun", &format!("release {floor}"), what, next))
}
