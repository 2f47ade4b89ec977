//! `audit`: the kernel's audit system, by AUDIT_GET and AUDIT_LIST_RULES over netlink (audit.h), and its daemon's
//! configuration (auditd.conf(5)).

mod names;
mod netlink;
mod rule;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use self::netlink::Status;
use self::rule::Rule;
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, count, field, reading};

const CONFIG: &str = "etc/audit/auditd.conf";

/// How many rules are shown one by one.
const MAX_RULES: usize = 2000;

/// The first PID namespace: PROC_PID_INIT_INO of the kernel's proc_ns.h.
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "audit",
    about: "the kernel's audit system and its daemon",
    parameters: &[],
    observation: &[
        field("enabled", Kind::Int, "0 off, 1 on, 2 on and locked until the next boot").between(0, 2),
        field("daemon_active", Kind::Bool, "whether auditd takes what the kernel records"),
        field("rule_count", Kind::Int, "how many rules are loaded"),
        field("keys", Kind::List, "keys of the loaded rules, each once, sorted"),
        field("rules", Kind::List, "the loaded rules as auditctl -l prints them; absent when there are more than 2000"),
        field("lost_count", Kind::Int, "records lost since boot"),
        field("backlog_limit", Kind::Int, "how many records the kernel holds for the daemon"),
        field(
            "failure_mode",
            Kind::Int,
            "what the kernel does when it cannot record: 0 nothing, 1 a message, 2 a panic",
        )
        .between(0, 2),
        field(
            "space_left_action",
            Kind::Text,
            "what auditd does when room gets short, for instance email, exec or ignore",
        ),
        field("disk_full_action", Kind::Text, "what auditd does on a full disk, for instance halt, suspend or ignore"),
        field("max_log_file_action", Kind::Text, "what auditd does with a full file, for instance rotate or keep_logs"),
    ],
};

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    if fs::read_link("/proc/self/ns/pid").is_ok_and(|namespace| namespace != Path::new(FIRST_NAMESPACE)) {
        return Err(Unseen::not_applicable("a container has no audit of its own: the machine that it runs on has it"));
    }
    let mut seen = match netlink::ask() {
        Ok((status, rules)) => observe(status, &rules),
        // A kernel without audit.
        Err(Errno::PROTONOSUPPORT) => Observation::new()
            .with("enabled", 0)
            .with("daemon_active", false)
            .with("rule_count", 0)
            .with("keys", vec![])
            .with("rules", vec![]),
        Err(e) => return Err(Unseen::failed("the kernel's audit", e)),
    };
    daemon(&context.root, &mut seen)?;
    Ok(seen)
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    vec![Watch::Path(PathBuf::from("/").join(CONFIG))]
}

/// What the kernel says in one datagram: the body of a status, and rules behind it.
pub(super) fn observe_bytes(bytes: &[u8]) -> Observation {
    let bodies: Vec<Vec<u8>> = netlink::messages(bytes).map(|message| message.body.to_vec()).collect();
    let none = Status { enabled: 0, failure: 0, daemon: 0, backlog_limit: 0, lost: 0 };
    observe(bodies.first().and_then(|body| Status::parse(body)).unwrap_or(none), &bodies)
}

fn observe(status: Status, rules: &[Vec<u8>]) -> Observation {
    let read: Vec<Option<Rule>> = rules.iter().map(|body| Rule::parse(body)).collect();
    let keys: BTreeSet<String> = read.iter().flatten().flat_map(Rule::keys).collect();
    let mut seen = Observation::new()
        .with("daemon_active", status.daemon != 0)
        .with("rule_count", count(rules.len()))
        .with("keys", keys.into_iter().collect::<Vec<_>>())
        .with("lost_count", i64::from(status.lost))
        .with("backlog_limit", i64::from(status.backlog_limit));
    // A later kernel may have more of them.
    if status.enabled <= 2 {
        seen.set("enabled", i64::from(status.enabled));
    }
    if status.failure <= 2 {
        seen.set("failure_mode", i64::from(status.failure));
    }
    if rules.len() <= MAX_RULES && read.iter().all(Option::is_some) {
        seen.set("rules", read.iter().flatten().map(Rule::line).collect::<Vec<_>>());
    }
    seen
}

/// What auditd is set to do; without a setting it ignores, as its source has it. Without its file it is not installed.
fn daemon(root: &Path, seen: &mut Observation) -> Result<(), Unseen> {
    if let Some(text) = reading::text(&root.join(CONFIG))? {
        settings(text.as_bytes(), seen);
    }
    Ok(())
}

pub(super) fn settings(bytes: &[u8], seen: &mut Observation) {
    let text = String::from_utf8_lossy(bytes);
    for name in ["space_left_action", "disk_full_action", "max_log_file_action"] {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let mut values = lines.filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.split_whitespace().next().unwrap_or_default())
        });
        seen.set(name, values.next_back().unwrap_or("ignore").to_ascii_lowercase());
    }
}

#[cfg(test)]
mod tests;
