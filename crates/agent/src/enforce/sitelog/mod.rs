//! The site's log as this appliance knows it: [`kept`] is the newest checkpoint that it verified, [`offered`] what the folder
//! of releases has to say, [`tiles`] where proofs come from, [`freshness`] whether anything was heard lately.

use tracing::{error, info};
use writ_trust::digest::{Digest, hex};
use writ_trust::floor::Floor;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::numbers::TrustVersion;
use writ_trust::root_chain::TrustChain;

use super::accept::AcceptError;
use super::engine::Engine;
use super::refused::Refused;
use super::releases::Signed;
use crate::crash_point;

pub mod freshness;
pub mod kept;
pub mod offered;
pub mod tiles;

use freshness::Freshness;
use offered::Head;

/// What is known of the site's log and of the roots that name it. In memory: the file [`kept::FILE`] is what lasts.
#[derive(Debug, Clone)]
pub struct SiteLog {
    /// The number of the site's newest log, from 1; 0 when the newest trust root names none.
    pub number: usize,
    /// The newest checkpoint verified here, which is on the disk.
    pub kept: Option<SignedCheckpoint>,
    /// Its number, when a root lists its origin.
    pub kept_number: usize,
    /// How fresh the log's last word was at the last look; nothing where there is no log.
    pub freshness: Option<Freshness>,
    /// The newest trust root known.
    pub trust_version: TrustVersion,
}

impl Default for SiteLog {
    fn default() -> Self {
        Self { number: 0, kept: None, kept_number: 0, freshness: None, trust_version: TrustVersion::FIRST }
    }
}

/// The digest of what a log's key signs of a checkpoint.
pub fn digest(checkpoint: &Checkpoint) -> Digest {
    Digest::of(checkpoint.text().as_bytes())
}

impl SiteLog {
    /// Takes up what a chain of roots says, and the checkpoint that is kept.
    fn know(&mut self, chain: &TrustChain, origins: &[String], kept: Option<SignedCheckpoint>) {
        self.number = origins.len();
        self.trust_version = chain.newest().version;
        let of_kept = kept.as_ref().and_then(|kept| origins.iter().position(|o| *o == kept.checkpoint.origin));
        self.kept_number = of_kept.map_or(0, |at| at + 1);
        self.kept = kept;
    }
}

impl Engine {
    /// Reads back what was kept of the log, before anything is told.
    pub(super) fn recall_log(&mut self) {
        match self.acceptor.chain(&mut Vec::new()) {
            Ok((chain, _)) => {
                if let Err(e) = self.know_log(&chain) {
                    self.say_once(e.to_string());
                }
            }
            Err(e) => self.say_once(e.to_string()),
        }
    }

    /// Reads the kept checkpoint strictly. Nothing is accepted when it is damaged.
    pub(super) fn know_log(&mut self, chain: &TrustChain) -> Result<(), AcceptError> {
        let origins = chain.newest().origins(&self.identity.site);
        match kept::read(&self.config.state_dir, chain, &self.identity.site) {
            Ok(kept) => {
                self.site_log.know(chain, origins, kept);
                Ok(())
            }
            Err(e) => {
                self.site_log.know(chain, origins, None);
                Err(AcceptError::Checkpoint(e))
            }
        }
    }

    /// Judges the head of the log that the folder shows; one that is newer and continues what was seen is kept.
    pub(super) fn look_at_head(&mut self, chain: &TrustChain, roots: &[(u64, Signed)], refused: &mut Vec<Refused>) {
        let kept = self.site_log.kept.as_ref();
        match offered::head(self.acceptor.folder(), chain, &self.identity.site, kept, self.clock.now()) {
            Head::Nothing => {}
            Head::Waiting(what) => info!("{what}"),
            Head::Refused(refusal) => refused.push(refusal),
            Head::Newer(head) => match self.acceptor.keep(&head, roots, chain) {
                Ok(()) => self.take_up_checkpoint(chain, head),
                Err(e) => self.say_once(format!("a verified checkpoint of the log cannot be kept: {e}")),
            },
        }
    }

    /// Names a checkpoint that is on the disk now in what is told from here on.
    pub(super) fn take_up_checkpoint(&mut self, chain: &TrustChain, checkpoint: SignedCheckpoint) {
        let origins = chain.newest().origins(&self.identity.site);
        info!(origin = %checkpoint.checkpoint.origin, size = checkpoint.checkpoint.size, "log checkpoint kept");
        self.site_log.know(chain, origins, Some(checkpoint));
    }

    /// Looks how fresh the log's last word is, and tells of a change: loudly when it is not, and again when it is.
    pub(super) fn judge_freshness(&mut self, floor: &Floor) {
        if self.site_log.number == 0 {
            (self.site_log.freshness, self.state.log_since) = (None, None);
            return;
        }
        let instant = floor.instant(self.clock.now());
        // A clock that was set back since: the day begins anew.
        let since = self.state.log_since.map_or(instant, |since| since.min(instant));
        self.state.log_since = Some(since);
        let of_kept = self.site_log.kept.as_ref().and_then(|kept| kept.fresh_at);
        self.state.log_heard_at = freshness::last_word(self.state.log_heard_at, of_kept, instant);
        // A word that is not believed is what there is to say of a log that was never believed.
        let freshness = Freshness::of(self.state.log_heard_at.or(of_kept), since, instant);
        self.site_log.freshness = Some(freshness);
        let told = freshness::Told { stale: self.state.log_stale, at: self.state.log_told_at };
        let Some(stale) = freshness::change(told, freshness, instant) else { return };
        match stale {
            true => error!("{freshness}"),
            false => info!("{freshness}"),
        }
        let digest = self.site_log.kept.as_ref().map(|kept| digest(&kept.checkpoint));
        let told = Refused::new("log", "log-freshness", freshness, digest);
        let draft = self.teller().refused(&told, 1);
        if self.seal_posture(draft) {
            (self.state.log_stale, self.state.log_told_at) = (stale, Some(instant));
            crash_point!("change of freshness told, not durable");
            self.commit();
        }
    }

    /// The status file's account of the log.
    pub(super) fn log_status(&self) -> serde_json::Value {
        let SiteLog { number, kept, kept_number, freshness, .. } = &self.site_log;
        let configured = *number > 0;
        let kept = kept.as_ref().map(|kept| {
            serde_json::json!({
                "number": kept_number, "origin": kept.checkpoint.origin, "size": kept.checkpoint.size,
                "root": hex(&kept.checkpoint.root), "fresh_at": self.state.log_heard_at,
            })
        });
        serde_json::json!({
            "configured": configured,
            "checkpoint": kept,
            "fresh": freshness.map(Freshness::is_fresh),
            "freshness": freshness.filter(|freshness| !freshness.is_fresh()).map(|freshness| freshness.to_string()),
            "refused": self.state.refusals.iter().filter(|r| r.what == "log").map(|r| r.count).sum::<u64>(),
        })
    }
}
