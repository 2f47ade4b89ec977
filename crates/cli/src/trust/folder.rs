//! The folder of trust roots: `<version>.json` and `<version>.json.<key id>.minisig`.

use std::path::{Path, PathBuf};

use writ_trust::json::MAX_DOCUMENT;
use writ_trust::numbers::TrustVersion;
use writ_trust::role::Role;
use writ_trust::root::TrustRoot;
use writ_trust::root_chain::TrustChain;
use writ_trust::threshold::Tally;

use crate::failure::{Failure, Outcome};
use crate::files;
use crate::signatures::{self, SignatureFile};

/// The most roots read from one folder: at one a month, a lifetime.
const MAX_ROOTS: usize = 1000;

/// One root as it was read.
pub struct RootFile {
    /// Where it is.
    pub path: PathBuf,
    /// The version that its name states.
    pub version: TrustVersion,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// The signature files beside it.
    pub signatures: Vec<SignatureFile>,
}

/// The roots of a folder, oldest first.
pub struct Folder {
    path: PathBuf,
    /// The roots.
    pub roots: Vec<RootFile>,
}

/// Reads every root of a folder.
pub fn read(path: &Path) -> Outcome<Folder> {
    let mut roots = Vec::new();
    for path in files::list(path)? {
        let name = files::name_of(&path);
        let Some(version) = name.strip_suffix(".json").and_then(|v| v.parse::<TrustVersion>().ok()) else { continue };
        if roots.len() == MAX_ROOTS {
            return Err(Failure::refused(format!("more than {MAX_ROOTS} trust roots")).at(path.display()));
        }
        let bytes = files::read_shared(&path, MAX_DOCUMENT, "a trust root")?;
        let signatures = signatures::of(&path)?;
        roots.push(RootFile { path, version, bytes, signatures });
    }
    roots.sort_by_key(|root| root.version);
    Ok(Folder { path: path.to_owned(), roots })
}

/// Reads one root's bytes.
pub fn parse(path: &Path, bytes: &[u8]) -> Outcome<TrustRoot> {
    TrustRoot::parse(bytes)
        .map_err(|e| Failure::refused("this is not a usable trust root").at(path.display()).because(e))
}

/// How many of a root's own trust keys signed it, and how many must.
pub fn own_signatures(path: &Path, root: &TrustRoot, bytes: &[u8]) -> Outcome<(usize, u32)> {
    let tally = own_tally(root, bytes, &signatures::of(path)?);
    Ok((tally.signers.len(), root.threshold(Role::Trust)))
}

fn own_tally(root: &TrustRoot, bytes: &[u8], signatures: &[SignatureFile]) -> Tally {
    Tally::count(root, bytes, signatures, |key| {
        key.serves(Role::Trust, None)?;
        key.revoked_at.map_or(Ok(()), |at| Err(writ_trust::root::KeyProblem::Revoked(at)))
    })
}

impl Folder {
    /// No folder at all: a pinned root stands alone.
    pub fn empty() -> Self {
        Self { path: PathBuf::new(), roots: Vec::new() }
    }

    /// The chain from the folder's own first root, which must at least be signed by its own trust keys.
    pub fn chain(&self) -> Outcome<TrustChain> {
        let Some(first) = self.roots.first() else {
            return Err(Failure::could_not("there is no trust root here")
                .at(self.path.display())
                .because("expected <version>.json")
                .next("make the first one with `writ trust init --out DIR/trust/1.json`"));
        };
        let root = parse(&first.path, &first.bytes)?;
        let tally = own_tally(&root, &first.bytes, &first.signatures);
        if !tally.meets(&root, Role::Trust) {
            let (have, need) = (tally.signers.len(), root.threshold(Role::Trust));
            let mut failure = Failure::refused(format!("this trust root has {have} of the {need} signatures it needs"))
                .at(first.path.display());
            if !tally.rejected.is_empty() {
                failure = failure.because(&tally);
            }
            return Err(failure.next(format!("writ trust sign {} --key NAME.key", first.path.display())));
        }
        self.chain_from(&first.bytes, &first.path)
    }

    /// The chain from a pinned root through the folder's later ones.
    pub fn chain_from(&self, pinned: &[u8], pinned_path: &Path) -> Outcome<TrustChain> {
        let mut chain = TrustChain::pinned(pinned)
            .map_err(|e| Failure::refused("this is not a usable trust root").at(pinned_path.display()).because(e))?;
        let first = chain.newest().version;
        for file in self.roots.iter().filter(|file| file.version >= first) {
            chain.extend(&file.bytes, &file.signatures).map_err(|e| {
                Failure::refused("this trust root does not continue the chain")
                    .at(file.path.display())
                    .because(e)
                    .next(format!("see who signed it: writ trust show {}", self.path.display()))
            })?;
        }
        Ok(chain)
    }
}
