//! The files of a working tree as a commit of all of it would hold them: edits and new files count, and what git ignores
//! does not. So both sides of a comparison see the same kinds of files, and nothing is written into the tree.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::lay::{MOST_BYTES, created};

/// The mode of a commit of another repository in git's index.
const SUBMODULE: &str = "160000";

/// Files of a working tree, by their paths in it; whether git tracks them.
pub type Listed = BTreeMap<PathBuf, bool>;

/// From what git lists: `mode SP object SP stage TAB path` of each file that it tracks, and the paths of those that it
/// neither tracks nor ignores; each ends with a null byte. An error where a file is in another repository.
pub fn listed(tracked: &[u8], others: &[u8]) -> Result<Listed, String> {
    let mut files = Listed::new();
    for path in paths(others) {
        // A repository within the tree: a commit would hold its name, and none of its files.
        if !path.ends_with(b"/") {
            files.insert(path_of(path), false);
        }
    }
    for line in paths(tracked) {
        let (facts, path) = line
            .iter()
            .position(|byte| *byte == b'\t')
            .map_or((line, &line[..0]), |tab| (&line[..tab], &line[tab + 1..]));
        let path = path_of(path);
        if facts.starts_with(SUBMODULE.as_bytes()) {
            return Err(format!("{} is a submodule, whose files are in another repository", path.display()));
        }
        files.insert(path, true);
    }
    Ok(files)
}

fn paths(listing: &[u8]) -> impl Iterator<Item = &[u8]> {
    listing.split(|byte| *byte == 0).filter(|path| !path.is_empty())
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Copies files below `from` to below `to`, which is empty; links as links, and last. A file that is not there any more,
/// as git may list one, is left out.
pub fn copied(files: &Listed, from: &Path, to: &Path) -> io::Result<()> {
    let (mut plain, mut links, mut total) = (HashSet::new(), Vec::new(), 0u64);
    for path in files.keys() {
        let failed = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        if !is_below_folders(from, path, &mut plain) {
            continue;
        }
        let source = from.join(path);
        let Ok(found) = fs::symlink_metadata(&source) else { continue };
        if found.is_symlink() {
            links.push((fs::read_link(&source).map_err(failed)?, path));
        } else if found.is_file() {
            total = total.saturating_add(found.len());
            if total > MOST_BYTES {
                return Err(failed(io::Error::other("too large")));
            }
            // As git has it: who owns a file may run it, or nobody may.
            let mode = if found.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
            let mut file = fs::File::open(&source).map_err(failed)?;
            io::copy(&mut file, &mut created(to, path, mode)?).map_err(failed)?;
        }
    }
    for (target, path) in links {
        super::lay::folder_of(to, path)?;
        symlink(target, to.join(path))?;
    }
    Ok(())
}

/// Whether there are only folders on the way to a path, and no link: what lies behind one is not of this tree.
fn is_below_folders<'p>(root: &Path, path: &'p Path, known: &mut HashSet<&'p Path>) -> bool {
    let mut folders: Vec<&Path> = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()).collect();
    folders.reverse();
    folders.into_iter().all(|folder| {
        let is_folder = || fs::symlink_metadata(root.join(folder)).is_ok_and(|found| found.is_dir());
        known.contains(folder) || (is_folder() && known.insert(folder))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tracked_or_not_ignored_is_listed() {
        let tracked = b"100644 aa 0\ta b\n\x00100755 bb 1\tx\x00100755 cc 2\tx\x00120000 dd 0\tlink\0";
        let files = listed(tracked, b"new\0inner/\0").unwrap();
        let files: Vec<(&str, bool)> = files.iter().map(|(path, is)| (path.to_str().unwrap(), *is)).collect();
        assert_eq!(files, [("a b\n", true), ("link", true), ("new", false), ("x", true)]);
        assert!(listed(b"160000 aa 0\tshared\0", b"").unwrap_err().contains("shared is a submodule"));
    }

    #[test]
    fn files_are_copied_with_what_they_may_do_and_nothing_behind_a_link_is() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to, outside) = (folder.path().join("from"), folder.path().join("to"), folder.path().join("outside"));
        for made in [&from.join("a"), &to, &outside] {
            fs::create_dir_all(made).unwrap();
        }
        for (name, mode) in [("a/program", 0o744), ("a/text", 0o666), ("a/not-listed", 0o644)] {
            fs::write(from.join(name), name).unwrap();
            fs::set_permissions(from.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::write(outside.join("x"), "outside").unwrap();
        symlink(&outside, from.join("link")).unwrap();
        let names = ["a/program", "a/text", "link", "link/x", "gone", "gone/x", "a/text/x"];
        let files: Listed = names.iter().map(|name| (PathBuf::from(name), true)).collect();
        copied(&files, &from, &to).unwrap();
        let runs = |name: &str| fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o111 != 0;
        assert_eq!((runs("a/program"), runs("a/text")), (true, false));
        assert_eq!(fs::read_link(to.join("link")).unwrap(), outside);
        assert!(!to.join("a/not-listed").exists() && !to.join("gone").exists());
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    }
}
