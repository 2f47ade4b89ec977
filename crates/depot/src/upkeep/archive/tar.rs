//! An archive as POSIX `ustar` (IEEE Std 1003.1-2017, pax): the same files in the same order give the same bytes.

use std::io::{self, Write};

/// Headers and contents come in blocks of so many bytes.
const BLOCK: usize = 512;

/// Writes files into an archive.
#[derive(Debug)]
pub struct Archive<W> {
    to: W,
    /// What every file says of when it was changed, in seconds since 1970.
    modified: u64,
}

impl<W: Write> Archive<W> {
    /// Begins an archive.
    pub fn new(to: W, modified: u64) -> Self {
        Self { to, modified }
    }

    /// Adds a file. The path is relative and plain; at most 100 bytes after a slash, and 155 before it.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let bad = || io::Error::new(io::ErrorKind::InvalidInput, format!("{path:?} is too long a name for an archive"));
        let (prefix, name) = split(path).ok_or_else(bad)?;
        let mut header = [0_u8; BLOCK];
        let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
        put(0, name.as_bytes());
        put(100, b"0000644\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", bytes.len()).as_bytes());
        put(136, format!("{:011o}\0", self.modified).as_bytes());
        put(148, b"        ");
        put(156, b"0");
        put(257, b"ustar\x0000");
        put(345, prefix.as_bytes());
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.to.write_all(&header)?;
        self.to.write_all(bytes)?;
        self.to.write_all(&[0; BLOCK][..bytes.len().next_multiple_of(BLOCK) - bytes.len()])
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.write_all(&[0; 2 * BLOCK])?;
        Ok(self.to)
    }
}

/// A path as prefix and name, each within its field.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    let at = path.match_indices('/').map(|(at, _)| at).find(|at| path.len() - at - 1 <= 100 && *at <= 155)?;
    Some((&path[..at], &path[at + 1..]))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn tar_unpacks_what_was_added() {
        let dir = tempfile::tempdir().unwrap();
        let long = format!("evidence/{}/{}/{}.json", "s".repeat(60), "f".repeat(64), "n".repeat(60));
        let files = [("a", vec![]), ("b/c", vec![b'x'; 512]), (long.as_str(), vec![b'y'; 1000])];
        let made = || {
            let mut archive = Archive::new(Vec::new(), 1_700_000_000);
            files.iter().for_each(|(path, bytes)| archive.add(path, bytes).unwrap());
            archive.finish().unwrap()
        };
        assert_eq!(made(), made());
        std::fs::write(dir.path().join("a.tar"), made()).unwrap();
        let out = Command::new("tar").args(["xf", "a.tar"]).current_dir(dir.path()).output().unwrap();
        assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
        for (path, bytes) in &files {
            assert_eq!(std::fs::read(dir.path().join(path)).unwrap(), *bytes, "{path}");
        }
        let mut archive = Archive::new(Vec::new(), 0);
        assert!(archive.add(&"x".repeat(101), b"").is_err());
        assert!(archive.add(&format!("{}/x", "y".repeat(156)), b"").is_err());
    }
}
