//! One bundle and what lies beside it, read and judged by itself: the dear part of an audit, which needs to know of no other
//! bundle and so may be done on any thread.

use writ_evidence::BundleId;
use writ_evidence::bundle::MAX_BUNDLE;
use writ_evidence::chain::{Authentic, Speaker, VerifyError, authenticate_digested, file_name};
use writ_trust::digest::Digest;
use writ_trust::json::MAX_SIGNATURE;
use writ_trust::key_register::KeyRecord;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::receipt::MAX_RECEIPT;
use writ_trust::minisign;

use super::log::Judged;
use super::log::notes::{JudgedNote, JudgedReceipt, Notes};
use super::names::Name;
use super::{path_in, read};
use crate::folder::Folder;
use crate::problem::{Code, Problems};

/// What follows when a bundle does not count.
const CONSEQUENCE: &str = "what it says was not counted";

/// What a file of a bundle holds.
pub enum Found {
    /// A bundle that verified, its signature, and the bytes that both have.
    Authentic(Box<Authentic>, Vec<u8>, u64),
    /// Something that the key signed, in a schema that is not known here.
    OtherSchema,
    /// Nothing that counts: why was told of.
    Bad,
}

impl Found {
    /// As the log's book has it.
    pub fn judged(&self) -> Judged {
        match self {
            Self::Authentic(..) => Judged::Verified,
            Self::OtherSchema => Judged::OtherSchema,
            Self::Bad => Judged::Bad,
        }
    }
}

/// What came of reading a bundle.
pub struct BundleFile {
    /// Where it is.
    pub path: String,
    /// What it is.
    pub found: Found,
    /// Of its bytes; null when they could not be read.
    pub digest: Option<Digest>,
    /// The receipt beside it, if it could be read.
    pub receipt: Option<JudgedReceipt>,
    /// The last checkpoint that it names.
    pub seen: Option<JudgedNote>,
    /// What is wrong with the files.
    pub problems: Problems,
}

/// Reads the bundles of one key.
pub struct Reader<'r> {
    /// Where they lie.
    pub folder: &'r Folder,
    /// The path of that in the audit folder.
    pub path: &'r str,
    /// The key.
    pub key: &'r KeyRecord,
    /// What judges receipts and checkpoints; null where the site has no log.
    pub notes: Option<&'r Notes<'r>>,
}

impl Reader<'_> {
    /// Reads and judges one.
    pub fn read(&self, name: &Name) -> BundleFile {
        let Name { sequence, id, receipted } = *name;
        let file = file_name(sequence, id);
        let (path, mut problems, mut digest) = (path_in(self.path, &file), Problems::default(), None);
        let found = self.authentic(&path, &file, (sequence, id), &mut digest, &mut problems);
        let (mut receipt, mut seen) = (None, None);
        if let Some(notes) = self.notes {
            if receipted {
                receipt = self.receipt(notes, &file, found.judged(), digest, &mut problems);
            }
            if let Found::Authentic(authentic, ..) = &found {
                seen = authentic.bundle.last_checkpoint.as_ref().map(|note| notes.judge(note.as_bytes()));
            }
        }
        BundleFile { path, found, digest, receipt, seen, problems }
    }

    fn receipt(
        &self,
        notes: &Notes,
        bundle: &str,
        judged: Judged,
        digest: Option<Digest>,
        problems: &mut Problems,
    ) -> Option<JudgedReceipt> {
        let name = bundle.replace(".json", ".receipt.json");
        let bytes = read(self.folder, &path_in(self.path, &name), &name, MAX_RECEIPT, problems)?;
        // What a bundle that is not as it was signed should have been is not known, so its receipt stands by itself.
        let own = |entry: &LogEntry| match entry {
            LogEntry::Evidence { digest: logged, .. } => judged == Judged::Bad || Some(*logged) == digest,
            _ => false,
        };
        Some(notes.receipt(&bytes, &own))
    }

    /// The bundle, if it verifies; `digest` becomes that of its bytes in any case.
    fn authentic(
        &self,
        path: &str,
        name: &str,
        named: (u64, BundleId),
        digest: &mut Option<Digest>,
        problems: &mut Problems,
    ) -> Found {
        let Some(bytes) = read(self.folder, path, name, MAX_BUNDLE, problems) else { return Found::Bad };
        let own = Digest::of(&bytes);
        *digest = Some(own);
        let signature_name = format!("{name}.minisig");
        let signature_path = path_in(self.path, &signature_name);
        let Some(signature) = read(self.folder, &signature_path, &signature_name, MAX_SIGNATURE, problems) else {
            if problems.bad == 0 {
                problems.bad(Code::Unsigned, path, "its signature file is not there", CONSEQUENCE);
            }
            return Found::Bad;
        };
        let KeyRecord { site, appliance, public_key, .. } = self.key;
        match authenticate_digested(&bytes, own, &signature, &Speaker { site, appliance, public_key }) {
            Ok(authentic) if (authentic.bundle.chain.sequence, authentic.bundle.bundle_id) != named => {
                let own = file_name(authentic.bundle.chain.sequence, authentic.bundle.bundle_id);
                problems.bad(Code::OutOfOrder, path, format!("it is {own}, under another name"), CONSEQUENCE);
                Found::Bad
            }
            Ok(authentic) => {
                let size = (bytes.len() + signature.len()) as u64;
                Found::Authentic(Box::new(authentic), signature, size)
            }
            Err(error @ VerifyError::OtherSchema(_)) => {
                problems.note(Code::UnknownSchema, path, error, "it is signed, but not assessable here");
                Found::OtherSchema
            }
            Err(error) => {
                let place = if is_of_signature(&error) { &signature_path } else { path };
                problems.bad(code_of(&error), place, error, CONSEQUENCE);
                Found::Bad
            }
        }
    }
}

/// Whether it is seen that the signature's file was changed, and not the bundle.
fn is_of_signature(error: &VerifyError) -> bool {
    matches!(error, VerifyError::SignatureFile(_) | VerifyError::BadSignature(minisign::VerifyError::CommentForged))
}

/// The sort of problem that a bundle has which does not verify.
pub fn code_of(error: &VerifyError) -> Code {
    match error {
        VerifyError::SignatureFile(_) | VerifyError::BadSignature(_) => Code::Altered,
        VerifyError::OtherKey { .. } | VerifyError::ForeignKey => Code::UnknownKey,
        VerifyError::ForeignSite { .. } | VerifyError::ForeignAppliance { .. } => Code::Foreign,
        VerifyError::TooLarge(_) | VerifyError::Malformed(_) | VerifyError::Invalid(_) => Code::Malformed,
        VerifyError::OtherSchema(_) => Code::UnknownSchema,
    }
}
