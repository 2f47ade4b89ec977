//! What people see: colour only on a terminal, results on standard output, everything else on standard error.

use std::io::{ErrorKind, Write as _};
use std::sync::OnceLock;

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

/// Why a part of the result did not reach standard output.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// A line of the result, on standard output. A closed pipe (`| head`) is no failure; anything else that keeps a line from
/// being written is remembered, see [`unwritten`].
pub fn line(text: &str) {
    match writeln!(anstream::stdout(), "{text}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            UNWRITTEN.get_or_init(|| e.to_string());
        }
        _ => {}
    }
}

/// Why the result is not whole; none when it is, as far as anybody reads it.
pub fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

/// A result for programs: pretty JSON on standard output.
pub fn json(result: &impl Serialize) {
    match serde_json::to_string_pretty(result) {
        Ok(text) => line(&text),
        Err(e) => {
            UNWRITTEN.get_or_init(|| format!("this result cannot be written as JSON: {e}"));
        }
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

/// Lines beside the result, on standard error.
pub fn aside(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// How wide the result may be: the window, or what reads well where there is none.
pub fn width() -> usize {
    window().map_or(100, |(columns, _)| columns)
}

/// How many lines the window has.
pub fn rows() -> usize {
    window().map_or(24, |(_, rows)| rows)
}

/// The window's columns and rows; none where there is no terminal, or one that does not know.
fn window() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
}

/// A number and its noun: `1 release`, `2 releases`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// How far long work has come: one line that is written over, on a terminal only.
pub struct Meter {
    what: &'static str,
    of: u64,
    done: u64,
    shown: bool,
    told: std::time::Instant,
}

/// How often the line is written over at most.
const REFRESH: std::time::Duration = std::time::Duration::from_millis(200);

impl Meter {
    /// Work that begins.
    pub fn new(what: &'static str) -> Self {
        Self { what, of: 0, done: 0, shown: false, told: std::time::Instant::now() }
    }

    /// How many steps there are, as far as is known by now.
    pub fn expect(&mut self, of: u64) {
        self.of = of;
    }

    /// That so many are done.
    pub fn step(&mut self, done: u64) {
        self.done = done;
        self.show("", self.told.elapsed() >= REFRESH);
    }

    /// What takes long now.
    pub fn now(&mut self, what: &str) {
        self.show(what, true);
    }

    fn show(&mut self, now: &str, due: bool) {
        if due && std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            let text = format!("{} {} of {} {now}", self.what, self.done, self.of);
            let text: String = text.chars().take(100).collect();
            let _ = write!(anstream::stderr(), "\r\u{1b}[2K{}", paint(DIM, &text));
            let _ = anstream::stderr().flush();
            (self.shown, self.told) = (true, std::time::Instant::now());
        }
    }
}

impl Drop for Meter {
    /// Leaves an empty line to whatever comes next.
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(anstream::stderr(), "\r\u{1b}[2K");
        }
    }
}
