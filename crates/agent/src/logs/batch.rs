//! The lines of a batch that is being filled: scrubbed as they come, and bounded.

use serde::Serialize;
use writ_evidence::scrub::scrub;
use writ_trust::time::Time;
use writ_wire::log_batch::MAX_TEXT;

/// The longest line that is told, in bytes. A longer one is left out as a whole: of a part nobody could say what it had been
/// a part of, nor what there is to scrub in it.
pub const LONGEST: usize = 16 * 1024;
/// The largest entry that a line may become, in bytes.
const MAX_ENTRY: usize = 128 * 1024;
/// The most lines of one batch.
const MOST_LINES: u64 = 20_000;
/// What is kept for the first line of a batch, in bytes.
const FIRST_LINE: usize = 4 * 1024;
/// The longest name of who wrote a line, in characters.
const LONGEST_BY: usize = 200;

/// Who writes lines that no source did.
pub const OURSELVES: &str = "writ-logs";

/// One line as it stands in a batch.
#[derive(Serialize)]
struct Entry<'a> {
    at: Option<Time>,
    by: &'a str,
    text: &'a str,
}

/// Lines that will be a batch.
#[derive(Debug, Default)]
pub struct Lines {
    /// Each an entry, ended by a line feed.
    pub text: Vec<u8>,
    /// How many.
    pub count: u64,
    /// How many were left out.
    pub dropped: u64,
    /// When the first line was written that says so.
    pub oldest: Option<Time>,
    /// When the last one was.
    pub newest: Option<Time>,
}

impl Lines {
    /// Whether the next line is for the next batch.
    pub fn is_full(&self) -> bool {
        self.count >= MOST_LINES || self.text.len() + MAX_ENTRY > MAX_TEXT - FIRST_LINE
    }

    /// Adds a line as far as it may leave this machine. Bytes that are no text become U+FFFD.
    pub fn add(&mut self, at: Option<Time>, by: &str, line: &[u8]) {
        if line.len() > LONGEST {
            self.dropped += 1;
            return;
        }
        self.oldest = self.oldest.or(at);
        self.newest = at.or(self.newest);
        let line = String::from_utf8_lossy(line);
        self.put(at, &scrub(&by.chars().take(LONGEST_BY).collect::<String>()), &scrub(&line));
    }

    /// Adds a remark of our own, and that at least one line is not here.
    pub fn lost(&mut self, remark: &str) {
        self.put(None, OURSELVES, &scrub(remark));
        self.dropped += 1;
    }

    fn put(&mut self, at: Option<Time>, by: &str, text: &str) {
        let entry = serde_json::to_vec(&Entry { at, by, text }).unwrap_or_default();
        if entry.is_empty() || entry.len() >= MAX_ENTRY {
            self.dropped += 1;
            return;
        }
        self.text.extend_from_slice(&entry);
        self.text.push(b'\n');
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_scrubbed_and_whole() {
        let mut lines = Lines::default();
        lines.add(None, "ehr", b"patient SSN 219-09-9999 admitted");
        lines.add(None, "ehr for SSN: 219-09-9998", b"bytes \xff\x00 and \"quotes\"\n");
        lines.add(None, "ehr", &vec![b'x'; LONGEST + 1]);
        lines.add(None, "ehr", &vec![1; LONGEST]);
        let text = String::from_utf8(lines.text).unwrap();
        assert!(!text.contains("219-09"), "{text}");
        let parsed: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((parsed.len() as u64, lines.count, lines.dropped), (3, 3, 1));
        assert_eq!(parsed[1]["text"], "bytes \u{fffd}\u{0} and \"quotes\"\n");
    }

    #[test]
    fn a_full_batch_is_within_the_bounds() {
        let mut lines = Lines::default();
        while !lines.is_full() {
            lines.add(None, "by", &vec![1; LONGEST]);
        }
        assert!(lines.text.len() < MAX_TEXT - FIRST_LINE && lines.count > 30);
        let mut lines = Lines::default();
        while !lines.is_full() {
            lines.add(None, "by", b"");
        }
        assert_eq!(lines.count, MOST_LINES);
    }
}
