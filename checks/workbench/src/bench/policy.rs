//! Evaluating and checking policy: 10, 100 and 1,000 sites of three appliances, no two of them alike.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use writ_scenarios::Time;
use writ_scenarios::flake::copy;
use writ_scenarios::run;
use writ_scenarios::workshop::{SITE, Workshop};

use super::figure;
use super::process::{cost, peak_pss_mb};

/// How often a line is edited: the median counts.
const EDITS: usize = 7;

/// Prints what evaluation alone and `writ check` take.
pub fn run() -> Result<()> {
    println!("Policy: the example site many times over, each with its own people, some with overrides and exceptions");
    let mut cold = Vec::new();
    for sites in [10, 100, 1000] {
        cold.push(figures(sites)?);
    }
    let growth = cold[2] / cold[1];
    let value = format!("{growth:.1} times");
    figure("writ check, 1,000 sites beside 100", &value, Some(("at most 12 times", growth <= 12.0)));
    Ok(())
}

/// The figures of one tree; returns the seconds of a check that knows nothing from before.
fn figures(sites: usize) -> Result<f64> {
    let scratch = tempfile::tempdir()?;
    let desk = Workshop::open(&scratch.path().join("desk"))?;
    let root = desk.flake();
    lay(&root, sites)?;
    desk.commit("Many clinics")?;
    let kept = scratch.path().join("kept");
    let check = |more: &[&str]| {
        let mut command = desk.writ([&["check", "flake"], more].concat());
        command.env("XDG_CACHE_HOME", &kept);
        command
    };
    let most = sites == 1000;
    let name = |what: &str| format!("{sites} sites, {what}");
    let mut evaluate = Command::new("nix-instantiate");
    evaluate.current_dir(&root).args(["--store", "dummy://", "--eval", "--strict", "--json"]);
    evaluate.args(["modules/policy/evaluate.nix", "--arg", "root", "./.", "-A", "delta"]);
    let evaluation = cost(&mut evaluate)?.wall_ms / 1e3;
    figure(&name("evaluation alone, one process"), &format!("{evaluation:.2} s"), None);

    // It ends well, or there is nothing to measure.
    run::checked(&mut check(&["--no-cache"]))?;
    let cold = cost(&mut check(&["--no-cache"]))?.wall_ms / 1e3;
    let target = most.then_some(("under 10 s", cold < 10.0));
    figure(&name("writ check, nothing known from before"), &format!("{cold:.2} s"), target);
    let memory = peak_pss_mb(&mut check(&["--no-cache"]))?;
    let target = most.then_some(("under 1,000 MB", memory < 1000.0));
    figure(&name("memory of that, writ and Nix, peak"), &format!("{memory:.0} MB"), target);

    run::checked(&mut check(&[]))?;
    let warm = cost(&mut check(&[]))?.wall_ms;
    figure(&name("writ check, nothing changed"), &format!("{warm:.0} ms"), None);
    let site = root.join("hosts/clinic-0005/site.nix");
    let edited = edits(&site, || Ok(cost(&mut check(&[]))?.wall_ms))?;
    let target = most.then_some(("under 300 ms", edited < 300.0));
    figure(&name("a line of one site edited"), &format!("{edited:.0} ms"), target);
    let baseline = edits(&root.join("baselines/hipaa/audit.nix"), || Ok(cost(&mut check(&[]))?.wall_ms))?;
    figure(&name("a line of a baseline edited"), &format!("{:.2} s", baseline / 1e3), None);
    run::checked(&mut check(&[]))?;
    if most {
        let seconds = diff(&desk, &root)?;
        figure(&name("writ diff of two commits"), &format!("{seconds:.2} s"), None);
    }
    Ok(cold)
}

/// Seconds of comparing a commit that changes a baseline and a site with the one before.
fn diff(desk: &Workshop, root: &Path) -> Result<f64> {
    let edited = |file: &str, from: &str, to: &str| -> Result<()> {
        let text = fs::read_to_string(root.join(file))?;
        anyhow::ensure!(text.contains(from), "{file} does not say {from}");
        Ok(fs::write(root.join(file), text.replacen(from, to, 1))?)
    };
    edited("hosts/clinic-0001/lab/policy.nix", "0750", "0755")?;
    edited("baselines/hipaa/audit.nix", "every = \"1m\"", "every = \"4m\"")?;
    desk.commit("Less, and less often")?;
    let mut command = desk.writ(["diff", "--from", "HEAD~1", "--to", "HEAD", "--format", "json"]);
    command.current_dir(root);
    let told = run::checked(&mut command)?;
    anyhow::ensure!(told.contains("lab.results-1") && told.contains("clinic-0999"), "the diff lacks what was edited");
    Ok(cost(&mut command)?.wall_ms / 1e3)
}

/// The median of what `measure` gives after each of some edits of a file.
fn edits(file: &Path, measure: impl Fn() -> Result<f64>) -> Result<f64> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut taken = Vec::new();
    for edit in 0..EDITS {
        fs::write(file, format!("# Edited for the {edit}. time.\n{text}"))?;
        taken.push(measure()?);
    }
    taken.sort_by(f64::total_cmp);
    Ok(taken[EDITS / 2])
}

/// The example site this many times over: every third site overrides a value, every fifth has an exception, and each has
/// a third appliance.
fn lay(root: &Path, sites: usize) -> Result<()> {
    let hosts = root.join("hosts");
    fs::remove_dir_all(hosts.join(SITE).join("busybox"))?;
    let site = fs::read_to_string(hosts.join(SITE).join("site.nix"))?;
    let now = Time::from_unix_millis(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())? * 1000);
    let day = |days: i64| now.plus_millis(days * 86_400_000).to_string();
    let exception = EXCEPTION.replace("@approved@", &day(-30)).replace("@expires@", &day(60));
    for n in 0..sites {
        let folder = hosts.join(format!("clinic-{n:04}"));
        copy(&hosts.join(SITE), &folder)?;
        fs::create_dir_all(folder.join("lab"))?;
        fs::write(folder.join("lab/policy.nix"), LAB.replace("lab.results", &format!("lab.results-{n}")))?;
        let more =
            [(3, OVERRIDE), (5, &exception)].map(|(every, text)| if n % every == 0 { text } else { "" }).concat();
        let text = site
            .replacen("title = \"", &format!("{more}title = \"Practice {n}, "), 1)
            .replace("+1 555 01", &format!("+1 {n:04} 01"));
        fs::write(folder.join("site.nix"), text)?;
    }
    fs::remove_dir_all(hosts.join(SITE))?;
    Ok(())
}

const LAB: &str = r#"# The appliance beside the analysers.
{ writ, ... }:
writ.appliance {
  checks."lab.results" = writ.check {
    title = "Only the laboratory reads its results";
    probe.file = { path = "/srv/lab"; };
    expect.mode.eq = "0750";
    every = "5m";
    severity = "high";
    controls = [ "164.312(a)(1)" ];
  };
}
"#;
const OVERRIDE: &str = r#"overrides.checks."capacity.disk".prefer.available_percent.ge = writ.override {
    value = 25;
    reason = "Pictures fill a disk within a day.";
  };
  "#;
const EXCEPTION: &str = r#"exceptions."EX-2026-009" = writ.exception {
    check = "transmission.tunnel";
    reason = "The line is changed next spring.";
    risk = "Nobody can log in from outside to help.";
    compensating = "Logins from outside stay closed.";
    owner = "The office manager";
    approved_by = "Sam Okafor, privacy officer";
    approval = "sha256:a31eea8be4eba7fca82aeabfccc71e2b1455b049ed40ec76da1bbe219a6deb32";
    approved_at = "@approved@";
    expires = "@expires@";
  };
  "#;
