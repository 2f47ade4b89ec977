//! What the kernel tells by files of /proc: `sysctl`, `kernel_command_line`, `memory`, `mount`.

use std::fs;

use serde_json::json;

use super::{int, list, seen};

#[test]
fn kernel_facts_are_those_the_kernel_tells() {
    let sysctl = seen("sysctl", json!({ "key": "kernel.pid_max" }));
    let told: i64 = fs::read_to_string("/proc/sys/kernel/pid_max").unwrap().trim().parse().unwrap();
    assert_eq!(int(&sysctl, "value_number"), told);
    let options = seen("kernel_command_line", json!({}));
    let told = fs::read_to_string("/proc/cmdline").unwrap();
    assert!(list(&options, "options").iter().all(|option| told.contains(option.split('=').next().unwrap())));
    let memory = seen("memory", json!({}));
    assert!((1..=100).contains(&int(&memory, "used_percent")));
    assert!(int(&memory, "available_bytes") < int(&memory, "total_bytes"));
    let mount = seen("mount", json!({ "path": "/proc" }));
    assert_eq!(mount.get("fstype"), Some(&"proc".into()));
    assert!(list(&mount, "options").contains(&"rw".to_owned()));
    assert_eq!(seen("mount", json!({ "path": "/proc/sys/no" })).get("mounted"), Some(&false.into()));
}
