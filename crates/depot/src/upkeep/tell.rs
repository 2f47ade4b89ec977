//! Saying what came of a command, on standard output.

use std::io::Write as _;

use serde::Serialize;

/// One line. Whoever does not read any more is not an error.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A document as one line of JSON.
pub(super) fn json<T: Serialize>(document: &T) {
    line(&String::from_utf8_lossy(&writ_trust::json::canonical(document)));
}

/// Bytes for people.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths / 1024, unit + 1);
    }
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        _ => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_shortly() {
        assert_eq!(
            [0, 1023, 1024, 1536, 5 << 20, 3 << 40].map(bytes),
            ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 KiB", "5.0 MiB", "3.0 TiB"]
        );
    }
}
