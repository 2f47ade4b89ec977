//! The line structure that minisign's files share: a comment line, then a line of base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What every first line begins with.
pub const UNTRUSTED: &str = "untrusted comment: ";
/// What the third line of a signature begins with.
pub const TRUSTED: &str = "trusted comment: ";
/// The longest untrusted comment that minisign reads, less its prefix and line end (`COMMENTMAXBYTES` 1024).
pub const MAX_UNTRUSTED: usize = 1024 - UNTRUSTED.len() - 2;
/// The longest trusted comment that minisign reads, less its prefix and line end (`TRUSTEDCOMMENTMAXBYTES` 8192).
pub const MAX_TRUSTED: usize = 8192 - TRUSTED.len() - 2;

/// Exactly `N` lines, each ended by a line feed (the last one's may be missing), none with a carriage return.
pub fn split<const N: usize>(text: &str) -> Option<[&str; N]> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let lines: Vec<&str> = body.split('\n').collect();
    if body.contains('\r') {
        return None;
    }
    lines.try_into().ok()
}

/// Decodes base64 in its one canonical spelling into exactly `N` bytes; otherwise says what is wrong.
pub fn decode<const N: usize>(line: &str) -> Result<[u8; N], String> {
    // Refuse early what cannot fit, so that a long line is not decoded at all.
    let expected = N.div_ceil(3) * 4;
    if line.len() != expected {
        return Err(format!("{} characters where {expected} of base64 were expected", line.len()));
    }
    let bytes = STANDARD.decode(line).map_err(|e| e.to_string())?;
    bytes.try_into().map_err(|b: Vec<u8>| format!("{} bytes where {N} were expected", b.len()))
}

/// The base64 of some bytes.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Whether text can stand in a comment of at most `longest` bytes: one line, nothing invisible but tabs.
pub fn fits_comment(text: &str, longest: usize) -> bool {
    text.len() <= longest && !text.chars().any(|c| c.is_control() && c != '\t')
}
