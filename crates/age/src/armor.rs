//! The armor of age files: strict PEM (RFC 7468), so that a file is text, for git and for Nix.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::file::MAX_FILE;
use crate::header::FormatError;

/// The largest armored file, in bytes.
pub const MAX_ARMORED: usize = 64 * 1024;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const COLUMNS: usize = 64;

/// A file as text.
pub fn encode(file: &[u8]) -> String {
    let text = STANDARD.encode(file);
    let mut armored = String::with_capacity(text.len() + text.len() / COLUMNS + BEGIN.len() + END.len() + 4);
    armored.push_str(BEGIN);
    for (i, letter) in text.chars().enumerate() {
        if i % COLUMNS == 0 {
            armored.push('\n');
        }
        armored.push(letter);
    }
    armored.push('\n');
    armored.push_str(END);
    armored.push('\n');
    armored
}

/// The file that a text holds: nothing before, between or after, as there is one way to write it. Lines may end as on
/// Windows.
///
/// # Errors
/// See [`FormatError`].
pub fn decode(text: &[u8]) -> Result<Vec<u8>, FormatError> {
    if text.len() > MAX_ARMORED {
        return Err(FormatError::TooLarge(text.len()));
    }
    let text = std::str::from_utf8(text).map_err(|_| FormatError::Armor(1))?;
    let mut lines =
        text.strip_suffix('\n').unwrap_or(text).split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    if lines.next() != Some(BEGIN) {
        return Err(FormatError::Armor(1));
    }
    let (mut base64, mut number, mut full) = (String::new(), 1, true);
    for line in lines.by_ref() {
        number += 1;
        if line == END {
            if lines.next().is_some() {
                return Err(FormatError::Armor(number + 1));
            }
            let file = STANDARD.decode(&base64).map_err(|_| FormatError::Armor(number - 1))?;
            return if file.len() > MAX_FILE { Err(FormatError::TooLarge(file.len())) } else { Ok(file) };
        }
        if !full || line.is_empty() || line.len() > COLUMNS {
            return Err(FormatError::Armor(number));
        }
        full = line.len() == COLUMNS;
        base64.push_str(line);
    }
    Err(FormatError::Armor(number + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_is_one_way_to_write_it() {
        let text = encode(&[7; 100]);
        assert_eq!(decode(text.as_bytes()).unwrap(), [7; 100]);
        assert_eq!(decode(text.replace('\n', "\r\n").as_bytes()).unwrap(), [7; 100]);
        assert_eq!(decode(text.trim_end().as_bytes()).unwrap(), [7; 100]);
        let lines: Vec<&str> = text.lines().collect();
        for (name, altered, line) in [
            ("words before", format!("hello\n{text}"), 1),
            ("words after", format!("{text}hello\n"), 6),
            ("no end", lines[..4].join("\n"), 5),
            ("an empty line", text.replacen('\n', "\n\n", 1), 2),
            ("a short line", text.replacen(lines[1], &lines[1][..60], 1), 3),
            ("a long line", text.replacen(lines[1], &format!("{}AAAA", lines[1]), 1), 2),
            ("no base64", text.replacen(&lines[3][..4], "!!!!", 1), 4),
            ("another kind", text.replace("AGE ENCRYPTED FILE", "PRIVATE KEY"), 1),
            ("nothing", String::new(), 1),
        ] {
            assert_eq!(decode(altered.as_bytes()), Err(FormatError::Armor(line)), "{name}");
        }
        assert_eq!(decode(&vec![b'A'; MAX_ARMORED + 1]), Err(FormatError::TooLarge(MAX_ARMORED + 1)));
        assert!(encode(&vec![0; MAX_FILE]).len() <= MAX_ARMORED);
    }

    proptest! {
        #[test]
        fn what_is_armored_is_read_back(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            // Of no bytes at all there is no line, and no file.
            prop_assert_eq!(decode(encode(&bytes).as_bytes()).unwrap_or_default(), bytes);
        }

        #[test]
        fn no_text_panics(text in "(-----BEGIN AGE ENCRYPTED FILE-----\n)?[A-Z=\n\r]{0,140}(-----END AGE ENCRYPTED FILE-----\n)?") {
            let _ = decode(text.as_bytes());
        }
    }
}
