//! What the folder of releases offers of the site's log, gathered for whoever judges it. All of it is hostile.

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint, log_keys};
use writ_trust::log::judge::{self, Continuity, LogProblem};
use writ_trust::log::note::MAX_NOTE;
use writ_trust::log::receipt::Receipt;
use writ_trust::log::tree::Hash;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use super::tiles::{self, TilesProblem};
use crate::enforce::refused::Refused;
use crate::enforce::releases::{Folder, absent, unreadable};
use crate::enforce::{hostile, sitelog};

/// What leads from the checkpoint that is kept to one that is offered.
#[derive(Debug, Default)]
pub struct Continued {
    consistency: Vec<Hash>,
    restarts: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
    /// Why there is no consistency proof.
    pub problem: Option<TilesProblem>,
}

impl Continued {
    /// Gathers it from a folder. Without a kept checkpoint there is nothing to continue.
    pub fn gather(
        folder: &Folder,
        chain: &TrustChain,
        site: &SiteId,
        kept: Option<&Checkpoint>,
        offered: &Checkpoint,
    ) -> Self {
        let mut continued = Self::default();
        let Some(kept) = kept else { return continued };
        let origins = chain.newest().origins(site);
        if kept.origin == offered.origin {
            match tiles::between(&folder.log(site, origins.len()), kept, offered) {
                Ok(proof) => continued.consistency = proof,
                Err(problem) => continued.problem = Some(problem),
            }
            return continued;
        }
        let from = origins.iter().position(|origin| *origin == kept.origin).unwrap_or(origins.len());
        // Log n is that of origin n - 1, and its restart leads there from the one before. Where one is missing or cannot be
        // read the judge names the rule.
        for number in from + 2..=origins.len() {
            match folder.restart(site, number) {
                Ok(Some(restart)) => continued.restarts.push((restart.bytes, restart.signatures)),
                Ok(None) | Err(_) => break,
            }
        }
        continued
    }

    /// The same for the rules.
    pub fn after<'a>(&'a self, kept: Option<&'a SignedCheckpoint>) -> Continuity<'a> {
        let seen = kept.map(|kept| &kept.checkpoint);
        Continuity { seen, consistency: &self.consistency, restarts: &self.restarts }
    }
}

/// The checkpoint in a receipt, as it claims; judged by nobody yet.
pub fn claimed(receipt: &[u8]) -> Option<Checkpoint> {
    let note = Receipt::parse(receipt).ok()?.checkpoint;
    Checkpoint::parse(&writ_trust::log::note::Note::parse(note.as_bytes()).ok()?.text).ok()
}

/// What a look at the log's head came to.
#[derive(Debug)]
pub enum Head {
    /// There is no log for the site, no head, or none that is newer.
    Nothing,
    /// A tile is not there yet.
    Waiting(String),
    /// It does not count.
    Refused(Refused),
    /// A newer one, to be kept.
    Newer(SignedCheckpoint),
}

/// Looks at the head of the site's newest log.
pub fn head(folder: &Folder, chain: &TrustChain, site: &SiteId, kept: Option<&SignedCheckpoint>, now: Time) -> Head {
    let origins = chain.newest().origins(site);
    let Some(origin) = origins.last() else { return Head::Nothing };
    let path = folder.log(site, origins.len()).join("checkpoint");
    let note = match absent(hostile::read(&path, MAX_NOTE)) {
        Ok(Some(note)) => note,
        Ok(None) => return Head::Nothing,
        Err(e) => {
            let rule = unreadable(&e);
            let message = format!("rule {rule}: the head of the log cannot be read: {e}");
            return Head::Refused(Refused::new("log", rule, message, None));
        }
    };
    let keys = log_keys(chain.newest(), site, now);
    let offered = match SignedCheckpoint::verify(&note, origin, &keys) {
        Ok(offered) => offered,
        Err(problem) => return Head::Refused(Refused::of_log(&LogProblem::Checkpoint(problem), Digest::of(&note))),
    };
    // Of what is signed: the log's key signs the same head anew every hour.
    let digest = sitelog::digest(&offered.checkpoint);
    let continued = Continued::gather(folder, chain, site, kept.map(|kept| &kept.checkpoint), &offered.checkpoint);
    match &continued.problem {
        Some(TilesProblem::Missing(tile)) => return Head::Waiting(format!("head of the log: {tile} is not there yet")),
        Some(problem) => return Head::Refused(Refused::new("log", TilesProblem::RULE, problem, Some(digest))),
        None => {}
    }
    match judge::head(chain, site, &note, &continued.after(kept), now) {
        Ok(Some(newer)) if super::kept::supersedes(&newer, kept, now) => {
            Head::Newer(super::kept::own_lines(newer, &keys))
        }
        Ok(_) => Head::Nothing,
        Err(problem) => Head::Refused(Refused::of_log(&problem, digest)),
    }
}
