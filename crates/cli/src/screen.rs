//! What people see: colour only on a terminal, results on standard output, everything else on standard error.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

/// Failed, refused.
pub const RED: Style = AnsiColor::Red.on_default().bold();
/// Worth a second look.
pub const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
/// Holds.
pub const GREEN: Style = AnsiColor::Green.on_default().bold();
/// Less important.
pub const DIM: Style = Style::new().dimmed();
/// Headings.
pub const BOLD: Style = Style::new().bold();

/// Text in a style; the style vanishes where there is no terminal.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A line of the result, on standard output. A closed pipe (`| head`) is no failure.
pub fn line(text: &str) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// A result for programs: pretty JSON on standard output.
pub fn json(result: &impl Serialize) {
    match serde_json::to_string_pretty(result) {
        Ok(text) => line(&text),
        Err(e) => error("error", &format!("this result cannot be written as JSON: {e}")),
    }
}

/// A line about long work, on standard error.
pub fn progress(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", paint(DIM, &format!("· {text}")));
}

/// Something that is not wrong but should be known, on standard error.
pub fn warning(text: &str) {
    let _ = writeln!(anstream::stderr(), "{} {text}", paint(YELLOW, "warning:"));
}

/// The first line of an error.
pub fn error(label: &str, text: &str) {
    let _ = writeln!(anstream::stderr(), "{} {}", paint(RED, &format!("{label}:")), paint(BOLD, text));
}

/// A further line of an error: `where`, `why` or `next`.
pub fn detail(label: &str, text: &str) {
    let _ = writeln!(anstream::stderr(), "{} {text}", paint(DIM, &format!("{label:>5}:")));
}

/// A number and its noun: `1 release`, `2 releases`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
