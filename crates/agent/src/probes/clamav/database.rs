//! The headers of ClamAV's signature files, `.cvd` and `.cld`: 512 bytes of text, filled up with spaces (libclamav, cvd.c).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use writ_trust::time::Time;

use crate::probes::Unseen;
use crate::probes::reading::names;

/// How long a header is.
const HEADER: usize = 512;

/// One file of signatures, as its header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::probes) struct Signatures {
    /// When it was built, in seconds since 1970.
    pub(super) built_at: u64,
    /// Its version.
    pub(super) version: i64,
}

impl Signatures {
    /// Reads `ClamAV-VDB:time:version:signatures:level:md5:signature:builder:seconds`.
    pub(in crate::probes) fn parse(header: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(header.get(..HEADER)?).ok()?;
        let fields: Vec<&str> = text.trim_end().split(':').collect();
        let ["ClamAV-VDB", _, version, _, _, _, _, _, seconds] = fields.as_slice() else { return None };
        Some(Self { version: i64::from(version.parse::<u32>().ok()?), built_at: seconds.parse().ok()? })
    }

    /// How old it is, in seconds; none when it is of a time that has not come.
    pub(super) fn age(&self, now: Time) -> Option<i64> {
        let age = now.unix_millis().div_euclid(1000).checked_sub(i64::try_from(self.built_at).ok()?)?;
        (age >= 0).then_some(age)
    }
}

/// The signatures of a folder that were built last.
pub(super) fn newest(folder: &Path) -> Result<Option<Signatures>, Unseen> {
    let files = names(folder)?.into_iter().filter(|name| name.ends_with(".cvd") || name.ends_with(".cld"));
    Ok(files.filter_map(|name| read(&folder.join(name))).max_by_key(|signatures| signatures.built_at))
}

fn read(file: &Path) -> Option<Signatures> {
    let mut header = Vec::new();
    File::open(file).ok()?.take(HEADER as u64).read_to_end(&mut header).ok()?;
    Signatures::parse(&header)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a daily.cvd, its signature cut short.
    const CAPTURED: &str = "ClamAV-VDB:07 Nov 2026 08-24 +0000:27452:2062745:90:0b2d0b2ee4ba8d5c9ac6f1b6a5a7b9f1:SqvmO7X:raynman:1794039880";

    fn header(text: &str) -> Vec<u8> {
        format!("{text:512}").into_bytes()
    }

    #[test]
    fn a_header_says_version_and_time() {
        let read = Signatures::parse(&header(CAPTURED)).unwrap();
        assert_eq!(read, Signatures { built_at: 1_794_039_880, version: 27_452 });
        let at = |seconds: i64| Time::from_unix_millis(seconds * 1000);
        assert_eq!((read.age(at(1_794_039_900)), read.age(at(1_794_039_879))), (Some(20), None));
        for bad in [
            header(""),
            header("ClamAV-VDB:x:1"),
            header(&CAPTURED.replace("27452", "-1")),
            header(&CAPTURED.replace("1794039880", "99999999999999999999")),
            CAPTURED.into(),
            vec![0xff; 600],
        ] {
            assert_eq!(Signatures::parse(&bad), None);
        }
        assert_eq!(Signatures { built_at: u64::MAX, version: 1 }.age(at(0)), None);
    }

    #[test]
    fn the_newest_of_a_folder_counts() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(newest(dir.path()).unwrap(), None);
        std::fs::write(dir.path().join("daily.cld"), header(CAPTURED)).unwrap();
        std::fs::write(dir.path().join("main.cvd"), header(&CAPTURED.replace("1794039880", "1700000000"))).unwrap();
        std::fs::write(dir.path().join("broken.cvd"), "").unwrap();
        std::fs::write(dir.path().join("notes.txt"), header(&CAPTURED.replace("1794039880", "1799999999"))).unwrap();
        assert_eq!(newest(dir.path()).unwrap().unwrap().built_at, 1_794_039_880);
    }
}
