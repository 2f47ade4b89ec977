//! The list itself: lines of `<digest>  <path>`, as sha256sum(1) writes them. Pure.

use std::collections::HashSet;

/// The most files that a manifest may list.
const MAX_ENTRIES: usize = 500_000;
const LONGEST_PATH: usize = 4096;

/// A list of files.
#[derive(Debug)]
pub struct List {
    /// In its order.
    pub entries: Vec<Entry>,
    paths: HashSet<String>,
}

/// One file.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path, below the folder of the manifest.
    pub path: String,
    /// The SHA-256 of its bytes.
    pub digest: [u8; 32],
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    /// Which line is wrong and how, as text.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 after byte {}", e.valid_up_to()))?;
        let (mut entries, mut paths) = (Vec::new(), HashSet::new());
        for (number, line) in text.lines().enumerate() {
            let wrong = |what: &str| format!("line {}: {what}", number + 1);
            if entries.len() == MAX_ENTRIES {
                return Err(wrong(&format!("it lists more than {MAX_ENTRIES} files")));
            }
            let entry = Entry::parse(line).map_err(wrong)?;
            if !paths.insert(entry.path.clone()) {
                return Err(wrong("the same file is listed twice"));
            }
            entries.push(entry);
        }
        Ok(Self { entries, paths })
    }

    /// Whether a file is in it.
    pub fn lists(&self, path: &str) -> bool {
        self.paths.contains(path)
    }
}

impl Entry {
    fn parse(line: &str) -> Result<Self, &'static str> {
        const FORM: &str = "expected 64 hexadecimal digits, two spaces and a path, as sha256sum writes them";
        let (digits, rest) = line.split_at_checked(64).ok_or(FORM)?;
        // The second is a star where a file was read as binary.
        let path = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *")).ok_or(FORM)?;
        let path = path.strip_prefix("./").unwrap_or(path);
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
            *byte = value(pair[0]).zip(value(pair[1])).map(|(high, low)| high << 4 | low).ok_or(FORM)?;
        }
        if path.is_empty() || path.len() > LONGEST_PATH || path.contains('\0') {
            return Err("no path, or one that is too long");
        }
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err("a path leads out of the manifest's folder, or is not plain");
        }
        Ok(Self { path: path.to_owned(), digest })
    }
}
