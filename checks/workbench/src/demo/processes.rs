//! The story without containers: what a process may do on a machine that is not its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use writ_scenarios::outbox;
use writ_scenarios::processes::{self, Processes};
use writ_scenarios::workshop::Workshop;

use super::screen::{say, title};
use super::timeline::{Timeline, now};
use super::{engineer, releases};

/// Plays it; returns the outbox, at rest.
pub fn play(desk: &Workshop, folder: &Path, timeline: &mut Timeline) -> Result<Vec<PathBuf>> {
    title("An engineer's desk: policy in Nix, checked like code");
    processes::prepare(desk, folder)?;
    engineer::keys_and_identities(desk)?;
    engineer::check(desk)?;

    title("An operator releases it: two signatures of two");
    desk.make_trust_root()?;
    releases::first(desk, &|desk| desk.release())?;

    title("An appliance verifies and obeys it; its files are put in place");
    let enforcer = Processes::start(desk, folder)?;
    let adopted = enforcer.await_bundle(0, "the release to be adopted", |f| f.text(&["kind"]) == "switch")?;
    say(&format!("release 1: {} ({})", adopted.text(&["switch", "outcome"]), adopted.text(&["bundle_id"])));
    for check in ["ehr.connector-config", "demo.banner"] {
        enforcer.await_bundle(0, check, |f| closed(f, check))?;
    }

    title("Two things break, one after the other");
    break_and_await(&enforcer, timeline, "a file's mode", "ehr.connector-config", || {
        fs::set_permissions(folder.join("connector.conf"), fs::Permissions::from_mode(0o666))
    })?;
    break_and_await(&enforcer, timeline, "a managed file's content", "demo.banner", || {
        fs::write(folder.join("issue.net"), "welcome, everybody\n")
    })?;

    title("A release that only one of two signers signed");
    desk.edit(
        "hosts/clinic-001/front-desk/policy.nix",
        "every = \"1m\";\n    severity = \"high\"",
        "every = \"2m\";\n    severity = \"high\"",
    )?;
    desk.commit("Look at the connector less often")?;
    releases::half_signed(desk)?;

    title("A typo in the policy");
    engineer::mistake(desk, "sha256.eq = writ.digest banner", "sha265.eq = writ.digest banner", "sha256")?;
    let outbox = enforcer.outbox();
    enforcer.stop()?;
    Ok(vec![outbox])
}

fn closed(found: &outbox::Found, check: &str) -> bool {
    found.text(&["kind"]) == "incident-closed" && found.text(&["incident", "check"]) == check
}

fn break_and_await(
    enforcer: &Processes,
    timeline: &mut Timeline,
    what: &str,
    check: &str,
    how: impl FnOnce() -> std::io::Result<()>,
) -> Result<()> {
    let after = outbox::last_sequence(&enforcer.outbox())?;
    let broken_at = now();
    how()?;
    let found = enforcer.await_bundle(after, what, |f| closed(f, check))?;
    let event = timeline.incident(what, broken_at, &found);
    let verified = event.verified_ms.map_or("?".to_owned(), |m| m.to_string());
    say(&format!("{what}: healed and verified after {verified} ms: {} ({})", event.outcome, event.bundle_id));
    if event.outcome == "success" { Ok(()) } else { bail!("{what} was not healed") }
}
