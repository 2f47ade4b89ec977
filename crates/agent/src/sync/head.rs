//! The head of the site's log in the inbox, and the tiles by which the enforcer finds its way to it.
//!
//! The enforcer reads at its own pace: it may have kept any head that lay in the inbox, and be asked about any checkpoint that a
//! receipt is under. From all of these the tiles must lead to the head that lies there now.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use tracing::info;
use writ_client::Client;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::note::MAX_NOTE;
use writ_wire::heartbeat::{Heartbeat, LogPosition};
use writ_wire::sync::Sync;

use super::check_in::HEARTBEAT;
use super::courier::Courier;
use super::identity::{Vouched, read_statement};
use super::inbox::read;
use super::now;
use super::pull::claimed;
use super::sitelog::{self, Ground};
use super::trouble::Trouble;
use crate::crash_point;

/// The head, within a log's folder.
const CHECKPOINT: &str = "checkpoint";

impl Courier {
    /// Takes in the log's head, with what leads to it.
    pub(super) fn take_log(&mut self, client: &Client, vouched: &Vouched, answer: &Sync) -> Result<(), Trouble> {
        if self.settled_on.is_none() {
            // What was delivered before this process began is to be proven too.
            self.settle(vouched)?;
        }
        let Self { ref inbox, ref chain, ref fetched, ref mut unproven, .. } = *self;
        let ground = Ground { client, inbox, chain, site: &self.config.site, fetched, now: now() };
        let Some((origin, number)) = ground.current() else { return Ok(()) };
        let Some(head) = &answer.log else {
            let message = format!("the trust root names the log {origin}, and the answer has no head of it");
            return Err(Trouble::refused("log-checkpoint", message));
        };
        if head.number != number as u64 {
            let message = format!("the head is of log {}, the newest is log {number}", head.number);
            return Err(Trouble::refused("log-checkpoint", message));
        }
        let of_enforcer = enforcer_seen(vouched, &self.config.presence());
        let seen = self.log.seen().map(|seen| seen.checkpoint.clone());
        let number_of = |origin: &String| chain.newest().origins(ground.site).iter().position(|known| known == origin);
        let passed = [seen.as_ref().map(|seen| &seen.origin), of_enforcer.as_ref().map(|log| &log.origin)];
        let passed = passed.into_iter().flatten().filter_map(number_of).min().map_or(usize::MAX, |at| at + 1);
        sitelog::take_restarts(&ground, passed, head.restart.as_ref())?;
        let Some(newer) = self.log.judge(&ground, &head.checkpoint.0)? else { return Ok(()) };
        let receipt = answer.release.as_ref().and_then(|release| claimed(release.receipt.as_ref()?.as_ref()));
        let there = laid(&ground).map(|there| there.checkpoint);
        let mut sizes = sizes(of_enforcer, origin, [receipt, seen, there]);
        sizes.extend(unproven.due(newer.checkpoint.size, Instant::now()));
        let used = sitelog::take_tiles(&ground, &newer.checkpoint, &sizes)?;
        let note = self.inbox.log(number).join(CHECKPOINT);
        crash_point!("sync-head");
        self.inbox.write_if_other(&note, newer.note.as_bytes())?;
        unproven.add(newer.checkpoint.size);
        let before = self.log.seen().map_or(0, |seen| seen.checkpoint.size);
        if newer.checkpoint.size != before {
            info!(size = newer.checkpoint.size, before, "the site's log");
        }
        self.log.keep(newer)?;
        self.tiles = [std::mem::take(&mut self.tiles[1]), used];
        Ok(())
    }

    /// Looks whether the tiles still lead from where the enforcer has come to meanwhile, when there is nothing new to pull.
    pub(super) fn lay_tiles_again(&mut self, client: &Client, vouched: &Vouched) -> Result<(), Trouble> {
        let Self { ref inbox, ref chain, ref fetched, ref mut unproven, .. } = *self;
        let ground = Ground { client, inbox, chain, site: &self.config.site, fetched, now: now() };
        let Some(head) = laid(&ground).map(|head| head.checkpoint) else { return Ok(()) };
        let mut sizes = sizes(enforcer_seen(vouched, &self.config.presence()), &head.origin, [None, None, None]);
        sizes.extend(unproven.due(head.size, Instant::now()));
        let used = sitelog::take_tiles(&ground, &head, &sizes)?;
        self.tiles[1].extend(used);
        Ok(())
    }
}

/// The head in the inbox of the log that is current, if it still counts.
fn laid(ground: &Ground<'_>) -> Option<SignedCheckpoint> {
    let (origin, number) = ground.current()?;
    let note = read(&ground.inbox.log(number).join(CHECKPOINT), MAX_NOTE).ok()??;
    SignedCheckpoint::verify(&note, origin, &ground.keys()).ok()
}

/// How far the enforcer says that it has seen the site's log.
fn enforcer_seen(vouched: &Vouched, presence: &Path) -> Option<LogPosition> {
    let heartbeat = read_statement(presence, HEARTBEAT, |_| Some(vouched.appliance_key.clone())).ok()?;
    Heartbeat::parse(&heartbeat.document.0).ok()?.log
}

/// The sizes of the log from which the enforcer may want to prove its way: what it says that it has seen, and these.
fn sizes(of_enforcer: Option<LogPosition>, origin: &str, others: [Option<Checkpoint>; 3]) -> Vec<u64> {
    let seen = of_enforcer.filter(|log| log.origin == origin).map(|log| log.size);
    let others = others.into_iter().flatten().filter(|checkpoint| checkpoint.origin == origin).map(|c| c.size);
    let sizes: BTreeSet<u64> = seen.into_iter().chain(others).collect();
    sizes.into_iter().collect()
}
