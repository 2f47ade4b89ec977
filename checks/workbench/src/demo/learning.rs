//! A fix that nobody wrote a rule for: a planner chooses it among signed runbooks, and after five times it becomes a rule.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use writ_scenarios::appliance::Appliance;
use writ_scenarios::run;
use writ_scenarios::workshop::{SITE, Workshop};

use super::auditor;
use super::offline::await_delivery;
use super::screen::{quote, say};
use super::stage::Stage;
use super::timeline::{Timeline, now};

/// The check that no rule answers.
const CHECK: &str = "printers.mode";
const FILE: &str = "/etc/printers.conf";
const CONTENT: &str = "office printer-1\n";
/// What stands in both appliances' policies.
const CHECKS: &str = r#"
  checks."printers.text" = writ.check {
    title = "Claims are printed where they should be";
    probe.file = { path = "/etc/printers.conf"; };
    expect.sha256.eq = writ.digest "office printer-1\n";
    every = "1m";
    severity = "medium";
    controls = [ "164.312(c)(1)" ];
  };
  checks."printers.mode" = writ.check {
    title = "Nobody else changes where claims are printed";
    probe.file = { path = "/etc/printers.conf"; };
    expect.mode.eq = "0640";
    every = "1m";
    severity = "medium";
    controls = [ "164.312(a)(1)" ];
  };
"#;
const RULES: &str = r#"# Somebody thought of another text, and not of another mode.
{ writ, ... }: {
  rules."L1-PRINT-001" = writ.rule {
    title = "The list of printers was altered";
    when = { check = "printers.text"; };
    run = "RB-PRINT-001";
    priority = 100;
    attempts = 3;
    cooldown = "1m";
    controls = [ "164.312(c)(1)" ];
  };
}
"#;
const RUNBOOKS: &str = r#"# The list of printers as it was released.
{ writ, ... }: {
  runbooks."RB-PRINT-001" = writ.runbook {
    title = "Put the list of printers back";
    version = "1.0";
    steps = [
      {
        id = "restore";
        step = "file.restore";
        parameters = { path = "/etc/printers.conf"; content = "office printer-1\n"; mode = "0640"; };
        timeout = "10s";
      }
    ];
    verify = [ "printers.mode" "printers.text" ];
  };
}
"#;
/// How often each appliance needs it before there is a rule: the back office, then the front desk.
const TIMES: [usize; 2] = [3, 2];

/// Writes the checks, a rule for one of them, its runbook, and that a planner may choose.
pub fn prepare(desk: &Workshop) -> Result<()> {
    for appliance in ["front-desk", "back-office"] {
        let line = "  system_type = \"x86_64-linux\";\n";
        desk.edit(&format!("hosts/{SITE}/{appliance}/policy.nix"), line, &format!("{line}{CHECKS}"))?;
    }
    let flake = desk.flake();
    fs::write(flake.join("rules/printers.nix"), RULES)?;
    fs::write(flake.join("rules/runbooks/printers.nix"), RUNBOOKS)?;
    let (lists, site) = ("rules/default.nix", format!("hosts/{SITE}/site.nix"));
    desk.edit(lists, "    learned = ", "    printers = ./printers.nix;\n    learned = ")?;
    desk.edit(lists, "  runbooks = [\n", "  runbooks = [\n    ./runbooks/printers.nix\n")?;
    desk.edit(&site, "rule_families = [ \"files\"", "rule_families = [ \"files\" \"learned\" \"printers\"")?;
    desk.edit(
        &site,
        "  secrets = [",
        "  planner = {\n    enabled = true;\n    review = \"after\";\n  };\n\n  secrets = [",
    )
}

/// Puts the file in place, and starts the planner.
pub fn furnish(appliance: &Appliance) -> Result<()> {
    let file = appliance.container.path(FILE);
    fs::write(&file, CONTENT)?;
    appliance.run("chmod", &["0640", FILE])?;
    appliance.start_planner()
}

/// Five times no rule answers; then there is one.
pub fn play(stage: &Stage, desk: &Workshop, appliances: [&Appliance; 2], timeline: &mut Timeline) -> Result<()> {
    for (appliance, times) in appliances.into_iter().zip(TIMES) {
        for _ in 0..times {
            heals(appliance, timeline, "L2")?;
        }
    }
    for appliance in appliances {
        await_delivery(appliance)?;
    }
    auditor::fetch(desk, stage)?;
    let learn = |words: &[&str]| {
        let mut command = desk.writ(["learn"]);
        command.args(words).args(["--audit", "audit", "--trust", "releases/trust/1.json", "--flake", "flake"]);
        run::checked(&mut command)
    };
    quote(&learn(&["candidates"])?);
    let candidates: Value = serde_json::from_str(&learn(&["candidates", "--json"])?)?;
    let id = candidates["patterns"][0]["id"].as_str().context("there is no candidate")?;
    quote(&learn(&["promote", id])?);
    say("the pull request that this makes, as those see it who approve it:");
    quote(&run::checked(&mut desk.writ(["diff", "flake", "--from", "HEAD"]))?);
    desk.commit("A list of printers that anybody could change is closed again, as five times before")
}

/// The sixth time, under a release that has the rule.
pub fn again(appliance: &Appliance, timeline: &mut Timeline) -> Result<()> {
    heals(appliance, timeline, "L1")
}

fn heals(appliance: &Appliance, timeline: &mut Timeline, tier: &str) -> Result<()> {
    let after = writ_scenarios::outbox::last_sequence(&appliance.outbox())?;
    let broken_at = now();
    appliance.run("chmod", &["0666", FILE])?;
    let closed = appliance.await_bundle(after, "the list of printers to be closed", |found| {
        found.text(&["kind"]) == "incident-closed" && found.text(&["incident", "check"]) == CHECK
    })?;
    let event = timeline.incident(&format!("chmod 0666 {FILE} on {}", appliance.name), broken_at, &closed);
    let by = match closed.text(&["execution", "rule"]) {
        "" => format!("{} chose", closed.text(&["incident", "details", "planner"])),
        rule => format!("{rule} ran"),
    };
    let (found, millis) = (closed.text(&["execution", "tier"]), event.verified_ms.unwrap_or_default());
    let runbook = closed.text(&["runbook", "runbook_id"]);
    say(&format!("{}: {found}, {by} {runbook}; verified after {millis} ms", appliance.name));
    if event.outcome == "success" && found == tier {
        return Ok(());
    }
    bail!("{} was not healed by {tier}\n{}", appliance.name, appliance.last_words())
}
