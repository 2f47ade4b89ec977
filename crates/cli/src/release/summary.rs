//! What a release changes, for the people who sign it: sources, keys, systems, and every changed value of a policy with
//! what it does to protection.

use std::collections::BTreeMap;

use serde_json::Value;
use writ_policy::diff;
use writ_policy::policy::upgrade;
use writ_policy::rings::Rings;
use writ_trust::ids::ApplianceId;
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::minisign::PublicKey;
use writ_trust::release::{Generation, Release};
use writ_trust::text::one_line;

use super::timing;
use crate::failure::{Failure, Outcome};
use crate::layout::Layout;
use crate::{render_diff, screen};

/// The sections of a policy that hold items by id.
const SECTIONS: [&str; 5] = ["controls", "checks", "rules", "runbooks", "exceptions"];

/// A draft beside the release before it, of a site with these rings.
pub fn of_draft(draft: &Layout, release: &Release, before: Option<&Release>, rings: &Rings) -> Outcome<Vec<String>> {
    let mut lines = heading(release, before);
    let none = BTreeMap::new();
    let old = before.map_or(&none, |b| &b.generations);
    for (name, generation) in &release.generations {
        lines.push(format!("  {name}"));
        match old.get(name) {
            Some(old) => changed(draft, name, old, generation, &mut lines)?,
            None => new(draft, name, generation, &mut lines)?,
        }
        if generation.not_before > release.issued_at {
            let text = format!("    {}: until then it obeys the release before", timing::words(release, generation));
            lines.push(screen::paint(screen::YELLOW, &text));
        }
    }
    for name in old.keys().filter(|name| !release.generations.contains_key(*name)) {
        lines.push(format!("  {name}: {}", screen::paint(screen::RED, "removed; it will accept nothing any more")));
    }
    lines.extend(timing::lines(release, rings));
    let known = |key: &PublicKey| before.and_then(|b| b.revocation(key)).map(|known| known.revoked_at);
    for revoked in &release.revoked_appliance_keys {
        let (key, reason, at) = (revoked.public_key.fingerprint(), one_line(&revoked.reason), revoked.revoked_at);
        match known(&revoked.public_key) {
            None => lines.push(format!("  revokes appliance key {key} ({reason})")),
            Some(was) if was != at => {
                lines.push(format!("  appliance key {key} is revoked as of {at}, until now as of {was}"));
            }
            Some(_) => {}
        }
    }
    Ok(lines)
}

fn heading(release: &Release, before: Option<&Release>) -> Vec<String> {
    let title = format!("release {}-{} of {}", release.epoch, release.serial, release.site);
    let dirty = if release.source.dirty { ", with changes that no commit has" } else { "" };
    let revision = release.source.revision.as_ref().map_or("no commit", |r| r.as_str());
    vec![
        screen::paint(screen::BOLD, &title),
        format!("  from {revision}{dirty}; newly accepted until {}", release.expires_at),
        match before {
            None => "  the first release of this site".to_owned(),
            Some(before) => format!("  after {}-{}, issued {}", before.epoch, before.serial, before.issued_at),
        },
    ]
}

fn new(draft: &Layout, name: &ApplianceId, generation: &Generation, lines: &mut Vec<String>) -> Outcome<()> {
    lines.push(format!("    new, with key {}", generation.public_key.fingerprint()));
    lines.push(format!("    system: {}", system(generation)));
    let policy = policy(draft, name, generation)?;
    let count = |section: &str| policy.get(section).and_then(Value::as_object).map_or(0, |items| items.len());
    let counts: Vec<String> =
        SECTIONS.iter().map(|section| screen::count(count(section), section.trim_end_matches('s'))).collect();
    lines.push(format!("    policy: {}", counts.join(", ")));
    Ok(())
}

fn changed(
    draft: &Layout,
    name: &ApplianceId,
    old: &Generation,
    new: &Generation,
    lines: &mut Vec<String>,
) -> Outcome<()> {
    if old.public_key != new.public_key {
        let text = format!("    its key changes to {}", new.public_key.fingerprint());
        lines.push(screen::paint(screen::YELLOW, &text));
    }
    let (before, after) = (system(old), system(new));
    lines.push(if before == after {
        format!("    system: {after}, as before")
    } else {
        format!("    system: {before} -> {after}")
    });
    let diff = diff::diff_json(&policy(draft, name, old)?, &policy(draft, name, new)?);
    if diff.is_empty() {
        lines.push("    policy: as before".to_owned());
    } else {
        lines.push(format!("    policy: {}", render_diff::summary(&diff)));
        lines.extend(render_diff::lines(&diff).into_iter().map(|line| format!("    {line}")));
    }
    Ok(())
}

fn system(generation: &Generation) -> String {
    generation.closure.as_ref().map_or("not managed", |c| c.toplevel.base_name()).to_owned()
}

fn policy(draft: &Layout, name: &ApplianceId, generation: &Generation) -> Outcome<Value> {
    let bytes = draft.read_document(&generation.policy.digest, "a policy")?;
    let failed = |e: String| Failure::refused("a policy document of the draft is not usable").at(name).because(e);
    generation.policy.check(&bytes).map_err(|e| failed(e.to_string()))?;
    // In the newest schema: what an older one could not say is no change.
    json::parse_value(&bytes, MAX_DOCUMENT).map(upgrade).map_err(|e| failed(e.to_string()))
}
