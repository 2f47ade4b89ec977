//! Numbers with the check digit of ISO/IEC 7812-1.

use super::{digits, whole};

/// A payment card: the issuer's prefix, as many digits as that issuer uses, and the check digit.
pub fn card(text: &str) -> Option<usize> {
    let digits = digits(text);
    let prefix = |n: usize| digits.iter().take(n).fold(0, |sum, d| sum * 10 + d);
    let issued = match digits.len() {
        13 => prefix(1) == 4,
        14 => matches!(prefix(2), 30 | 36 | 38 | 39),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            prefix(1) == 4
                || matches!(prefix(2), 35 | 51..=55 | 62 | 65)
                || matches!(prefix(4), 2221..=2720 | 6011 | 6440..=6499)
        }
        17..=19 => matches!(prefix(2), 62 | 65) || prefix(4) == 6011,
        _ => false,
    };
    whole(text, issued && check_digit_is_right(&digits))
}

fn check_digit_is_right(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| match (i % 2, d * 2) {
            (0, _) => *d,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuer_length_and_check_digit_decide() {
        for good in
            ["4111 1111 1111 1111", "378282246310005", "6011111111111117", "5555-5555-5555-4444", "30569309025904"]
        {
            assert_eq!(card(good), Some(good.len()), "{good}");
        }
        for bad in ["4111111111111112", "1234567890123", "0000000000000000", "411111111111", "20261123144056001"] {
            assert_eq!(card(bad), None, "{bad}");
        }
    }
}
