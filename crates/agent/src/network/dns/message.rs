//! DNS messages (RFC 1035 §4): a query for addresses, and what an answer to it says. Pure, and hostile bytes are nothing new
//! to it: nothing is followed without bound, nothing outside the message is read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many records of an answer are read.
const MOST_RECORDS: usize = 128;
/// How often a name may jump within a message, and an alias lead on.
const MOST_JUMPS: usize = 16;
/// The longest name, in its text form.
const LONGEST_NAME: usize = 255;

const CNAME: u16 = 5;
const INTERNET: u16 = 1;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses (RFC 3596).
    Aaaa,
}

impl Kind {
    fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The response code: 0 is no error, 3 that there is no such name.
    pub code: u8,
    /// Whether it did not fit, and is to be asked for over TCP.
    pub truncated: bool,
    /// The addresses of the name, or of what it is an alias of.
    pub addresses: Vec<IpAddr>,
}

/// The bytes of a query, recursion desired. None for a name that has no such form.
pub fn query(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        bytes.push(length);
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    if bytes.len() > 12 + LONGEST_NAME {
        return None;
    }
    bytes.extend(kind.code().to_be_bytes());
    bytes.extend(INTERNET.to_be_bytes());
    Some(bytes)
}

/// Reads the answer to a query.
///
/// # Errors
/// What is wrong with it, in a few words; whoever asked may wait for a better one.
pub fn answer(bytes: &[u8], id: u16, name: &str, kind: Kind) -> Result<Answer, &'static str> {
    let mut reader = Reader { bytes, at: 0 };
    if reader.number()? != id {
        return Err("it answers another query");
    }
    let flags = reader.number()?;
    if flags & 0x8000 == 0 || flags & 0x7800 != 0 {
        return Err("it is no answer");
    }
    let (questions, records) = (reader.number()?, reader.number()?);
    reader.skip(4)?;
    if questions != 1 {
        return Err("it does not repeat the question");
    }
    let asked = (reader.name()?, reader.number()?, reader.number()?);
    if !asked.0.eq_ignore_ascii_case(name) || (asked.1, asked.2) != (kind.code(), INTERNET) {
        return Err("it repeats another question");
    }
    let truncated = flags & 0x0200 != 0;
    let code = (flags & 0x000f) as u8;
    let mut read = Vec::new();
    for _ in 0..usize::from(records).min(MOST_RECORDS) {
        match reader.record() {
            Ok(record) => read.push(record),
            // What is cut off may end anywhere.
            Err(_) if truncated => break,
            Err(e) => return Err(e),
        }
    }
    Ok(Answer { code, truncated, addresses: addresses(&read, name, kind) })
}

fn addresses(records: &[Record], name: &str, kind: Kind) -> Vec<IpAddr> {
    let mut wanted = name.to_ascii_lowercase();
    for _ in 0..MOST_JUMPS {
        let of = |record: &&Record| record.owner.eq_ignore_ascii_case(&wanted);
        let found: Vec<IpAddr> =
            records.iter().filter(of).filter(|r| r.kind == kind.code()).filter_map(|r| r.address).collect();
        if !found.is_empty() {
            return found;
        }
        let alias = records.iter().filter(of).find_map(|record| record.alias.clone());
        match alias {
            Some(alias) => wanted = alias,
            None => return Vec::new(),
        }
    }
    Vec::new()
}

/// A record of the answer section, as far as it concerns us.
struct Record {
    owner: String,
    kind: u16,
    address: Option<IpAddr>,
    alias: Option<String>,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

const CUT: &str = "it is cut off";

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(CUT)?;
        self.at += N;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u16, &'static str> {
        self.take().map(u16::from_be_bytes)
    }

    fn skip(&mut self, count: usize) -> Result<(), &'static str> {
        self.at = self.at.checked_add(count).filter(|at| *at <= self.bytes.len()).ok_or(CUT)?;
        Ok(())
    }

    /// A name with its jumps (§4.1.4), in small letters. Bytes that no name of a host has are shown as `?`.
    fn name(&mut self) -> Result<String, &'static str> {
        let mut name = String::new();
        let (mut at, mut jumps, mut after) = (self.at, 0, None);
        loop {
            let length = *self.bytes.get(at).ok_or(CUT)?;
            match length {
                0 => break,
                1..=63 => {
                    let label = self.bytes.get(at + 1..at + 1 + usize::from(length)).ok_or(CUT)?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    let shown = |b: &u8| if b.is_ascii_graphic() && *b != b'.' { char::from(*b) } else { '?' };
                    name.extend(label.iter().map(shown).map(|c| c.to_ascii_lowercase()));
                    at += 1 + usize::from(length);
                }
                0xc0.. => {
                    let low = *self.bytes.get(at + 1).ok_or(CUT)?;
                    after.get_or_insert(at + 2);
                    at = usize::from(length & 0x3f) << 8 | usize::from(low);
                    jumps += 1;
                }
                _ => return Err("a label has a form that nobody uses"),
            }
            if jumps > MOST_JUMPS || name.len() > LONGEST_NAME {
                return Err("a name does not end");
            }
        }
        self.at = after.unwrap_or(at + 1);
        Ok(name)
    }

    fn record(&mut self) -> Result<Record, &'static str> {
        let owner = self.name()?;
        let (kind, class) = (self.number()?, self.number()?);
        self.skip(4)?;
        let length = usize::from(self.number()?);
        let begin = self.at;
        self.skip(length)?;
        let data = &self.bytes[begin..self.at];
        let known = class == INTERNET;
        let address = match (kind, data.len()) {
            (1, 4) if known => <[u8; 4]>::try_from(data).ok().map(|octets| Ipv4Addr::from(octets).into()),
            (28, 16) if known => <[u8; 16]>::try_from(data).ok().map(|octets| Ipv6Addr::from(octets).into()),
            _ => None,
        };
        let alias = match kind {
            CNAME if known => Some(Reader { bytes: self.bytes, at: begin }.name()?),
            _ => None,
        };
        Ok(Record { owner, kind, address, alias })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer to `www.example.org A`: an alias and two addresses of what it stands for, names compressed as servers do.
    fn captured() -> Vec<u8> {
        let mut bytes = query(0x1234, "www.example.org", Kind::A).unwrap();
        (bytes[2], bytes[3], bytes[7]) = (0x81, 0x80, 3);
        // www.example.org CNAME web.example.org: the rest of the name is that of the question.
        bytes.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6, 3, b'w', b'e', b'b', 0xc0, 16]);
        let alias = (bytes.len() - 6) as u8;
        for last in [1, 2] {
            bytes.extend([0xc0, alias, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last]);
        }
        bytes
    }

    #[test]
    fn addresses_are_found_through_an_alias() {
        let answer = answer(&captured(), 0x1234, "www.example.org", Kind::A).unwrap();
        let expected: Vec<IpAddr> = vec!["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        assert_eq!(answer, Answer { code: 0, truncated: false, addresses: expected });
    }

    #[test]
    fn an_answer_to_something_else_is_none() {
        let good = captured();
        let said = |bytes: &[u8], id, name, kind| answer(bytes, id, name, kind).unwrap_err();
        assert_eq!(said(&good, 1, "www.example.org", Kind::A), "it answers another query");
        assert_eq!(said(&good, 0x1234, "www.example.net", Kind::A), "it repeats another question");
        assert_eq!(said(&good, 0x1234, "www.example.org", Kind::Aaaa), "it repeats another question");
        let question = query(0x1234, "www.example.org", Kind::A).unwrap();
        assert_eq!(said(&question, 0x1234, "www.example.org", Kind::A), "it is no answer");
        for cut in 0..good.len() {
            assert!(answer(&good[..cut], 0x1234, "www.example.org", Kind::A).is_err(), "{cut}");
        }
    }

    #[test]
    fn addresses_of_others_do_not_count() {
        let mut bytes = query(7, "a.example", Kind::A).unwrap();
        (bytes[2], bytes[7]) = (0x81, 1);
        bytes.extend([1, b'b', 0xc0, 14, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 9]);
        assert_eq!(answer(&bytes, 7, "a.example", Kind::A).unwrap().addresses, Vec::<IpAddr>::new());
    }

    #[test]
    fn a_name_that_leads_to_itself_ends() {
        let mut bytes = query(7, "a", Kind::A).unwrap();
        (bytes[2], bytes[7]) = (0x81, 1);
        let own = bytes.len() as u8;
        bytes.extend([0xc0, own]);
        assert_eq!(answer(&bytes, 7, "a", Kind::A).unwrap_err(), "a name does not end");
        // An alias of itself.
        let mut bytes = query(7, "a", Kind::A).unwrap();
        (bytes[2], bytes[7]) = (0x81, 1);
        bytes.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12]);
        assert_eq!(answer(&bytes, 7, "a", Kind::A).unwrap().addresses, Vec::<IpAddr>::new());
    }

    #[test]
    fn what_cannot_be_asked_is_not() {
        for name in ["", "a..b", ".", &*"a".repeat(64), &*"abc.".repeat(70)] {
            assert_eq!(query(1, name, Kind::A), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), at in 0_usize..200, with in any::<u8>()) {
            let _ = answer(&bytes, 0x1234, "www.example.org", Kind::A);
            let mut bytes = captured();
            let at = at % bytes.len();
            bytes[at] = with;
            if let Ok(answer) = answer(&bytes, 0x1234, "www.example.org", Kind::A) {
                prop_assert!(answer.addresses.len() <= MOST_RECORDS);
            }
        }
    }
}
