//! Small changes of an input, the same for the same seed: of bytes, and of the words that formats are made of.

/// xorshift64* (Marsaglia 2003, Vigna 2016): good enough to choose by.
pub struct Random(u64);

impl Random {
    /// The same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize;
        if end == 0 { 0 } else { high % end }
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// What is put in: numbers at the edges, empty and nested things, what ends a line, a text or a comment elsewhere.
const WORDS: &[&[u8]] = &[
    b"0",
    b"-1",
    b"9007199254740991",
    b"9007199254740992",
    b"18446744073709551615",
    b"18446744073709551616",
    b"1e9",
    b"4294967295",
    b"0.5",
    b"null",
    b"true",
    b"\"\"",
    b"[]",
    b"{}",
    b"[[",
    b"{\"",
    b"\"a\":",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\0",
    b"\t",
    b" ",
    b"=",
    b"'",
    b"\"",
    b"\\",
    b"#",
    b"/",
    b"..",
    b"${",
    b"''",
    b"\xff",
    b"\xc3\xa9",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"\\u0000",
    b"\\ud800",
    b"2026-02-30T24:00:00Z",
    b"9999-12-31T23:59:59.999Z",
    b"sha256:",
    b"@",
    b"%",
    b"&&",
    b"++",
    b"let",
    b"in",
    b"(",
    b")",
];

/// Changes bytes in one to four places; `other` is another input of the same kind, to take pieces of.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        one(bytes, other, random);
    }
}

fn one(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let most = 1 << random.below(7);
    let length = 1 + random.below(most);
    let end = (at + length).min(bytes.len());
    match random.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
        2 => drop(bytes.drain(at..end)),
        3 => bytes.truncate(at),
        4 => {
            let piece = bytes[at..end].to_vec();
            let most = 1 << random.below(6);
            let times = 1 + random.below(most);
            drop(bytes.splice(at..at, piece.repeat(times)));
        }
        5 => {
            let from = random.below(other.len());
            let piece = &other[from..(from + length).min(other.len())];
            drop(bytes.splice(at..end, piece.iter().copied()));
        }
        6 => word(bytes, at, random),
        _ => drop(bytes.splice(at..at, random.one(WORDS).iter().copied())),
    }
}

/// Puts another word where a number, a name or a text stands.
fn word(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let Some(start) = bytes[at..].iter().position(is_word).map(|skip| at + skip) else { return };
    let end = bytes[start..].iter().position(|b| !is_word(b)).map_or(bytes.len(), |length| start + length);
    drop(bytes.splice(start..end, random.one(WORDS).iter().copied()));
}
