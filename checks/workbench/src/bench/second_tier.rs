//! L2 time: from when no rule is of use until the look that decides, less what the model's endpoint took for itself. Beside it L1 of
//! the same appliance.

use anyhow::{Context, Result, ensure};
use writ_scenarios::Time;
use writ_scenarios::endpoint::Endpoint;
use writ_scenarios::learning::{APPLIANCES, HELPS, Learning};
use writ_scenarios::outbox::Found;

use super::{figure, percentile};

/// What our own part may take.
const MOST_MS: f64 = 150.0;
/// What a rule may take.
const RULE_MOST_MS: f64 = 100.0;

/// Has a model choose `count` times what helps, and a rule as often.
pub fn run(count: usize) -> Result<()> {
    println!(
        "L2: a file's mode drifts and no rule answers, {count} times; a scripted endpoint over HTTP on this machine"
    );
    let scratch = tempfile::Builder::new().prefix("writ-bench-").tempdir()?;
    let endpoint = Endpoint::start()?;
    endpoint.prefers(&[HELPS]);
    let clinic = Learning::open(scratch.path(), &endpoint)?;
    let appliance = clinic.start(APPLIANCES[0])?;
    appliance.await_release(1)?;
    let (mut own, mut endpoints, mut rules) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let before = endpoint.took();
        let closed = appliance.breaks_and_heals()?;
        ensure!(closed.text(&["execution", "tier"]) == "L2", "not by a plan: {}", closed.json);
        let took = (endpoint.took() - before).as_secs_f64() * 1e3;
        own.push((verified(&closed, escalated(&closed)?)? - took).max(0.0));
        endpoints.push(took);
        let closed = appliance.heals_an_altered_notice()?;
        ensure!(closed.text(&["execution", "tier"]) == "L1", "not by a rule: {}", closed.json);
        rules.push(verified(&closed, closed.text(&["incident", "detected_at"]))?);
    }
    ensure!(endpoint.calls() == count, "it was asked {} times", endpoint.calls());
    for times in [&mut own, &mut endpoints, &mut rules] {
        times.sort_by(f64::total_cmp);
    }
    let both = |times: &[f64]| format!("{:.1}; {:.1} ms", percentile(times, 0.5), percentile(times, 0.99));
    let p99 = percentile(&own, 0.99);
    let target = format!("under {MOST_MS:.0} ms");
    figure("escalated until verified, without the endpoint, p50; p99", &both(&own), Some((&target, p99 <= MOST_MS)));
    figure("the endpoint itself, p50; p99", &both(&endpoints), None);
    let p99 = percentile(&rules, 0.99);
    let target = format!("under {RULE_MOST_MS:.0} ms");
    figure(
        "a rule on the same appliance, detected until verified",
        &both(&rules),
        Some((&target, p99 <= RULE_MOST_MS)),
    );
    let ratio = percentile(&own, 0.5) / percentile(&rules, 0.5).max(1.0);
    figure("the first beside that, p50", &format!("{ratio:.1}"), None);
    Ok(())
}

/// When the incident went to the second tier.
fn escalated(closed: &Found) -> Result<&str> {
    let escalations = closed.json["execution"]["escalations"].as_array().context("no escalations")?;
    let second = escalations.iter().find(|escalation| escalation["to"] == "L2").context("it never came to L2")?;
    second["at"].as_str().context("no time")
}

/// Milliseconds from `start` to the look that decided.
fn verified(closed: &Found, start: &str) -> Result<f64> {
    let last = closed.json["verification"].as_array().and_then(|looks| looks.last()).context("nobody looked again")?;
    let (start, end): (Time, Time) = (start.parse()?, last["at"].as_str().context("no time")?.parse()?);
    #[allow(clippy::cast_precision_loss)]
    Ok(end.millis_since(start) as f64)
}
