//! Evidence: bundles whose signatures were verified, and their receipts.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::log::entry::{EntrySchema, LogEntry};
use writ_trust::log::tree::Hash;
use writ_trust::minisign::PublicKey;

use crate::limits::body::Share;
use crate::sitelog::LogError;
use crate::store::checkpoints::{self, Names};
use crate::store::evidence::{self, Added, Row};
use crate::writer::logs::Logs;
use crate::writer::stage::Stage;
use crate::writer::{Finish, WriteError};

/// A bundle whose signature holds.
#[derive(Debug)]
pub struct Prepared {
    /// Its exact bytes.
    pub document: Vec<u8>,
    /// The exact bytes of its signature file.
    pub signature: Vec<u8>,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// The key that signed.
    pub key: PublicKey,
    /// `EB-YYYYMMDD-NNNN`.
    pub id: String,
    /// The appliance that speaks.
    pub appliance: ApplianceId,
    /// Its number in the key's chain.
    pub sequence: u64,
    /// The digest of the bundle before it.
    pub previous: Option<Digest>,
}

/// Where a bundle stands in the log.
#[derive(Debug)]
pub struct Receipted {
    /// The digest of the bundle.
    pub digest: Digest,
    /// The exact bytes of its entry.
    pub entry: Vec<u8>,
    /// The index of the entry.
    pub index: u64,
    /// The proof that the log has it.
    pub proof: Vec<Hash>,
}

/// What came of a batch.
#[derive(Debug)]
pub struct Submitted {
    /// The signed note that the proofs lead to.
    pub note: Bytes,
    /// One for each bundle that is held, in the order in which they came.
    pub receipts: Vec<Receipted>,
    /// The bundles whose place another one has.
    pub conflicts: Vec<Digest>,
    /// How many were not in the log before.
    pub new: usize,
}

/// Verified bundles of one site.
#[derive(Debug)]
pub struct Submit {
    /// The site.
    pub site: SiteId,
    /// The bundles.
    pub bundles: Vec<Prepared>,
    /// What they take of the memory for bodies, given back once they are stored.
    pub share: Arc<Share>,
    /// Who waits for the receipts.
    pub reply: oneshot::Sender<Result<Submitted, WriteError>>,
}

impl Submit {
    /// How many bundles, and how many bytes they have.
    pub(in crate::writer) fn weight(&self) -> (usize, usize) {
        (self.bundles.len(), self.bundles.iter().map(|b| b.document.len() + b.signature.len()).sum())
    }

    pub(in crate::writer) fn stage(self, stage: &mut Stage<'_>) -> Result<Option<Finish>, LogError> {
        let Self { site, bundles, share: _share, reply } = self;
        let log = match stage.log(&site) {
            Ok(log) => log,
            Err(error) => {
                let _ = reply.send(Err(error));
                return Ok(None);
            }
        };
        let (mut receipts, mut conflicts, mut fresh) = (Vec::with_capacity(bundles.len()), Vec::new(), Vec::new());
        let before = stage.logs.stage(stage.connection, &site, log)?.size();
        // Mostly all of a batch are of one key.
        let mut last = None;
        for bundle in bundles {
            let digest = bundle.digest;
            let key = match last {
                Some((key, row)) if key == *bundle.key.ed25519() => row,
                _ => evidence::key(stage.connection, &site, bundle.key.ed25519())?,
            };
            last = Some((*bundle.key.ed25519(), key));
            match add(stage, &site, log, key, bundle, &mut fresh)? {
                Some((index, entry)) => receipts.push(Receipted { digest, entry, index, proof: Vec::new() }),
                None => conflicts.push(digest),
            }
        }
        // Opened above also where nothing is added: proofs are made from it.
        let after = stage.logs.stage(stage.connection, &site, log)?.size();
        let new = usize::try_from(after - before).unwrap_or(usize::MAX);
        let depot = stage.depot.clone();
        let finish = move |logs: &mut Logs| {
            for (key, sequence) in fresh {
                depot.held.insert(&site, &key, [sequence]);
            }
            // Without the files a proof could not be checked by anybody else: no answer, and the sender tries again.
            let (Some(open), Some(head)) = (logs.published(log), depot.heads.row(&site, log)) else { return };
            for receipt in &mut receipts {
                match open.prove(receipt.index) {
                    Ok(proof) => receipt.proof = proof,
                    Err(error) => return tracing::error!(%error, %site, "a proof could not be made"),
                }
            }
            let _ = reply.send(Ok(Submitted { note: head.note.clone(), receipts, conflicts, new }));
        };
        Ok(Some(Box::new(finish)))
    }
}

/// Adds a bundle, and its entry unless the log has that. `None` when its place is taken by another.
fn add(
    stage: &mut Stage<'_>,
    site: &SiteId,
    log: i64,
    key: i64,
    bundle: Prepared,
    fresh: &mut Vec<([u8; 32], u64)>,
) -> Result<Option<(u64, Vec<u8>)>, LogError> {
    let row = Row {
        key,
        sequence: bundle.sequence,
        digest: &bundle.digest,
        document: &bundle.document,
        signature: &bundle.signature,
    };
    let id = match evidence::add(stage.connection, row, stage.now)? {
        Added::New(id) => {
            fresh.push((*bundle.key.ed25519(), bundle.sequence));
            id
        }
        Added::Known(id) => match checkpoints::of_evidence(stage.connection, log, id)? {
            Some(found) => return Ok(Some(found)),
            // It is in a log that was lost or ended: this one says so too.
            None => id,
        },
        Added::Conflict => return Ok(None),
    };
    let entry = LogEntry::Evidence {
        schema: EntrySchema::V1,
        site: site.clone(),
        id: bundle.id,
        appliance: bundle.appliance,
        public_key: bundle.key,
        sequence: bundle.sequence,
        previous: bundle.previous,
        digest: bundle.digest,
        time: stage.now,
    }
    .canonical();
    let index = stage.append(site, log, entry.clone(), Names::Evidence(id))?;
    Ok(Some((index, entry)))
}
