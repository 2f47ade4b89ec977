//! A batch of log lines (`writ.log-batch.v1`): what one source of an appliance had to say in a stretch of time.
//!
//! The file is gzip (RFC 1952) of text. Its first line is the [`LogBatch`], and each further line is a JSON object: `at`
//! (when, where the source says so), `by` (who wrote it), `text`. Everything in it was scrubbed before. Each batch names
//! the one before it by the digest of its exact bytes, so the batches of a source are a chain; what a bundle of kind
//! `logs` names is the chain's end at that time, and with it all of it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};

use flate2::{Compression, GzBuilder};
use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::document::DocumentError;
use writ_trust::ids::LogSourceId;
use writ_trust::json::MAX_INTEGER;
use writ_trust::time::Time;

use crate::shape::{document, nullable};

/// The most text of one batch, in bytes, its first line included (4 MiB).
pub const MAX_TEXT: usize = 4 * 1024 * 1024;
/// The largest batch as it lies in files and travels, in bytes: what cannot be packed becomes a little larger.
pub const MAX_BATCH: usize = MAX_TEXT + 64 * 1024;
/// So much of the beginning of a batch is enough to know its first line, in bytes.
pub const BEGINNING: usize = 16 * 1024;
/// The longest first line, in bytes.
const MAX_FIRST_LINE: usize = 4 * 1024;
/// What is unpacked at a time, in bytes.
const CHUNK: usize = 16 * 1024;
/// How the files of batches are named.
const SUFFIX: &str = ".jsonl.gz";

/// The first line of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogBatch {
    /// Always `writ.log-batch.v1`.
    pub schema: LogBatchSchema,
    /// The source.
    pub source: LogSourceId,
    /// Its number: one more than that of the batch before, from 1.
    pub number: u64,
    /// The digest of the batch before; null for the first of a chain.
    #[serde(deserialize_with = "nullable")]
    pub previous: Option<Digest>,
    /// From when.
    pub from: Time,
    /// Until when the source was read, by the appliance's clock.
    pub to: Time,
    /// How many lines follow.
    pub lines: u64,
    /// How many lines were left out since the batch before: longer than any may be, or gone before they were read.
    pub dropped: u64,
}

document!(LogBatch, LogBatchSchema, LOG_BATCH_SCHEMA, "writ.log-batch.v1", MAX_FIRST_LINE);

/// Why bytes are no batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// There are too many.
    #[error("more than {0} bytes")]
    TooLarge(usize),
    /// They are not gzip.
    #[error("not gzip: {0}")]
    NotPacked(io::Error),
    /// The first line is not that of a batch.
    #[error("its first line: {0}")]
    Head(#[from] DocumentError),
    /// The text is not what the first line says.
    #[error("{0}")]
    Malformed(String),
}

impl LogBatch {
    /// A batch of these lines, each ended by a line feed. The same lines always come to the same bytes.
    pub fn pack(&self, lines: &[u8]) -> Vec<u8> {
        let mut packed = GzBuilder::new().write(Vec::new(), Compression::default());
        let text = [&self.canonical(), b"\n".as_slice(), lines];
        // Writing to memory does not fail.
        let written = text.into_iter().try_for_each(|part| packed.write_all(part));
        written.and_then(|()| packed.finish()).unwrap_or_default()
    }

    /// Judges bytes that anybody may have written: within the bounds, whole, and as many lines as the first one says.
    pub fn judge(bytes: &[u8]) -> Result<Self, BatchError> {
        if bytes.len() > MAX_BATCH {
            return Err(BatchError::TooLarge(MAX_BATCH));
        }
        let mut unpacked = flate2::bufread::GzDecoder::new(bytes);
        let (mut first, mut batch, mut lines) = (Vec::new(), None, 0);
        let (mut left, mut last) = (MAX_TEXT, b'\n');
        let mut chunk = vec![0; CHUNK];
        loop {
            let n = unpacked.read(&mut chunk).map_err(BatchError::NotPacked)?;
            let Some(end) = n.checked_sub(1) else { break };
            left = left.checked_sub(n).ok_or(BatchError::TooLarge(MAX_TEXT))?;
            last = chunk[end];
            let mut rest = &chunk[..n];
            if batch.is_none() {
                let at = rest.iter().position(|byte| *byte == b'\n');
                first.extend_from_slice(&rest[..at.unwrap_or(n)]);
                if first.len() > MAX_FIRST_LINE {
                    return Err(BatchError::Malformed("its first line is longer than any may be".to_owned()));
                }
                let Some(at) = at else { continue };
                batch = Some(Self::parse(&first)?);
                rest = &rest[at + 1..];
            }
            lines += rest.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        let malformed = |why: &str| Err(BatchError::Malformed(why.to_owned()));
        let Some(batch) = batch else { return malformed("it has no first line") };
        if last != b'\n' {
            return malformed("its last line has no end");
        }
        if !unpacked.into_inner().is_empty() {
            return malformed("something follows what is packed");
        }
        batch.validate(lines)?;
        Ok(batch)
    }

    /// The first line of bytes that were judged before, of which the beginning is enough: nothing else is unpacked.
    pub fn peek(bytes: &[u8]) -> Result<Self, BatchError> {
        let unpacked = flate2::bufread::GzDecoder::new(bytes).take(MAX_FIRST_LINE as u64 + 1);
        let mut first = Vec::new();
        BufReader::new(unpacked).read_until(b'\n', &mut first).map_err(BatchError::NotPacked)?;
        if first.pop() != Some(b'\n') {
            return Err(BatchError::Malformed(
                "it has no first line, or one that is longer than any may be".to_owned(),
            ));
        }
        Ok(Self::parse(&first)?)
    }

    fn validate(&self, lines: u64) -> Result<(), BatchError> {
        if self.lines != lines {
            return Err(BatchError::Malformed(format!("{lines} lines follow, and it says {}", self.lines)));
        }
        if !(1..=MAX_INTEGER.unsigned_abs()).contains(&self.number) {
            return Err(BatchError::Malformed(format!("number {}: expected 1 or more", self.number)));
        }
        if self.from > self.to {
            return Err(BatchError::Malformed(format!("from {} to {}: it ends before it begins", self.from, self.to)));
        }
        Ok(())
    }
}

/// The name of a batch's file.
pub fn file_name(number: u64) -> String {
    format!("{number}{SUFFIX}")
}

/// The number in the name of a batch's file.
pub fn parse_file_name(name: &str) -> Option<u64> {
    let number: u64 = name.strip_suffix(SUFFIX)?.parse().ok()?;
    (file_name(number) == name && number > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batch(lines: u64) -> LogBatch {
        LogBatch {
            schema: LogBatchSchema::V1,
            source: "audit".parse().unwrap(),
            number: 7,
            previous: Some(Digest::of(b"6")),
            from: "2026-11-27T12:00:00Z".parse().unwrap(),
            to: "2026-11-27T12:05:00Z".parse().unwrap(),
            lines,
            dropped: 0,
        }
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packed = GzBuilder::new().write(Vec::new(), Compression::fast());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn a_batch_is_read_as_it_was_packed_and_always_the_same_bytes() {
        let lines = b"{\"text\":\"a\"}\n{\"text\":\"b\"}\n";
        let packed = batch(2).pack(lines);
        assert_eq!(LogBatch::judge(&packed).unwrap(), batch(2));
        assert_eq!(packed, batch(2).pack(lines));
        assert_eq!(LogBatch::judge(&batch(0).pack(b"")).unwrap(), batch(0));
        let wide = b"x".repeat(CHUNK * 3 + 1);
        assert!(LogBatch::judge(&batch(1).pack(&[&wide[..], b"\n"].concat())).is_ok(), "a line of several chunks");
    }

    #[test]
    fn the_first_line_is_known_by_the_beginning() {
        let lines: String = (0..5_000u32).map(|n| format!("{}\n", Digest::of(&n.to_be_bytes()))).collect();
        let packed = batch(5_000).pack(lines.as_bytes());
        assert!(packed.len() > 2 * BEGINNING);
        assert_eq!(LogBatch::peek(&packed[..BEGINNING]).unwrap(), batch(5_000));
        assert_eq!(LogBatch::peek(&batch(0).pack(b"")).unwrap(), batch(0));
        let long = gzip(&vec![b'x'; 64 * 1024 * 1024]);
        for bad in [&b""[..], b"x", &gzip(b""), &gzip(b"{}"), &gzip(b"{}\n"), &long] {
            assert!(LogBatch::peek(bad).is_err());
        }
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let head = batch(1).canonical();
        let with = |rest: &[u8]| gzip(&[&head[..], b"\n", rest].concat());
        let odd = |from: &str, to: &str| {
            let text = String::from_utf8(batch(0).canonical()).unwrap();
            assert!(text.contains(from), "{from}");
            gzip(format!("{}\n", text.replace(from, to)).as_bytes())
        };
        let good = with(b"{}\n");
        assert!(LogBatch::judge(&good).is_ok());
        for (what, bytes, says) in [
            ("nothing", Vec::new(), "no first line|not gzip"),
            ("plain text", [&head[..], b"\n{}\n"].concat(), "not gzip"),
            ("cut off", good[..good.len() - 4].to_vec(), "not gzip"),
            (
                "a flipped byte",
                {
                    let mut b = good.clone();
                    let n = b.len() - 6;
                    b[n] ^= 1;
                    b
                },
                "not gzip",
            ),
            ("another one behind", [&good[..], &good[..]].concat(), "follows"),
            ("one line too many", with(b"{}\n{}\n"), "2 lines follow"),
            ("no line", with(b""), "0 lines follow"),
            ("no end", with(b"{}\n{}"), "no end"),
            ("no line feed at all", gzip(&head), "no first line"),
            ("a long first line", gzip(&vec![b' '; MAX_FIRST_LINE + 10]), "longer"),
            ("more than may be unpacked", gzip(&vec![b'\n'; MAX_TEXT + 1]), "first line|more than"),
            ("a bomb", with(&vec![b'a'; 64 * 1024 * 1024]), "more than"),
            ("too large", vec![0; MAX_BATCH + 1], "more than"),
            ("number 0", odd("\"number\":7", "\"number\":0"), "number 0"),
            ("backwards", odd("12:00:00", "13:00:00"), "before it begins"),
            ("another schema", odd("batch.v1", "batch.v9"), "batch.v9"),
            ("a source elsewhere", odd("\"audit\"", "\"../x\""), "log source name"),
            ("an unknown field", odd("\"lines\":0", "\"lines\":0,\"x\":1"), "x"),
        ] {
            let error = LogBatch::judge(&bytes).unwrap_err().to_string();
            assert!(says.split('|').any(|says| error.contains(says)), "{what}: {error}");
        }
    }

    #[test]
    fn files_have_one_name() {
        assert_eq!(parse_file_name(&file_name(41)), Some(41));
        for bad in ["0.jsonl.gz", "01.jsonl.gz", "+1.jsonl.gz", "1.jsonl", "x", ".1.jsonl.gz.writ-tmp"] {
            assert_eq!(parse_file_name(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000), flip in any::<usize>()) {
            let _ = LogBatch::judge(&bytes);
            let _ = LogBatch::judge(&gzip(&bytes));
            let _ = (LogBatch::peek(&bytes), LogBatch::peek(&gzip(&bytes)));
            let mut good = batch(1).pack(b"{}\n");
            let at = flip % good.len();
            good[at] = good[at].wrapping_add(1);
            let _ = LogBatch::judge(&good);
        }
    }
}
