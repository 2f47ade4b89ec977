//! Between the depot and the inbox: what the courier says of its jobs.

use super::super::appliance::{Appliance, lasting};
use super::super::courier::{Courier, Job, Status, said};
use super::super::finding::Finding;
use super::{note, rules, wrong};

/// How many check-ins may be missed before that is said.
const MISSED: i64 = 3;
/// How far the clocks may differ, in milliseconds: further apart, a depot refuses requests.
const MOST_OFFSET: i64 = writ_wire::courier::SKEW_MILLIS;

pub fn findings(seen: &Appliance) -> Vec<Finding> {
    let Some(courier) = &seen.courier else { return Vec::new() };
    let mut found = agreement(seen, courier);
    let Ok(status) = &courier.status else { return found };
    found.extend(clock(status));
    for (name, what) in [
        ("check-in", "checking in"),
        ("sync", "pulling"),
        ("fetch", "downloading the system"),
        ("delivery", "delivering evidence"),
    ] {
        let Some(job) = status.jobs.get(name) else { continue };
        found.extend(failing(seen, courier, job, name, what));
    }
    found.extend(overdue(seen, courier, status));
    found
}

/// Both programs must mean the same appliance and the same folders.
fn agreement(seen: &Appliance, courier: &Courier) -> Vec<Finding> {
    let (enforce, sync) = (&seen.config, &courier.config);
    let mut differ = Vec::new();
    if (&enforce.site, &enforce.appliance) != (&sync.site, &sync.appliance) {
        let (site, appliance) = (&sync.site, &sync.appliance);
        differ.push(format!(
            "the courier's is of {site}/{appliance}, the enforcer's of {}/{}",
            enforce.site, enforce.appliance
        ));
    }
    for (name, enforcers, couriers) in [
        ("releases", &enforce.releases, sync.inbox()),
        ("outbox_dir", &enforce.outbox_dir, sync.outbox()),
        ("the folder of presence", &enforce.presence_dir(), sync.presence()),
    ] {
        // A trailing slash or a link is no difference.
        let place = |path: &std::path::Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if place(enforcers) != place(&couriers) {
            let (enforcers, couriers) = (enforcers.display(), couriers.display());
            differ.push(format!("the enforcer's {name} is {enforcers}, the courier uses {couriers}"));
        }
    }
    let next = "make enforce.toml and sync.toml name the same site, appliance and spool, and restart both";
    differ.into_iter().map(|what| wrong("configurations-differ", "enforce.toml, sync.toml", what, next)).collect()
}

fn clock(status: &Status) -> Option<Finding> {
    let offset = status.clock_offset_ms.filter(|offset| offset.saturating_abs() > MOST_OFFSET)?;
    let (far, which) = (lasting(offset.saturating_abs()), if offset > 0 { "behind" } else { "ahead of" });
    let what = format!("this machine's clock is {far} {which} the depot's");
    let next =
        "set the clock right (`chronyc tracking`, `timedatectl`): the depot refuses requests whose time is 5 min off";
    Some(wrong("clock-differs", "clock", what, next))
}

/// The codes of a job that fails: for want of a depot, and otherwise.
fn codes(name: &str) -> (&'static str, &'static str) {
    match name {
        "check-in" => ("depot-unreachable", "check-in-fails"),
        "sync" => ("depot-unreachable", "pull-fails"),
        "fetch" => ("depot-unreachable", "download-fails"),
        _ => ("depot-unreachable", "delivery-fails"),
    }
}

fn failing(seen: &Appliance, courier: &Courier, job: &Job, name: &str, what: &str) -> Option<Finding> {
    let problem = said(job.problem.as_ref()?);
    // What is said of the courier itself already; it is in the way of every job.
    if job.kind.as_deref() == Some("waiting") && name != "delivery" {
        return None;
    }
    let since = match job.done_at {
        Some(at) => format!("it last worked {}", seen.ago(at)),
        None => "it has not worked since the courier started".to_owned(),
    };
    let what = format!("{what} fails, {} in a row, {since}: {problem}", times(job.failures));
    let (unreachable, other) = codes(name);
    let depot = &courier.config.depot;
    Some(match job.kind.as_deref() {
        Some("unreachable") => {
            let next = format!(
                "see that this machine has a network and that the depot answers (`curl -sS {depot}/health`): cable, DNS, firewall, \
                 the depot's certificate; nothing is lost, and the courier goes on by itself when the line is back"
            );
            wrong(unreachable, depot, what, next)
        }
        Some("local") => wrong(
            other,
            depot,
            what,
            "it is a file or a folder of this machine: see its owner, and that the disk is not full",
        ),
        Some("waiting") => note("delivery-waits", depot, what, "wait: it comes with the next pull"),
        Some("left") => {
            let next = "ask whoever keeps the depot why it refuses these bundles; what cannot be read is the outbox's group (setgid)";
            wrong(other, depot, what, next)
        }
        Some("rule") => wrong(other, depot, what, rules::advice(job.rule.as_deref().unwrap_or_default())),
        _ => wrong(other, depot, what, "the depot answers, and not as it should: tell whoever keeps it what it said"),
    })
}

fn times(failures: u64) -> String {
    if failures == 1 { "once".to_owned() } else { format!("{failures} times") }
}

/// Nothing is wrong by its own word, and yet it does not check in: it hangs, or its clock was set.
fn overdue(seen: &Appliance, courier: &Courier, status: &Status) -> Option<Finding> {
    let job = status.jobs.get("check-in")?;
    if !courier.runs || job.problem.is_some() || status.not_vouched.is_some() {
        return None;
    }
    let every = courier.config.checkin.millis();
    let from = job.done_at.or(status.at)?;
    let late = seen.now.millis_since(from);
    (late > MISSED * every + 60_000).then(|| {
        let what = format!(
            "it checked in {} ago and should every {}; it names nothing that is in its way",
            lasting(late),
            courier.config.checkin
        );
        wrong(
            "check-in-overdue",
            "writ-sync",
            what,
            "`systemctl restart writ-sync`, after `journalctl -u writ-sync -n 50` was kept",
        )
    })
}
