//! `clamav`: the malware scanner, its signatures, scans and detections: the headers of the signature files, clamd's PING,
//! clamd.conf(5), the process clamonacc, the unit of freshclam, the records of `writ-record scan`, the quarantine folder.

mod database;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;
use writ_wire::record::{Facts, Record, Scan};

pub(super) use self::database::Signatures;
use super::backups::age;
use super::reading::{below, bytes, names, word};
use super::socket::connect;
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, integer, optional, text};
use crate::records;

const DATABASE: &str = "/var/lib/clamav";
const CONFIG: &str = "/etc/clamav/clamd.conf";
const MAX_CONFIG: usize = 256 * 1024;
/// Where clamd listens when its configuration does not say so.
const SOCKET: &str = "/run/clamav/clamd.ctl";
const QUARANTINE: &str = "/var/lib/writ/quarantine";
/// How long clamd may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(1);
/// What updates the signatures: NixOS and Debian name the unit the same.
const UPDATER: &str = "clamav-freshclam.service";
/// The scans that there are records of.
const SCANS: [&str; 2] = ["quick", "full"];

// Not quick: clamd may be busy.
pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "clamav",
    about: "the malware scanner, its signatures, scans and detections",
    parameters: &[
        optional("database", Kind::Text, "folder of signatures; default \"/var/lib/clamav\"").form(Form::AbsolutePath)
    ],
    observation: &[
        field("daemon_active", Kind::Bool, "whether clamd answers"),
        field("on_access_active", Kind::Bool, "whether files are scanned when they are opened"),
        field("heuristics_active", Kind::Bool, "whether what no signature knows is judged by its behaviour and form"),
        field("signatures_age_seconds", Kind::Int, "age of the newest signatures"),
        field("signatures_version", Kind::Int, "their version"),
        field("update_ok", Kind::Bool, "whether the last update succeeded"),
        field("quick_scan_age_seconds", Kind::Int, "time since the last quick scan ended; absent before the first"),
        field("quick_scan_seconds", Kind::Int, "how long it took"),
        field("full_scan_age_seconds", Kind::Int, "time since the last full scan ended; absent before the first"),
        field("full_scan_seconds", Kind::Int, "how long it took"),
        field("waiting_count", Kind::Int, "detections that nobody has dealt with"),
        field("quarantined_count", Kind::Int, "files in quarantine"),
        text("last_detection", Kind::Text, "what was found last; where is in the record"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let database = folder(parameters, context)?;
    let config = bytes(&context.root, CONFIG, MAX_CONFIG)?.unwrap_or_default();
    let settings = Settings::parse(&config);
    let socket = below(&context.root, settings.socket.as_deref().unwrap_or(SOCKET));
    let mut seen = Observation::new()
        .with("daemon_active", answers(&socket))
        .with("on_access_active", runs(&context.root, "clamonacc"))
        .with("quarantined_count", integer(names(&below(&context.root, QUARANTINE))?.len() as u64));
    if !config.is_empty() {
        seen.set("heuristics_active", settings.heuristics);
    }
    if let Some(newest) = database::newest(&database)? {
        if let Some(age) = newest.age(context.now) {
            seen.set("signatures_age_seconds", age);
        }
        seen.set("signatures_version", newest.version);
    }
    if let Ok(result) = context.bus.service_result(UPDATER)
        && !result.is_empty()
    {
        seen.set("update_ok", result == "success");
    }
    scans(context, &mut seen)?;
    Ok(seen)
}

fn folder(parameters: &Parameters, context: &ProbeContext) -> Result<PathBuf, String> {
    let given = parameters.optional_path("database")?;
    Ok(given.map_or_else(|| below(&context.root, DATABASE), Path::to_owned))
}

/// What the records of scans say.
fn scans(context: &ProbeContext, seen: &mut Observation) -> Result<(), Unseen> {
    let mut waiting = None;
    let mut last: Option<Record> = None;
    for name in SCANS {
        let read = records::read(&context.records, "scan", name, context.now).map_err(Unseen::Failed)?;
        let Some((record, _)) = read else { continue };
        let Facts::Scan(scan) = &record.facts else { continue };
        if let Some(at) = scan.complete_at {
            seen.set(&format!("{name}_scan_age_seconds"), age(at, context.now));
        }
        if let Some(took) = scan.complete_seconds {
            seen.set(&format!("{name}_scan_seconds"), integer(took));
        }
        // Two scans may have found the same file, which then waits twice: nothing that waits is left out.
        waiting = Some(waiting.unwrap_or(0_u64).saturating_add(undealt(scan)));
        if last.as_ref().is_none_or(|last| last.ended_at < record.ended_at) {
            last = Some(record);
        }
    }
    if let Some(waiting) = waiting {
        seen.set("waiting_count", integer(waiting));
    }
    if let Some(Facts::Scan(Scan { last_detection: Some(found), .. })) = last.map(|record| record.facts) {
        seen.set("last_detection", found);
    }
    Ok(())
}

/// How many files that a scan found are still where it found them; one that it did not name is taken to be.
fn undealt(scan: &Scan) -> u64 {
    let named = scan.files.len() as u64;
    let left = scan.files.iter().filter(|path| Path::new(path).symlink_metadata().is_ok()).count() as u64;
    left.saturating_add(scan.infected.saturating_sub(named))
}

/// What clamd.conf says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    heuristics: bool,
    socket: Option<String>,
}

impl Settings {
    /// Reads lines `Name value`; heuristics are on unless they are switched off (clamd.conf(5), HeuristicAlerts).
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut settings = Self { heuristics: true, socket: None };
        for line in String::from_utf8_lossy(bytes).lines() {
            match line.split_once(' ').map(|(name, value)| (name, value.trim())) {
                Some(("HeuristicAlerts" | "AlgorithmicDetection", value)) => {
                    settings.heuristics = !matches!(value.to_ascii_lowercase().as_str(), "no" | "false" | "0");
                }
                Some(("LocalSocket", path)) => settings.socket = Some(path.trim_matches('"').to_owned()),
                _ => {}
            }
        }
        settings
    }
}

/// Whether clamd answers at this socket (clamd(8), PING).
fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(b"zPING\0")?;
        let mut said = [0; 4];
        stream.read_exact(&mut said)?;
        Ok(said == *b"PONG")
    };
    ask().unwrap_or(false)
}

/// Whether a process of this name runs.
fn runs(root: &Path, name: &str) -> bool {
    let processes = std::fs::read_dir(below(root, "/proc")).into_iter().flatten().flatten();
    let numbered = processes.filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    numbered.into_iter().any(|entry| word(&entry.path().join("comm")).as_deref() == Some(name))
}

fn watch(parameters: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    let records = SCANS.map(|name| context.records.join(Record::file_name_of("scan", name)));
    let mut paths = records.to_vec();
    paths.extend(folder(parameters, context).ok());
    paths.push(below(&context.root, QUARANTINE));
    paths.into_iter().map(Watch::Path).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::time::Instant;

    use super::*;
    use crate::records::Run;

    #[test]
    fn settings_are_those_of_clamd() {
        let read = |text: &str| Settings::parse(text.as_bytes());
        assert_eq!(read("# HeuristicAlerts no\n"), Settings { heuristics: true, socket: None });
        let off = read("LocalSocket /run/clamd.sock\nHeuristicAlerts  No\n");
        assert_eq!(off, Settings { heuristics: false, socket: Some("/run/clamd.sock".into()) });
    }

    #[test]
    fn who_takes_no_connection_does_not_answer() {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("clamd.ctl");
        let clamd = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        bind(&clamd, &SocketAddrUnix::new(&place).unwrap()).unwrap();
        listen(&clamd, 0).unwrap();
        let _waits = connect(&place).unwrap();
        assert!(!answers(&place));
    }

    #[test]
    fn a_scanner_is_seen_whole() {
        let dir = tempfile::tempdir().unwrap();
        let now = "2026-11-27T12:00:00Z".parse().unwrap();
        let mut context = ProbeContext::new(now, Instant::now(), "/nowhere".into(), None);
        (context.root, context.records) = (dir.path().to_owned(), dir.path().join("records"));
        let at = |path: &str| {
            let path = below(dir.path(), path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        let none = serde_json::Map::new();
        let look = |context: &mut ProbeContext| {
            let seen = run(&Parameters::checked(&none, SCHEMA.parameters).unwrap(), context).unwrap();
            assert_eq!(SCHEMA.unpromised(&seen), []);
            seen
        };
        let bare = look(&mut context);
        assert_eq!(
            (bare.get("daemon_active"), bare.get("on_access_active")),
            (Some(&false.into()), Some(&false.into()))
        );
        assert_eq!((bare.get("signatures_age_seconds"), bare.get("waiting_count")), (None, None));

        let listener = UnixListener::bind(at("/run/clamav/clamd.ctl")).unwrap();
        let daemon = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 6];
            stream.read_exact(&mut asked).unwrap();
            stream.write_all(b"PONG\0").unwrap();
            asked
        });
        std::fs::write(at("/proc/7/comm"), "clamonacc\n").unwrap();
        std::fs::write(at("/etc/clamav/clamd.conf"), "LogTime yes\n").unwrap();
        std::fs::write(at("/var/lib/writ/quarantine/a"), "").unwrap();
        let infected = at("/srv/infected");
        std::fs::write(&infected, "").unwrap();
        let mut scan = Scan { complete: true, complete_at: Some(now), complete_seconds: Some(5), ..Scan::default() };
        scan.infected = 2;
        scan.files = vec![infected.display().to_string()];
        scan.last_detection = Some("Eicar".into());
        records::keep(&context.records, &Run::begin(now).end("quick", now, true, Facts::Scan(scan))).unwrap();
        let seen = look(&mut context);
        assert_eq!(daemon.join().unwrap(), *b"zPING\0");
        for (field, value) in [("daemon_active", true), ("on_access_active", true), ("heuristics_active", true)] {
            assert_eq!(seen.get(field), Some(&value.into()), "{field}");
        }
        for (field, number) in
            [("quarantined_count", 1), ("waiting_count", 2), ("quick_scan_seconds", 5), ("quick_scan_age_seconds", 0)]
        {
            assert_eq!(seen.get(field), Some(&number.into()), "{field}");
        }
        std::fs::remove_file(infected).unwrap();
        assert_eq!(look(&mut context).get("waiting_count"), Some(&1.into()), "who is moved away does not wait");
    }
}
