//! Judging the signed notes that the log, receipts and bundles bring: of which of the site's logs, and by whom.

use std::collections::HashMap;

use writ_trust::digest::Digest;
use writ_trust::history::revoked_at;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, log_keys_ever};
use writ_trust::log::note::{Line, Note, NoteKey};
use writ_trust::minisign::PublicKey;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use crate::problem::Code;

/// How many judged notes are remembered. Bundles repeat the last checkpoint until a newer one is seen.
const REMEMBERED: usize = 1024;

/// The notes of one site's logs.
pub struct Notes<'a> {
    origins: &'a [String],
    keys: Vec<(PublicKey, Option<Time>)>,
    judged: HashMap<Digest, (usize, SignedCheckpoint)>,
}

/// Why a note does not count.
#[derive(Debug)]
pub struct NoteProblem {
    /// Its sort.
    pub code: Code,
    /// In one line.
    pub what: String,
}

impl<'a> Notes<'a> {
    /// The notes of a site that has logs of these origins.
    pub fn new(chain: &TrustChain, site: &SiteId, origins: &'a [String]) -> Self {
        let keys = log_keys_ever(chain, site);
        let keys = keys.into_iter().map(|key| (key.clone(), revoked_at(chain, &key))).collect();
        Self { origins, keys, judged: HashMap::new() }
    }

    /// The verifier keys of a log, `name+id+base64`, of all that could ever sign it.
    pub fn verifier_keys(&self, origin: &str) -> Vec<String> {
        self.keys.iter().map(|(key, _)| NoteKey::new(origin, key).verifier_key()).collect()
    }

    /// The checkpoint in a note, and the number of its log among the site's, from 1.
    pub fn judge(&mut self, note: &[u8]) -> Result<(usize, SignedCheckpoint), NoteProblem> {
        let digest = Digest::of(note);
        if let Some(known) = self.judged.get(&digest) {
            return Ok(known.clone());
        }
        let malformed = |error: CheckpointError| NoteProblem { code: Code::Malformed, what: error.to_string() };
        let parsed = Note::parse(note).map_err(|error| malformed(error.into()))?;
        let Checkpoint { origin, .. } = Checkpoint::parse(&parsed.text).map_err(malformed)?;
        let keys: Vec<PublicKey> = self.keys.iter().map(|(key, _)| key.clone()).collect();
        let signed = SignedCheckpoint::verify(note, &origin, &keys).map_err(|error| NoteProblem {
            // A line by the name of a log that does not hold was changed, or its text was.
            code: if parsed.lines.iter().any(|line| line.name == origin || self.origins.contains(&line.name)) {
                Code::Altered
            } else {
                Code::Unsigned
            },
            what: error.to_string(),
        })?;
        if !parsed.lines.iter().all(|line| line.name != origin || self.holds(&parsed, line)) {
            let what = "one of the lines by which its log signed it does not hold".to_owned();
            return Err(NoteProblem { code: Code::Altered, what });
        }
        let Some(index) = self.origins.iter().position(|known| *known == origin) else {
            let what = format!("it is of the log {origin:?}, which the trust root does not name for this site");
            return Err(NoteProblem { code: Code::Foreign, what });
        };
        if self.judged.len() == REMEMBERED {
            self.judged.clear();
        }
        self.judged.insert(digest, (index + 1, signed.clone()));
        Ok((index + 1, signed))
    }

    /// Whether a line by itself is a signature or a cosignature of one of the keys. Accepting a note takes only one line
    /// that holds; an audit wants to know of every one that does not.
    fn holds(&self, note: &Note, line: &Line) -> bool {
        let alone = Note { text: note.text.clone(), lines: vec![line.clone()] };
        let keys = self.keys.iter().map(|(key, _)| NoteKey::new(&line.name, key));
        keys.into_iter().any(|key| key.signed(&alone) || key.cosigned(&alone).is_some())
    }

    /// If none but revoked keys signed a note that counts: the earliest of their revocations.
    pub fn only_revoked(&self, signed: &SignedCheckpoint) -> Option<Time> {
        let note = Note::parse(signed.note.as_bytes()).ok()?;
        let by = |key: &PublicKey| NoteKey::new(&signed.checkpoint.origin, key).signed(&note);
        let signers: Vec<Option<Time>> = self.keys.iter().filter(|(key, _)| by(key)).map(|(_, at)| *at).collect();
        if signers.iter().any(Option::is_none) { None } else { signers.into_iter().flatten().min() }
    }
}
