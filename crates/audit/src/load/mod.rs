//! Reading the parts of an audit folder, in the order in which each vouches for the next: trust roots, releases,
//! documents, evidence, the logs that hold all of it, and batches of logs of machines.

pub mod attestations;
pub mod bundle_checks;
pub mod bundle_file;
pub mod clock_doubts;
pub mod documents;
pub mod evidence;
pub mod incidents;
pub mod log;
pub mod log_batches;
pub mod names;
pub mod ordered;
pub mod releases;
pub mod revoked;
pub mod trust;

use writ_trust::json::MAX_SIGNATURE;
use writ_trust::threshold::MAX_SIGNATURES;

use crate::folder::{Entry, EntryKind, Folder, FolderError};
use crate::problem::{Code, Problems};

/// The path of something in the audit folder as reports write it.
pub fn path_in(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// The entries of a directory; what cannot be listed is a problem and counts as empty.
pub fn entries(folder: &Folder, directory: &str, problems: &mut Problems) -> Vec<Entry> {
    folder.entries().unwrap_or_else(|error| {
        problems.bad(Code::Unreadable, directory, error, "nothing in it was judged");
        Vec::new()
    })
}

/// A directory within; what cannot be opened is a problem and counts as absent.
pub fn directory(folder: &Folder, path: &str, name: &str, problems: &mut Problems) -> Option<Folder> {
    folder.directory(name).unwrap_or_else(|error| {
        problems.bad(Code::Unreadable, path, error, "nothing in it was judged");
        None
    })
}

/// A file within; what cannot be read is a problem and counts as absent.
pub fn read(folder: &Folder, path: &str, name: &str, limit: usize, problems: &mut Problems) -> Option<Vec<u8>> {
    folder.read(name, limit).unwrap_or_else(|error| {
        let code = if matches!(error, FolderError::TooLarge { .. }) { Code::Malformed } else { Code::Unreadable };
        problems.bad(code, path, error, "it was not judged");
        None
    })
}

/// Whether an entry is one of a document's signature files: `<document>.minisig` or `<document>.<key id>.minisig`.
pub fn is_signature_of(document: &str, name: &str) -> bool {
    let Some(middle) = name.strip_prefix(document).and_then(|rest| rest.strip_suffix(".minisig")) else { return false };
    middle.is_empty()
        || middle.strip_prefix('.').is_some_and(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The signature files of a document, at most one more than are ever looked at.
pub fn signatures(
    folder: &Folder,
    directory: &str,
    all: &[Entry],
    document: &str,
    problems: &mut Problems,
) -> Vec<Vec<u8>> {
    all.iter()
        .filter(|e| e.kind == EntryKind::File && is_signature_of(document, &e.name))
        .take(MAX_SIGNATURES + 1)
        .filter_map(|e| read(folder, &path_in(directory, &e.name), &e.name, MAX_SIGNATURE, problems))
        .collect()
}

/// What is said of an entry that has no business where it is.
pub fn stray(entry: &Entry, directory: &str, problems: &mut Problems) {
    let path = path_in(directory, &entry.name);
    match entry.kind {
        EntryKind::Other => problems.bad(
            Code::Unreadable,
            &path,
            "a symbolic link, a device, or a name that this layout does not use",
            "it was not opened; a folder that was handed over holds plain files only",
        ),
        EntryKind::File | EntryKind::Directory => {
            problems.note(Code::Unexpected, &path, "it belongs to nothing in this layout", "it was ignored");
        }
    }
}
