//! What the demo shows.

use std::io::IsTerminal;

/// Opens a chapter.
pub fn title(text: &str) {
    if std::io::stdout().is_terminal() { println!("\n\x1b[1m{text}\x1b[0m") } else { println!("\n{text}") }
}

/// One line of the story.
pub fn say(text: &str) {
    println!("  {text}");
}

/// Output of a tool, indented.
pub fn quote(text: &str) {
    for line in text.trim_end().lines() {
        println!("  │ {line}");
    }
}
