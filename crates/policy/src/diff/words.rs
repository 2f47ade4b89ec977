//! Sentences of ours that quote what a policy says.

use std::fmt;
use std::ops::{Deref, Range};

use serde::{Serialize, Serializer};

/// A sentence of which it is known what is quoted: whoever prints it where signs have a meaning, as in a comment on a pull
/// request, must not give any to that.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Words {
    text: String,
    /// Bytes of the text, in order, `(start, end)`.
    quoted: Vec<(usize, usize)>,
}

impl Words {
    /// Goes on in our own words.
    #[must_use]
    pub fn ours(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Goes on with what a policy says.
    #[must_use]
    pub fn quote(mut self, text: impl fmt::Display) -> Self {
        let start = self.text.len();
        self.text.push_str(&text.to_string());
        if self.text.len() > start {
            self.quoted.push((start, self.text.len()));
        }
        self
    }

    /// Goes on with another sentence.
    #[must_use]
    pub fn then(mut self, other: &Self) -> Self {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.quoted.extend(other.quoted.iter().map(|(from, to)| (start + from, start + to)));
        self
    }

    /// Whether all of it is quoted.
    pub fn is_quote(&self) -> bool {
        self.quoted == [(0, self.text.len())]
    }

    /// The sentence in pieces, in order, and of each whether it is quoted.
    pub fn pieces(&self) -> Vec<(&str, bool)> {
        let mut pieces = Vec::new();
        let mut at = 0;
        let mut push = |range: Range<usize>, quoted| {
            pieces.extend(self.text.get(range).filter(|text| !text.is_empty()).map(|text| (text, quoted)));
        };
        for (from, to) in &self.quoted {
            push(at..*from, false);
            push(*from..*to, true);
            at = *to;
        }
        push(at..self.text.len(), false);
        pieces
    }
}

impl From<&str> for Words {
    /// A sentence of ours alone.
    fn from(text: &str) -> Self {
        Self::default().ours(text)
    }
}

impl Deref for Words {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq<&str> for Words {
    fn eq(&self, other: &&str) -> bool {
        self.text == **other
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_known_apart() {
        let inner = Words::from("by ").quote("RB-X").ours(" and ").quote("");
        assert!(Words::default().quote("a b").is_quote() && !inner.is_quote() && !Words::default().is_quote());
        let whole = Words::default().quote("it").ours(" is healed ").then(&inner).quote("é");
        assert_eq!(whole, "it is healed by RB-X and é");
        let pieces = [("it", true), (" is healed by ", false), ("RB-X", true), (" and ", false), ("é", true)];
        assert_eq!(whole.pieces(), pieces);
        assert_eq!(whole.pieces().into_iter().map(|(text, _)| text).collect::<String>(), *whole);
    }
}
