//! `audit`: the kernel's audit system and its daemon. To be read from AUDIT_GET and AUDIT_LIST_RULES over netlink
//! (audit.h), auditd.conf(5).

use writ_policy::schema::{Kind, ProbeSchema};

use super::field;

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "audit",
    about: "the kernel's audit system and its daemon",
    parameters: &[],
    observation: &[
        field("enabled", Kind::Int, "0 off, 1 on, 2 on and locked until the next boot").between(0, 2),
        field("daemon_active", Kind::Bool, "whether auditd takes what the kernel records"),
        field("rule_count", Kind::Int, "how many rules are loaded"),
        field("keys", Kind::List, "keys of the loaded rules, each once, sorted"),
        field("rules", Kind::List, "the loaded rules as auditctl -l prints them"),
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
