//! Taking known secrets out of what programs say: as they are, and as base64, hexadecimal, in an address or in JSON.
//!
//! White space is nothing here, as programs that encode break lines. Of a secret of several lines each line counts, and of a
//! line `NAME=value` the value. A program that takes a secret apart letter by letter is not caught by any of this.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::{Zeroize as _, Zeroizing};

/// What stands in the place of a secret: as what the scrubber of patient data leaves, so that it stays as it is.
pub const TAG: &str = "[scrubbed:secret]";
/// The fewest bytes that are looked for: what is shorter stands in many texts by chance.
pub const LEAST: usize = 8;
/// The fewest bytes of a part of a secret at an end that was cut.
const LEAST_PART: usize = 4;

/// At which ends a text was cut, so that a part of a secret may stand there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// Something stood before it.
    pub front: bool,
    /// Something stood behind it.
    pub back: bool,
}

impl Cut {
    /// At the end.
    pub const BACK: Self = Self { front: false, back: true };
    /// At the beginning.
    pub const FRONT: Self = Self { front: true, back: false };
}

/// What is looked for. Wiped from memory when dropped.
#[derive(Default)]
pub struct Redactor {
    /// The forms of all secrets without white space, the longest first.
    forms: Vec<Zeroizing<Vec<u8>>>,
    /// Which of them begin with these two bytes.
    by_start: HashMap<[u8; 2], Vec<usize>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms, hidden)", self.forms.len())
    }
}

impl Redactor {
    /// One that knows these values.
    pub fn of<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Self {
        let parts = values.into_iter().flat_map(parts);
        let mut forms: Vec<_> = parts.flat_map(forms).filter(|form| form.len() >= LEAST).collect();
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.as_slice().cmp(b.as_slice())));
        forms.dedup_by(|a, b| a.as_slice() == b.as_slice());
        let mut by_start: HashMap<[u8; 2], Vec<usize>> = HashMap::new();
        for (i, form) in forms.iter().enumerate() {
            by_start.entry([form[0], form[1]]).or_default().push(i);
        }
        Self { forms, by_start }
    }

    /// A whole text without them.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes(), Cut::default()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Bytes without them, and at an end where they were cut without a part of one.
    pub fn bytes<'t>(&self, bytes: &'t [u8], cut: Cut) -> Cow<'t, [u8]> {
        if self.forms.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let places: Vec<usize> = (0..bytes.len()).filter(|i| !bytes[*i].is_ascii_whitespace()).collect();
        let mut dense = Zeroizing::new(Vec::with_capacity(places.len()));
        dense.extend(places.iter().map(|i| bytes[*i]));
        let found = self.found(&dense, cut);
        if found.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let (mut kept, mut at) = (Vec::with_capacity(bytes.len()), 0);
        for (start, end) in found {
            kept.extend_from_slice(&bytes[at..places[start]]);
            kept.extend_from_slice(TAG.as_bytes());
            at = places[end - 1] + 1;
        }
        kept.extend_from_slice(&bytes[at..]);
        Cow::Owned(kept)
    }

    /// Where they stand in what has no white space, in order; none overlaps another.
    fn found(&self, dense: &[u8], cut: Cut) -> Vec<(usize, usize)> {
        let mut ranges = Vec::new();
        // Every place is tried, also within another: two secrets may share bytes.
        for at in 0..dense.len().saturating_sub(1) {
            let candidates = self.by_start.get(&[dense[at], dense[at + 1]]).into_iter().flatten();
            let longest = candidates.map(|i| &self.forms[*i]).find(|form| dense[at..].starts_with(form));
            ranges.extend(longest.map(|form| (at, at + form.len())));
        }
        if cut.front {
            let ending = |form: &Zeroizing<Vec<u8>>| {
                let most = form.len().saturating_sub(1).min(dense.len());
                (LEAST_PART..=most).rev().find(|n| dense.starts_with(&form[form.len() - n..]))
            };
            ranges.extend(self.forms.iter().filter_map(ending).max().map(|n| (0, n)));
        }
        if cut.back {
            let beginning = |form: &Zeroizing<Vec<u8>>| {
                let most = form.len().saturating_sub(1).min(dense.len());
                (LEAST_PART..=most).rev().find(|n| dense.ends_with(&form[..*n]))
            };
            ranges.extend(self.forms.iter().filter_map(beginning).max().map(|n| (dense.len() - n, dense.len())));
        }
        ranges.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::with_capacity(ranges.len());
        for (start, end) in ranges {
            match joined.last_mut().filter(|last| start < last.1) {
                Some(last) => last.1 = last.1.max(end),
                None => joined.push((start, end)),
            }
        }
        joined
    }
}

/// The whole value, its lines, and what stands behind the first `=` or `:` of each.
fn parts(value: &[u8]) -> Vec<&[u8]> {
    let mut all = vec![value];
    for line in value.split(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
        all.push(line);
        if let Some(at) = line.iter().position(|byte| matches!(byte, b'=' | b':')) {
            let behind = line[at + 1..].trim_ascii();
            let quoted = behind.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
            all.push(quoted.unwrap_or(behind));
        }
    }
    all.into_iter().map(<[u8]>::trim_ascii).filter(|part| part.len() >= LEAST).collect()
}

/// The ways in which programs write it.
fn forms(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut all = vec![without_white_space(value)];
    let hex = |upper: bool| {
        let mut text = Zeroizing::new(String::with_capacity(value.len() * 2));
        for byte in value {
            let _ = if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") };
        }
        Zeroizing::new(text.as_bytes().to_vec())
    };
    all.extend([hex(false), hex(true)]);
    for upper in [false, true] {
        for space in ["%20", "+"] {
            all.push(in_address(value, upper, space));
        }
    }
    for offset in 0..3 {
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            all.push(base64_at(value, offset, &engine));
        }
    }
    if let Ok(text) = std::str::from_utf8(value) {
        let mut quoted = serde_json::to_string(text).unwrap_or_default();
        all.push(without_white_space(quoted.trim_matches('"').as_bytes()));
        quoted.zeroize();
    }
    all
}

fn without_white_space(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut dense = Zeroizing::new(Vec::with_capacity(value.len()));
    dense.extend(value.iter().copied().filter(|byte| !byte.is_ascii_whitespace()));
    dense
}

/// Percent-encoded (RFC 3986), all but what is never encoded.
fn in_address(value: &[u8], upper: bool, space: &str) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(String::with_capacity(value.len() * 3));
    for byte in value {
        let _ = match byte {
            b' ' => write!(text, "{space}"),
            b if b.is_ascii_alphanumeric() || b"-._~".contains(b) => write!(text, "{}", char::from(*b)),
            b if upper => write!(text, "%{b:02X}"),
            b => write!(text, "%{b:02x}"),
        };
    }
    Zeroizing::new(text.as_bytes().to_vec())
}

/// What is the same of base64 whatever stands before and behind, where as many bytes stand before as `offset`, beside
/// multiples of three.
fn base64_at(value: &[u8], offset: usize, engine: &impl base64::Engine) -> Zeroizing<Vec<u8>> {
    let mut shifted = Zeroizing::new(vec![0; offset]);
    shifted.extend_from_slice(value);
    let text = Zeroizing::new(engine.encode(&shifted[..]));
    // Letters that have bits of what stands before, and behind.
    let first = (offset * 8).div_ceil(6);
    let end = shifted.len() * 8 / 6;
    Zeroizing::new(text.as_bytes().get(first..end).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;

    const SECRET: &[u8] = b"kJ9/x+ q\"Zz~41";

    fn redacted(text: &str) -> String {
        Redactor::of([SECRET]).text(text).into_owned()
    }

    #[test]
    fn every_form_of_it_is_taken_out() {
        let hex: String = SECRET.iter().map(|byte| format!("{byte:02x}")).collect();
        let inner = |before: &str| STANDARD.encode([before.as_bytes(), SECRET, b" and more"].concat());
        for text in [
            "it is kJ9/x+ q\"Zz~41!".to_owned(),
            format!("hex {hex} end"),
            format!("HEX {} end", hex.to_uppercase()),
            "https://h/?p=kJ9%2Fx%2B%20q%22Zz~41&b".to_owned(),
            "https://h/?p=kJ9%2fx%2b+q%22Zz~41&b".to_owned(),
            format!("{:?}", "kJ9/x+ q\"Zz~41"),
            STANDARD.encode(SECRET),
            URL_SAFE.encode(SECRET),
            inner("a"),
            inner("ab"),
            inner("abc"),
            // As `fold` and `xxd -p` break lines.
            hex.as_bytes().chunks(7).map(|c| String::from_utf8_lossy(c).into_owned()).collect::<Vec<_>>().join("\n"),
        ] {
            let said = redacted(&text);
            assert!(said.contains(TAG), "{text}: {said}");
            for part in ["Zz~41", "5a7a7e", "5A7A7E", "q%22Z"] {
                assert!(!said.contains(part), "{text}: {said}");
            }
        }
        let clean = "nothing of it, kJ9 nor Zz";
        assert!(matches!(Redactor::of([SECRET]).text(clean), Cow::Borrowed(_)));
        assert!(matches!(Redactor::default().text(clean), Cow::Borrowed(_)));
    }

    #[test]
    fn of_several_lines_each_counts_and_so_do_their_values() {
        let file = b"AWS_ACCESS_KEY_ID=AKIAEXAMPLE7\nAWS_SECRET_ACCESS_KEY=\"wJalrXUt/EMI\"\nx=1\n";
        let redactor = Redactor::of([&file[..]]);
        assert_eq!(redactor.text("key AKIAEXAMPLE7 and wJalrXUt/EMI, x=1"), format!("key {TAG} and {TAG}, x=1"));
    }

    #[test]
    fn where_a_text_was_cut_no_part_of_it_is_left() {
        let redactor = Redactor::of([&b"correct-horse-battery"[..]]);
        let cut = |text: &str, cut| String::from_utf8(redactor.bytes(text.as_bytes(), cut).into_owned()).unwrap();
        assert_eq!(cut("said correct-hor", Cut::BACK), format!("said {TAG}"));
        assert_eq!(cut("said correct-hor", Cut::default()), "said correct-hor");
        assert_eq!(cut("battery it said", Cut::FRONT), format!("{TAG} it said"));
        assert_eq!(cut("said cor", Cut::BACK), "said cor");
    }

    #[test]
    fn two_that_overlap_both_go() {
        let redactor = Redactor::of([&b"abcdefgh"[..], &b"efghijkl"[..]]);
        assert_eq!(redactor.text("-abcdefghijkl-"), format!("-{TAG}-"));
    }

    proptest! {
        /// Whatever stands around a secret, and however it is encoded with that, nothing of it stays.
        #[test]
        fn nothing_of_a_secret_stays(
            secret in "[A-Za-z0-9]{16,40}", before in "[ -~]{0,20}", after in "[ -~]{0,20}", form in 0..4_usize
        ) {
            let whole = format!("{before}{secret}{after}");
            let text = match form {
                0 => whole,
                1 => STANDARD.encode(&whole),
                2 => whole.bytes().map(|byte| format!("{byte:02x}")).collect(),
                _ => URL_SAFE.encode(&whole),
            };
            let redactor = Redactor::of([secret.as_bytes()]);
            let said = redactor.text(&text).into_owned();
            prop_assert!(said.contains(TAG), "{} -> {}", text, said);
            prop_assert!(!said.contains(&secret[4..12]));
            // Going over it again changes nothing.
            prop_assert_eq!(redactor.text(&said), said.as_str());
        }
    }
}
