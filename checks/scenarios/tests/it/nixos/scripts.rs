//! The programs that the modules bring are sound Bash, and their unit files are sound for systemd.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use writ_scenarios::run;

use super::{machines, texts};

#[test]
fn programs_are_sound_bash() {
    let machines = machines(std::path::Path::new("/nix/store/writ"));
    let dir = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for machine in ["theatre", "full"] {
        for (name, text) in texts(&machines, machine, "programs") {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            run::checked(Command::new("bash").arg("-n").arg(&path)).unwrap();
            seen += 1;
        }
    }
    for (machine, unit) in [("image", "writ-first-boot"), ("claiming", "writ-first-boot"), ("full", "writ-metrics")] {
        let path = dir.path().join(unit);
        fs::write(&path, machines[machine]["scripts"][unit].as_str().unwrap()).unwrap();
        run::checked(Command::new("bash").arg("-n").arg(&path)).unwrap();
    }
    assert!(seen >= 10, "{seen} programs");
}

/// The units whose limits are judged.
const JUDGED: [&str; 19] = [
    "writ-enforce.service",
    "writ-sync.service",
    "writ-probe.service",
    "writ-logs.service",
    "writ-planner.service",
    "writ-depot.service",
    "writ-portal.service",
    "writ-portal-fetch.service",
    "writ-status-page.service",
    "writ-status-refresh.service",
    "writ-claim.service",
    "writ-notify.service",
    "writ-timestamp-clinic-vm.service",
    "writ-witness-clinic-vm.service",
    "writ-audit-night-clinic-vm.service",
    "writ-audit-checklist-clinic-vm.service",
    "writ-audit-sample-clinic-vm.service",
    "writ-audit-monthly-clinic-vm.service",
    "writ-audit-restore-test-clinic-vm.service",
];

#[test]
fn systemd_finds_no_fault_with_the_units() {
    let dir = tempfile::tempdir().unwrap();
    // Units name programs; systemd-analyze looks whether they are there.
    let package = dir.path().join("package");
    for name in
        ["writ", "writ-enforce", "writ-sync", "writ-probe", "writ-logs", "writ-planner", "writ-depot", "writ-portal"]
    {
        let path = package.join("bin").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let machines = machines(&package);
    let mut seen = 0;
    for machine in ["theatre", "small", "public-depot", "folder", "claiming", "portal"] {
        for (name, text) in texts(&machines, machine, "units") {
            if !JUDGED.contains(&name) {
                continue;
            }
            let path = dir.path().join(machine).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let verified = run::any(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path)).unwrap();
            let said = run::both(&verified);
            // Other units of this machine are not ours to judge.
            let ours: Vec<&str> = said.lines().filter(|line| line.contains("writ-")).collect();
            assert!(ours.is_empty(), "{machine}: {name}: {}", ours.join("\n"));
            seen += 1;
            // What the unit leaves open, by systemd's own measure: 100 is everything.
            let most = match name {
                "writ-enforce.service" => "75",
                // Root's, for what it reads is.
                "writ-status-refresh.service" => "30",
                _ => "20",
            };
            let threshold = format!("--threshold={most}");
            let mut security = Command::new("systemd-analyze");
            security.args(["security", "--offline=true", &threshold]).arg(&path);
            let judged = run::any(&mut security).unwrap();
            let said = run::both(&judged);
            let verdict = said.lines().last().unwrap_or_default();
            assert!(judged.status.success(), "{machine}: {name} leaves more open than {most}: {verdict}");
        }
    }
    assert!(seen >= 11, "{seen} units");
}
