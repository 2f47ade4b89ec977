//! Asking on a terminal: one question at a time, each answer judged at once.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use crate::failure::{Failure, Outcome};
use crate::screen;

/// The longest answer, in bytes.
const LONGEST: u64 = 4096;

/// Whether there is somebody to ask.
pub fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// What is wrong with an answer, a line each.
pub type Wrong = Vec<String>;

/// Asks until an answer is taken. An empty answer stands for the default, where there is one.
pub fn one(
    question: &str,
    default: Option<&str>,
    mut take: impl FnMut(&str) -> Outcome<Result<(), Wrong>>,
) -> Outcome<()> {
    loop {
        let answer = read(question, default)?;
        let answer = if answer.is_empty() { default.unwrap_or_default() } else { &answer };
        match take(answer)? {
            Ok(()) => return Ok(()),
            Err(wrong) => tell(&wrong),
        }
    }
}

/// Asks again and again until an empty answer; `needed` is whether there must be one at all.
pub fn several(question: &str, needed: bool, mut take: impl FnMut(&str) -> Outcome<Result<(), Wrong>>) -> Outcome<()> {
    let mut taken = 0;
    loop {
        let default = if taken == 0 && needed { None } else { Some("no more") };
        let answer = read(question, if taken == 0 && !needed { Some("none") } else { default })?;
        if answer.is_empty() && (taken > 0 || !needed) {
            return Ok(());
        }
        match take(&answer)? {
            Ok(()) => taken += 1,
            Err(wrong) => tell(&wrong),
        }
    }
}

/// Asks for a yes; anything else is a no.
pub fn yes(question: &str) -> Outcome<bool> {
    Ok(matches!(read(question, Some("no"))?.to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn tell(wrong: &[String]) {
    for line in wrong {
        let _ = writeln!(anstream::stderr(), "  {}", screen::paint(screen::RED, line));
    }
}

fn read(question: &str, default: Option<&str>) -> Outcome<String> {
    let shown = default.map(|default| screen::paint(screen::DIM, &format!(" [{default}]"))).unwrap_or_default();
    let prompt = format!("{}{shown}: ", screen::paint(screen::BOLD, question));
    let _ = anstream::stderr().write_all(prompt.as_bytes());
    let _ = anstream::stderr().flush();
    let ended = |why: String| {
        Failure::could_not("the questions were not answered to the end")
            .because(why)
            .next("nothing was written; every answer can be given as an option: writ site new --help")
    };
    let mut line = Vec::new();
    io::stdin().lock().take(LONGEST).read_until(b'\n', &mut line).map_err(|e| ended(e.to_string()))?;
    if line.last() != Some(&b'\n') {
        let why = if line.len() as u64 == LONGEST { "an answer is too long" } else { "the input ended" };
        return Err(ended(why.to_owned()));
    }
    String::from_utf8(line).map(|text| text.trim().to_owned()).map_err(|_| ended("an answer is not UTF-8".to_owned()))
}
