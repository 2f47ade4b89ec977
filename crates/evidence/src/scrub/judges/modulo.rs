//! Numbers whose check digit is a remainder.

use super::{digits, length_of, values, whole};

/// IBAN (ISO 13616): the country's length, and 1 modulo 97. What a pattern took beyond that length is not part of it.
pub fn iban(text: &str) -> Option<usize> {
    const LENGTHS: &[(&str, usize)] = &[
        ("AD", 24),
        ("AE", 23),
        ("AT", 20),
        ("BE", 16),
        ("BG", 22),
        ("CH", 21),
        ("CY", 28),
        ("CZ", 24),
        ("DE", 22),
        ("DK", 18),
        ("EE", 20),
        ("ES", 24),
        ("FI", 18),
        ("FR", 27),
        ("GB", 22),
        ("GI", 23),
        ("GR", 27),
        ("HR", 21),
        ("HU", 28),
        ("IE", 22),
        ("IL", 23),
        ("IS", 26),
        ("IT", 27),
        ("LI", 21),
        ("LT", 20),
        ("LU", 20),
        ("LV", 21),
        ("MC", 27),
        ("MT", 31),
        ("NL", 18),
        ("NO", 15),
        ("PL", 28),
        ("PT", 25),
        ("RO", 24),
        ("SA", 24),
        ("SE", 24),
        ("SI", 19),
        ("SK", 24),
        ("SM", 27),
        ("TR", 26),
    ];
    let (_, count) = LENGTHS.iter().find(|(country, _)| text.starts_with(country))?;
    let length = length_of(text, *count)?;
    let ends = !text[length..].starts_with(|c: char| c.is_ascii_alphanumeric());
    let values = values(&text[..length]);
    let rest =
        values[4..].iter().chain(&values[..4]).fold(0, |rest, v| (rest * if *v > 9 { 100 } else { 10 } + v) % 97);
    (ends && rest == 1).then_some(length)
}

/// Vehicle identification number (49 CFR 565.15): its ninth place checks the others.
pub fn vin(text: &str) -> Option<usize> {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |b: u8| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b'A'..=b'H' => u32::from(b - b'A') + 1,
        b'J'..=b'N' => u32::from(b - b'J') + 1,
        b'P' => 7,
        b'R' => 9,
        _ => u32::from(b.wrapping_sub(b'S')) % 26 + 2,
    };
    let sum: u32 = text.bytes().zip(WEIGHTS).map(|(b, weight)| value(b) * weight).sum();
    let mixed = text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic());
    let check = text.as_bytes().get(8).map(|b| if *b == b'X' { 10 } else { value(*b) });
    whole(text, text.len() == 17 && mixed && check == Some(sum % 11))
}

/// NHS number: modulo 11 over nine digits.
pub fn nhs(text: &str) -> Option<usize> {
    let digits = digits(text);
    let sum: u32 = digits.iter().zip((2..=10).rev()).map(|(d, weight)| d * weight).sum();
    whole(text, digits.len() == 10 && (11 - sum % 11) % 11 == digits[9])
}

/// French social security number (NIR) with its key: 97 less the number modulo 97. Corsica's `2A` counts as 19, `2B` as 18.
pub fn nir(text: &str) -> Option<usize> {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let number: Option<u64> = plain.get(..13).and_then(|n| n.replace("2A", "19").replace("2B", "18").parse().ok());
    let key: Option<u64> = plain.get(13..15).and_then(|k| k.parse().ok());
    whole(text, plain.len() == 15 && number.zip(key).is_some_and(|(n, k)| 97 - n % 97 == k))
}

/// Spanish identity number (DNI) or that of a foreigner (NIE): a letter for the remainder modulo 23.
pub fn dni(text: &str) -> Option<usize> {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let (number, letter) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: Option<usize> =
        number.trim_end_matches('-').replace('X', "0").replace('Y', "1").replace('Z', "2").parse().ok();
    whole(text, number.is_some_and(|n| LETTERS[n % 23] == letter.as_bytes()[0]))
}

/// German health insurance number (KVNR, § 290 SGB V): the letter as two digits, then each second digit doubled.
pub fn kvnr(text: &str) -> Option<usize> {
    let letter = u32::from(*text.as_bytes().first()?).checked_sub(64)?;
    let digits = digits(text);
    let (check, number) = digits.split_last()?;
    let all = [letter / 10, letter % 10].into_iter().chain(number.iter().copied());
    let sum: u32 = all.enumerate().map(|(i, d)| crossfoot(d * if i % 2 == 0 { 1 } else { 2 })).sum();
    whole(text, digits.len() == 9 && sum % 10 == *check)
}

/// German pension insurance number (VKVV § 4): weights over area, birthday, letter and serial.
pub fn rvnr(text: &str) -> Option<usize> {
    const WEIGHTS: [u32; 12] = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let mut all = Vec::with_capacity(13);
    for c in text.chars().filter(char::is_ascii_alphanumeric) {
        match c.to_digit(10) {
            Some(digit) => all.push(digit),
            None => all.extend([(u32::from(c) - 64) / 10, (u32::from(c) - 64) % 10]),
        }
    }
    let sum: u32 = all.iter().zip(WEIGHTS).map(|(d, weight)| crossfoot(d * weight)).sum();
    whole(text, all.len() == 13 && sum % 10 == all[12])
}

fn crossfoot(number: u32) -> u32 {
    number / 10 + number % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    type Judge = fn(&str) -> Option<usize>;

    /// Numbers that their issuers publish as examples.
    const GOOD: &[(&str, Judge)] = &[
        ("GB82 WEST 1234 5698 7654 32", iban),
        ("DE89370400440532013000", iban),
        ("FR1420041010050500013M02606", iban),
        ("1M8GDM9AXKP042788", vin),
        ("943 476 5919", nhs),
        ("255081416802538", nir),
        ("12345678Z", dni),
        ("X1234567L", dni),
        ("A000500015", kvnr),
        ("15070649C103", rvnr),
    ];

    #[test]
    fn published_examples_pass_and_one_digit_more_or_less_does_not() {
        for (good, judge) in GOOD {
            assert_eq!(judge(good), Some(good.len()), "{good}");
            let at = good.rfind(|c: char| c.is_ascii_digit()).unwrap();
            let other = (good.as_bytes()[at] - b'0' + 1) % 10;
            let wrong = format!("{}{other}{}", &good[..at], &good[at + 1..]);
            assert_eq!(judge(&wrong), None, "{wrong}");
            for part in (0..good.len()).filter(|n| good.is_char_boundary(*n)) {
                assert_eq!(judge(&good[..part]), None, "{}", &good[..part]);
            }
        }
    }

    #[test]
    fn what_follows_an_iban_is_not_part_of_it() {
        assert_eq!(iban("DE89370400440532013000 AC04"), Some(22));
        assert_eq!(iban("DE893704004405320130001"), None);
    }
}
