//! Ten real things that are broken by hand, each seen, healed, verified and told by a bundle.

use anyhow::{Result, bail};
use writ_scenarios::appliance::Appliance;
use writ_scenarios::outbox::Found;
use writ_scenarios::{outbox, run};

use super::cast::WIDTH;
use super::screen::{self, Look};
use super::timeline::{Timeline, now};
use crate::breaks::{ASK, BREAKS, Break};

/// Breaks each thing and waits for the bundle that closes its incident.
pub fn all(appliance: &Appliance, timeline: &mut Timeline) -> Result<()> {
    for (at, one) in BREAKS.iter().enumerate() {
        screen::line(Look::Plain, "");
        screen::line(Look::Dim, &format!("# {} of {}: {}", at + 1, BREAKS.len(), one.what));
        heals(appliance, one, timeline)?;
        screen::pause(2_000);
    }
    Ok(())
}

fn heals(appliance: &Appliance, one: &Break, timeline: &mut Timeline) -> Result<()> {
    let before = look(appliance, one.look)?;
    screen::typed(&appliance.name, one.command);
    let after = outbox::last_sequence(&appliance.outbox())?;
    let broken_at = now();
    shell(appliance, one.command)?;
    if one.unannounced {
        screen::line(
            Look::Dim,
            "# Nothing announces this. Its check runs every minute; whoever cannot wait asks for it:",
        );
        screen::typed(&appliance.name, ASK);
        shell(appliance, ASK)?;
    }
    let of =
        |kind: &'static str| move |f: &Found| f.text(&["kind"]) == kind && f.text(&["incident", "check"]) == one.check;
    let opened = appliance.await_bundle(after, one.what, of("incident-opened"))?;
    let closed = appliance.await_bundle(after, one.what, of("incident-closed"))?;
    let event = timeline.incident(one.what, broken_at, &closed);
    let millis = |millis: Option<i64>| millis.map_or("?".to_owned(), |millis| millis.to_string());
    let reason = opened.json["incident"]["details"]["reasons"][0].as_str().unwrap_or_default();
    let seen = format!("  ✗ after {:>3} ms  {}: {reason}", millis(event.detected_ms), one.check);
    screen::line(Look::Bad, &fitting(&seen));
    let (rule, runbook) = (closed.text(&["execution", "rule"]), closed.text(&["runbook", "runbook_id"]));
    let told = format!("{rule} ran {runbook}; {}, told by {}", verified(&closed), event.bundle_id);
    screen::line(Look::Good, &fitting(&format!("  ✓ after {:>3} ms  {told}", millis(event.verified_ms))));
    screen::pause(700);
    let restored = look(appliance, one.look)?;
    if event.outcome != "success" || restored != before {
        bail!("{} was not healed:\nbefore:\n{before}after:\n{restored}{}", one.what, appliance.last_words());
    }
    screen::typed(&appliance.name, one.look);
    shown(&restored);
    Ok(())
}

/// What the bundle says of the look that decided.
fn verified(closed: &Found) -> &'static str {
    let passed = closed.json["verification"]
        .as_array()
        .is_some_and(|all| all.iter().all(|one| matches!(one["outcome"].as_str(), Some("pass" | "warn"))));
    if passed { "looked at again: it holds" } else { "closed" }
}

/// A line of the width of the recording, at most.
fn fitting(text: &str) -> String {
    if text.chars().count() <= WIDTH {
        return text.to_owned();
    }
    text.chars().take(WIDTH - 1).chain(['…']).collect()
}

/// The output of a command, as far as one looks at it.
fn shown(output: &str) {
    const MOST: usize = 4;
    let lines: Vec<&str> = output.lines().collect();
    lines.iter().take(MOST).for_each(|line| screen::line(Look::Plain, &fitting(line)));
    if lines.len() > MOST {
        screen::line(Look::Dim, &format!("# and {} lines more, as they were", lines.len() - MOST));
    }
}

fn shell(appliance: &Appliance, command: &str) -> Result<String> {
    appliance.run("sh", &["-c", command])
}

/// What a command shows, whatever its exit code.
fn look(appliance: &Appliance, command: &str) -> Result<String> {
    Ok(run::both(&run::any(&mut appliance.container.command("sh", &["-c", command]))?))
}
