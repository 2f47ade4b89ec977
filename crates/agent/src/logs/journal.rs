//! Entries of the journal since a place in it, by journalctl(1), whose format is documented: the journal's files are written
//! by what may be hostile, and this process has nothing that would be worth having.

use std::io::{self, BufRead as _, BufReader, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;
use serde_json::Value;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use super::batch::Lines;
use super::config::Filter;
use crate::command::SEARCH_PATH;

/// How long journalctl may take for one batch.
const LIMIT: Duration = Duration::from_secs(120);
/// The longest line of its output, in bytes; a field of more than 4,096 bytes it leaves out by itself.
const LONGEST: usize = 256 * 1024;
/// The longest word for a place in the journal.
const LONGEST_CURSOR: usize = 512;
/// From when on the journal is read where nothing is known.
const FIRST: &str = "--since=-1d";
/// What is asked of each entry, besides where and when it is.
const FIELDS: &str = "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT";

/// What reading came to.
#[derive(Debug)]
pub struct Taken {
    /// Behind the last entry that was read; none when none was.
    pub cursor: Option<String>,
    /// Whether there is more.
    pub more: bool,
    /// Why it did not come to the end. What was read until then counts.
    pub problem: Option<io::Error>,
}

/// An entry, as far as it is asked for.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    at: String,
    #[serde(rename = "MESSAGE", default)]
    message: Value,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    identifier: Value,
    #[serde(rename = "_SYSTEMD_UNIT", default)]
    unit: Value,
}

/// From where the journal is read.
#[derive(Debug, Clone, Copy)]
pub enum From<'a> {
    /// Behind this place.
    Cursor(&'a str),
    /// This time: the place is forgotten.
    Time(Time),
    /// A day back.
    First,
}

/// Reads entries until there are no more or the batch is full.
pub fn read(program: &Path, filter: &Filter, from: From<'_>, lines: &mut Lines) -> io::Result<Taken> {
    let from_argument = match from {
        From::Cursor(cursor) => format!("--after-cursor={cursor}"),
        From::Time(time) => format!("--since=@{}", time.unix_millis().div_euclid(1000)),
        From::First => FIRST.to_owned(),
    };
    let mut child = Command::new(program)
        .args(["--quiet", "--no-pager", "--output=json", FIELDS, &from_argument])
        .args(filter.matches())
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let deadline = Instant::now() + LIMIT;
    let Some(output) = child.stdout.take() else { return Err(io::Error::other("journalctl has no output")) };
    let mut reader = BufReader::with_capacity(64 * 1024, Timed { output, deadline });
    let mut taken = take(&mut reader, lines);
    // It has nothing more to say that is wanted, or had come to its end.
    let stopped = taken.more || taken.problem.is_some();
    if stopped {
        let _ = child.kill();
    }
    let status = child.wait()?;
    if !stopped && !status.success() {
        taken.problem = Some(io::Error::other(format!("{}: {status}", program.display())));
    }
    Ok(taken)
}

/// Takes lines of journalctl's output.
pub fn take(reader: &mut impl io::BufRead, lines: &mut Lines) -> Taken {
    let (mut line, mut skipping, mut passed) = (Vec::new(), false, Passed::default());
    let mut taken = Taken { cursor: None, more: false, problem: None };
    loop {
        if lines.is_full() {
            taken.more = true;
            return taken;
        }
        line.clear();
        match reader.take(LONGEST as u64).read_until(b'\n', &mut line) {
            Ok(0) => return taken,
            Ok(_) => {}
            Err(e) => {
                taken.problem = Some(e);
                return taken;
            }
        }
        let ended = line.ends_with(b"\n");
        if skipping || !ended {
            // Longer than any may be, or cut off.
            lines.dropped += u64::from(!skipping);
            passed.look(&line);
            skipping = !ended;
            if ended {
                taken.cursor = passed.over().or(taken.cursor);
            }
            continue;
        }
        match serde_json::from_slice::<Entry>(&line) {
            Ok(entry) if is_cursor(&entry.cursor) => {
                entry.add(lines);
                taken.cursor = Some(entry.cursor);
            }
            _ => {
                lines.dropped += 1;
                passed.look(&line);
                taken.cursor = passed.over().or(taken.cursor);
            }
        }
    }
}

/// The place of an entry that is left out, so that it is left out once. Within a text every quotation mark is escaped, so
/// nothing but the member itself looks like this.
const MEMBER: &[u8] = b"\"__CURSOR\":\"";

/// A line that is passed over, piece by piece.
#[derive(Default)]
struct Passed {
    /// The end of what was seen: the member may begin in it.
    end: Vec<u8>,
    cursor: Option<String>,
}

impl Passed {
    fn look(&mut self, piece: &[u8]) {
        self.end.extend_from_slice(piece);
        let at = self.end.windows(MEMBER.len()).position(|window| window == MEMBER);
        let member = at.map(|at| &self.end[at + MEMBER.len()..]);
        let value = member.and_then(|rest| rest.get(..rest.iter().position(|byte| *byte == b'"')?));
        let cursor = value.and_then(|value| std::str::from_utf8(value).ok()).filter(|cursor| is_cursor(cursor));
        self.cursor = cursor.map(ToOwned::to_owned).or(self.cursor.take());
        let before = self.end.len().saturating_sub(MEMBER.len() + LONGEST_CURSOR + 1);
        self.end.drain(..before);
    }

    /// The line has come to its end.
    fn over(&mut self) -> Option<String> {
        std::mem::take(self).cursor
    }
}

impl Entry {
    fn add(&self, lines: &mut Lines) {
        let at = self.at.parse().ok().map(|micros: i64| Time::from_unix_millis(micros.div_euclid(1000)));
        let by = text(&self.identifier).or_else(|| text(&self.unit)).unwrap_or_default();
        match text(&self.message) {
            Some(message) => lines.add(at, &one_line(String::from_utf8_lossy(&by)), &message),
            // Longer than journalctl shows.
            None => lines.dropped += 1,
        }
    }
}

/// The bytes of a field: text, or where it is none an array of bytes, or an array of either where the field is there more than once.
fn text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Array(parts) if parts.iter().all(Value::is_u64) => {
            Some(parts.iter().filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).collect())
        }
        Value::Array(parts) => {
            let parts: Option<Vec<Vec<u8>>> = parts.iter().map(text_once).collect();
            Some(parts?.join(&b' '))
        }
        _ => None,
    }
}

fn text_once(value: &Value) -> Option<Vec<u8>> {
    let nested = value.as_array().is_some_and(|parts| !parts.iter().all(Value::is_u64));
    if nested { None } else { text(value) }
}

fn is_cursor(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'=' | b';' | b'-' | b'_');
    (1..=LONGEST_CURSOR).contains(&text.len()) && text.bytes().all(fits)
}

/// A program's output, until a deadline.
struct Timed {
    output: ChildStdout,
    deadline: Instant,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(0), tv_nsec: left.subsec_nanos().into() };
        let mut ready = [PollFd::from_borrowed_fd(self.output.as_fd(), PollFlags::IN)];
        if poll(&mut ready, Some(&left))? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("journalctl took more than {} s", LIMIT.as_secs()),
            ));
        }
        self.output.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As journalctl 252 of Debian 12 writes it.
    const CAPTURED: &str = include_str!("../../tests/captured/journal.json");

    #[test]
    fn captured_entries_are_read() {
        let mut lines = Lines::default();
        let Taken { cursor, more, problem } = take(&mut CAPTURED.as_bytes(), &mut lines);
        assert!(!more && problem.is_none());
        let text = String::from_utf8(lines.text).unwrap();
        let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(entries.len(), 4, "{text}");
        assert_eq!((&entries[0]["at"], &entries[0]["by"]), (&"2026-11-27T12:00:00.123Z".into(), &"sshd".into()));
        assert_eq!(entries[1]["text"], "bytes \u{fffd}\u{1} here");
        assert_eq!(entries[2]["by"], "kernel-log.service");
        assert_eq!(entries[3]["text"], "said twice and again");
        assert_eq!(lines.dropped, 1, "one that journalctl leaves out");
        assert!(cursor.unwrap().ends_with(";x=5"));
    }

    #[test]
    fn hostile_output_harms_nothing() {
        let long = vec![b'x'; 3 * LONGEST];
        let nested = "[".repeat(100_000);
        for (what, output, dropped) in [
            ("not JSON", &b"hello\n"[..], 1),
            ("no cursor", b"{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"m\"}\n", 1),
            (
                "a cursor of another kind",
                b"{\"__CURSOR\":\"a b\",\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"m\"}\n",
                1,
            ),
            ("cut off", b"{\"__CURSOR\":\"s=1", 1),
            ("a line without an end", &long, 1),
            ("deep", nested.as_bytes(), 1),
        ] {
            let mut lines = Lines::default();
            let Taken { cursor, more, .. } = take(&mut &output[..], &mut lines);
            assert_eq!((cursor, more, lines.count, lines.dropped), (None, false, 0, dropped), "{what}");
        }
    }

    #[test]
    fn an_entry_that_is_left_out_is_left_out_once() {
        let place = "s=1;i=5;b=2;m=3;t=4;x=5";
        let message = "\"MESSAGE\":\"\\\"__CURSOR\\\":\\\"s=9\\\"\"";
        let long = |before: usize, after: usize| {
            let (before, after) = ("x".repeat(before), "y".repeat(after));
            format!("{{{message},\"A\":\"{before}\",\"__CURSOR\":\"{place}\",\"B\":\"{after}\"}}\n")
        };
        let not_json = format!("{{\"__CURSOR\":\"{place}\",oops\n");
        let edges = (0..60).step_by(5).map(|n| long(LONGEST - 75 + n, 10));
        for line in [not_json, long(10, 3 * LONGEST), long(3 * LONGEST, 10)].into_iter().chain(edges) {
            let mut lines = Lines::default();
            let taken = take(&mut line.as_bytes(), &mut lines);
            assert_eq!((taken.cursor.as_deref(), lines.dropped), (Some(place), 1), "{}", line.len());
            let cut = take(&mut &line.as_bytes()[..line.len() - 1], &mut Lines::default());
            assert_eq!(cut.cursor, None, "its end may be to come");
        }
    }
}
