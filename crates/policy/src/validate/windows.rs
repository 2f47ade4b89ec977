//! Maintenance windows and quiet hours that can be kept, in a time zone that exists.

use serde_json::Value as Json;

use super::context::Context;
use super::finding::Finding;
use crate::time_zones;

/// Judges the site's time zone, its windows and its quiet hours.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some(settings) = context.whole("settings") else { return };
    if let Some(name) = settings.get("time_zone").and_then(Json::as_str)
        && !name.trim().is_empty()
        && !time_zones::exists(name)
    {
        let path = ["settings", "time_zone"].map(str::to_owned).to_vec();
        findings.push(
            Finding::error("unknown-time-zone", path, format!("there is no time zone `{name}`"))
                .expected("a name of the IANA time zone database, such as \"America/New_York\" or \"Etc/UTC\"")
                .nearest(name, time_zones::names()),
        );
    }
    let quiet = |field| settings.get("quiet_hours").and_then(|quiet| quiet.get(field)).and_then(Json::as_str);
    if let (Some(from), Some(to)) = (quiet("from"), quiet("to"))
        && from == to
    {
        let path = ["settings", "quiet_hours", "to"].map(str::to_owned).to_vec();
        findings.push(
            Finding::error("wrong-window", path, "these quiet hours are empty")
                .expected("two different times, or `severities = [ ];` where nothing waits"),
        );
    }
    let windows = settings.pointer("/maintenance/windows").and_then(Json::as_array);
    for (i, window) in windows.into_iter().flatten().enumerate() {
        let time = |field| window.get(field).and_then(Json::as_str);
        if let (Some(from), Some(to)) = (time("from"), time("to"))
            && from == to
        {
            let at = i.to_string();
            let path = ["settings", "maintenance", "windows", &at, "to"].map(str::to_owned).to_vec();
            findings.push(
                Finding::error("wrong-window", path, "this window is empty")
                    .expected("two different times; a window may pass midnight"),
            );
        }
    }
}
