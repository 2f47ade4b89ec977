//! The list itself: lines of `<digest>  <path>`, as sha256sum(1) writes them. Pure.

use std::borrow::Cow;

/// The most files that a manifest may list.
const MAX_ENTRIES: usize = 500_000;
const LONGEST_PATH: usize = 4096;
const FORM: &str = "expected 64 hexadecimal digits, two spaces and a path, as sha256sum writes them";

/// A list of files, in the bytes that it was read from.
#[derive(Debug)]
pub struct List<'a> {
    /// In its order.
    pub entries: Vec<Entry<'a>>,
    /// The numbers of entries, by their paths.
    by_path: Vec<u32>,
}

/// One file.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Entry<'a> {
    /// Its path, below the folder of the manifest.
    pub path: Cow<'a, str>,
    /// The SHA-256 of its bytes, as hexadecimal digits.
    digits: &'a [u8; 64],
}

impl<'a> List<'a> {
    /// Reads a list.
    ///
    /// # Errors
    /// Which line is wrong and how, as text.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 after byte {}", e.valid_up_to()))?;
        let mut entries = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let wrong = |what: &str| format!("line {}: {what}", number + 1);
            if entries.len() == MAX_ENTRIES {
                return Err(wrong(&format!("it lists more than {MAX_ENTRIES} files")));
            }
            entries.push(Entry::parse(line).map_err(wrong)?);
        }
        let mut by_path: Vec<u32> = (0..).take(entries.len()).collect();
        let path = |number: &u32| &entries[*number as usize].path;
        by_path.sort_unstable_by(|a, b| path(a).cmp(path(b)));
        if let Some(twice) = by_path.windows(2).find(|two| path(&two[0]) == path(&two[1])) {
            return Err(format!("line {}: the same file is listed twice", twice[0].max(twice[1]) + 1));
        }
        Ok(Self { entries, by_path })
    }

    /// Whether a file is in it.
    pub fn lists(&self, path: &str) -> bool {
        self.by_path.binary_search_by(|number| (*self.entries[*number as usize].path).cmp(path)).is_ok()
    }
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> Result<Self, &'static str> {
        // A name with a backslash or a line break is escaped, and a backslash before the digest says so.
        let (escaped, line) = line.strip_prefix('\\').map_or((false, line), |rest| (true, rest));
        let (digits, rest) = line.split_at_checked(64).ok_or(FORM)?;
        let digits: &[u8; 64] = digits.as_bytes().try_into().map_err(|_| FORM)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(FORM);
        }
        // The second is a star where a file was read as binary.
        let path = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *")).ok_or(FORM)?;
        let path = path.strip_prefix("./").unwrap_or(path);
        let path = if escaped { Cow::Owned(unescaped(path)?) } else { Cow::Borrowed(path) };
        if path.is_empty() || path.len() > LONGEST_PATH || path.contains('\0') {
            return Err("no path, or one that is too long");
        }
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err("a path leads out of the manifest's folder, or is not plain");
        }
        Ok(Self { path, digits })
    }

    /// The SHA-256 of its bytes.
    pub fn digest(&self) -> [u8; 32] {
        let value = |digit: u8| if digit.is_ascii_digit() { digit - b'0' } else { (digit | 0x20) - b'a' + 10 };
        std::array::from_fn(|at| value(self.digits[2 * at]) << 4 | value(self.digits[2 * at + 1]))
    }
}

/// A path without its escapes.
fn unescaped(path: &str) -> Result<String, &'static str> {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path.chars();
    while let Some(c) = rest.next() {
        plain.push(match c {
            '\\' => match rest.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('r') => '\r',
                _ => return Err("an escape in its path that sha256sum does not write"),
            },
            c => c,
        });
    }
    Ok(plain)
}
