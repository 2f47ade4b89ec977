//! Five lies of whoever stands between an appliance and its depot, each refused by name.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use writ_scenarios::appliance::Appliance;
use writ_scenarios::outbox;
use writ_scenarios::proxy::{Answer, Asked, Said};
use writ_scenarios::workshop::{ORIGIN, Workshop};
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::minisign::SecretKeyFile;
use writ_wire::Blob;

use super::offline::{await_delivery, receipts};
use super::releases;
use super::screen::{quote, say};
use super::stage::Stage;
use super::timeline::Timeline;

const SYNC: &str = "/agent/sync";

/// What the proxy overheard: the answers to `/agent/sync`, oldest first.
pub type Overheard = Arc<Mutex<Vec<Vec<u8>>>>;

/// Has the proxy listen, and say nothing of its own.
pub fn listen(stage: &Stage) -> Overheard {
    let overheard = Overheard::default();
    let kept = Arc::clone(&overheard);
    stage.proxy.lie(move |asked, answer| {
        if asked.target.starts_with(SYNC) && answer.code() == 200 {
            kept.lock().expect("the list").push(answer.body.clone());
        }
        None
    });
    overheard
}

/// Tells all five.
pub fn tell(
    stage: &Stage,
    desk: &Workshop,
    appliance: &Appliance,
    overheard: &Overheard,
    timeline: &mut Timeline,
) -> Result<()> {
    let old = overheard.lock().expect("the list").first().cloned().context("nothing was overheard")?;
    told(stage, appliance, "an old answer, with release 1", "rule floor", move |asked, answer| {
        asked.target.starts_with(SYNC).then(|| Said::Answer(synced(answer, old.clone())))
    })?;
    told(stage, appliance, "the release with one byte changed", "signature-threshold", |asked, answer| {
        forged_sync(asked, answer, |sync| flip(&mut sync["release"]["release"]["document"]))
    })?;
    let key = std::fs::read_to_string(desk.keys().join("log.key"))?;
    told(
        stage,
        appliance,
        "another history, signed with the log's own stolen key",
        "log-consistency",
        move |asked, answer| forged_sync(asked, answer, |sync| fork(&mut sync["log"]["checkpoint"], &key)),
    )?;
    receipt(stage, appliance)?;
    nar(stage, desk, appliance, timeline)
}

/// Tells one lie until the appliance has refused it by this name, then the truth again.
fn told(
    stage: &Stage,
    appliance: &Appliance,
    what: &str,
    rule: &str,
    lie: impl Fn(&Asked, &Answer) -> Option<Said> + Send + Sync + 'static,
) -> Result<()> {
    let before = appliance.journal()?.len();
    let obeyed = obeyed(appliance)?;
    stage.proxy.lie(lie);
    let said = await_words(appliance, before, rule).with_context(|| format!("the lie: {what}"))?;
    stage.proxy.honest();
    say(&format!("{what}:"));
    quote(&said);
    if self::obeyed(appliance)? != obeyed {
        bail!("{what} was believed");
    }
    Ok(())
}

fn obeyed(appliance: &Appliance) -> Result<Value> {
    let state: Value = serde_json::from_slice(&std::fs::read(appliance.state().join("state.json"))?)?;
    Ok(state["running"].clone())
}

/// Waits for a line of the journals that names a rule, past so many bytes of them.
fn await_words(appliance: &Appliance, before: usize, rule: &str) -> Result<String> {
    let mut found = String::new();
    appliance.await_inside(rule, || {
        let journal = appliance.journal()?;
        let line = journal.get(before..).unwrap_or_default().lines().find(|line| line.contains(rule));
        Ok(line.map(|line| found = line.to_owned()))
    })?;
    Ok(found)
}

/// A receipt with one bit flipped: nothing counts as delivered, and the outbox stays.
fn receipt(stage: &Stage, appliance: &Appliance) -> Result<()> {
    await_delivery(appliance)?;
    let before = receipts(appliance)?.len();
    let after = outbox::last_sequence(&appliance.outbox())?;
    stage.proxy.lie(|asked, answer| {
        if !asked.target.ends_with("/submit") || answer.code() != 200 {
            return None;
        }
        let mut body: Value = serde_json::from_slice(&answer.body).ok()?;
        body["receipts"].as_array_mut()?.iter_mut().for_each(|receipt| flip(&mut receipt["entry"]));
        Some(Said::Answer(Answer { body: serde_json::to_vec(&body).ok()?, ..answer.clone() }))
    });
    let words = appliance.journal()?.len();
    appliance.run("chmod", &["0666", "/etc/ehr/connector.conf"])?;
    appliance.await_bundle(after, "the file to be healed", |f| f.text(&["kind"]) == "incident-closed")?;
    let said = await_words(appliance, words, "log-inclusion").context("the lie: a flipped receipt")?;
    say("a receipt with one bit flipped:");
    quote(&said);
    if receipts(appliance)?.len() != before {
        bail!("a receipt that proves nothing was taken");
    }
    stage.proxy.honest();
    await_delivery(appliance)?;
    say("the evidence stayed in the outbox, and is delivered now that the truth is told");
    Ok(())
}

/// A NAR with one byte changed: the next release waits for the true one.
fn nar(stage: &Stage, desk: &Workshop, appliance: &Appliance, timeline: &mut Timeline) -> Result<()> {
    let before = appliance.journal()?.len();
    stage.proxy.lie(|asked, answer| {
        if !asked.target.starts_with("/nar/") || answer.body.is_empty() {
            return None;
        }
        let mut body = answer.body.clone();
        let middle = body.len() / 2;
        body[middle] ^= 1;
        Some(Said::Answer(Answer { body, ..answer.clone() }))
    });
    let publish = |desk: &Workshop| {
        stage.release(desk)?;
        let said = await_words(appliance, before, "rule nar:").context("the lie: an altered NAR")?;
        say("a part of the next system with one byte changed:");
        quote(&said);
        stage.proxy.honest();
        Ok(())
    };
    releases::fourth(desk, &publish, appliance, timeline)
}

/// The answer to a sync with this body.
fn synced(answer: &Answer, body: Vec<u8>) -> Answer {
    let mut headers = answer.headers.clone();
    headers.retain(|line| !line.to_ascii_lowercase().starts_with("etag:"));
    Answer { status: "HTTP/1.1 200 OK".into(), headers, body }
}

fn forged_sync(asked: &Asked, answer: &Answer, forge: impl FnOnce(&mut Value)) -> Option<Said> {
    if !asked.target.starts_with(SYNC) || answer.code() != 200 {
        return None;
    }
    let mut body: Value = serde_json::from_slice(&answer.body).ok()?;
    forge(&mut body);
    Some(Said::Answer(synced(answer, serde_json::to_vec(&body).ok()?)))
}

/// Flips one bit in the middle of what a base64 member holds.
fn flip(member: &mut Value) {
    if let Some(Ok(Blob(mut bytes))) = member.as_str().map(Blob::decode) {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        *member = Blob(bytes).encode().into();
    }
}

/// A checkpoint of the same size and another root, signed with the log's key.
fn fork(member: &mut Value, key: &str) {
    let Some(Ok(Blob(note))) = member.as_str().map(Blob::decode) else { return };
    let Ok(key) = SecretKeyFile::parse(key).and_then(|key| key.open()) else { return };
    let Ok(true_one) = SignedCheckpoint::verify(&note, ORIGIN, &[key.public_key()]) else { return };
    let forged = Checkpoint { root: [7; 32], ..true_one.checkpoint };
    let now = true_one.fresh_at.unwrap_or(writ_scenarios::Time::from_unix_millis(0));
    *member = Blob(SignedCheckpoint::sign(forged, &key, now).note.into_bytes()).encode().into();
}
