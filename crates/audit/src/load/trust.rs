//! The trust roots: from the one that is given to the newest in the folder.

use std::collections::BTreeMap;

use writ_trust::digest::Digest;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::role::Role;
use writ_trust::root_chain::{ChainError, TrustChain};
use writ_trust::threshold::Tally;

use super::{directory, entries, is_signature_of, path_in, read, signatures, stray};
use crate::archive::Trust;
use crate::folder::{EntryKind, Folder};
use crate::problem::{Code, Problems};

/// A root as the folder holds it.
struct Stored {
    bytes: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

/// What follows when there is no trust chain.
const NOTHING: &str = "nothing else in the folder can be judged";

/// The chain of trust roots, if the first can be established.
pub fn load(root: &Folder, trust: &Trust, problems: &mut Problems) -> Option<TrustChain> {
    let stored =
        directory(root, "trust", "trust", problems).map(|folder| stored(&folder, problems)).unwrap_or_default();
    let first = match trust {
        Trust::Root(bytes) => bytes.clone(),
        Trust::Digest(digest) => match stored.values().find(|s| Digest::of(&s.bytes) == *digest) {
            Some(found) => found.bytes.clone(),
            None => {
                problems.bad(Code::Missing, "trust", format!("no trust root here has digest {digest}"), NOTHING);
                return None;
            }
        },
        Trust::Folder => match stored.first_key_value() {
            Some((version, found)) => {
                unpinned(*version, found, problems);
                found.bytes.clone()
            }
            None => {
                problems.bad(Code::Missing, "trust", "there is no trust root", NOTHING);
                return None;
            }
        },
    };
    let mut chain = match TrustChain::pinned(&first) {
        Ok(chain) => chain,
        Err(error) => {
            problems.bad(Code::Malformed, &place(&stored, &first), error, NOTHING);
            return None;
        }
    };
    walk(&mut chain, &first, &stored, problems);
    Some(chain)
}

/// Where a root that was given stands in the folder, if it does.
fn place(stored: &BTreeMap<u64, Stored>, bytes: &[u8]) -> String {
    let found = stored.iter().find(|(_, s)| s.bytes == bytes);
    found.map_or_else(|| "the trust root that was given".to_owned(), |(version, _)| format!("trust/{version}.json"))
}

fn stored(folder: &Folder, problems: &mut Problems) -> BTreeMap<u64, Stored> {
    let all = entries(folder, "trust", problems);
    let version_of = |name: &str| {
        let digits = name.strip_suffix(".json")?;
        let plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        if plain { digits.parse::<u64>().ok() } else { None }
    };
    let mut stored = BTreeMap::new();
    for entry in &all {
        let path = path_in("trust", &entry.name);
        let signature =
            || entry.name.split_once(".json").is_some_and(|(v, _)| is_signature_of(&format!("{v}.json"), &entry.name));
        match version_of(&entry.name) {
            Some(version) if entry.kind == EntryKind::File => {
                if let Some(bytes) = read(folder, &path, &entry.name, MAX_DOCUMENT, problems) {
                    let signatures = signatures(folder, "trust", &all, &entry.name, problems);
                    stored.insert(version, Stored { bytes, signatures });
                }
            }
            _ if entry.kind == EntryKind::File && signature() => {}
            _ => stray(entry, "trust", problems),
        }
    }
    stored
}

/// A first root that vouches for itself: that shows accidents, not attacks, and is said.
fn unpinned(version: u64, found: &Stored, problems: &mut Problems) {
    let path = format!("trust/{version}.json");
    problems.note(
        Code::Unpinned,
        &path,
        "the first trust root was taken from the folder that is being judged",
        "whoever made this folder could have made all of it: compare the root with one you were given \
         (`--trust FILE` or `--trust-digest`)",
    );
    let Ok(chain) = TrustChain::pinned(&found.bytes) else { return };
    let own = chain.newest();
    let tally = Tally::count(own, &found.bytes, &found.signatures, |key| key.serves(Role::Trust, None));
    if !tally.meets(own, Role::Trust) {
        let (code, what) = match found.signatures.len() {
            0 => (Code::Unsigned, "it has no signatures".to_owned()),
            n => (Code::Altered, format!("{} of its {n} signatures fit", tally.signers.len())),
        };
        let needed = own.threshold(Role::Trust);
        problems.bad(code, &path, format!("{what}, it asks for {needed}"), "not even its makers vouch for it");
    }
}

fn walk(chain: &mut TrustChain, first: &[u8], stored: &BTreeMap<u64, Stored>, problems: &mut Problems) {
    let pinned = chain.newest().version.get();
    if stored.get(&pinned).is_some_and(|s| s.bytes != first) {
        problems.bad(
            Code::Altered,
            &format!("trust/{pinned}.json"),
            "it differs from the trust root that was given",
            "the folder was not made under the root you trust; the given one was used",
        );
    }
    for (expected, (version, root)) in (pinned + 1..).zip(stored.range(pinned + 1..)) {
        let path = format!("trust/{expected}.json");
        if *version != expected {
            problems.bad(Code::Missing, &path, format!("version {version} is there, but not this one"), LATER);
            return;
        }
        if let Err(error) = chain.extend(&root.bytes, &root.signatures) {
            problems.bad(code_of(&error, root.signatures.is_empty()), &path, error, LATER);
            return;
        }
    }
}

/// What follows when a later root does not hold.
const LATER: &str = "what was made under it or a later one cannot be judged";

fn code_of(error: &ChainError, no_signatures: bool) -> Code {
    match error {
        ChainError::BelowPreviousThreshold { .. } | ChainError::BelowOwnThreshold { .. } if no_signatures => {
            Code::Unsigned
        }
        ChainError::BelowPreviousThreshold { .. } | ChainError::BelowOwnThreshold { .. } => Code::Altered,
        ChainError::TooManySignatures(_) | ChainError::Root(_) => Code::Malformed,
        ChainError::NotNext { .. }
        | ChainError::EpochFell { .. }
        | ChainError::KeyDropped { .. }
        | ChainError::RevocationUndone { .. }
        | ChainError::LogKeyNarrowed { .. }
        | ChainError::OriginsRewritten { .. } => Code::OutOfOrder,
    }
}
