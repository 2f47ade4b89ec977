//! Files of a commit, laid into a folder: whatever its tree says, nothing is written outside of the folder or through a
//! link.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

/// The most bytes that are laid out.
pub const MOST_BYTES: u64 = 2 << 30;
/// The longest target of a link, in bytes: the kernel knows no longer one.
const LONGEST_LINK: u64 = 4096;

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Program,
    Link,
    /// A commit of another repository.
    Submodule,
}

/// One entry of a listing.
#[derive(Debug)]
pub struct Entry {
    kind: Kind,
    /// The object that holds it, in hexadecimal digits.
    pub object: String,
    path: PathBuf,
}

impl Entry {
    /// From `mode SP type SP object TAB path`.
    pub fn read(line: &[u8]) -> Option<Self> {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let (facts, path) = (std::str::from_utf8(&line[..tab]).ok()?, &line[tab + 1..]);
        let mut facts = facts.split(' ');
        let (mode, _, object) = (facts.next()?, facts.next()?, facts.next()?);
        let is_hex = object.chars().all(|c| c.is_ascii_hexdigit());
        let kind = match mode {
            "120000" => Kind::Link,
            "160000" => Kind::Submodule,
            "100755" => Kind::Program,
            _ => Kind::File,
        };
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(path));
        is_hex.then(|| Self { kind, object: object.to_owned(), path })
    }
}

/// Refuses a tree that cannot be laid out as it is: one with the commit of another repository in it, and one that only a
/// forger makes, where a file is in the way of another or a path leads elsewhere.
pub fn sound(entries: &[Entry]) -> Result<(), String> {
    let mut known: HashMap<&Path, Kind> = HashMap::new();
    for entry in entries {
        let shown = entry.path.display();
        if entry.kind == Kind::Submodule {
            return Err(format!("{shown} is a submodule, whose files are in another repository"));
        }
        if !entry.path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(format!("{shown} is no path within a tree"));
        }
        if known.insert(&entry.path, entry.kind).is_some() {
            return Err(format!("{shown} is there twice"));
        }
    }
    let blocked = |entry: &&Entry| entry.path.ancestors().skip(1).any(|folder| known.contains_key(folder));
    match entries.iter().find(blocked) {
        Some(entry) => Err(format!("{} is below a file or a link", entry.path.display())),
        None => Ok(()),
    }
}

/// Writes entries that are [`sound`] below `root`, as `git cat-file --batch` gives them; links last.
pub fn written(entries: &[Entry], mut objects: impl BufRead, root: &Path) -> io::Result<()> {
    let (mut links, mut total) = (Vec::new(), 0u64);
    for entry in entries {
        let failed = |what: &str| io::Error::other(format!("{}: {what}", entry.path.display()));
        let mut line = String::new();
        objects.by_ref().take(200).read_line(&mut line)?;
        let size = line.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok());
        let size = size
            .filter(|_| line.contains(" blob "))
            .ok_or_else(|| failed("git has no such file (a partial clone?)"))?;
        total = total.saturating_add(size);
        let most = if entry.kind == Kind::Link { LONGEST_LINK } else { MOST_BYTES };
        if total > MOST_BYTES || size > most {
            return Err(failed("too large"));
        }
        let mut content = objects.by_ref().take(size);
        let copied = if entry.kind == Kind::Link {
            let mut target = Vec::new();
            let copied = content.read_to_end(&mut target)? as u64;
            links.push((target, &entry.path));
            copied
        } else {
            let mode = if entry.kind == Kind::Program { 0o755 } else { 0o644 };
            io::copy(&mut content, &mut created(root, &entry.path, mode)?)?
        };
        let mut end = [0];
        objects.read_exact(&mut end)?;
        if copied != size || end != *b"\n" {
            return Err(failed("git gave less than it said"));
        }
    }
    for (target, path) in links {
        folder_of(root, path)?;
        symlink(std::ffi::OsStr::from_bytes(&target), root.join(path))?;
    }
    Ok(())
}

/// A new file below `root`, to be written; an error where there is one already, or a link on the way to it.
pub fn created(root: &Path, path: &Path, mode: u32) -> io::Result<fs::File> {
    folder_of(root, path)?;
    OpenOptions::new().write(true).create_new(true).mode(mode).open(root.join(path))
}

/// Makes the folders that a path below `root` needs; an error where a file or a link is in the way.
pub fn folder_of(root: &Path, path: &Path) -> io::Result<()> {
    let mut folder = root.to_owned();
    for part in path.parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(io::Error::other(format!("{} is no folder", path.parent().unwrap_or(path).display()))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => fs::create_dir(&folder)?,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn entries(lines: &[&str]) -> Vec<Entry> {
        lines.iter().map(|line| Entry::read(line.as_bytes()).unwrap()).collect()
    }

    #[test]
    fn trees_of_forgers_are_refused() {
        for (lines, said) in [
            (&["120000 blob aa\thosts/x", "100644 blob bb\thosts/x/site.nix"][..], "below a file or a link"),
            (&["100644 blob bb\thosts/x/site.nix", "120000 blob aa\thosts/x"], "below a file or a link"),
            (&["100644 blob aa\thosts/x", "120000 blob bb\thosts/x"], "twice"),
            (&["100644 blob aa\t../x"], "no path within"),
            (&["100644 blob aa\t/etc/x"], "no path within"),
            (&["160000 commit aa\thosts/x"], "submodule"),
        ] {
            assert!(sound(&entries(lines)).unwrap_err().contains(said), "{lines:?}");
        }
        assert_eq!(sound(&entries(&["100644 blob aa\ta/b", "100644 blob aa\ta/c", "120000 blob aa\tab"])), Ok(()));
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&outside).unwrap();
        symlink(&outside, root.join("link")).unwrap();
        symlink(outside.join("file"), root.join("file")).unwrap();
        for path in ["link/x", "link/a/x", "file"] {
            assert!(created(&root, Path::new(path), 0o644).is_err(), "{path}");
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        let two = entries(&["100644 blob aa\ta/b", "100755 blob bb\ta/c"]);
        written(&two, &b"aa blob 1\nx\nbb blob 2\nyz\n"[..], &root).unwrap();
        assert_eq!(fs::read(root.join("a/c")).unwrap(), b"yz");
        // What may be run may be run here, too: a digest of a file says so.
        let runs = |name: &str| fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o111 != 0;
        assert_eq!((runs("a/b"), runs("a/c")), (false, true));
        // Git says more than it gives.
        assert!(written(&entries(&["100644 blob aa\td"]), &b"aa blob 9\nx\n"[..], &root).is_err());
    }
}
