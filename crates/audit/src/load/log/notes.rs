//! Judging the signed notes that the log, receipts and bundles bring: of which of the site's logs, and by whom.
//!
//! What is said of a note follows from its bytes alone, so threads may share what was judged.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use writ_trust::digest::Digest;
use writ_trust::history::revoked_at;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, log_keys_ever};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::note::{Line, Note, NoteKey};
use writ_trust::log::receipt::{Receipt, ReceiptError};
use writ_trust::minisign::PublicKey;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use super::book::source_of;
use super::claims::Source;
use crate::problem::Code;

/// How many judged notes are remembered. Bundles repeat the last checkpoint until a newer one is seen.
const REMEMBERED: usize = 1024;

/// The notes of one site's logs.
pub struct Notes<'a> {
    origins: &'a [String],
    keys: Vec<(PublicKey, Option<Time>)>,
    judged: Mutex<HashMap<Digest, (usize, SignedCheckpoint)>>,
}

/// The checkpoint in a note that counts, and the number of its log among the site's, from 1; or why it does not.
pub type JudgedNote = Result<(usize, SignedCheckpoint), NoteProblem>;

/// What a receipt shows that holds by itself; or why it does not.
pub type JudgedReceipt = Result<Acknowledged, NoteProblem>;

/// That a log held something under a checkpoint.
#[derive(Debug)]
pub struct Acknowledged {
    /// The number of the log among the site's, from 1.
    pub number: usize,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// When the log's key said that this is its head.
    pub fresh_at: Option<Time>,
    /// What sort of thing it held.
    pub source: Source,
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
        Self { origins, keys, judged: Mutex::new(HashMap::new()) }
    }

    /// The verifier keys of a log, `name+id+base64`, of all that could ever sign it.
    pub fn verifier_keys(&self, origin: &str) -> Vec<String> {
        self.keys.iter().map(|(key, _)| NoteKey::new(origin, key).verifier_key()).collect()
    }

    /// The checkpoint in a note, and the number of its log among the site's, from 1.
    pub fn judge(&self, note: &[u8]) -> JudgedNote {
        let digest = Digest::of(note);
        let known = || self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().get(&digest) {
            return Ok(known.clone());
        }
        let malformed = |error: CheckpointError| NoteProblem { code: Code::Malformed, what: error.to_string() };
        let parsed = Note::parse(note).map_err(|error| malformed(error.into()))?;
        let checkpoint = Checkpoint::parse(&parsed.text).map_err(malformed)?;
        let signed = match self.sound(&parsed, &checkpoint, note) {
            Some(signed) => signed,
            None => return Err(self.why_not(&parsed, &checkpoint.origin, note)),
        };
        let Some(index) = self.origins.iter().position(|known| *known == checkpoint.origin) else {
            let origin = checkpoint.origin;
            let what = format!("it is of the log {origin:?}, which the trust root does not name for this site");
            return Err(NoteProblem { code: Code::Foreign, what });
        };
        let mut known = known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(digest, (index + 1, signed.clone()));
        Ok((index + 1, signed))
    }

    /// The signed checkpoint, if a key of the log signed it and every line by the log's name holds; each is verified once.
    fn sound(&self, parsed: &Note, checkpoint: &Checkpoint, note: &[u8]) -> Option<SignedCheckpoint> {
        let keys: Vec<NoteKey> = self.keys.iter().map(|(key, _)| NoteKey::new(&checkpoint.origin, key)).collect();
        let (mut signed, mut fresh_at) = (false, None);
        for line in parsed.lines.iter().filter(|line| line.name == checkpoint.origin) {
            let alone = Note { text: parsed.text.clone(), lines: vec![line.clone()] };
            if keys.iter().any(|key| key.signed(&alone)) {
                signed = true;
            } else {
                fresh_at = fresh_at.max(Some(keys.iter().find_map(|key| key.cosigned(&alone))?));
            }
        }
        // Parsed as UTF-8 before.
        let note = String::from_utf8_lossy(note).into_owned();
        signed.then(|| SignedCheckpoint { checkpoint: checkpoint.clone(), note, fresh_at })
    }

    /// What is wrong with a note that is not sound.
    fn why_not(&self, parsed: &Note, origin: &str, note: &[u8]) -> NoteProblem {
        let keys: Vec<PublicKey> = self.keys.iter().map(|(key, _)| key.clone()).collect();
        let what = match SignedCheckpoint::verify(note, origin, &keys) {
            Err(error) => error.to_string(),
            Ok(_) if parsed.lines.iter().all(|line| line.name != origin || self.holds(parsed, line)) => {
                "no log key signed it".to_owned()
            }
            Ok(_) => {
                // Accepting a note takes only one line that holds; an audit wants to know of every one that does not.
                let what = "one of the lines by which its log signed it does not hold".to_owned();
                return NoteProblem { code: Code::Altered, what };
            }
        };
        // A line by the name of a log that does not hold was changed, or its text was.
        let by_a_log = |line: &Line| line.name == origin || self.origins.contains(&line.name);
        let code = if parsed.lines.iter().any(by_a_log) { Code::Altered } else { Code::Unsigned };
        NoteProblem { code, what }
    }

    /// Judges a receipt by itself; whether the log shown here is the one that gave it is known later.
    pub fn receipt(&self, bytes: &[u8], is_own: &dyn Fn(&LogEntry) -> bool) -> JudgedReceipt {
        let problem = |error: ReceiptError| NoteProblem { code: code_of(&error), what: error.to_string() };
        let receipt = Receipt::parse(bytes).map_err(problem)?;
        let (number, signed) = self.judge(receipt.checkpoint.as_bytes())?;
        let verified = receipt.verify_under(signed).map_err(problem)?;
        if !is_own(&verified.entry) {
            let what = format!("it is the receipt of something else ({})", verified.entry.digest());
            return Err(NoteProblem { code: Code::Foreign, what });
        }
        let SignedCheckpoint { checkpoint, fresh_at, .. } = verified.checkpoint;
        Ok(Acknowledged { number, checkpoint, fresh_at, source: source_of(&verified.entry) })
    }

    /// Whether a line by itself is a signature or a cosignature of one of the keys.
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

fn code_of(error: &ReceiptError) -> Code {
    match error {
        ReceiptError::TooLarge(_) | ReceiptError::Document(_) | ReceiptError::Member(_) | ReceiptError::Entry(_) => {
            Code::Malformed
        }
        ReceiptError::Checkpoint(_) | ReceiptError::Proof { .. } => Code::Altered,
    }
}
