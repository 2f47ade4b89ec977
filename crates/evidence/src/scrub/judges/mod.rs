//! Check digits: the last word on a number that has no label.
//!
//! Each judge gets what a pattern matched and says how many bytes of it, from the beginning, are the number.

pub mod dates;
pub mod luhn;
pub mod modulo;
pub mod phones;

/// The letters and digits of a text, digits as themselves and letters from 10 on (`A` is 10), as IBANs count them.
fn values(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(36)).collect()
}

/// The decimal digits of a text.
fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

/// All of it, when this holds.
fn whole(text: &str, holds: bool) -> Option<usize> {
    holds.then_some(text.len())
}

/// The length of the beginning of a text that has so many letters and digits.
fn length_of(text: &str, count: usize) -> Option<usize> {
    let (at, c) = text.char_indices().filter(|(_, c)| c.is_ascii_alphanumeric()).nth(count.checked_sub(1)?)?;
    Some(at + c.len_utf8())
}
