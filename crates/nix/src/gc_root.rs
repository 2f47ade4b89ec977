//! Links that keep a store path, and all it refers to, from Nix's garbage collector.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Ends the name under which a link is made before it takes its place.
const TEMPORARY_SUFFIX: &str = ".writ-tmp";

/// Makes (or turns) a link to a store path, which need not be there yet. Durable. For the garbage collector to see it,
/// the link must be within `/nix/var/nix/gcroots`.
pub fn add(link: &Path, store_path: &str) -> io::Result<()> {
    let folder = link.parent().unwrap_or(Path::new("/"));
    writ_durable::create_directories(folder)?;
    let mut name = link.file_name().unwrap_or_default().to_owned();
    name.push(TEMPORARY_SUFFIX);
    let temporary = link.with_file_name(name);
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => symlink(store_path, &temporary)?,
    }
    fs::rename(&temporary, link)?;
    writ_durable::sync_directory(folder)
}

/// Removes a link. Durable; one that is not there is fine.
pub fn remove(link: &Path) -> io::Result<()> {
    writ_durable::remove(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_may_precede_its_target_and_can_be_turned() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("a/b/candidate");
        add(&link, "/nix/store/one").unwrap();
        add(&link, "/nix/store/two").unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("/nix/store/two"));
        remove(&link).unwrap();
        remove(&link).unwrap();
        assert_eq!(fs::read_dir(link.parent().unwrap()).unwrap().count(), 0);
    }
}
