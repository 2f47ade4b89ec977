//! A recording of a terminal as asciicast v2 (docs.asciinema.org/manual/asciicast/v2): a header, then a line for each output,
//! with when it came. Every player of asciinema plays it; the same as text is for everybody else.

use std::fs;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::json;

/// The size of the terminal: longer lines would be broken by a player.
pub const WIDTH: usize = 112;
const HEIGHT: usize = 30;

/// A recording under way.
pub struct Recording {
    title: String,
    start: Instant,
    at: u64,
    events: Vec<(f64, String)>,
}

impl Recording {
    /// Begins now.
    pub fn begin(title: &str) -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { title: title.to_owned(), start: Instant::now(), at, events: Vec::new() }
    }

    /// What the terminal is sent now.
    pub fn output(&mut self, text: &str) {
        // To the millisecond: nobody sees more.
        let seconds = (self.start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        self.events.push((seconds, text.to_owned()));
    }

    /// Writes the recording, and beside it, as Markdown, what one reads of it.
    pub fn write(&self, file: &Path) -> Result<()> {
        let environment = json!({ "SHELL": "/bin/sh", "TERM": "xterm-256color" });
        let header = json!({
            "version": 2, "width": WIDTH, "height": HEIGHT, "timestamp": self.at, "title": self.title, "env": environment,
        });
        let events = self.events.iter().map(|(seconds, text)| json!([seconds, "o", text]).to_string() + "\n");
        let cast = format!("{header}\n{}", events.collect::<String>());
        fs::write(file, &cast).with_context(|| file.display().to_string())?;
        let text = file.with_extension("md");
        fs::write(&text, page(&transcript(&cast)?)).with_context(|| text.display().to_string())
    }
}

/// What a recording shows, without its colours.
pub fn transcript(cast: &str) -> Result<String> {
    let mut shown = String::new();
    for line in cast.lines().skip(1) {
        let (_, _, text): (f64, String, String) = serde_json::from_str(line).context("an event of the recording")?;
        shown.push_str(&text.replace("\r\n", "\n"));
    }
    Ok(plain(&shown))
}

/// Without the sequences that set colours: `ESC [ … m`.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.split_once('m').map_or(part, |(_, rest)| rest))
}

/// The page about a recording.
pub fn page(transcript: &str) -> String {
    format!(
        "# Ten things broken by hand, and healed\n\n\
         An appliance in a container, with systemd as its first process. A program stands for whoever sits at its console, as root:\n\
         each command is given to a shell in the container, and nothing is undone but by the enforcer, which sees it and runs what\n\
         a signed rule says. Times count from the command on; the last lines of each are what the machine says afterwards, and it\n\
         is an error where that is not what it said before. The bundles that are named (`EB-…`) are the evidence.\n\n\
         [heals.cast](heals.cast) is the same as a recording, in the time that it took, with pauses to read: `asciinema play\n\
         docs/heals.cast`. Both are written by\n\n\
         ```\ncargo xtask demo --record docs/heals.cast\n```\n\n\
         ```\n{}\n```\n",
        transcript.trim()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::breaks::BREAKS;

    const CAST: &str = include_str!("../../../../docs/heals.cast");
    const PAGE: &str = include_str!("../../../../docs/heals.md");

    #[test]
    fn the_recording_is_an_asciicast() {
        let mut lines = CAST.lines();
        let header: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        assert_eq!((&header["version"], &header["width"]), (&json!(2), &json!(WIDTH)));
        assert!(header["height"].as_u64().is_some_and(|height| (20..=50).contains(&height)), "{header}");
        let mut last = 0.0;
        for line in lines {
            let (seconds, kind, text): (f64, String, String) = serde_json::from_str(line).unwrap();
            assert!(seconds >= last && kind == "o" && !text.is_empty(), "{line}");
            // A line feed alone would leave the next line where this one ends.
            assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{line}");
            last = seconds;
        }
        assert!((20.0..120.0).contains(&last), "{last} s are not what somebody watches");
    }

    #[test]
    fn each_break_is_in_it_and_healed() {
        let shown = transcript(CAST).unwrap();
        let widest = shown.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= WIDTH, "a line of {widest} columns would be broken");
        let healed = shown.lines().filter(|line| line.starts_with("  ✓ "));
        assert_eq!(healed.count(), BREAKS.len());
        for one in &BREAKS {
            assert!(shown.contains(one.what), "the recording is of another demo: it lacks {}", one.what);
        }
        assert_eq!(BREAKS.len(), 10);
        assert_eq!(page(&shown), PAGE, "docs/heals.md and docs/heals.cast were not written together");
    }

    #[test]
    fn colours_are_taken_out_and_nothing_else() {
        assert_eq!(plain("a\x1b[1mb\x1b[0m m\x1b[31m"), "ab m");
    }
}
