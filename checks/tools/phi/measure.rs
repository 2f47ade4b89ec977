//! How much of a labelled corpus a scrubber removes: read by the tests of `crates/evidence` and by `cargo xtask bench`.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;
use writ_evidence::scrub::{Options, removed};

/// How many examples of what went wrong are kept.
const EXAMPLES: usize = 40;

/// How an identifier can be known: by what stands around it, by its own shape, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    Label,
    Shape,
    Bare,
}

/// One identifier in a text: its bytes, its kind of the 18, and how it can be known.
struct Span {
    start: usize,
    end: usize,
    kind: String,
    known: Known,
}

/// Found and all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Share {
    pub found: usize,
    pub all: usize,
}

impl Share {
    pub fn percent(self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "counts of lines")]
        let share = 100.0 * self.found as f64 / self.all.max(1) as f64;
        share
    }

    fn count(&mut self, found: bool) {
        self.found += usize::from(found);
        self.all += 1;
    }

    fn plus(self, other: Self) -> Self {
        Self { found: self.found + other.found, all: self.all + other.all }
    }
}

/// What was found in a labelled corpus.
#[derive(Default)]
pub struct Figures {
    pub lines: usize,
    by_kind: BTreeMap<(String, Known), Share>,
    /// Of what was removed, what held an identifier.
    pub precision: Share,
    /// Letters and digits that were removed outside whole records, and those of them that were an identifier's.
    pub kept_close: Share,
    /// Beginnings of lines that show what was missed or wrongly removed.
    pub examples: Vec<String>,
}

impl Figures {
    /// Measures one line as `generate.py` writes it.
    pub fn add(&mut self, line: &str) -> Result<(), String> {
        let value: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let text = value["text"].as_str().ok_or("no `text`")?;
        let spans = spans(&value["spans"]).ok_or("`spans` are [start, end, kind, known]")?;
        let plain = removed(text, Options::default());
        let addresses = removed(text, Options { addresses: true });
        self.lines += 1;
        for span in &spans {
            // Addresses of machines go only when asked, so they are counted as asked.
            let all = if matches!(span.kind.as_str(), "ip" | "device") { &addresses } else { &plain };
            let letters = text.get(span.start..span.end).ok_or("a span lies outside its text")?.char_indices();
            let gone = |at: usize| all.iter().any(|r| r.start <= at && at < r.end);
            let found = letters.filter(|(_, c)| c.is_alphanumeric()).all(|(at, _)| gone(span.start + at));
            self.by_kind.entry((span.kind.clone(), span.known)).or_default().count(found);
            if !found && span.known != Known::Bare && self.examples.len() < EXAMPLES {
                self.examples.push(format!("missed {} {:?} in {text:?}", span.kind, &text[span.start..span.end]));
            }
        }
        for r in &plain {
            let right = spans.iter().any(|s| s.start < r.end && r.start < s.end);
            self.precision.count(right);
            if !right && self.examples.len() < EXAMPLES {
                self.examples.push(format!("removed {:?} as {} from {text:?}", &text[r.start..r.end], r.tag));
            }
            let outside = text[r.start..r.end].char_indices().filter(|(_, c)| r.tag != "record" && c.is_alphanumeric());
            for (at, _) in outside {
                self.kept_close.count(spans.iter().any(|s| s.start <= r.start + at && r.start + at < s.end));
            }
        }
        Ok(())
    }

    /// What the target is about: whatever a label or its own shape tells.
    pub fn structured(&self) -> Share {
        self.sum(|_, known| known != Known::Bare)
    }

    /// Of one kind, known in one way.
    pub fn of(&self, kind: &str, known: Known) -> Share {
        self.by_kind.get(&(kind.to_owned(), known)).copied().unwrap_or_default()
    }

    /// The kinds that occurred, in the order of the alphabet.
    pub fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = self.by_kind.keys().map(|(kind, _)| kind.as_str()).collect();
        kinds.dedup();
        kinds
    }

    fn sum(&self, which: impl Fn(&str, Known) -> bool) -> Share {
        let chosen = self.by_kind.iter().filter(|((kind, known), _)| which(kind, *known));
        chosen.fold(Share::default(), |sum, (_, share)| sum.plus(*share))
    }
}

fn spans(value: &Value) -> Option<Vec<Span>> {
    let one = |span: &Value| {
        let known = match span[3].as_str()? {
            "label" => Known::Label,
            "shape" => Known::Shape,
            "bare" => Known::Bare,
            _ => return None,
        };
        let place = |n: usize| span[n].as_u64().and_then(|at| usize::try_from(at).ok());
        Some(Span { start: place(0)?, end: place(1)?, kind: span[2].as_str()?.to_owned(), known })
    };
    value.as_array()?.iter().map(one).collect()
}

/// What must not be lost from the logs of machines, and how it is written.
const MATTERS: [(&str, &str); 8] = [
    (
        "time stamp",
        r"^(?:\w{3} [ 0-9]\d \d{2}:\d{2}:\d{2}|\[?\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?|\[ *\d+\.\d{6}\])|\[\d{2}/\w{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}\]",
    ),
    ("store path", r"/nix/store/[0-9a-z]{32}-[^\s'\x22:]+"),
    ("digest", r"\b(?:sha256|SHA256)[:-][0-9A-Za-z+/=]{32,}|\b[0-9a-f]{32,64}\b"),
    ("unit", r"\b[\w@\\.-]+\.(?:service|socket|timer|target|mount|slice|scope|path)\b"),
    ("port", r"\bport \d{1,5}\b|\]:\d{1,5}\b|\d\.\d{1,3}:\d{1,5}\b"),
    ("address of a machine", r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b"),
    ("version", r"\b\d+:?\d*\.\d+(?:\.\d+)*(?:[-+~][0-9A-Za-z.+~-]+)?\b"),
    ("identifier of a machine", r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\bpid[= ]\d+\b"),
];

/// What was taken away from lines that hold no identifier.
pub struct Machines {
    matters: Vec<(&'static str, Regex)>,
    pub lines: usize,
    pub altered: usize,
    /// How often what matters was among what was lost.
    pub lost: BTreeMap<&'static str, usize>,
    pub examples: Vec<String>,
}

impl Machines {
    pub fn new() -> Self {
        let matters = MATTERS.map(|(what, pattern)| (what, Regex::new(pattern).expect("a pattern of this file")));
        let lost = MATTERS.iter().map(|(what, _)| (*what, 0)).collect();
        Self { matters: matters.into(), lines: 0, altered: 0, lost, examples: Vec::new() }
    }

    /// Measures one line of a machine's log.
    pub fn add(&mut self, line: &str) {
        let removed = removed(line, Options::default());
        self.lines += 1;
        if removed.is_empty() {
            return;
        }
        self.altered += 1;
        for (what, pattern) in &self.matters {
            let held = |s: usize, e: usize| removed.iter().any(|r| r.start < e && s < r.end);
            *self.lost.entry(what).or_default() += pattern.find_iter(line).filter(|m| held(m.start(), m.end())).count();
        }
        if self.examples.len() < EXAMPLES {
            let parts: Vec<_> = removed.iter().map(|r| format!("{:?} as {}", &line[r.start..r.end], r.tag)).collect();
            self.examples.push(format!("removed {} from {line:?}", parts.join(", ")));
        }
    }

    /// Altered lines, of all.
    pub fn share(&self) -> Share {
        Share { found: self.altered, all: self.lines }
    }
}

/// Pieces that patterns, labels and tables begin with. Repeated, they are what costs most.
pub const HOSTILE: &[&str] = &[
    "0",
    "1-",
    " ",
    "1 ",
    "Name ",
    "12 Elm ",
    "ssn: ",
    "ssn: 123-45-6789 ",
    "patient: Doe, ",
    "patient Doe ",
    "(ssn) VALUES (",
    "(ssn)=(",
    "Duplicate entry '",
    "Duplicate entry 'a' for key 'ssn",
    "ssn=\"",
    "ssn='",
    "\\\"ssn\\\":\\\"",
    "a@",
    "a.",
    "a@a.",
    "https://a/",
    "patients/",
    "-----BEGIN PRIVATE KEY-----",
    "19",
    "A",
    "a1:",
    "ssn,dob,name\n1,2,3\n",
    "a,",
    "[scrubbed:ssn]",
    "[scrubbed:",
    "\"value\":\"",
    "\"address\":[{\"text\":",
    "address: A 1 ",
    "<a:ssn",
    "<ssn>",
    "A-",
    "É",
    "$1 = '",
    "Calle A ",
    "1, rue A ",
    "PID|",
    "PID-3: ",
    "NM1*IL*1*",
    "A^",
    "DOB 1/1/19",
    "ssn.",
    "?ssn=",
    "&ssn=%",
    "+1 ",
    "(01) ",
    "DE89 ",
    "data:image/a;base64,",
    "photo: /9j/",
    "street=",
    "Mr. A ",
    "name is ",
];

/// A piece over and over, so many bytes or a few less.
pub fn repeated(piece: &str, bytes: usize) -> String {
    piece.repeat(bytes / piece.len())
}
