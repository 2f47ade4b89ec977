//! Which trust roots a command about keys looks at: a folder with its chain, or one file.

use std::path::{Path, PathBuf};

use writ_trust::json::MAX_DOCUMENT;
use writ_trust::root::TrustRoot;
use writ_trust::root_chain::TrustChain;

use crate::failure::{Failure, Outcome};
use crate::files;
use crate::trust::folder;

/// The newest root of a folder, whose chain must hold, or the one in a file, taken as it is.
pub fn newest(path: &Path) -> Outcome<TrustRoot> {
    if path.is_dir() {
        return Ok(folder::read(path)?.chain()?.newest().clone());
    }
    let bytes = files::read(path, MAX_DOCUMENT, "the trust root")?;
    folder::parse(path, &bytes)
}

/// The chain of a folder, or of the folder that a file is in, which must be the newest there; and that folder.
pub fn chain(path: &Path) -> Outcome<(TrustChain, PathBuf)> {
    if path.is_dir() {
        return Ok((folder::read(path)?.chain()?, path.to_owned()));
    }
    let root = folder::parse(path, &files::read(path, MAX_DOCUMENT, "the trust root")?)?;
    let parent = files::parent_of(path);
    let chain = folder::read(parent)?.chain()?;
    let newest = chain.newest().version;
    if root != *chain.newest() {
        return Err(Failure::refused(format!("trust root {} is not the newest of its folder", root.version))
            .at(path.display())
            .because(format!("that is {newest}, and each root follows the newest"))
            .next(format!("--trust {}", parent.join(format!("{newest}.json")).display())));
    }
    Ok((chain, parent.to_owned()))
}
