//! A scan for malware by clamscan(1) or clamdscan(1), which write `path: signature FOUND` for each file that is infected.

use std::ffi::OsStr;
use std::io::Write;

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
    let mut scan = Scan::default();
    let mut lines = Lines::default();
    let mut sums_up = false;
    let streamed = program.stream(arguments, &mut |piece| {
        lines.take(piece, &mut |line| {
            sums_up |= line.starts_with(SUMMARY);
            if sums_up {
                // Whoever reads along may have gone away; the scan goes on.
                let _ = said.write_all(line);
            }
            take(&mut scan, line);
        })
    });
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

/// Takes one line of what a scanner says.
pub fn take(scan: &mut Scan, line: &[u8]) {
    let text = String::from_utf8_lossy(line);
    let Some((path, signature)) = text.trim_end().strip_suffix(" FOUND").and_then(|found| found.rsplit_once(": "))
    else {
        return;
    };
    scan.infected = scan.infected.saturating_add(1);
    // One that is cut short, or whose name is no text, would not be found again: it is counted, and not named.
    let nameable = std::str::from_utf8(line).is_ok() && path.starts_with('/');
    if nameable && scan.files.len() < MOST_ENTRIES && path.len() <= LONGEST_LINE {
        scan.files.push(path.to_owned());
    }
    scan.last_detection = Some(bounded(signature));
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
}
