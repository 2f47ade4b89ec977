//! Archives of days, as a depot makes them, into an audit folder: unpacked into a folder of their own first, and gathered from there
//! by the rules by which everything is gathered. Nothing of them is believed: what it is worth is for `verify` to judge.

pub mod tar;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use writ_trust::digest::Digest;
use writ_wire::day_archive::DayArchive;

use self::tar::{Files, TarError};
use crate::collect::{CollectError, Collected, collect_unpacked};

/// The folders that an archive has files in.
const FOLDERS: [&str; 5] = ["trust", "releases", "documents", "evidence", "log"];
/// The most bytes that an archive holds, unpacked (16 GiB): a day of a large site has some hundred megabytes.
pub const MAX_UNPACKED: u64 = 16 * 1024 * 1024 * 1024;

/// Why an archive is not gathered.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is not one that can be read.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// A file of it is not where an archive has files.
    #[error("{0} is nothing that an archive of a day has")]
    Stray(String),
    /// A file of it is there twice.
    #[error("{0} is in it twice")]
    Twice(String),
    /// It is not what the document beside it says.
    #[error("{path}: {why}, by the document about the archive")]
    Differs {
        /// The file.
        path: String,
        /// How.
        why: &'static str,
    },
    /// What it holds cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What was unpacked cannot be gathered.
    #[error(transparent)]
    Collect(#[from] CollectError),
}

/// Unpacks an archive into `scratch`, an empty folder of this call alone, and gathers what it holds into the audit folder `to`. With
/// the document about it, it must hold exactly the files that are named there.
pub fn gather(
    archive: &mut dyn Read,
    document: Option<&DayArchive>,
    scratch: &Path,
    to: &Path,
) -> Result<Collected, UnpackError> {
    let mut files = Files::new(GzDecoder::new(archive), MAX_UNPACKED);
    let mut seen = BTreeSet::new();
    while let Some((path, bytes)) = files.next_file()? {
        if !path.split('/').next().is_some_and(|first| FOLDERS.contains(&first)) {
            return Err(UnpackError::Stray(path));
        }
        if let Some(document) = document {
            match document.files.get(&path) {
                Some(digest) if *digest == Digest::of(&bytes) => {}
                Some(_) => return Err(UnpackError::Differs { path, why: "its bytes are other ones" }),
                None => return Err(UnpackError::Differs { path, why: "it is not in it" }),
            }
        }
        write(scratch, &path, &bytes)?;
        if !seen.insert(path.clone()) {
            return Err(UnpackError::Twice(path));
        }
    }
    if let Some(missing) = document.and_then(|document| document.files.keys().find(|path| !seen.contains(*path))) {
        return Err(UnpackError::Differs { path: missing.clone(), why: "it is in it, and not here" });
    }
    Ok(collect_unpacked(scratch, to)?)
}

fn write(scratch: &Path, relative: &str, bytes: &[u8]) -> Result<(), UnpackError> {
    let path = scratch.join(relative);
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(scratch))?;
        fs::write(&path, bytes)
    };
    write().map_err(|source| UnpackError::Write { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use writ_wire::day_archive::DayArchiveSchema;

    use super::tar::tests::{END, archive, header};
    use super::*;

    /// An archive of these files.
    fn packed(files: &[(&str, &str)]) -> Vec<u8> {
        let headers: Vec<_> =
            files.iter().map(|(path, text)| header(path, &format!("{:o}", text.len()), b'0')).collect();
        let mut parts: Vec<&[u8]> = Vec::new();
        for (header, (_, text)) in headers.iter().zip(files) {
            parts.extend([&header[..], text.as_bytes()]);
        }
        parts.push(&END);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&archive(&parts)).unwrap();
        packed.finish().unwrap()
    }

    fn about(files: &[(&str, &str)]) -> DayArchive {
        DayArchive {
            schema: DayArchiveSchema::V1,
            site: "clinic-001".parse().unwrap(),
            day: "2026-11-28".to_owned(),
            archive: "clinic-001-2026-11-28.tar.gz".to_owned(),
            digest: Digest::of(b""),
            size: 0,
            logs: vec![],
            bundles: 0,
            files: files.iter().map(|(path, text)| ((*path).to_owned(), Digest::of(text.as_bytes()))).collect(),
        }
    }

    /// What comes of an archive with the document about it, and what is in the audit folder then.
    fn gathered(bytes: &[u8], document: Option<&DayArchive>) -> (Result<Collected, UnpackError>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let (scratch, to) = (dir.path().join("scratch"), dir.path().join("audit"));
        fs::create_dir(&scratch).unwrap();
        fs::create_dir(&to).unwrap();
        let result = gather(&mut &bytes[..], document, &scratch, &to);
        let names = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        (result, names.collect())
    }

    #[test]
    fn an_archive_must_be_what_its_document_says() {
        let files = [("documents/a.json", "{}"), ("trust/1.json", "{\"a\":1}")];
        let (good, names) = gathered(&packed(&files), Some(&about(&files)));
        assert_eq!((good.unwrap().copied, names.len()), (2, 2));
        let more = [files[0], files[1], ("trust/2.json", "x")];
        let other = [files[0], ("trust/1.json", "{\"a\":2}")];
        for (there, said, why) in [
            (&more[..], &files[..], "it is not in it"),
            (&files[..], &more[..], "it is in it, and not here"),
            (&other[..], &files[..], "its bytes are other ones"),
        ] {
            let (refused, names) = gathered(&packed(there), Some(&about(said)));
            let text = refused.unwrap_err().to_string();
            assert!(text.contains(why) && names.is_empty(), "{text}: {names:?}");
        }
    }

    #[test]
    fn nothing_of_a_hostile_archive_is_kept() {
        let twice = [("trust/1.json", "a"), ("trust/1.json", "a")];
        for files in [&twice[..], &[("elsewhere/x", "a")], &[("trust/../../x", "a")], &[("trust/.x", "a")]] {
            let (refused, names) = gathered(&packed(files), None);
            assert!(refused.is_err() && names.is_empty(), "{files:?}: {names:?}");
        }
        let whole = packed(&[("trust/1.json", "a")]);
        for bytes in [&b""[..], b"no archive", &whole[..whole.len() - 9], &whole[..20]] {
            let (refused, names) = gathered(bytes, None);
            assert!(refused.is_err() && names.is_empty(), "{names:?}");
        }
        // What is no bundle is left out by name, and the rest is gathered.
        let fingerprint = "ab".repeat(32);
        let bundle = format!("evidence/clinic-001/{fingerprint}/1-EB-20261128-0001.json");
        let signature = format!("{bundle}.minisig");
        let files = [("trust/1.json", "{}"), (bundle.as_str(), "{}"), (signature.as_str(), "x")];
        let done = gathered(&packed(&files), None).0.unwrap();
        assert_eq!((done.copied, done.refused.len()), (1, 1), "{done:?}");
    }
}
