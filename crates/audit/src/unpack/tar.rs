//! Reading an archive in the form of POSIX `ustar` (IEEE Std 1003.1-2017, pax) that may be hostile: plain files with plain names,
//! so many and so large at most.

use std::io::{self, Read};

use crate::folder::is_plain_name;

/// Headers and contents come in blocks of so many bytes.
const BLOCK: usize = 512;
/// The largest file, in bytes: twice what any document may have.
const MAX_FILE: u64 = 8 * 1024 * 1024;
/// The deepest that a file lies.
const MAX_DEPTH: usize = 16;

/// Why an archive is not read on.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// It cannot be read, or not be unpacked.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is not of this form.
    #[error("after {after} files: {why}")]
    Form {
        /// How many files were read.
        after: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// It has a name that is none of an archive's.
    #[error("{0:?} is no name of an archive's file: nothing is written outside of the folder")]
    Name(String),
    /// It holds more than it may.
    #[error("it holds more than the {0} bytes allowed")]
    TooLarge(u64),
}

/// The files of an archive, one after the other.
pub struct Files<R> {
    from: R,
    /// How many bytes may still come.
    left: u64,
    limit: u64,
    read: u64,
}

impl<R: Read> Files<R> {
    /// Reads an archive of at most so many bytes, unpacked.
    pub fn new(from: R, limit: u64) -> Self {
        Self { from, left: limit, limit, read: 0 }
    }

    /// The next file's path and content; none at the end, after which there is nothing.
    pub fn next_file(&mut self) -> Result<Option<(String, Vec<u8>)>, TarError> {
        let wrong = |after, why| TarError::Form { after, why };
        let mut header = [0; BLOCK];
        self.exactly(&mut header)?;
        if header.iter().all(|byte| *byte == 0) {
            self.only_zeros()?;
            return Ok(None);
        }
        let sum: u64 = header
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
            .sum();
        if &header[257..262] != b"ustar" || number(&header[148..156]) != Some(sum) {
            return Err(wrong(self.read, "what should be a header is none"));
        }
        if !matches!(header[156], b'0' | 0) {
            return Err(wrong(self.read, "something other than a plain file"));
        }
        let path = path(&header)?;
        let size = number(&header[124..136]).ok_or_else(|| wrong(self.read, "a size that is none"))?;
        if size > MAX_FILE {
            return Err(wrong(self.read, "a file that is larger than any of an archive"));
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size.next_multiple_of(BLOCK)];
        self.exactly(&mut bytes)?;
        bytes.truncate(size);
        self.read += 1;
        Ok(Some((path, bytes)))
    }

    fn exactly(&mut self, into: &mut [u8]) -> Result<(), TarError> {
        self.left = self.left.checked_sub(into.len() as u64).ok_or(TarError::TooLarge(self.limit))?;
        self.from.read_exact(into).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => TarError::Form { after: self.read, why: "it ends too early" },
            _ => error.into(),
        })
    }

    /// Only zeros follow, and what packs it agrees with what came.
    fn only_zeros(&mut self) -> Result<(), TarError> {
        let mut piece = [0; BLOCK];
        loop {
            let count = match self.from.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e.into()),
            };
            self.left = self.left.checked_sub(count as u64).ok_or(TarError::TooLarge(self.limit))?;
            if piece[..count].iter().any(|byte| *byte != 0) {
                return Err(TarError::Form { after: self.read, why: "something follows its end" });
            }
        }
    }
}

/// An octal number, ended by a space or a zero.
fn number(field: &[u8]) -> Option<u64> {
    let digits: Vec<u8> = field.iter().copied().take_while(|byte| !matches!(byte, 0 | b' ')).collect();
    let text = std::str::from_utf8(&digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    u64::from_str_radix(text, 8).ok()
}

fn path(header: &[u8; BLOCK]) -> Result<String, TarError> {
    let field = |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().take_while(|byte| *byte != 0).collect() };
    let (name, prefix) = (field(&header[..100]), field(&header[345..500]));
    let whole = if prefix.is_empty() { name } else { [prefix, name].join(&b'/') };
    let bad = || TarError::Name(whole.escape_ascii().to_string());
    let text = std::str::from_utf8(&whole).map_err(|_| bad())?;
    let parts: Vec<&str> = text.split('/').collect();
    let fits = (2..=MAX_DEPTH).contains(&parts.len()) && parts.iter().all(|part| is_plain_name(part));
    if fits { Ok(text.to_owned()) } else { Err(bad()) }
}

/// As [`Files`], of bytes: for whoever tries any.
pub fn read_all(bytes: &[u8], limit: u64) -> Result<Vec<(String, Vec<u8>)>, TarError> {
    let (mut files, mut all) = (Files::new(bytes, limit), Vec::new());
    while let Some(file) = files.next_file()? {
        all.push(file);
    }
    Ok(all)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A header with its sum.
    pub fn header(name: &str, size: &str, kind: u8) -> [u8; BLOCK] {
        let mut header = [0; BLOCK];
        // What does not fit into the name goes before it.
        let (prefix, name) = if name.len() > 100 { name.rsplit_once('/').unwrap() } else { ("", name) };
        header[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..124 + size.len()].copy_from_slice(size.as_bytes());
        header[156] = kind;
        header[257..262].copy_from_slice(b"ustar");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header
    }

    pub fn archive(parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(part);
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        bytes
    }

    pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

    fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, TarError> {
        read_all(bytes, 1 << 20)
    }

    #[test]
    fn plain_files_are_read() {
        let whole = archive(&[&header("a/b.json", "3", b'0'), b"abc", &header("c/d", "0", 0), &END]);
        let files = read(&whole).unwrap();
        assert_eq!(files, [("a/b.json".to_owned(), b"abc".to_vec()), ("c/d".to_owned(), vec![])]);
        for end in 0..whole.len() - BLOCK {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for name in ["", "a", "/etc/passwd", "../x/y", "a/../../b", "a//b", "a/./b", "a/b\nc", "a/.hidden", "a/\u{e9}"]
        {
            assert!(matches!(read(&archive(&[&header(name, "0", b'0'), &END])), Err(TarError::Name(_))), "{name}");
        }
        let deep = "a/".repeat(20) + "b";
        assert!(matches!(read(&archive(&[&header(&deep, "0", b'0'), &END])), Err(TarError::Name(_))));
        // Links, devices, folders, headers of other forms.
        for kind in *b"123456xgLK" {
            assert!(read(&archive(&[&header("a/b", "0", kind), &END])).is_err(), "{}", char::from(kind));
        }
        for size in ["77777777777", "-1", "9", "100000000", "\u{80}"] {
            assert!(read(&archive(&[&header("a/b", size, b'0'), &END])).is_err(), "{size}");
        }
        let mut altered = archive(&[&header("a/b", "3", b'0'), b"abc", &END]);
        altered[1] ^= 1;
        assert!(read(&altered).is_err());
        assert!(read(&archive(&[&END, b"more"])).is_err());
        let large = archive(&[&header("a/b", "2000", b'0'), &[b'x'; 1024], &END]);
        assert!(matches!(read_all(&large, 600), Err(TarError::TooLarge(600))));
        assert!(read(b"").is_err());
    }
}
