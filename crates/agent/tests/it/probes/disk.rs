//! `disk` beside df(1).

use std::process::Command;

use serde_json::json;
use writ_agent::probes;
use writ_policy::outcome::Probed;

use super::{call, context, int, seen};

#[test]
fn disk_agrees_with_df() {
    let disk = seen("disk", json!({ "path": "/" }));
    let df = Command::new("df").args(["-B1", "--output=size", "/"]).output().unwrap();
    let size: i64 = String::from_utf8(df.stdout).unwrap().lines().nth(1).unwrap().trim().parse().unwrap();
    assert_eq!(int(&disk, "total_bytes"), size);
    assert!((0..=100).contains(&int(&disk, "available_percent")));
    let missing = probes::run(&call("disk", json!({ "path": "/no/such/place" })), &mut context());
    assert!(matches!(missing, Probed::Failed(_)));
}
