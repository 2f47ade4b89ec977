//! What the planner takes of an appliance's memory while nothing is asked: with a language model to ask, and without.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use writ_scenarios::endpoint::Endpoint;
use writ_scenarios::planner::Planner;
use writ_scenarios::{Time, run};

use super::figure;
use super::process::pss_mb;

/// What a model may add.
const MOST_MB: f64 = 3.0;
/// How many plans each makes before it is idle: what they load stays.
const PLANS: u32 = 5;

/// Prints the figures.
pub fn run() -> Result<()> {
    println!("The planner's memory, idle after {PLANS} plans");
    let endpoint = Endpoint::start()?;
    let without = idle(None)?;
    let with = idle(Some(&endpoint))?;
    ensure!(endpoint.calls() == PLANS as usize, "the endpoint was asked {} times", endpoint.calls());
    figure("writ-planner by its fixed rule, PSS", &format!("{without:.1} MB"), None);
    figure("writ-planner that asks a model, PSS", &format!("{with:.1} MB"), None);
    let (more, target) = (with - without, format!("at most {MOST_MB:.0} MB"));
    figure("what the model adds", &format!("{more:+.1} MB"), Some((&target, more <= MOST_MB)));
    figure("the second beside the first", &format!("{:.2}", with / without), None);
    Ok(())
}

/// Has a planner make some plans, and gives its memory when it rests.
fn idle(endpoint: Option<&Endpoint>) -> Result<f64> {
    let scratch = tempfile::Builder::new().prefix("writ-bench-").tempdir()?;
    let model = endpoint.map_or(String::new(), |endpoint| format!("[model]\nport = {}\n", endpoint.address().port()));
    let planner = Planner::start(scratch.path(), scratch.path(), &model)?;
    for number in 1..=PLANS {
        let id = format!("INC-20261123-0001-{number}");
        let (asked, plan) = (scratch.path().join("plan/requests"), scratch.path().join("plan/plans"));
        fs::write(asked.join(".new"), request(&id, endpoint)?.to_string())?;
        fs::rename(asked.join(".new"), asked.join(format!("{id}.json")))?;
        let made = run::wait("a plan", Duration::from_secs(10), || Ok(fs::read(plan.join(format!("{id}.json"))).ok()));
        let made: Value = serde_json::from_slice(&made.map_err(|e| e.context(planner.said()))?)?;
        ensure!(made["transcript"].is_object() == endpoint.is_some(), "{made}\n{}", planner.said());
        fs::remove_file(asked.join(format!("{id}.json")))?;
    }
    std::thread::sleep(Duration::from_secs(1));
    pss_mb(planner.pid())
}

fn request(id: &str, endpoint: Option<&Endpoint>) -> Result<Value> {
    let now = Time::from_unix_millis(i64::try_from(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis(),
    )?);
    let allowed = |runbook: &str| json!({ "runbook": runbook, "title": "t", "steps": ["file.restore"], "verify": ["c"], "past": null });
    let mut request = json!({
        "schema": "writ.plan-request.v1", "id": id, "site": "clinic-001", "appliance": "front-desk", "release": null,
        "asked_at": now, "expires_at": now.plus_millis(60_000), "check": "c", "title": "t", "severity": "high", "target": "self",
        "probe": "file", "seen": { "observation": {}, "reasons": [] }, "tried": [], "allowed": [allowed("RB-A"), allowed("RB-B")],
    });
    if let Some(endpoint) = endpoint {
        request["model"] = json!({
            "url": endpoint.url(), "name": "chooser-1", "deadline": "5s", "most_runbooks": 1,
            "budget": { "calls_per_hour": 100, "calls_per_day": 100, "microdollars_per_day": 1_000_000 },
            "price": { "input_microdollars_per_1000_tokens": 150, "output_microdollars_per_1000_tokens": 600 },
        });
    }
    Ok(request)
}
