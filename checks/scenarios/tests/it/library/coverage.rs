//! Nothing that ships is left out without a word: each runbook that a shipped policy names is a row of the table, or is in the list
//! below with what stands in the way; and so is each check.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Map, Value};
use writ_scenarios::flake::repository;
use writ_scenarios::run;

use super::failures::FAILURES;
use super::rows::{Row, waves};

/// Runbooks that a container cannot show.
const NOT_HERE: &[(&str, &str)] = &[
    (
        "RB-ACC-002",
        "it takes a session of eight hours; nixos/programs.rs runs its program on sessions that a stand-in tells of",
    ),
    ("RB-AUD-001", "the kernel's audit is the machine's: a container has none"),
    ("RB-AUD-002", "the kernel's audit is the machine's: a container has none"),
    (
        "RB-CPU-001",
        "processors are the machine's: two minutes without an idle one would fail other tests; RB-MEM-001 has the same step",
    ),
    ("RB-EVID-001", COURIER),
    ("RB-FWD-001", COURIER),
    ("RB-FWD-002", COURIER),
    ("RB-NET-003", "the tunnel takes WireGuard in the kernel, which not every machine that tests has"),
    ("RB-PAT-001", COURIER),
    ("RB-PAT-002", COURIER),
    ("RB-SYNC-001", COURIER),
    ("RB-SYNC-002", COURIER),
    ("RB-TIME-001", "the clock is the machine's: a container may not set it"),
    (
        "RB-USB-001",
        "whether a driver can be loaded is the kernel's to say: one without modules, as where tests run, never fails",
    ),
];
const COURIER: &str = "it restarts the courier, and this machine has a folder of releases in place of one";

/// Shipped checks that nothing here makes fail, by what stands in the way.
const NOT_FAILED: &[(&str, &[&str])] = &[
    (
        "it is about hardware, the clock or the kernel of the whole machine, which a container has not of its own",
        &[
            "audit.clock",
            "audit.kernel",
            "audit.watches",
            "capacity.cpu",
            "capacity.cpu-trend",
            "capacity.disk-health",
            "devices.removable",
            "devices.usb-storage",
            "encryption.data",
            "encryption.recovery-slot",
            "encryption.swap",
            "hardening.apparmor",
            "hardening.audit-backlog",
            "hardening.audit-daemon",
            "hardening.audit-early",
            "hardening.audit-locked",
            "hardening.audit-room",
            "hardening.audit-watches",
            "hardening.clock",
            "hardening.crypto-disk",
            "hardening.kernel-lockdown",
            "hardening.kernel-options",
            "malware.boot-options",
            "transmission.tunnel",
            "workstation.boot-locked",
        ],
    ),
    (
        "it is about what is seen over the network, or a courier, and this machine has neither",
        &[
            "audit.clock-quorum",
            "audit.forwarding",
            "hardening.clock-quorum",
            "record-system.name",
            "record-system.reachable",
            "record-system.tls",
            "review.evidence-delivered",
            "review.log-lag",
            "system.checkin",
            "system.rule-sync",
            "transmission.tls-ciphers",
            "transmission.tls-versions",
        ],
    ),
    (
        "a runbook of another check may have mended the file before this one is looked at",
        &["hardening.file-passwd", "hardening.file-shadow"],
    ),
    ("it is of another appliance than this one", &["billing.export-folder", "imaging.folder", "ward.relay"]),
    (
        "nobody makes it fail here yet: the tests of its probe show what it observes of good and bad",
        &[
            "malware.signatures-three-days",
            "malware.signatures-two-days",
            "access.ssh-config-file",
            "access.ssh-dead-sessions",
            "hardening.ssh-alive",
            "hardening.ssh-banner",
            "hardening.ssh-environment",
            "hardening.ssh-forwarding",
            "hardening.ssh-grace",
            "hardening.ssh-host-key-kinds",
            "hardening.ssh-host-trust",
            "hardening.ssh-key-exchange",
            "hardening.ssh-log",
            "hardening.ssh-sessions",
            "hardening.ssh-strict-modes",
            "hardening.ssh-tunnels",
            "hardening.ssh-x11",
            "workstation.banner-shown",
            "accounts.admins-separate",
            "accounts.dormant",
            "accounts.lockout",
            "accounts.password-age",
            "accounts.password-rules",
            "accounts.second-factor",
            "accounts.service-shells",
            "backup.depth",
            "backup.depth-database",
            "backup.depth-system",
            "backup.logs",
            "backup.offsite-database",
            "backup.restore-time",
            "backup.system-state",
            "capacity.evidence",
            "emergency.bounded",
            "hardening.authorised-keys",
            "hardening.crypto-protocol",
            "hardening.dormant",
            "hardening.file-gshadow",
            "hardening.file-rights",
            "hardening.journal-kept",
            "hardening.module-cramfs",
            "hardening.module-dccp",
            "hardening.module-firewire-core",
            "hardening.module-rds",
            "hardening.module-sctp",
            "hardening.module-tipc",
            "hardening.mount-boot",
            "hardening.mount-home",
            "hardening.mount-shm",
            "hardening.mount-tmp",
            "hardening.mount-var-tmp",
            "hardening.nix-generation",
            "hardening.nix-store-read-only",
            "hardening.nix-store-whole",
            "hardening.pam-length",
            "incidents.overdue",
            "integrity.database",
            "keys.appliance-age",
            "logins.failures",
            "logins.recorded",
            "logoff.longest",
            "malware.full-scan",
            "patches.critical",
            "patches.exploited",
            "patches.important",
            "patches.optional",
            "patches.system-age",
            "system.release-valid",
        ],
    ),
];

/// Checks about what this machine has not: the whole machine's, the network's and the courier's.
pub fn out_of_reach() -> impl Iterator<Item = &'static str> {
    NOT_FAILED[..2].iter().flat_map(|(_, checks)| checks.iter()).copied()
}

/// The section of all shipped policies, each item once.
fn shipped(section: &str) -> Map<String, Value> {
    let mut command = Command::new("nix-instantiate");
    command.current_dir(repository()).args(["--eval", "--strict", "--json", "--store", "dummy://"]);
    command.args(["modules/policy/evaluate.nix", "--arg", "root", "./.", "-A", "policies"]);
    let policies: Map<String, Value> = serde_json::from_str(&run::checked(&mut command).unwrap()).unwrap();
    let appliances = policies.values().flat_map(|site| site.as_object().unwrap().values());
    let items = appliances.flat_map(|policy| policy[section].as_object().unwrap());
    items.map(|(id, item)| (id.clone(), item.clone())).collect()
}

#[test]
fn each_shipped_runbook_is_shown_or_says_why_not() {
    let rows: Vec<_> = waves().into_iter().flatten().collect();
    let (rules, runbooks) = (shipped("rules"), shipped("runbooks"));
    let not_here: BTreeMap<&str, &str> = NOT_HERE.iter().copied().collect();
    let shown = |id: &str| rows.iter().any(|row| row.runbook == id);
    let missing: Vec<_> = runbooks.keys().filter(|id| !shown(id) && !not_here.contains_key(id.as_str())).collect();
    assert!(missing.is_empty(), "neither broken nor explained: {missing:?}");
    for (id, why) in not_here {
        assert!(runbooks.contains_key(id) && !shown(id) && !why.is_empty(), "{id} is shown, or is no runbook");
    }
    for row in rows {
        let rule = rules.get(row.rule).unwrap_or_else(|| panic!("no policy has {}", row.rule));
        assert_eq!((&rule["when"]["check"], &rule["run"]), (&row.check.into(), &row.runbook.into()), "{}", row.rule);
        let verify = runbooks[row.runbook]["verify"].as_array().unwrap();
        assert!(verify.contains(&row.check.into()), "{} is not judged by {}", row.runbook, row.check);
    }
}

#[test]
fn each_shipped_check_is_seen_to_fail_or_says_why_not() {
    let checks = shipped("checks");
    let rows: Vec<_> = waves().into_iter().flatten().collect();
    let failed: BTreeSet<&str> =
        rows.iter().flat_map(Row::checks).chain(FAILURES.iter().flat_map(|failure| failure.checks).copied()).collect();
    let explained: BTreeSet<&str> = NOT_FAILED.iter().flat_map(|(_, checks)| checks.iter()).copied().collect();
    let known: BTreeSet<&str> = checks.keys().map(String::as_str).collect();
    let missing: Vec<_> = known.iter().filter(|id| !failed.contains(**id) && !explained.contains(**id)).collect();
    assert!(missing.is_empty(), "neither made to fail nor explained: {missing:?}");
    let both: Vec<_> = explained.intersection(&failed).collect();
    assert!(both.is_empty(), "explained, and made to fail all the same: {both:?}");
    let gone: Vec<_> = explained.union(&failed).filter(|id| !known.contains(**id)).collect();
    assert!(gone.is_empty(), "no policy has these: {gone:?}");
}
