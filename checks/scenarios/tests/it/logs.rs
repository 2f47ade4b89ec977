//! Logs, from a line in a file or in the journal to the auditor: the real `writ-logs`, `writ-enforce`, `writ-sync`, `writ-depot` and
//! `writ audit`. The journal is what a script in journalctl's place says, in the format that journalctl(1) writes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use writ_client::{Client, Settings, Signer};
use writ_evidence::Kind;
use writ_evidence::log_drop::{LogsDropped, RULE};
use writ_scenarios::depot::Depot;
use writ_scenarios::run;
use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_wire::log_batch::{LogBatch, LogBatchSchema, file_name, parse_file_name};
use writ_wire::log_sources::LogSources;
use writ_wire::notice::{Notice, NoticeEvent, NoticeSchema};
use writ_wire::notices::Notices;
use writ_wire::paths::{self, Target};

use crate::delivery::backed_up::{told, upkeep};
use crate::delivery::clocks::Clock;
use crate::delivery::world::World;
use crate::house::*;

/// What identifies a patient, in lines as applications write them.
const PLANTED: &[(&str, &str)] = &[
    ("219-09-9999", "admitted patient, SSN 219-09-9999"),
    ("4471123", "lookup MRN: 4471123 took 12 ms"),
    ("jane.doe@example.org", "mail to jane.doe@example.org queued"),
    ("201-4477", "callback phone (555) 201-4477 requested"),
];

/// Everything that writes and carries logs, beside a depot.
struct Machine {
    world: World,
    /// How many lines were written into the file and into the journal.
    written: [usize; 2],
}

impl Machine {
    fn new(world: World) -> Self {
        let at = |name: &str| world.house.path(name);
        for folder in ["spool/notices", "logs", "journal"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        let enforce = world.house.configuration();
        let enforce = enforce
            .replace(&at("releases").display().to_string(), &at("spool/inbox").display().to_string())
            .replace(&at("outbox").display().to_string(), &at("spool/outbox").display().to_string());
        fs::write(at("etc/enforce.toml"), format!("{enforce}anchor_logs = \"1ms\"\n")).unwrap();
        let script = format!(
            "#!/bin/sh\nfor a in \"$@\"; do case $a in --after-cursor=*) c=${{a#--after-cursor=}};; esac; done\n\
             exec awk -v c=\"$c\" 'c == \"\" || found {{ print }} index($0, \"\\\"\" c \"\\\"\") {{ found = 1 }}' {}\n",
            at("journal/entries").display()
        );
        fs::write(at("journal/journalctl"), script).unwrap();
        fs::set_permissions(at("journal/journalctl"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(at("journal/entries"), "").unwrap();
        let logs = format!(
            "spool = {:?}\nstate_dir = {:?}\njournalctl = {:?}\n[sources.access]\nfiles = [{:?}]\n\
             [sources.audit.journal]\ntransports = [\"audit\"]\n",
            at("spool"),
            at("state-of-logs"),
            at("journal/journalctl"),
            at("logs/access.log"),
        );
        fs::write(at("etc/logs.toml"), logs).unwrap();
        Self { world, written: [0, 0] }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.world.house.path(name)
    }

    /// Writes so many lines into each.
    fn write(&mut self, lines: usize) {
        let append = |path: PathBuf| File::options().append(true).create(true).open(path).unwrap();
        let (mut file, mut journal) = (append(self.at("logs/access.log")), append(self.at("journal/entries")));
        for _ in 0..lines {
            let [n, m] = self.written;
            let planted = PLANTED[n % PLANTED.len()].1;
            writeln!(file, "request {n} of the file: {planted}").unwrap();
            let entry = json!({
                "__CURSOR": format!("s=1;i={m:x};b=2;m=3;t=4;x=5"),
                "__REALTIME_TIMESTAMP": (now_plus(0).unix_millis() * 1000).to_string(),
                "SYSLOG_IDENTIFIER": "audit",
                "MESSAGE": format!("event {m} of the journal: {planted}"),
            });
            writeln!(journal, "{entry}").unwrap();
            self.written = [n + 1, m + 1];
        }
    }

    fn carrier(&self) -> std::process::Command {
        let mut command = program("writ-logs");
        command.arg("--config").arg(self.at("etc/logs.toml"));
        command
    }

    #[track_caller]
    fn carry_logs(&self) {
        let ran = ran(&mut self.carrier());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }

    /// The newest batch of a source in the spool: its number and digest.
    fn newest(&self, source: &str) -> (u64, Digest) {
        let folder = self.at("spool/logs").join(source);
        let number = numbers(&folder).into_iter().max().unwrap();
        (number, Digest::of(&fs::read(folder.join(file_name(number))).unwrap()))
    }

    /// Waits until the evidence has the end of each chain.
    fn await_evidence(&self) {
        let ends: Vec<Digest> = ["access", "audit"].map(|source| self.newest(source).1).to_vec();
        self.world.house.wait_for("the ends of the chains in the evidence", || {
            let chain =
                evidence::read(&self.at("spool/outbox"), &self.world.house.site, "front-desk", &public(APPLIANCE));
            let told: Vec<Digest> = chain.of(Kind::Logs).filter_map(|b| Some(b.logs.as_ref()?.digest)).collect();
            ends.iter().all(|end| told.contains(end))
        });
    }

    /// Every batch in the audit folder.
    fn batches(&self) -> Vec<PathBuf> {
        let folder = self.at("audit/logs").join(self.world.site.as_str());
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

fn numbers(folder: &Path) -> Vec<u64> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| parse_file_name(&name)).collect()
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn notice(world: &World, number: u64) {
    let notice = Notice {
        schema: NoticeSchema::V1,
        site: world.site.clone(),
        appliance: "front-desk".parse().unwrap(),
        public_key: public(APPLIANCE),
        number,
        at: now_plus(0),
        event: NoticeEvent::Escalated,
        incident_id: Some(format!("INC-20261127-{number:04}")),
        check: Some("file.motd".into()),
        title: "A file".into(),
        severity: Some("high".into()),
        target: "self".into(),
        controls: vec![],
        route: vec!["primary on-call: Kim Lee".into()],
        due_at: None,
        answer_by: None,
        reasons: vec!["no rule answers it".into()],
    };
    let signed = notice.sign(&secret(APPLIANCE)).unwrap();
    let path = world.house.path(&format!("spool/notices/{number}.json"));
    fs::write(path.with_extension("json.minisig"), &signed.signatures[0].0).unwrap();
    fs::write(path, &signed.document.0).unwrap();
}

#[test]
fn every_line_comes_to_the_auditor_once_and_without_what_identifies_a_patient() {
    let (world, depot) = World::running();
    let mut machine = Machine::new(world);
    let daemon = machine.world.house.daemon();
    // It makes its key; the enforcer may vouch for it while it still looks.
    let _ = machine.world.carry();
    machine.world.house.wait_for("the word for the courier", || machine.at("spool/presence/courier.json").exists());

    // Killed at every point that it passes, with new lines each time, a rotation, and a line that is too long.
    let mut killed = 0;
    for at in 1.. {
        machine.write(3);
        if at == 3 {
            fs::rename(machine.at("logs/access.log"), machine.at("logs/access.log.1")).unwrap();
            machine.write(2);
        }
        let ran = ran(machine.carrier().env("WRIT_CRASH_AT", at.to_string()));
        if ran.code.is_some() {
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            break;
        }
        killed += 1;
    }
    assert!(killed >= 6, "killed {killed} times: three points for each of two sources");
    let mut file = File::options().append(true).open(machine.at("logs/access.log")).unwrap();
    file.write_all(&[&[b'x'; 100_000][..], b"\n"].concat()).unwrap();
    machine.write(4);
    machine.carry_logs();
    machine.carry_logs();
    (1..=2).for_each(|number| notice(&machine.world, number));
    machine.world.carried();
    machine.await_evidence();
    machine.world.carried();
    let status = machine.world.status();
    assert_eq!((&status["logs"]["waiting"], &status["notices_waiting"]), (&0.into(), &0.into()), "{status}");
    assert_eq!(status["logs"]["sources"]["access"]["number"], machine.newest("access").0, "{status}");

    let report = machine.world.audit(0);
    let of = |source: &str| -> Value {
        let sources = report["log_sources"].as_array().unwrap();
        sources.iter().find(|found| found["source"] == source).unwrap().clone()
    };
    for (source, written) in [("access", machine.written[0]), ("audit", machine.written[1])] {
        assert_eq!((&of(source)["lines"], &of(source)["missing"]), (&written.into(), &0.into()), "{report}");
        assert_eq!(of(source)["batches"], machine.newest(source).0, "every one of its batches");
    }
    let (mut seen, mut dropped) = (BTreeMap::<String, usize>::new(), 0);
    for path in machine.batches() {
        let text = unpacked(&path);
        for (planted, line) in PLANTED {
            assert!(!text.contains(planted), "{line}: {text}");
        }
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        dropped += lines.next().unwrap()["dropped"].as_u64().unwrap();
        for line in lines {
            let words: Vec<&str> = line["text"].as_str().unwrap().splitn(3, ' ').collect();
            *seen.entry(format!("{} {}", words[0], words[1])).or_default() += 1;
        }
    }
    let wanted = (0..machine.written[0]).map(|n| format!("request {n}"));
    let wanted = wanted.chain((0..machine.written[1]).map(|n| format!("event {n}")));
    assert_eq!(seen, wanted.map(|line| (line, 1)).collect(), "each line once");
    assert_eq!(dropped, 1, "the line that was too long");

    // What the depot says of it.
    let settings = Settings::new(format!("http://{}", machine.world.address));
    let reader = Client::new(&settings).unwrap().signed_by(Signer::new(secret(READER)));
    let sources = reader.get(&paths::log_sources(&machine.world.site), 100_000).unwrap();
    assert_eq!(LogSources::parse(&sources).unwrap().sources.len(), 2);
    let notices = Notices::parse(&reader.get(&paths::notices(&machine.world.site), 100_000).unwrap()).unwrap().notices;
    let notices: Vec<Notice> = notices.iter().map(|n| Notice::verify(n, &public(APPLIANCE)).unwrap()).collect();
    assert_eq!(notices.iter().map(|notice| notice.number).collect::<Vec<_>>(), [1, 2]);
    let metrics = reader.get(&Target { path: "/metrics".to_owned(), query: None }, 1_000_000).unwrap();
    let metrics = String::from_utf8(metrics).unwrap();
    let delay = metrics.lines().find_map(|line| line.strip_prefix("writ_depot_log_delay_seconds ")).unwrap();
    assert!((0..600).contains(&delay.parse::<i64>().unwrap()), "{delay}");

    // What was sent goes from the spool, but for the newest of each source: the next run goes on from it.
    assert!(daemon.stop().success());
    let _daemon = machine.world.house.daemon();
    machine.world.house.wait_for("the spool to be tidied", || numbers(&machine.at("spool/logs/access")).len() == 1);
    fs::remove_dir_all(machine.at("state-of-logs")).unwrap();
    machine.carry_logs();
    let newest = unpacked(&machine.at("spool/logs/audit").join(file_name(machine.newest("audit").0)));
    assert!(newest.contains("was forgotten") && newest.contains("\"previous\":\"sha256:"), "{newest}");
    tampered(&machine);
    outlived(&machine, depot);
}

/// A year and a day later the depot lets the batches go, as the policy says (365 days), and an auditor misses none of them then;
/// before that, every one.
fn outlived(machine: &Machine, depot: Depot) {
    let (world, clock) = (&machine.world, Clock::make(&machine.world));
    let before = machine.batches().len();
    depot.stop().unwrap();
    let gc = || told(clock.of(&mut upkeep(world, "gc")), 0);
    assert_eq!(gc()["removed"]["log-batch"], Value::Null, "nothing is old");
    clock.set(366 * 86_400);
    for at in 1..=3 {
        gc_killed_at(machine, &clock, at);
    }
    let went = gc();
    assert_eq!(went["kept"][0]["logs_seconds"], 365 * 86_400, "{went}");
    assert_eq!(went["removed"]["log-batch"]["count"], before as u64 - 2, "all but the newest of each source: {went}");
    assert_eq!(told(&mut upkeep(world, "fsck"), 0)["problems"]["list"], json!([]));
    let _depot = world.depot();
    fs::remove_dir_all(machine.at("audit")).unwrap();
    let report = world.audit(1);
    assert!(report.to_string().contains("it was dropped or withheld"), "{report}");
    let report = told(clock.of(world.house.audit("verify").arg("--json")), 0);
    let list = report["problems"]["list"].as_array().unwrap();
    assert!(list.iter().any(|problem| problem["code"] == "past-retention"), "{report}");
    assert_eq!(report["bundles"], world.verify(1)["bundles"], "no evidence went");
}

/// Killed at a point, the next run does the rest, and nothing is damaged in between.
fn gc_killed_at(machine: &Machine, clock: &Clock, at: u64) {
    let copy = machine.at("killed");
    let _ = fs::remove_dir_all(&copy);
    run::checked(Command::new("cp").arg("-a").arg(machine.world.data()).arg(&copy)).unwrap();
    let of_copy = |what: &str| {
        let mut command = program("writ-depot");
        command.arg(what).arg("--json").arg("--data").arg(&copy);
        command
    };
    let killed = ran(clock.of(of_copy("gc").env("WRIT_CRASH_AT", at.to_string())));
    assert_eq!(killed.code, None, "{at}: {}{}", killed.stdout, killed.stderr);
    told(&mut of_copy("fsck"), 0);
    told(clock.of(&mut of_copy("gc")), 0);
    let report = told(&mut of_copy("fsck"), 0);
    assert_eq!((&report["problems"]["list"], &report["checked"]["batches"]), (&json!([]), &2.into()), "{at}: {report}");
}

/// An auditor finds out what becomes of a batch on the way.
fn tampered(machine: &Machine) {
    let batches = machine.batches();
    let with_lines = batches.iter().find(|path| unpacked(path).lines().count() > 1).unwrap();
    let whole = fs::read(with_lines).unwrap();
    let problem = |code: &str, report: &Value| {
        let list = report["problems"]["list"].as_array().unwrap().clone();
        assert!(list.iter().any(|p| p["code"] == code && p["weight"] == "bad"), "{code}: {report}");
    };
    let mut altered = whole.clone();
    let at = altered.len() / 2;
    altered[at] ^= 1;
    fs::write(with_lines, &altered).unwrap();
    problem("altered", &machine.world.verify(1));
    fs::remove_file(with_lines).unwrap();
    problem("missing", &machine.world.verify(1));
    // Another batch in its place: well made, and not the one that the chain names.
    let other = batches.iter().find(|path| *path != with_lines).unwrap();
    fs::copy(other, with_lines).unwrap();
    problem("altered", &machine.world.verify(1));
    fs::write(with_lines, whole).unwrap();
    machine.world.verify(0);
}

/// Batches that lie in the spool of a house, as `writ-logs` would lay them or not.
fn lay(house: &House, batch: &LogBatch, lines: &str) -> Digest {
    let folder = house.path("logs").join(batch.source.as_str());
    fs::create_dir_all(&folder).unwrap();
    let packed = batch.pack(lines.as_bytes());
    fs::write(folder.join("new"), &packed).unwrap();
    fs::rename(folder.join("new"), folder.join(file_name(batch.number))).unwrap();
    Digest::of(&packed)
}

fn batch(number: u64, previous: Option<Digest>) -> LogBatch {
    let at = |n: u64| now_plus(i64::try_from(n).unwrap() * 300_000 - DAY);
    LogBatch {
        schema: LogBatchSchema::V1,
        source: "audit".parse().unwrap(),
        number,
        previous,
        from: at(number),
        to: at(number + 1),
        lines: 1,
        dropped: 0,
    }
}

#[test]
fn the_enforcer_tells_what_does_not_follow_and_what_it_drops() {
    let house = House::new();
    let configuration = house.configuration();
    fs::write(
        house.path("etc/enforce.toml"),
        format!("{configuration}anchor_logs = \"1ms\"\nlogs_budget = \"1KiB\"\n"),
    )
    .unwrap();
    let long: String = (0..40u8).map(|n| Digest::of(&[n]).hex()).collect();
    let first = lay(&house, &batch(1, None), &format!("{{\"text\":\"{long}\"}}\n"));
    let second = lay(&house, &batch(2, Some(first)), "{\"text\":\"two\"}\n");
    let fourth = lay(&house, &batch(4, Some(second)), "{\"text\":\"four\"}\n");
    // A file that is none, and one that would be followed elsewhere.
    fs::write(house.path("logs/audit").join(file_name(5)), [0x1f, 0x8b, 8, 0, 0]).unwrap();
    std::os::unix::fs::symlink("/dev/zero", house.path("logs/audit").join(file_name(6))).unwrap();
    let fork = lay(&house, &batch(7, Some(second)), "{\"text\":\"another second\"}\n");
    let _daemon = house.daemon();
    let told = |rule: &str| {
        let chain = house.chain();
        let told = chain.of(Kind::Refused).filter(|b| b.refused.as_ref().is_some_and(|r| r.rule == rule));
        told.map(|b| b.refused.clone().unwrap()).collect::<Vec<_>>()
    };
    house.wait_for("the end of the chain", || {
        let chain = house.chain();
        chain.of(Kind::Logs).any(|b| b.logs.as_ref().is_some_and(|logs| logs.digest == fork && logs.lines == 4))
    });
    let broken: Vec<_> = told("log-chain").into_iter().map(|refused| refused.digest).collect();
    assert_eq!(broken, [Some(fourth), Some(fork)], "a gap and a fork");
    assert_eq!(told("log-batch").len(), 2, "what is no batch");
    // Over the budget: told, then dropped, and the newest stays.
    house.wait_for("room", || !told(RULE).is_empty());
    let dropped = LogsDropped::parse(&told(RULE)[0].message).unwrap();
    assert!(dropped.batches >= 1 && dropped.source.as_str() == "audit", "{dropped}");
    house.wait_for("the files to go", || !house.path("logs/audit").join(file_name(1)).exists());
    assert!(house.path("logs/audit").join(file_name(7)).exists());
}

#[test]
fn sources_without_end_are_not_followed() {
    let house = House::new();
    let configuration = house.configuration();
    fs::write(house.path("etc/enforce.toml"), format!("{configuration}anchor_logs = \"1ms\"\n")).unwrap();
    let of = |number: u32| -> LogSourceId { format!("source-{number:02}").parse().unwrap() };
    let lay_first = |number| lay(&house, &LogBatch { source: of(number), ..batch(1, None) }, "{\"text\":\"one\"}\n");
    let first: Vec<Digest> = (0..40).map(lay_first).collect();
    let _daemon = house.daemon();
    let told = || house.chain().of(Kind::Logs).count();
    house.wait_for("the sources that are followed", || told() == 16);
    // Folders of other names take the place of those that were followed: that makes no place for them within a day.
    (0..15).for_each(|number| fs::remove_dir_all(house.path(&format!("logs/{}", of(number)))).unwrap());
    lay(&house, &LogBatch { source: of(15), ..batch(2, Some(first[15])) }, "{\"text\":\"two\"}\n");
    house.wait_for("a look at what is there now", || told() > 16);
    let state: Value = serde_json::from_slice(&house.state("state.json")).unwrap();
    assert_eq!((told(), state["log_chains"].as_object().unwrap().len()), (17, 16), "{}", state["log_chains"]);
}
