//! Three releases: one to begin with, a good one, and one that breaks its probation.

use anyhow::{Result, bail};
use writ_scenarios::appliance::Appliance;
use writ_scenarios::outbox;
use writ_scenarios::run;
use writ_scenarios::workshop::{SIGNERS, SITE, Workshop};

use super::screen::{quote, say};
use super::timeline::{Timeline, now};

/// How a release is published.
pub type Publish<'a> = &'a dyn Fn(&Workshop) -> Result<()>;

/// Publishes serial 1; minisign, which knows nothing of us, verifies it.
pub fn first(desk: &Workshop, publish: Publish) -> Result<()> {
    publish(desk)?;
    let release = desk.releases().join(format!("releases/{SITE}/1-1/release.json"));
    say(&format!("serial 1 published: {}", release.display()));
    let key = desk.keys().join("bob.pub");
    let signature = signature_of(&release, &key)?;
    let mut minisign = std::process::Command::new("minisign");
    minisign.arg("-Vm").arg(&release).arg("-x").arg(&signature).arg("-p").arg(&key);
    quote(&run::checked(&mut minisign)?);
    Ok(())
}

fn signature_of(release: &std::path::Path, key: &std::path::Path) -> Result<std::path::PathBuf> {
    let folder = release.parent().unwrap_or(release);
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let mut minisign = std::process::Command::new("minisign");
        minisign.arg("-QVm").arg(release).arg("-x").arg(&path).arg("-p").arg(key);
        if path.extension().is_some_and(|e| e == "minisig") && run::any(&mut minisign)?.status.success() {
            return Ok(path);
        }
    }
    bail!("no signature in {} verifies with {}", folder.display(), key.display())
}

/// A release that only one of two signers signed is not published.
pub fn half_signed(desk: &Workshop) -> Result<()> {
    let output = desk.release_signed_by(&SIGNERS[..1])?;
    quote(&run::both(&output));
    if output.status.code() == Some(1) {
        Ok(())
    } else {
        bail!("a release below its threshold should have been refused")
    }
}

/// Starts the enforcer and waits until it has switched to serial 1.
pub fn await_first(appliance: &Appliance, timeline: &mut Timeline) -> Result<()> {
    let start = now();
    appliance.start()?;
    appliance.start_courier()?;
    await_switch(appliance, timeline, "release 1", start, 0, "committed")
}

fn await_switch(
    appliance: &Appliance,
    timeline: &mut Timeline,
    what: &str,
    published: u64,
    after: u64,
    outcome: &str,
) -> Result<()> {
    let found = appliance.await_bundle(after, what, |f| f.text(&["kind"]) == "switch")?;
    let event = timeline.switch(what, published, &found);
    let millis = event.verified_ms.unwrap_or_default();
    say(&format!("{what}: {} after {millis} ms, told by {}", event.outcome, event.bundle_id));
    let reason = found.text(&["switch", "reason"]);
    if !reason.is_empty() {
        quote(reason);
    }
    if event.outcome != outcome {
        bail!("{what} should have been {outcome}\n{}", appliance.last_words());
    }
    Ok(())
}

/// A good change: the connector polls more often.
pub fn second(desk: &Workshop, publish: Publish, appliance: &Appliance, timeline: &mut Timeline) -> Result<()> {
    let file = format!("hosts/{SITE}/front-desk/policy.nix");
    desk.edit(&file, "pollSeconds = 30;", "pollSeconds = 20;")?;
    desk.commit("The connector polls every 20 seconds")?;
    release_and_await(desk, publish, appliance, timeline, "release 2, a good one", "committed")
}

/// A bad change: the connector's program ends at once. Evaluation cannot know; probation finds out.
pub fn third(desk: &Workshop, publish: Publish, appliance: &Appliance, timeline: &mut Timeline) -> Result<()> {
    let file = format!("hosts/{SITE}/front-desk/policy.nix");
    desk.edit(&file, "command = \"httpd -f", "command = \"false httpd -f")?;
    desk.commit("A new connector, not tried by anybody")?;
    release_and_await(desk, publish, appliance, timeline, "release 3, a bad one", "rolled-back")?;
    let current = appliance.run("systemctl", &["is-active", "ehr-connector.service"])?;
    say(&format!("the connector of release 2 is {} again", current.trim()));
    Ok(())
}

/// A good change, published while somebody lies about what it is made of.
pub fn fourth(desk: &Workshop, publish: Publish, appliance: &Appliance, timeline: &mut Timeline) -> Result<()> {
    let file = format!("hosts/{SITE}/front-desk/policy.nix");
    desk.edit(&file, "command = \"false httpd -f", "command = \"httpd -f")?;
    desk.edit(&file, "pollSeconds = 20;", "pollSeconds = 25;")?;
    desk.commit("The connector that was tried, polling every 25 seconds")?;
    release_and_await(desk, publish, appliance, timeline, "release 4, once the truth is told", "committed")
}

fn release_and_await(
    desk: &Workshop,
    publish: Publish,
    appliance: &Appliance,
    timeline: &mut Timeline,
    what: &str,
    outcome: &str,
) -> Result<()> {
    let after = outbox::last_sequence(&appliance.outbox())?;
    publish(desk)?;
    await_switch(appliance, timeline, what, now(), after, outcome)
}
