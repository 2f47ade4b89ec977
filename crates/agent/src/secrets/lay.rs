//! Secrets as files, for units that need one: in memory alone, and root's alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Held;

/// Whether a folder is in memory: `tmpfs` or `ramfs` (statfs(2)).
fn is_in_memory(folder: &Path) -> io::Result<bool> {
    const TMPFS: rustix::fs::FsWord = 0x0102_1994;
    const RAMFS: rustix::fs::FsWord = 0x8584_58f6;
    Ok([TMPFS, RAMFS].contains(&rustix::fs::statfs(folder)?.f_type))
}

/// Lays out exactly these into a folder, each under its name. A folder that is not in memory gets none: what was written to a
/// disk cannot be taken back.
///
/// # Errors
/// Why they are not all there.
pub fn out(folder: &Path, secrets: &BTreeMap<String, Held>) -> Result<(), String> {
    out_where(is_in_memory, folder, secrets)
}

fn out_where(
    is_in_memory: fn(&Path) -> io::Result<bool>,
    folder: &Path,
    secrets: &BTreeMap<String, Held>,
) -> Result<(), String> {
    let failed = |e: io::Error| format!("{}: {e}", folder.display());
    writ_durable::create_directories(folder).map_err(failed)?;
    if !is_in_memory(folder).map_err(failed)? {
        return Err(format!("{}: not in memory (tmpfs), and no secret is written to a disk", folder.display()));
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    let mut wanted = BTreeSet::new();
    for (name, held) in secrets {
        let Ok(value) = held else { continue };
        wanted.insert(name.as_str());
        let path = folder.join(name);
        // Whoever watches a file hears of it only where it changes.
        if writ_durable::read_bounded(&path, value.len()).is_ok_and(|there| there == value[..]) {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
            continue;
        }
        writ_durable::replace(&path, value, 0o600).map_err(failed)?;
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_str().is_some_and(|name| wanted.contains(name)) {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use zeroize::Zeroizing;

    use super::*;

    fn held(secrets: &[(&str, &str)]) -> BTreeMap<String, Held> {
        let value = |text: &str| Ok(Zeroizing::new(text.as_bytes().to_vec()));
        secrets.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
    }

    #[test]
    fn exactly_those_that_can_be_had_lie_there_for_root_alone() {
        // In memory on every Linux.
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let folder = dir.path().join("secrets");
        let mut both = held(&[("backup", "open sesame"), ("api", "kJ9")]);
        both.insert("bad".to_owned(), Err("cannot be decrypted".to_owned()));
        out(&folder, &both).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!((mode(&folder), mode(&folder.join("backup"))), (0o700, 0o600));
        let first = fs::metadata(folder.join("backup")).unwrap().ino();
        fs::set_permissions(folder.join("backup"), fs::Permissions::from_mode(0o644)).unwrap();
        out(&folder, &held(&[("backup", "open sesame")])).unwrap();
        let there: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(there, ["backup"]);
        assert_eq!(mode(&folder.join("backup")), 0o600);
        assert_eq!(fs::metadata(folder.join("backup")).unwrap().ino(), first, "what is the same is left alone");
        assert_eq!(fs::read_to_string(folder.join("backup")).unwrap(), "open sesame");
        out(&folder, &held(&[("backup", "another")])).unwrap();
        assert_eq!(fs::read_to_string(folder.join("backup")).unwrap(), "another");
    }

    #[test]
    fn no_secret_is_written_to_a_disk() {
        assert!(!is_in_memory(Path::new("/proc")).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let secrets = held(&[("backup", "open sesame")]);
        let why = out_where(|_| Ok(false), &dir.path().join("secrets"), &secrets).unwrap_err();
        assert!(why.contains("not in memory"), "{why}");
        assert_eq!(fs::read_dir(dir.path().join("secrets")).unwrap().count(), 0);
    }
}
