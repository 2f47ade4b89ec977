//! The auditor's part: gather, verify, doubt, compare, report.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use writ_scenarios::flake::copy;
use writ_scenarios::run;
use writ_scenarios::workshop::{ORIGIN, SITE, Workshop};
use writ_trust::log::note::NoteKey;
use writ_trust::minisign::PublicKey;

use super::screen::{quote, say};
use super::stage::Stage;

/// Fetches everything of the site from the depot into `audit/`; what is there already stays.
pub fn fetch(desk: &Workshop, stage: &Stage) -> Result<()> {
    let mut fetch = stage.writ(desk, ["audit", "fetch", "--site", SITE, "--to", "audit"]);
    quote(&run::checked(fetch.args(["--trust", "releases/trust/1.json"]))?);
    Ok(())
}

/// Puts the log where anybody's own verifier finds it: `log/` with its key, its checkpoints and its tiles.
pub fn keep_log(desk: &Workshop) -> Result<()> {
    let log = desk.dir.join("log");
    copy(&desk.dir.join("audit/log").join(SITE).join("1"), &log)?;
    let key = PublicKey::parse(&fs::read_to_string(desk.keys().join("log.pub"))?)?;
    fs::write(log.join("vkey"), format!("{}\n", NoteKey::new(ORIGIN, &key).verifier_key()))?;
    Ok(())
}

/// Verifies everything, shows that one flipped byte is found, and writes the report; returns its path.
pub fn verify_and_report(desk: &Workshop, scratch: &Path) -> Result<PathBuf> {
    let audit = desk.dir.join("audit");
    let mut verify = desk.writ(["audit", "verify", "audit", "--trust", "releases/trust/1.json"]);
    quote(&run::checked(&mut verify)?);

    let copied = scratch.join("audit");
    copy(&audit, &copied)?;
    let file = flip_a_byte(&copied)?;
    say(&format!("one byte of {} flipped in a copy:", file.file_name().unwrap_or_default().to_string_lossy()));
    let mut verify = desk.writ(["audit", "verify"]);
    let output = run::any(verify.arg(&copied).args(["--trust", "releases/trust/1.json"]))?;
    let text = run::both(&output);
    quote(&text);
    let id = file.file_stem().unwrap_or_default().to_string_lossy();
    if output.status.code() != Some(1) || !text.contains(&*id) {
        bail!("`writ audit verify` should have ended with 1 and named {id}");
    }

    let report = desk.dir.join("report.html");
    let mut compare = desk.writ(["audit", "compare", "audit", "--trust", "releases/trust/1.json", "--site", SITE]);
    let output = run::any(compare.arg("--html").arg(&report))?;
    let text = run::both(&output);
    quote(text.split("\nControls\n").next().unwrap_or_default());
    if !matches!(output.status.code(), Some(0 | 1)) || !report.is_file() {
        bail!("`writ audit compare` could not write the report");
    }
    say(&observed(desk)?);
    Ok(report)
}

/// In one line, how many of the checks of the site nobody could look at, as the report has it.
fn observed(desk: &Workshop) -> Result<String> {
    let mut compare = desk.writ(["audit", "compare", "audit", "--trust", "releases/trust/1.json", "--site", SITE]);
    let output = run::any(compare.arg("--json"))?;
    let comparison: Value = serde_json::from_slice(&output.stdout).context("the comparison is no JSON")?;
    let checks = comparison["checks"].as_array().context("the comparison has no checks")?;
    let ids = |wanted: &dyn Fn(&Value) -> bool| -> BTreeSet<&str> {
        checks.iter().filter(|check| wanted(check)).filter_map(|check| check["check"].as_str()).collect()
    };
    let blind = |check: &Value| {
        let reasons = check["reasons"].as_array().into_iter().flatten();
        reasons.filter_map(Value::as_str).any(|reason| reason.contains("not observed: "))
    };
    Ok(match (ids(&blind).len(), ids(&|_| true).len()) {
        (0, all) => format!("each of the {all} checks is observed"),
        (n, all) => format!(
            "{n} of {all} checks are not observed, for nobody looks over the network here: not assessable, and never met"
        ),
    })
}

/// Flips one bit in the middle of the evidence; returns the file.
fn flip_a_byte(audit: &Path) -> Result<PathBuf> {
    let mut bundles = Vec::new();
    let mut folders = vec![audit.join("evidence")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                bundles.push(path);
            }
        }
    }
    bundles.sort();
    let file = bundles.get(bundles.len() / 2).context("there is no evidence")?.clone();
    let mut bytes = fs::read(&file)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes)?;
    Ok(file)
}
