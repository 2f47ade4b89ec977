//! Reading DER (X.690): one element after another, lengths definite and shortest, tags of one byte. Nothing is recursive, so
//! nothing can be too deep.

use super::error::TimestampError;

pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const OCTETS: u8 = 0x04;
pub const NULL: u8 = 0x05;
pub const OID: u8 = 0x06;
pub const UTF8: u8 = 0x0c;
pub const UTC_TIME: u8 = 0x17;
pub const GENERALIZED_TIME: u8 = 0x18;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// A context-specific tag around others (`[n] EXPLICIT`, or `[n] IMPLICIT` of something constructed).
pub const fn around(n: u8) -> u8 {
    0xa0 | n
}

/// A context-specific tag of something primitive (`[n] IMPLICIT`).
pub const fn primitive(n: u8) -> u8 {
    0x80 | n
}

/// What is left to read of some bytes.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its tag.
    pub tag: u8,
    /// What is in it.
    pub content: &'a [u8],
    /// All of its bytes, tag and length too.
    pub whole: &'a [u8],
}

type Result<T> = std::result::Result<T, TimestampError>;

fn malformed<T>(why: &'static str) -> Result<T> {
    Err(TimestampError::Malformed(why))
}

impl<'a> Reader<'a> {
    /// Reads these bytes from their beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The only element of some bytes, if it has this tag.
    pub fn only(bytes: &'a [u8], tag: u8) -> Result<Element<'a>> {
        let mut reader = Self::new(bytes);
        let element = reader.expect(tag)?;
        reader.end()?;
        Ok(element)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That nothing is left.
    pub fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { malformed("something follows where nothing may") }
    }

    /// The next element.
    pub fn next(&mut self) -> Result<Element<'a>> {
        let (&[tag, first], rest) =
            self.0.split_first_chunk::<2>().ok_or(TimestampError::Malformed("it ends early"))?;
        if tag & 0x1f == 0x1f {
            return malformed("a tag of more than one byte");
        }
        let (length, body) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let count = usize::from(first & 0x7f);
                let (digits, body) = rest.split_at_checked(count).ok_or(TimestampError::Malformed("it ends early"))?;
                let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
                if digits[0] == 0 || length < 0x80 {
                    return malformed("a length that is not written in the shortest way: not DER");
                }
                (length, body)
            }
            0x80 => return malformed("a length without end: not DER"),
            _ => return malformed("a length beyond all bounds"),
        };
        let (content, rest) = body.split_at_checked(length).ok_or(TimestampError::Malformed("it ends early"))?;
        let whole = &self.0[..self.0.len() - rest.len()];
        self.0 = rest;
        Ok(Element { tag, content, whole })
    }

    /// The next element, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>> {
        let element = self.next()?;
        if element.tag == tag { Ok(element) } else { malformed("an element of another kind than expected") }
    }

    /// The next element if it has this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>> {
        if self.0.first() == Some(&tag) { self.next().map(Some) } else { Ok(None) }
    }
}

impl<'a> Element<'a> {
    /// What is in it, as further elements.
    pub fn inner(&self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// An integer that is not negative: its bytes from the highest, without leading zeros.
    pub fn unsigned(&self) -> Result<&'a [u8]> {
        match self.content {
            [] => malformed("an integer without bytes"),
            [0x80..=0xff, ..] => malformed("a negative number"),
            [0, second, ..] if *second < 0x80 => malformed("an integer with a needless zero"),
            [0, rest @ ..] => Ok(rest),
            all => Ok(all),
        }
    }

    /// A small integer that is not negative.
    pub fn small(&self) -> Result<u64> {
        let bytes = self.unsigned()?;
        if bytes.len() > 8 {
            return malformed("a number beyond all bounds");
        }
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A truth value.
    pub fn boolean(&self) -> Result<bool> {
        match self.content {
            [0] => Ok(false),
            [0xff] => Ok(true),
            _ => malformed("a truth value that is neither"),
        }
    }
}

/// Writes an element; of less than 64 KiB.
pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut bytes = match length {
        [0, short @ 0..=0x7f] => vec![tag, short],
        [0, long] => vec![tag, 0x81, long],
        [high, low] => vec![tag, 0x82, high, low],
    };
    bytes.extend(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_spelling_is_read() {
        let read = |bytes: &[u8]| Reader::new(bytes).next().map(|element| element.content.to_vec());
        assert_eq!(read(&[0x04, 0x01, 0x07]).unwrap(), [7]);
        assert_eq!(read(&element(OCTETS, &[&[7; 200]])).unwrap(), [7; 200]);
        assert_eq!(read(&element(OCTETS, &[&[7; 2000]])).unwrap(), [7; 2000]);
        let mut long_way = vec![0x04, 0x81, 0x01, 0x07];
        assert!(read(&long_way).is_err());
        long_way = [&[0x04, 0x82, 0x00, 0xc8][..], &[7; 200]].concat();
        assert!(read(&long_way).is_err());
        for bad in
            [&[][..], &[0x04], &[0x04, 0x02, 0x01], &[0x30, 0x80, 0, 0], &[0x1f, 0x01, 0], &[0x04, 0x84, 1, 0, 0, 0]]
        {
            assert!(read(bad).is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn integers_have_one_spelling() {
        let small = |bytes: &[u8]| Element { tag: INTEGER, content: bytes, whole: bytes }.small();
        assert_eq!((small(&[0]), small(&[0x7f]), small(&[0, 0x80])), (Ok(0), Ok(127), Ok(128)));
        for bad in [&[][..], &[0x80], &[0, 0x7f], &[1; 9]] {
            assert!(small(bad).is_err(), "{bad:02x?}");
        }
    }
}
