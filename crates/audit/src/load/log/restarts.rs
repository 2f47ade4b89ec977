//! The orders by which one log of a site took over from another.

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::restart::{LogRestart, RestartError};
use writ_trust::root_chain::TrustChain;

use crate::folder::Folder;
use crate::load::{entries, path_in, read, signatures};
use crate::problem::{Code, Problems};

/// The name of the order in the folder of the log that takes over.
pub const DOCUMENT: &str = "restart.json";
/// What follows when there is none that counts.
const CONSEQUENCE: &str = "whoever runs the depot could have begun it anew to be rid of what the log before held";

/// A restart that counts, and the digest of its exact bytes.
pub type Restarted = (LogRestart, Digest);

/// Reads the order by which a log of this origin follows the one before it.
pub fn load(
    folder: &Folder,
    path: &str,
    chain: &TrustChain,
    site: &SiteId,
    origin: &str,
    problems: &mut Problems,
) -> Option<Restarted> {
    let document = path_in(path, DOCUMENT);
    let before = problems.bad;
    let Some(bytes) = read(folder, &document, DOCUMENT, MAX_DOCUMENT, problems) else {
        if problems.bad == before {
            problems.bad(
                Code::Missing,
                &document,
                "the order of the trust keys to begin this log is not here",
                CONSEQUENCE,
            );
        }
        return None;
    };
    let all = entries(folder, path, problems);
    let signatures = signatures(folder, path, &all, DOCUMENT, problems);
    match LogRestart::verify(&bytes, &signatures, chain, site) {
        Ok(restart) if restart.origin != origin => {
            let what = format!("it begins the log {:?}, in the folder of {origin:?}", restart.origin);
            problems.bad(Code::Foreign, &document, what, CONSEQUENCE);
            None
        }
        Ok(restart) => Some((restart, Digest::of(&bytes))),
        Err(error) => {
            problems.bad(code_of(&error, signatures.is_empty()), &document, &error, CONSEQUENCE);
            None
        }
    }
}

fn code_of(error: &RestartError, no_signatures: bool) -> Code {
    match error {
        // Signatures that do not fit the bytes: one of the two was changed.
        RestartError::BelowThreshold { found: 0, .. } if !no_signatures => Code::Altered,
        RestartError::BelowThreshold { .. } => Code::Unsigned,
        RestartError::TooManySignatures(_) | RestartError::Document(_) => Code::Malformed,
        RestartError::Site { .. } => Code::Foreign,
        RestartError::Origins { .. } => Code::OutOfOrder,
    }
}
