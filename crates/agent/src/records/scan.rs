//! A scan for malware by clamscan(1) or clamdscan(1), which write `path: signature FOUND` for each file that is infected.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use writ_trust::time::Time;
use writ_wire::record::{Facts, LONGEST_LINE, MOST_ENTRIES, Record, Scan};

use super::program::Program;
use super::restore::Lines;
use super::{Run, bounded};

/// The exit code of a scan that found something and looked at everything.
const FOUND: i32 = 1;

/// Where a scanner begins to sum up. What stands before it names files, which stay in the record.
const SUMMARY: &[u8] = b"----------- SCAN SUMMARY";

/// Runs a scan, repeats its summary to `said`, and tells of it.
pub fn scan(
    program: &Program,
    arguments: &[&OsStr],
    said: &mut dyn Write,
    name: &str,
    before: Option<&Record>,
    mut run: Run,
    now: impl Fn() -> Time,
) -> Record {
    let mut reports = Reports::default();
    let mut lines = Lines::default();
    let mut sums_up = false;
    let streamed = program.stream(arguments, &mut |piece| {
        lines.take(piece, &mut |line| {
            sums_up |= line.starts_with(SUMMARY);
            if sums_up {
                // Whoever reads along may have gone away; the scan goes on.
                let _ = said.write_all(line);
            }
            reports.take(line);
        })
    });
    let mut scan = reports.scan;
    match streamed {
        Ok(ended) if matches!(ended.status.code(), Some(0 | FOUND)) => scan.complete = true,
        Ok(ended) => ended.told().iter().for_each(|line| run.note(without_path(line))),
        Err(e) => run.note(e.to_string()),
    }
    let at = now();
    if scan.complete {
        scan.complete_at = Some(at.max(run.began_at));
        scan.complete_seconds = u64::try_from(at.millis_since(run.began_at) / 1000).ok().or(Some(0));
    } else if let Some(Facts::Scan(last)) = before.map(|record| &record.facts) {
        (scan.complete_at, scan.complete_seconds) = (last.complete_at, last.complete_seconds);
        scan.last_detection = scan.last_detection.or_else(|| last.last_detection.clone());
        // A scan that broke off says nothing of what an earlier one found.
        scan.infected = scan.infected.max(last.infected);
        for file in &last.files {
            if scan.files.len() < MOST_ENTRIES && !scan.files.contains(file) {
                scan.files.push(file.clone());
            }
        }
        scan.infected = scan.infected.max(scan.files.len() as u64);
    }
    let complete = scan.complete;
    run.end(name, at, complete, Facts::Scan(scan))
}

/// A complaint without the file that it is about: `/path: Access denied. ERROR`.
fn without_path(line: &str) -> String {
    match line.strip_prefix('/').and_then(|rest| rest.rsplit_once(": ")) {
        Some((_, what)) => format!("…: {what}"),
        None => line.to_owned(),
    }
}

/// The longest path that the kernel takes (PATH_MAX).
const LONGEST_PATH: usize = 4096;
/// How often is looked in one scan whether a name has a line break.
const MOST_LOOKS: usize = 200_000;

/// What a scanner says, line by line.
#[derive(Default)]
pub struct Reports {
    scan: Scan,
    /// The lines before this one, as far back as a path may be long.
    before: Vec<u8>,
    looks: usize,
}

impl Reports {
    /// Takes one line.
    pub fn take(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        if let Some((path, signature)) =
            text.trim_end().strip_suffix(" FOUND").and_then(|found| found.rsplit_once(": "))
        {
            self.scan.infected = self.scan.infected.saturating_add(1);
            // One that is cut short, or whose name is no text, would not be found again: it is counted, and not named.
            let nameable = std::str::from_utf8(line).is_ok() && path.starts_with('/');
            let room = self.scan.files.len() < MOST_ENTRIES && path.len() <= LONGEST_LINE;
            if nameable && room && !self.ends_a_longer_name(path) {
                self.scan.files.push(path.to_owned());
            }
            self.scan.last_detection = Some(bounded(signature));
        }
        self.before.extend_from_slice(line);
        self.before.drain(..self.before.len().saturating_sub(LONGEST_PATH));
    }

    /// Whether a file is there whose name has a line break and ends like this: the report of that one began in a line before,
    /// and what is named here may be anything, also what is not there and so would be taken for dealt with.
    fn ends_a_longer_name(&mut self, path: &str) -> bool {
        let breaks = self.before.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        for begins in std::iter::once(0).chain(breaks).filter(|at| self.before.get(*at) == Some(&b'/')) {
            self.looks += 1;
            let longer = [&self.before[begins..], path.as_bytes()].concat();
            if self.looks > MOST_LOOKS || Path::new(OsStr::from_bytes(&longer)).symlink_metadata().is_ok() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Of clamscan 1.4.
    const SAID: &str = "/srv/a: OK\n/srv/b: c: Eicar-Test-Signature FOUND\nrelative: X FOUND\n\n----------- SCAN SUMMARY \
                        -----------\nInfected files: 2\n";

    fn now() -> Time {
        "2026-11-27T12:00:00Z".parse().unwrap()
    }

    fn scanned(script: &str, before: Option<&Record>) -> (Record, Scan, Vec<u8>) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let program = Program { path: "/bin/sh".into(), environment: vec![], deadline, secrets: vec![] };
        let mut said = Vec::new();
        let arguments = [OsStr::new("-c"), OsStr::new(script)];
        let record = scan(&program, &arguments, &mut said, "quick", before, Run::begin(now()), now);
        record.judge("scan", "quick", now()).unwrap();
        let Facts::Scan(scan) = record.facts.clone() else { panic!() };
        (record, scan, said)
    }

    #[test]
    fn a_finding_is_a_result_and_a_scan_that_broke_off_is_none() {
        let (record, scan, said) = scanned(&format!("printf '{SAID}'; exit 1"), None);
        assert!(record.ok && scan.complete);
        let summary = "----------- SCAN SUMMARY -----------\nInfected files: 2\n";
        assert_eq!(String::from_utf8(said).unwrap(), summary, "names of files are for the record alone");
        assert_eq!((scan.infected, scan.files.as_slice()), (2, &["/srv/b: c".to_owned()][..]));
        assert_eq!(scan.last_detection.as_deref(), Some("X"));
        assert_eq!((scan.complete_at, scan.complete_seconds), (Some(now()), Some(0)));

        let (denied, ..) = scanned("echo '/srv/smith: j: Access denied. ERROR' >&2; exit 2", None);
        assert_eq!(denied.notes, ["…: Access denied. ERROR"]);
        let (broken, scan, _) = scanned("echo 'no such database' >&2; exit 2", Some(&record));
        assert!(!broken.ok && !scan.complete);
        assert_eq!((scan.infected, scan.files.as_slice()), (2, &["/srv/b: c".to_owned()][..]), "they are still there");
        assert_eq!((scan.complete_at, broken.notes.as_slice()), (Some(now()), &["no such database".to_owned()][..]));
        assert_eq!(scan.last_detection.as_deref(), Some("X"));
        let (never, scan, _) = scanned("exit 2", None);
        assert!(!never.ok && scan.complete_at.is_none());
        let (_, scan, _) = scanned("printf '/srv/\\351: X FOUND\\n'; exit 1", None);
        assert_eq!((scan.infected, scan.files.len()), (1, 0), "a name that is no text");
    }

    /// `/no/such` is not there, so whoever named it would say that it was dealt with.
    #[test]
    fn the_end_of_a_name_with_a_line_break_is_no_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a: OK\nb\n");
        std::fs::create_dir_all(folder.join("no")).unwrap();
        std::fs::write(folder.join("no/such"), "").unwrap();
        let said = format!("{0}/x: OK\n{0}/a: OK\nb\n/no/such: X FOUND\n{0}/y: X FOUND\n", dir.path().display());
        let (_, scan, _) = scanned(&format!("printf '{said}'; exit 1"), None);
        assert_eq!((scan.infected, scan.files), (2, vec![format!("{}/y", dir.path().display())]));
    }
}
