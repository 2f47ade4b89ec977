//! What the demo shows, and the recording of a part of it.

use std::io::{IsTerminal, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::cast::Recording;

/// The recording, while there is one.
static RECORDING: Mutex<Option<Recording>> = Mutex::new(None);

/// Bold, dim, red and green, and back (ECMA-48 §8.3.117).
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// How a line looks.
#[derive(Debug, Clone, Copy)]
pub enum Look {
    /// As it is.
    Plain,
    /// A heading.
    Bold,
    /// What stands beside the story.
    Dim,
    /// Something is wrong.
    Bad,
    /// Something is right again.
    Good,
}

/// Opens a chapter.
pub fn title(text: &str) {
    line(Look::Plain, "");
    line(Look::Bold, text);
}

/// One line of the story.
pub fn say(text: &str) {
    line(Look::Plain, &format!("  {text}"));
}

/// Output of a tool, indented.
pub fn quote(text: &str) {
    for one in text.trim_end().lines() {
        line(Look::Plain, &format!("  │ {one}"));
    }
}

/// One line, to the screen and into the recording.
pub fn line(look: Look, text: &str) {
    let (begin, end) = match look {
        Look::Plain => ("", ""),
        Look::Bold => (BOLD, PLAIN),
        Look::Dim => (DIM, PLAIN),
        Look::Bad => (RED, PLAIN),
        Look::Good => (GREEN, PLAIN),
    };
    let (plain, coloured) = (format!("{text}\n"), format!("{begin}{text}{end}\n"));
    recorded(&coloured);
    shown(if std::io::stdout().is_terminal() { &coloured } else { &plain });
}

fn shown(text: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever stops reading misses the rest.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn recorded(text: &str) {
    if let Some(recording) = &mut *recording() {
        // As a terminal is told to begin a new line.
        recording.output(&text.replace('\n', "\r\n"));
    }
}

fn recording() -> std::sync::MutexGuard<'static, Option<Recording>> {
    RECORDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins a recording: what is shown from now on is in it.
pub fn begin_recording(title: &str) {
    *recording() = Some(Recording::begin(title));
}

/// Ends the recording, and gives it; none where there is none.
pub fn end_recording() -> Option<Recording> {
    recording().take()
}

/// Waits, so that whoever watches can read; without a recording nobody is kept waiting.
pub fn pause(millis: u64) {
    let records = recording().is_some();
    if records {
        std::thread::sleep(Duration::from_millis(millis));
    }
}

/// A command as it is typed, behind the prompt of `host`.
pub fn typed(host: &str, command: &str) {
    let prompt = format!("{BOLD}{host} #{PLAIN} ");
    recorded(&prompt);
    pause(700);
    recorded(&format!("{command}\n"));
    let terminal = std::io::stdout().is_terminal();
    shown(&if terminal { format!("{prompt}{command}\n") } else { format!("{host} # {command}\n") });
}
