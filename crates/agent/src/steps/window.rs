//! Which steps disturb people so much that they wait for a maintenance window.

use serde_json::{Map, Value};
use writ_policy::settings::Work;

/// What windows call a step; none for those that never wait.
pub fn window(step: &str, parameters: &Map<String, Value>) -> Option<Work> {
    match step {
        "switch" => Some(Work::Switch),
        "restore.test" => Some(Work::RestoreTest),
        "scan.run" if parameters.get("scan").and_then(Value::as_str) == Some("full") => Some(Work::Scan),
        _ => None,
    }
}
