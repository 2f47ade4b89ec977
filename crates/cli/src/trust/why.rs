//! Why a root differs from the one before: a line beside the draft, which every signer's trusted comment then carries.
//!
//! The root itself says what counts, and older appliances must be able to read it, so the words stand in the signatures: a
//! trusted comment is signed, and decides nothing.

use std::path::{Path, PathBuf};

use writ_trust::minisign::{KeyId, Signature};
use writ_trust::text::one_line;

use crate::failure::{Failure, Outcome};
use crate::files;

/// The longest such line, in bytes: trusted comments are short.
const LONGEST: usize = 1000;
/// What stands before it in a trusted comment.
const BEFORE: &str = "; why: ";

fn path(root: &Path) -> PathBuf {
    root.with_file_name(format!("{}.why", files::name_of(root)))
}

/// Writes the line beside a draft.
pub fn write(root: &Path, line: &str) -> Outcome<()> {
    files::replace(&path(root), format!("{line}\n").as_bytes(), 0o644, "the reason")
}

/// The line beside a draft, if there is one.
pub fn read(root: &Path) -> Outcome<Option<String>> {
    let path = path(root);
    let Some(bytes) = files::read_if_there(&path, LONGEST, "the reason")? else { return Ok(None) };
    let text = String::from_utf8(bytes).unwrap_or_default();
    let text = text.trim_end_matches('\n');
    if text.is_empty() || one_line(text) != text {
        return Err(Failure::refused("the reason beside this root is not one line of text")
            .at(path.display())
            .next("write it anew, or remove it"));
    }
    Ok(Some(text.to_owned()))
}

/// The trusted comment of a signature over a root, with the reason if there is one.
pub fn comment(version: impl std::fmt::Display, epoch: impl std::fmt::Display, why: Option<&str>) -> String {
    let why = why.map_or_else(String::new, |why| format!("{BEFORE}{why}"));
    format!("trust version={version} epoch={epoch}{why}")
}

/// What a signature's trusted comment says of a key.
pub fn of_key(signature: &Signature, key: KeyId) -> Option<String> {
    let (_, why) = signature.trusted_comment().split_once(BEFORE)?;
    let prefix = format!("{key}: ");
    why.split("; ").find_map(|part| part.strip_prefix(&prefix)).map(one_line)
}
