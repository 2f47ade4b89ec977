//! Probes of the machine itself, on this one.

use std::fs;

use serde_json::json;
use writ_agent::probes;
use writ_policy::outcome::Probed;

use super::{call, check_schema, context, int, seen};

#[test]
fn what_was_booted_is_told() {
    let boot = seen("boot", json!({}));
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(boot.get("kernel_release"), Some(&release.trim().into()));
    let uptime: f64 = fs::read_to_string("/proc/uptime").unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((int(&boot, "uptime_seconds") as f64 - uptime).abs() < 60.0, "{boot:?}");
    assert_eq!(boot.get("failed_unit_count").is_some(), writ_agent::dbus::booted_with_systemd());
}

#[test]
fn modules_of_this_kernel_are_told_apart() {
    let modules = fs::read_to_string("/proc/modules").unwrap_or_default();
    if let Some(name) = modules.lines().next().and_then(|line| line.split(' ').next()) {
        assert_eq!(seen("kernel_module", json!({ "name": name })).get("loaded"), Some(&true.into()), "{name}");
    }
    let none = seen("kernel_module", json!({ "name": "no-such-module" }));
    assert_eq!(none.get("loaded"), Some(&false.into()));
    for bad in ["", "../x", "a b", "ü", &"x".repeat(65)] {
        let probed = probes::run(&call("kernel_module", json!({ "name": bad })), &mut context());
        assert!(matches!(&probed, Probed::Failed(reason) if reason.contains("not the name of a module")), "{probed:?}");
    }
}

#[test]
fn media_firmware_and_tls_are_told_or_it_is_said_why_not() {
    let media = seen("removable_media", json!({}));
    assert!(int(&media, "mounted_count") <= int(&media, "attached_count"));
    assert!(seen("crypto_policy", json!({})).get("openssl_min_protocol").is_some());
    for name in ["secure_boot", "disk_health", "nix_store", "chrony"] {
        match probes::run(&call(name, json!({})), &mut context()) {
            Probed::Seen(seen) => check_schema(name, &seen),
            Probed::NotApplicable(reason) | Probed::Failed(reason) => assert!(!reason.is_empty(), "{name}"),
        }
    }
    let itself = probes::run(&call("writ", json!({})), &mut context());
    assert!(matches!(&itself, Probed::Failed(reason) if reason.contains("only writ-enforce itself")), "{itself:?}");
    for bad in [json!({}), json!({ "path": "/", "swap": true }), json!({ "swap": false })] {
        let probed = probes::run(&call("luks", bad), &mut context());
        assert!(matches!(&probed, Probed::Failed(reason) if reason.contains("either path or swap")), "{probed:?}");
    }
}
