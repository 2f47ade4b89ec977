//! Whether digits in groups are a telephone number.

use super::{digits, whole};

/// A number with a country's prefix (E.164): eight to fifteen digits.
pub fn international(text: &str) -> Option<usize> {
    whole(text, (8..=15).contains(&digits(text.split(['x', 'e']).next()?).len()))
}

/// A number with the zero of a national prefix: nine to twelve digits, in at least three groups or with the first in
/// brackets; a British mobile has two.
pub fn national(text: &str) -> Option<usize> {
    let groups = text.split(|c: char| !c.is_ascii_digit()).filter(|g| !g.is_empty()).count();
    whole(
        text,
        (9..=12).contains(&digits(text).len()) && (groups > 2 || text.starts_with('(') || text.starts_with("07")),
    )
}
