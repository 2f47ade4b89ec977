//! A cable is pulled: healing goes on, evidence waits, and is delivered in order when the cable is back.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use writ_scenarios::appliance::Appliance;
use writ_scenarios::outbox;

use super::screen::say;
use super::stage::Stage;
use super::timeline::{Timeline, now};

/// Cuts an appliance off, breaks two things on it, and puts the cable back.
pub fn play(stage: &Stage, appliance: &Appliance, timeline: &mut Timeline) -> Result<()> {
    await_delivery(appliance)?;
    stage.network.plug(&appliance.name, false)?;
    say(&format!("the cable of {} is pulled", appliance.name));
    let delivered = receipts(appliance)?.len();
    heals(appliance, timeline, "cut off: chmod 0666 /etc/shadow", "accounts.shadow-file", || {
        appliance.run("chmod", &["0666", "/etc/shadow"]).map(drop)
    })?;
    heals(appliance, timeline, "cut off: the banner rewritten", "workstation.banner", || {
        Ok(fs::write(appliance.container.path("/etc/issue.net"), "welcome, everybody\n")?)
    })?;
    let waiting = outbox::read(&appliance.outbox())?.len() - receipts(appliance)?.len();
    if receipts(appliance)?.len() != delivered || waiting == 0 {
        bail!("evidence was delivered without a cable");
    }
    say(&format!("{waiting} bundles wait in its outbox; the cable is put back"));
    stage.network.plug(&appliance.name, true)?;
    await_delivery(appliance)?;
    let indices: Vec<u64> = receipts(appliance)?.into_values().collect();
    if !indices.is_sorted() {
        bail!("the log has them in another order: {indices:?}");
    }
    say("all of them are delivered, in order, each with a receipt that the enforcer can check by itself");
    Ok(())
}

fn heals(
    appliance: &Appliance,
    timeline: &mut Timeline,
    what: &str,
    check: &str,
    how: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let after = outbox::last_sequence(&appliance.outbox())?;
    let broken_at = now();
    how()?;
    let closed = appliance.await_bundle(after, what, |f| {
        f.text(&["kind"]) == "incident-closed" && f.text(&["incident", "check"]) == check
    })?;
    let event = timeline.incident(what, broken_at, &closed);
    let millis = event.verified_ms.unwrap_or_default();
    say(&format!("{what}: verified after {millis} ms: {} ({})", event.outcome, event.bundle_id));
    if event.outcome == "success" { Ok(()) } else { bail!("{what} was not healed\n{}", appliance.last_words()) }
}

/// Waits until everything that is in the outbox now has its receipt.
pub fn await_delivery(appliance: &Appliance) -> Result<()> {
    let newest = outbox::last_sequence(&appliance.outbox())?;
    appliance
        .await_inside("the evidence to be delivered", || Ok(receipts(appliance)?.contains_key(&newest).then_some(())))
}

/// The receipts that the courier has laid down: the index in the log by sequence.
pub fn receipts(appliance: &Appliance) -> Result<BTreeMap<u64, u64>> {
    let folder = appliance.inbox().join("receipts");
    let mut found = BTreeMap::new();
    if !folder.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(sequence) = name.strip_suffix(".receipt.json").and_then(|n| n.split('-').next()?.parse().ok()) else {
            continue;
        };
        let receipt: Value = serde_json::from_slice(&fs::read(&path)?).with_context(|| name.clone())?;
        found.insert(sequence, receipt["index"].as_u64().context("a receipt without an index")?);
    }
    Ok(found)
}
