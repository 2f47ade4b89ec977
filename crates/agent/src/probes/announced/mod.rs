//! Probes that are announced: their schemas are here, so that a policy can name them and `writ check` can judge what it
//! says of them, but this version cannot look. A check with one is not assessable, never passed, and never "not
//! applicable", which would drop it from what an audit counts.
//!
//! One file per probe. It moves one folder up, and into [`super::PROBES`], when it learns to look.

mod account_activity;
mod audit;
mod boot;
mod chrony;
mod clamav;
mod crypto_policy;
mod disk_health;
mod failed_logins;
mod idle_policy;
mod kernel_module;
mod log_forwarding;
mod luks;
mod manifest;
mod nix_config;
mod nix_store;
mod pam;
mod patches;
mod postgresql;
mod removable_media;
mod restic;
mod restore_test;
mod secure_boot;
mod sessions;
mod ssh_host_keys;
mod sudo;
mod systemd_timer;
mod wireguard;
mod writ;

use writ_policy::schema::ProbeSchema;

use super::{field, identifier, optional, required, text};

/// The schema of every probe that this version knows and cannot look with.
pub const ANNOUNCED: &[ProbeSchema] = &[
    account_activity::SCHEMA,
    audit::SCHEMA,
    boot::SCHEMA,
    chrony::SCHEMA,
    clamav::SCHEMA,
    crypto_policy::SCHEMA,
    disk_health::SCHEMA,
    failed_logins::SCHEMA,
    idle_policy::SCHEMA,
    kernel_module::SCHEMA,
    log_forwarding::SCHEMA,
    luks::SCHEMA,
    manifest::SCHEMA,
    nix_config::SCHEMA,
    nix_store::SCHEMA,
    pam::SCHEMA,
    patches::SCHEMA,
    postgresql::SCHEMA,
    removable_media::SCHEMA,
    restic::SCHEMA,
    restore_test::SCHEMA,
    secure_boot::SCHEMA,
    sessions::SCHEMA,
    ssh_host_keys::SCHEMA,
    sudo::SCHEMA,
    systemd_timer::SCHEMA,
    wireguard::SCHEMA,
    writ::SCHEMA,
];

/// Where the reason of every check begins that nothing looked at: what people and programs search for.
pub const NOT_OBSERVED: &str = "not observed: ";

/// Why a check with an announced probe has no outcome.
pub fn reason(probe: &str) -> String {
    format!("{NOT_OBSERVED}this version has the schema of probe `{probe}` but cannot look yet")
}
