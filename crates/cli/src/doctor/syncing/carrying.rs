//! Between the depot and the inbox: what the courier says of its jobs.

use super::super::appliance::{Appliance, lasting, times};
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
    found.extend(unreachable(seen, courier, status));
    for (name, code, what) in JOBS {
        let job = status.jobs.get(name);
        found.extend(job.and_then(|job| failing(seen, courier, job, code, what)));
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

/// The courier's jobs: name, the code of its failing, what it does.
const JOBS: [(&str, &str, &str); 7] = [
    ("check-in", "check-in-fails", "checking in"),
    ("sync", "pull-fails", "pulling"),
    ("fetch", "download-fails", "downloading the system"),
    ("delivery", "delivery-fails", "delivering evidence"),
    ("notices", "notices-fail", "sending notices"),
    ("logs", "logs-fail", "sending logs"),
    ("orders", "orders-fail", "fetching orders"),
];

/// One finding for a depot that no job can reach.
fn unreachable(seen: &Appliance, courier: &Courier, status: &Status) -> Option<Finding> {
    let of =
        |(name, _, _): &(&str, _, _)| status.jobs.get(*name).filter(|job| job.kind.as_deref() == Some("unreachable"));
    let jobs: Vec<&Job> = JOBS.iter().filter_map(of).collect();
    let problem = said(jobs.first()?.problem.as_deref().unwrap_or_default());
    let failures = jobs.iter().map(|job| job.failures).max().unwrap_or_default();
    let last = match courier.checked_in() {
        Some(at) => format!("the last check-in was {}", seen.ago(at)),
        None => "it has not checked in since it started".to_owned(),
    };
    let depot = &courier.config.depot;
    let what = format!("{problem}; {} in a row, {last}", times(failures));
    let next = format!(
        "see that this machine has a network and that the depot answers (`curl -sS {depot}/health`): cable, DNS, firewall, the \
         depot's certificate; nothing is lost, and the courier goes on by itself when the line is back"
    );
    Some(wrong("depot-unreachable", depot, what, next))
}

/// A job that fails although the depot is there.
fn failing(seen: &Appliance, courier: &Courier, job: &Job, code: &'static str, what: &str) -> Option<Finding> {
    let problem = said(job.problem.as_ref()?);
    let last = match job.done_at {
        Some(at) => format!("it last worked {}", seen.ago(at)),
        None => "it has not worked since the courier started".to_owned(),
    };
    let what = format!("{what} fails, {} in a row, {last}: {problem}", times(job.failures));
    let depot = &courier.config.depot;
    let next = match job.kind.as_deref() {
        Some("unreachable") => return None,
        // Every other job waits for the enforcer's word, of which more is said elsewhere.
        Some("waiting") if code == "delivery-fails" => {
            return Some(note("delivery-waits", depot, what, "wait: it comes with the next pull"));
        }
        Some("waiting") => return None,
        Some("local") => "it is a file or a folder of this machine: see its owner, and that the disk is not full",
        Some("left") => {
            "ask whoever keeps the depot why it refuses these; for one that cannot be read see the folder's group (setgid)"
        }
        Some("rule") => rules::advice(job.rule.as_deref().unwrap_or_default()),
        _ => "the depot answers, and not as it should: tell whoever keeps it what it said",
    };
    Some(wrong(code, depot, what, next))
}

/// Nothing is wrong by its own word, and yet it does not check in: it hangs, or its clock was set.
fn overdue(seen: &Appliance, courier: &Courier, status: &Status) -> Option<Finding> {
    let job = status.jobs.get("check-in")?;
    if !courier.runs || job.problem.is_some() || status.not_vouched.is_some() {
        return None;
    }
    let every = courier.config.checkin.millis();
    let from = job.done_at.or(status.at)?;
    if seen.is_to_come(from) {
        let what = format!("by its own word it checked in {} from now: nobody knows when it did", seen.left(from));
        let next = "set the clock right (`chronyc tracking`, `timedatectl`) and restart writ-sync";
        return Some(wrong("check-in-overdue", "writ-sync", what, next));
    }
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
