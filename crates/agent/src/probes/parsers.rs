//! The parsers of what probes read, and of what planners and the enforcer tell one another, in one list: what a generic test and
//! the fuzzer throw bytes at.
//!
//! Each judges what came of the bytes: only fields that its probe promises, and not much more than went in.

use std::path::Path;
use std::time::Instant;

use writ_policy::observation::Observation;
use writ_policy::values::Values;
use writ_trust::json;
use writ_trust::time::Time;
use writ_wire::backup_sample::BackupSample;
use writ_wire::record::Record;

use super::{
    Probe, apparmor, audit, chrony, clamav, cpu, crypto_policy, disk_health, failed_logins, idle_policy, journald,
    kernel_command_line, kernel_module, listening_ports, log_forwarding, luks, manifest, memory, mount, nftables,
    nix_config, pam, patches, postgresql, process, secure_boot, sshd, sudo, sysctl, systemd_conf, tls_certificate,
    users, utmp, wireguard,
};
use crate::records::{borg, restic, scan};
use crate::{accounts, ssh};

/// One parser: its name, and what reads any bytes with it and panics only when a promise is broken.
pub type Parser = (&'static str, fn(&[u8]));

const PARSERS: &[Parser] = &[
    ("accounts", |bytes| forget((accounts::accounts(bytes), accounts::shadows(bytes), accounts::groups(bytes)))),
    ("apparmor", |bytes| {
        let mut seen = Observation::new();
        apparmor::of_profiles(bytes, &mut seen);
        fits(&apparmor::PROBE, bytes, seen);
    }),
    ("audit-messages", |bytes| fits(&audit::PROBE, bytes, audit::observe_bytes(bytes))),
    ("auditd-conf", |bytes| audit::settings(bytes, &mut Observation::new())),
    ("backup-sample", |bytes| forget(BackupSample::parse(bytes))),
    ("borg-archives", |bytes| forget(borg::archives(bytes, None, &["user".to_owned()]))),
    ("borg-entry", |bytes| forget(borg::entry(bytes))),
    ("borg-holders", |bytes| forget(borg::holders(bytes))),
    ("chrony", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        fits(&chrony::PROBE, bytes, chrony::observe(&text, &text));
    }),
    ("clamav-database", |bytes| forget(clamav::Signatures::parse(bytes))),
    ("clamd-conf", |bytes| forget(clamav::Settings::parse(bytes))),
    ("cpu", |bytes| forget(cpu::Sample::parse(bytes, Instant::now()))),
    ("crypto_policy", |bytes| fits(&crypto_policy::PROBE, bytes, crypto_policy::observe(bytes))),
    ("disk_health", |bytes| {
        let health = disk_health::Health::parse(bytes);
        fits(&disk_health::PROBE, bytes, health.ok().and_then(|health| disk_health::observe(&[health])).ok_or(()));
    }),
    ("failed-logins", |bytes| assert!(failed_logins::failures(bytes) <= bytes.len())),
    ("faillock-tally", |bytes| assert!(bytes.len() >= 64 || !failed_logins::is_locked(bytes))),
    ("idle_policy", |bytes| {
        let _ = idle_policy::Timeout::of(bytes);
    }),
    ("journald", |bytes| journald::Settings::default().merge(bytes)),
    ("kernel_command_line", |bytes| fits(&kernel_command_line::PROBE, bytes, kernel_command_line::observe(bytes))),
    ("kernel_module", |bytes| {
        let name = "usb-storage";
        let _ = (
            kernel_module::is_loaded(bytes, name),
            kernel_module::lists(bytes, name),
            kernel_module::blocks(bytes, name),
        );
    }),
    ("listening_ports", |bytes| {
        fits(&listening_ports::PROBE, bytes, listening_ports::observe(&listening_ports::listening(bytes, "0A")));
    }),
    ("loader-conf", |bytes| {
        let _ = secure_boot::editor(bytes);
    }),
    ("log_forwarding", |bytes| fits(&log_forwarding::PROBE, bytes, log_forwarding::observe_bytes(bytes))),
    ("luks-header", |bytes| fits(&luks::PROBE, bytes, luks::observe_header(bytes))),
    ("manifest", |bytes| fits(&manifest::PROBE, bytes, manifest::observe_bytes(bytes))),
    ("memory", |bytes| fits(&memory::PROBE, bytes, memory::observe(bytes))),
    ("mount", |bytes| fits(&mount::PROBE, bytes, mount::observe(bytes, Path::new("/")))),
    ("nftables", |bytes| fits(&nftables::PROBE, bytes, nftables::observe(bytes))),
    ("nix_config", |bytes| {
        let mut settings = nix_config::Settings::default();
        settings.merge(bytes);
        fits(&nix_config::PROBE, bytes, settings.observed());
    }),
    ("pam", |bytes| fits(&pam::PROBE, bytes, pam::observe_bytes(bytes))),
    ("patches", |bytes| fits(&patches::PROBE, bytes, patches::observe_bytes(bytes))),
    ("postgresql", |bytes| fits(&postgresql::PROBE, bytes, postgresql::observe(bytes))),
    ("record", |bytes| {
        let far = Time::from_unix_millis(i64::MAX);
        forget(Record::parse(bytes).map(|record| record.judge(record.facts.kind(), &record.name, far)));
    }),
    ("restic-entry", |bytes| forget(restic::entry(bytes))),
    ("restic-lock", |bytes| forget(restic::lock(bytes))),
    ("restic-snapshots", |bytes| forget(restic::snapshots(bytes))),
    ("scan", |bytes| {
        let mut reports = scan::Reports::default();
        bytes.split_inclusive(|byte| *byte == b'\n').for_each(|line| reports.take(line));
    }),
    ("ssh-keys", |bytes| {
        forget((ssh::within_private_key(bytes), ssh::PublicKey::of_blob(bytes), ssh::public_keys(bytes)))
    }),
    ("sshd", |bytes| fits(&sshd::PROBE, bytes, sshd::observe(bytes))),
    ("sudo", |bytes| fits(&sudo::PROBE, bytes, sudo::observe_bytes(bytes))),
    ("sysctl", |bytes| fits(&sysctl::PROBE, bytes, sysctl::observe(bytes))),
    ("systemd-conf", |bytes| forget(systemd_conf::settings(bytes, "Login"))),
    ("tls_certificate", |bytes| {
        fits(&tls_certificate::PROBE, bytes, tls_certificate::observe(bytes, Time::from_unix_millis(0)));
    }),
    ("uptime", |bytes| forget(process::uptime_seconds(bytes))),
    ("users", |bytes| fits(&users::PROBE, bytes, users::observe(bytes, Some(bytes)))),
    ("utmp", |bytes| forget(utmp::records(bytes))),
    ("wireguard", |bytes| fits(&wireguard::PROBE, bytes, wireguard::observe_bytes(bytes))),
];

/// For parsers of which no more is promised than that they come to an end.
fn forget<T>(_: T) {}

/// Every parser of what probes read.
pub fn parsers() -> &'static [Parser] {
    PARSERS
}

/// What a parser made of bytes: an observation, or why there is none.
trait Made {
    fn seen(self) -> Option<Observation>;
}

impl Made for Observation {
    fn seen(self) -> Option<Observation> {
        Some(self)
    }
}

impl<E> Made for Result<Observation, E> {
    fn seen(self) -> Option<Observation> {
        self.ok()
    }
}

/// Panics when an observation is not what the probe promises, or is out of proportion to the bytes that it was made of.
fn fits(probe: &Probe, bytes: &[u8], made: impl Made) {
    let Some(seen) = made.seen() else { return };
    let name = probe.schema.name;
    // A program of a later version may have words that are not known yet: they are shown as they are.
    let later = |field: &str| probe.schema.field(field).is_some_and(|field| matches!(field.values, Values::Known(..)));
    let broken: Vec<_> = probe.schema.unpromised(&seen).into_iter().filter(|(field, _)| !later(field)).collect();
    assert_eq!(broken, [], "{name}");
    // A byte that is no UTF-8 becomes three, a control character six in JSON, and two files can be made of one.
    let (size, most) = (json::canonical(&seen).len(), bytes.len().saturating_mul(16).saturating_add(8 * 1024));
    assert!(size <= most, "{name}: {size} bytes were made of {}", bytes.len());
}
