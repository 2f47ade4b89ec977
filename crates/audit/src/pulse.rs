//! What of an audit folder has changed, told from when its folders did: whoever adds or replaces a file changes its folder. What is
//! changed within a file is seen when a site is read again, and when its bytes are asked for.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;

/// The parts of an audit folder that say which sites there are.
const PARTS: [&str; 3] = ["releases", "evidence", "log"];
/// What people attach: it is ordered by site as well, and makes none.
const ATTACHED: &str = "attestations";
/// How deep folders are looked at, below that of a site.
const DEPTH: usize = 3;
/// The most folders of one site that are looked at.
const FOLDERS: usize = 20_000;
/// The most sites.
pub const SITES: usize = 100_000;

/// The sites that an audit folder speaks of, sorted.
///
/// # Errors
/// When the folder itself cannot be listed.
pub fn sites(folder: &Path) -> io::Result<Vec<SiteId>> {
    fs::metadata(folder)?;
    let mut sites = Vec::new();
    for part in PARTS {
        let entries = match fs::read_dir(folder.join(part)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries.take(SITES) {
            sites.extend(entry?.file_name().to_str().and_then(|name| name.parse::<SiteId>().ok()));
        }
    }
    sites.sort();
    sites.dedup();
    sites.truncate(SITES);
    Ok(sites)
}

/// When the folders of a site changed last, and that of trust roots, which all sites share, as one digest.
pub fn of(folder: &Path, site: &SiteId) -> Digest {
    let mut text = String::new();
    note(&folder.join("trust"), &mut text);
    let mut room = FOLDERS;
    for part in PARTS.into_iter().chain([ATTACHED]) {
        walk(&folder.join(part).join(site.as_str()), DEPTH, &mut room, &mut text);
    }
    Digest::of(text.as_bytes())
}

/// When documents that a site's releases name changed last, there or not, as one digest. What other sites' releases name lies in the
/// same folder, and is nothing of this one.
pub fn of_documents<'d>(folder: &Path, named: impl IntoIterator<Item = &'d Digest>) -> Digest {
    let mut text = String::new();
    let documents = folder.join("documents");
    named.into_iter().for_each(|digest| note(&documents.join(format!("{}.json", digest.hex())), &mut text));
    Digest::of(text.as_bytes())
}

/// When the folder of documents changed last.
pub fn of_all_documents(folder: &Path) -> Digest {
    let mut text = String::new();
    note(&folder.join("documents"), &mut text);
    Digest::of(text.as_bytes())
}

fn walk(folder: &Path, depth: usize, room: &mut usize, text: &mut String) {
    note(folder, text);
    // Tiles lie deep, and a checkpoint beside them changes with each.
    if depth == 0 || folder.file_name().is_some_and(|name| name == "tile") {
        return;
    }
    let mut below: Vec<_> = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).collect();
    below.retain(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    below.sort_by_key(fs::DirEntry::file_name);
    for entry in below {
        if *room == 0 {
            return;
        }
        *room -= 1;
        walk(&entry.path(), depth - 1, room, text);
    }
}

fn note(folder: &Path, text: &mut String) {
    let seen = fs::symlink_metadata(folder).ok();
    let seen = seen.map(|seen| (seen.ino(), seen.mtime(), seen.mtime_nsec(), seen.ctime(), seen.ctime_nsec()));
    text.push_str(&format!("{} {seen:?}\n", folder.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_seen_and_only_at_its_site() {
        let scratch = tempfile::tempdir().unwrap();
        let (one, two) = ("clinic-001".parse().unwrap(), "clinic-002".parse().unwrap());
        for site in [&one, &two] {
            fs::create_dir_all(scratch.path().join(format!("evidence/{site}/key"))).unwrap();
        }
        fs::create_dir_all(scratch.path().join("log/clinic-003")).unwrap();
        fs::create_dir_all(scratch.path().join("log/Not a site")).unwrap();
        let names: Vec<String> = sites(scratch.path()).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["clinic-001", "clinic-002", "clinic-003"]);
        let before = (of(scratch.path(), &one), of(scratch.path(), &two));
        assert_eq!(before, (of(scratch.path(), &one), of(scratch.path(), &two)));
        fs::write(scratch.path().join("evidence/clinic-001/key/1.json"), "x").unwrap();
        assert!(of(scratch.path(), &one) != before.0 && of(scratch.path(), &two) == before.1);
        assert!(sites(&scratch.path().join("absent")).is_err());
    }

    #[test]
    fn what_people_attach_is_seen_at_its_site_and_a_document_where_releases_name_it() {
        let scratch = tempfile::tempdir().unwrap();
        let (one, two) = ("clinic-001".parse().unwrap(), "clinic-002".parse().unwrap());
        let both = || (of(scratch.path(), &one), of(scratch.path(), &two));
        let before = both();
        fs::create_dir_all(scratch.path().join("attestations/clinic-001/key")).unwrap();
        let attached = both();
        assert!(attached.0 != before.0 && attached.1 == before.1, "the first of a site");
        fs::create_dir_all(scratch.path().join("attestations/clinic-001/another")).unwrap();
        let more = both();
        assert!(more.0 != attached.0 && more.1 == attached.1, "and of another key");
        let (own, other) = ([Digest::of(b"own"), Digest::of(b"also")], [Digest::of(b"other")]);
        let of_both = || (of_documents(scratch.path(), &own), of_documents(scratch.path(), &other));
        let (before, all) = (of_both(), of_all_documents(scratch.path()));
        fs::create_dir_all(scratch.path().join("documents")).unwrap();
        assert!(of_both() == before && of_all_documents(scratch.path()) != all);
        fs::write(scratch.path().join(format!("documents/{}.json", own[0].hex())), "{}").unwrap();
        let document = of_both();
        assert!(document.0 != before.0 && document.1 == before.1 && both() == more, "one that comes late");
        fs::remove_file(scratch.path().join(format!("documents/{}.json", own[0].hex()))).unwrap();
        assert_eq!(of_both(), before, "and one that goes");
        assert!(sites(scratch.path()).unwrap().is_empty(), "neither makes a site");
    }
}
