//! Removing protected health information from free text.
//!
//! Each find is replaced by a tag that says what stood there, such as `[scrubbed:ssn]`. Whole records come first; then what
//! the column of a table or a label names ("MRN: …", `"birthDate":"…"`), whatever it looks like; then what its own shape or a
//! check digit tells, which stays away from what is known to be harmless: digests, store paths, times, addresses of
//! machines, names of bundles.
//!
//! Honest limits: a name without a label or title, and a number without a label that looks like any other number, are
//! not found. `docs/phi.md` has the 18 identifiers one by one; this crate's tests have floors for recall, precision and
//! false positives. The rule that counts more is that predicates cannot use text, that names travel as keyed hashes, and
//! that excerpts are short.

mod found;
mod judges;
mod labels;
mod patterns;
mod tables;

use std::borrow::Cow;

use found::Found;
use patterns::{HARMLESS, PATTERNS, Pattern, RECORDS};

/// The longest text that is looked at, in bytes; a longer one is replaced as a whole.
pub const MAX_SCRUB: usize = 1024 * 1024;

/// How often a text is gone through. What a tag leaves beside it may be another word than before, so a round goes over
/// the tags of the one before, until it finds nothing: the second, nearly always.
const ROUNDS: usize = 8;

/// What else to remove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Addresses of machines (IPv4, IPv6 and MAC) as well.
    pub addresses: bool,
}

/// A range of bytes of a text that is replaced by a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// What stood there.
    pub tag: &'static str,
}

/// Removes protected health information, keeping addresses of machines. See [`scrub_with`].
pub fn scrub(text: &str) -> Cow<'_, str> {
    scrub_with(text, Options::default())
}

/// Removes protected health information. Deterministic, linear in the text's length, and idempotent: scrubbing what was
/// scrubbed changes nothing. The answer is no longer than [`MAX_SCRUB`]; a text for which that does not do, or in which
/// each round finds something more, is replaced as a whole.
pub fn scrub_with(text: &str, options: Options) -> Cow<'_, str> {
    match rounds(text, options) {
        Ok((_, removed)) if removed.is_empty() => Cow::Borrowed(text),
        Ok((scrubbed, _)) => Cow::Owned(scrubbed),
        Err(tag) => Cow::Owned(bracketed(tag)),
    }
}

/// Which bytes of a text [`scrub_with`] replaces, in order: what the figures are measured by.
pub fn removed(text: &str, options: Options) -> Vec<Removed> {
    let whole = |tag| vec![Removed { start: 0, end: text.len(), tag }];
    rounds(text, options).map_or_else(whole, |(_, removed)| removed)
}

fn bracketed(tag: &str) -> String {
    format!("[scrubbed:{tag}]")
}

/// The scrubbed text and what was removed from it; or the tag that stands for all of it.
fn rounds(text: &str, options: Options) -> Result<(String, Vec<Removed>), &'static str> {
    let mut all: Vec<Removed> = Vec::new();
    let mut current = text.to_owned();
    for _ in 0..ROUNDS {
        if current.len() > MAX_SCRUB {
            return Err("too-long");
        }
        let more = once(&current, options);
        if more.is_empty() {
            return Ok((current, all));
        }
        all = joined(&all, &more);
        current = replaced(text, &all);
    }
    Err("too-dense")
}

/// What two rounds removed: the second counts bytes of a text in which tags stand for what the first removed.
fn joined(first: &[Removed], second: &[Removed]) -> Vec<Removed> {
    let mut all = Vec::with_capacity(first.len() + second.len());
    let mut earlier = first.iter().peekable();
    // How much the tags so far made the text longer, and shorter.
    let (mut tags, mut gone) = (0, 0);
    for found in second {
        while let Some(before) = earlier.next_if(|e| e.start + tags <= found.start + gone) {
            tags += bracketed(before.tag).len();
            gone += before.end - before.start;
            all.push(*before);
        }
        all.push(Removed { start: found.start + gone - tags, end: found.end + gone - tags, tag: found.tag });
    }
    all.extend(earlier);
    all
}

fn replaced(text: &str, removed: &[Removed]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for Removed { start, end, tag } in removed {
        out.push_str(&text[at..*start]);
        out.push_str(&bracketed(tag));
        at = *end;
    }
    out.push_str(&text[at..]);
    out
}

/// One round: records, then what columns and labels name, then shapes. Of two that overlap the first counts.
fn once(text: &str, options: Options) -> Vec<Removed> {
    let mut found = Found::default();
    for tag in patterns::TAG.find_iter(text) {
        found.tags.add(tag.start(), tag.end());
    }
    for harmless in HARMLESS.iter().flat_map(|regex| regex.find_iter(text)) {
        found.harmless.add(harmless.start(), harmless.end());
    }
    search(text, &RECORDS, options, &mut found);
    tables::find(text, &mut found);
    labels::find(text, &mut found);
    search(text, &PATTERNS, options, &mut found);
    found.into_removed()
}

fn search(text: &str, patterns: &[Pattern], options: Options, found: &mut Found) {
    for pattern in patterns.iter().filter(|p| options.addresses || !p.optional) {
        let Some(regex) = pattern.for_text(text) else { continue };
        for captures in regex.captures_iter(text) {
            let Some(hit) = captures.name("v").or_else(|| captures.get(0)) else { continue };
            let length = pattern.judge.map_or(Some(hit.len()), |judge| judge(hit.as_str()));
            if let Some(length) = length {
                found.add(hit.start(), hit.start() + length, pattern.tag, pattern.vouched);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_removed_says_what_it_was() {
        let cases = [
            ("SSN 123-45-6789 on file", "SSN [scrubbed:ssn] on file"),
            ("MRN: A1234567, retry", "MRN: [scrubbed:id], retry"),
            ("call (555) 123-4567 now", "call [scrubbed:phone] now"),
            ("mail jane.doe@example.org", "mail [scrubbed:email]"),
            ("DOB: 03/14/1962", "DOB: [scrubbed:date]"),
            ("patient: Doe, Jane admitted", "patient: [scrubbed:name] admitted"),
            ("card 4111 1111 1111 1111", "card [scrubbed:card]"),
            ("lives at 12 Elm Street, Springfield, IL 62704", "lives at [scrubbed:address]"),
        ];
        for (before, after) in cases {
            assert_eq!(scrub(before), after);
        }
    }

    #[test]
    fn what_machines_say_stays() {
        for text in [
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "/nix/store/0c5b8vw40dy178xlpddw65q9gf1h2186-nixos-system-front-desk-26.05",
            "2026-11-23T14:40:56.123Z nginx.service: Main process exited, code=exited, status=1/FAILURE",
            "EB-20251101-0042 closes INC-20251101-0007",
            "inet 192.168.10.20/24 via 10.0.0.1 dev eth0 metric 1024",
            "mode is \"0666\", expected \"0644\"",
        ] {
            assert_eq!(scrub(text), text);
        }
    }

    #[test]
    fn addresses_of_machines_go_when_asked() {
        let text = "from 192.168.10.20 (52:54:00:12:34:56)";
        assert_eq!(scrub(text), text);
        assert_eq!(scrub_with(text, Options { addresses: true }), "from [scrubbed:machine] ([scrubbed:machine])");
    }

    #[test]
    fn too_long_is_not_looked_at() {
        assert_eq!(scrub(&"x".repeat(MAX_SCRUB + 1)), "[scrubbed:too-long]");
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[ -~]{0,8}",
            "[0-9]{1,9}",
            Just("123-45-6789".to_owned()),
            Just("patient: ".to_owned()),
            Just("DOB ".to_owned()),
            Just("MRN#".to_owned()),
            Just("Jane Doe".to_owned()),
            Just("[scrubbed:ssn]".to_owned()),
            Just("555-123-4567".to_owned()),
            Just("@example.org".to_owned()),
            Just("4111111111111111".to_owned()),
            Just("\n".to_owned()),
            ".{0,4}",
        ];
        prop::collection::vec(piece, 0..12).prop_map(|p| p.concat())
    }

    proptest! {
        #[test]
        fn scrubbing_twice_changes_nothing(text in pieces()) {
            let first = scrub(&text).into_owned();
            prop_assert_eq!(scrub(&first), first.clone());
        }
    }
}
