//! Archives of days in a bucket that keeps them: sent, read back, sent after an outage, and all that an auditor needs. `cargo xtask
//! test --all` runs this a second time, on a server that is strict.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use writ_bucket::Version;
use writ_scenarios::Time;
use writ_scenarios::depot::Depot;
use writ_scenarios::run;

use super::backed_up::{told, upkeep};
use super::buckets::{Server, credentials, is_strict};
use super::clocks::Clock;
use super::disk::Disk;
use super::world::World;
use crate::house::*;

const DAY: i64 = 86_400;
/// Bundles of each day.
const EACH: usize = 3;

/// A world that has seen some days, each with its bundles at noon, and is at the next noon.
struct Past {
    world: World,
    clock: Clock,
    /// How far it is to the first noon: midnight never passes while something is looked at.
    noon: i64,
    depot: Option<Depot>,
    days: usize,
}

impl Past {
    fn of(days: usize) -> Self {
        let world = World::new();
        let clock = Clock::make(&world);
        let noon = (DAY + DAY / 2 - now_plus(0).unix_millis() / 1000 % DAY) % DAY;
        clock.set(noon);
        let depot = Depot::spawn(clock.of(&mut world.depot_command()), &world.data()).unwrap();
        world.publish();
        world.enrol_courier();
        credentials(&world, true);
        let mut past = Self { world, clock, noon, depot: Some(depot), days: 0 };
        (0..days).for_each(|_| past.another());
        past
    }

    /// A day more, with its bundles.
    fn another(&mut self) {
        self.world.say(EACH);
        let carried = ran(self.clock.of(self.world.courier_command().arg("--once")));
        assert_eq!(carried.code, Some(0), "{}", carried.stderr);
        self.days += 1;
        self.clock.set(self.noon + DAY * i64::try_from(self.days).unwrap());
    }

    /// A server of buckets, which lives in the same days.
    fn server(&self, port: u16) -> Server {
        Server::start(port, &self.clock)
    }

    fn spool(&self) -> PathBuf {
        self.world.house.path("ship")
    }

    fn ship_to(&self, endpoint: &str, bucket: &str, more: &[&str]) -> Command {
        let mut ship = upkeep(&self.world, "ship");
        ship.arg("--spool").arg(self.spool()).args(["--to", &format!("s3://{bucket}"), "--endpoint", endpoint]);
        ship.arg("--credentials").arg(self.world.house.path("etc/bucket.credentials")).args(more);
        self.clock.of(&mut ship);
        ship
    }

    /// A round, with its figures.
    fn ship(&self, endpoint: &str, bucket: &str, code: i32) -> Value {
        let figures = self.world.house.path("ship.prom").display().to_string();
        told(&mut self.ship_to(endpoint, bucket, &["--metrics", &figures]), code)
    }

    fn verify(&self, server: &Server, more: &[&str], code: i32) -> Value {
        told(&mut self.ship_to(&server.endpoint, "evidence", &[&["--verify"], more].concat()), code)
    }

    /// What is in the spool that waits.
    fn waiting(&self) -> usize {
        let names = fs::read_dir(self.spool()).into_iter().flatten().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".tar.gz")).count()
    }

    /// The auditor's way, with nothing but a bucket and the first trust root.
    fn unpack(&self, server: &Server, to: &str, code: i32) -> Value {
        let mut unpack = program("writ");
        unpack.args(["audit", "unpack", "--json", "--from", "s3://evidence", "--endpoint", &server.endpoint]);
        unpack.arg("--credentials").arg(self.world.house.path("etc/bucket.credentials"));
        told(self.clock.of(unpack.arg("--to").arg(self.world.house.path(to))), code)
    }

    /// Reads bundles back out of the bucket, and holds them against an audit folder.
    fn restore_test(&self, server: &Server, reference: &str, code: i32) -> Value {
        let mut test = program("writ");
        test.args(["audit", "restore-test", "--json", "--from", "s3://evidence", "--endpoint", &server.endpoint]);
        test.arg("--credentials").arg(self.world.house.path("etc/bucket.credentials"));
        test.arg("--trust").arg(self.world.house.path("etc/trust.json")).args(["--period", "2000..2100"]);
        told(self.clock.of(test.arg("--reference").arg(self.world.house.path(reference))), code)
    }

    fn audit(&self, folder: &str, what: &[&str], code: i32) -> Value {
        let mut audit = program("writ");
        audit.args(["audit", what[0], "--json"]).arg(self.world.house.path(folder));
        audit.arg("--trust").arg(self.world.house.path("etc/trust.json")).args(&what[1..]);
        told(self.clock.of(&mut audit), code)
    }
}

/// The versions of all objects, of which none is there twice.
#[track_caller]
fn once_each(server: &Server, bucket: &str, days: usize) -> Vec<Version> {
    let versions = server.versions(bucket);
    let mut keys: Vec<&str> = versions.iter().map(|version| version.key.as_str()).collect();
    keys.dedup();
    assert_eq!((keys.len(), versions.len()), (2 * days, 2 * days), "{versions:?}");
    versions
}

fn days(report: &Value) -> Vec<String> {
    report["sent"].as_array().unwrap().iter().map(|sent| sent["day"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn days_come_into_the_bucket_stay_there_and_come_back_to_an_auditor() {
    let mut past = Past::of(3);
    let server = past.server(0);
    server.make("evidence", true);
    server.make("loose", false);
    // A bucket that does not lock is sent nothing.
    let refused = past.ship(&server.endpoint, "loose", 1);
    assert!(refused["problems"][0]["why"].as_str().unwrap().contains("no Object Lock"), "{refused}");
    assert_eq!((&refused["locked"], &refused["waiting"]["archives"]), (&false.into(), &3.into()), "{refused}");
    assert!(server.versions("loose").is_empty() && past.waiting() == 3);
    // Its spool is of that bucket.
    let other = ran(&mut past.ship_to(&server.endpoint, "evidence", &[]));
    assert!(other.code == Some(1) && other.stderr.contains("give another folder"), "{}", other.stderr);
    fs::remove_dir_all(past.spool()).unwrap();

    let people = ran(&mut past.ship_to(
        &server.endpoint,
        "evidence",
        &["--metrics", &past.world.house.path("p").display().to_string()],
    ));
    assert!(people.code == Some(0), "{}{}", people.stdout, people.stderr);
    let sent = past.ship(&server.endpoint, "evidence", 0);
    assert_eq!((days(&sent).len(), &sent["held"], past.waiting()), (0, &3.into(), 0), "nothing is sent twice: {sent}");
    let versions = once_each(&server, "evidence", 3);
    assert_locked(&server, &versions);
    let verified = past.verify(&server, &["--last", "2"], 0);
    assert_eq!((verified["days"].as_array().unwrap().len(), &verified["held"]), (2, &3.into()), "{verified}");
    assert_eq!(verified["days"][0]["mode"], "COMPLIANCE");
    past.verify(&server, &["--all", "--download"], 0);
    past.verify(&server, &["--sample", "1", "--download"], 0);

    // What is noted here is lost, and the log goes on: the days are made in other bytes, and known again.
    past.another();
    fs::remove_dir_all(past.spool()).unwrap();
    let again = past.ship(&server.endpoint, "evidence", 0);
    assert_eq!((days(&again).len(), &again["held"]), (4, &4.into()), "{again}");
    assert!(days(&again).is_sorted(), "{again}");
    let versions = once_each(&server, "evidence", 4);

    meddled(&past, &server, &versions);
    // The depot is gone, and all that it had.
    past.depot.take().unwrap().kill().unwrap();
    fs::remove_dir_all(past.world.data()).unwrap();
    let unpacked = past.unpack(&server, "auditor", 0);
    assert!(unpacked["copied"].as_u64().unwrap() > 0, "{unpacked}");
    let report = past.audit("auditor", &["verify"], 0);
    assert_eq!((&report["bundles"], &report["log"]), (&(4 * EACH).into(), &"verified".into()), "{report}");
    let rows = past.audit("auditor", &["query", "--kind", "refused", "--text", "RELEASE-signatures"], 0);
    assert_eq!(rows.as_array().unwrap().len(), 4 * EACH - 1, "{rows}");
    assert_eq!(past.audit("auditor", &["query", "--text", "nothing of the sort"], 0), Value::Array(vec![]));
    // What is here already is not fetched again.
    let again = past.unpack(&server, "auditor", 0);
    assert_eq!(again["copied"], 0, "{again}");
    let tested = past.restore_test(&server, "auditor", 0);
    assert_eq!((&tested["there"], &tested["verified"]), (&(4 * EACH).into(), &5.into()), "{tested}");
    let good = |one: &Value| one["log"] == "proven" && one["same"] == "ok" && one["signature"] == "ok";
    assert!(tested["bundles"].as_array().unwrap().iter().all(good), "{tested}");
}

/// Nobody removes what is locked, or puts something in its place unseen.
fn assert_locked(server: &Server, versions: &[Version]) {
    for version in versions {
        let (mode, until) = server.lock("evidence", version);
        let day = version.key.split(['/', '.']).skip(2).take(3).collect::<Vec<_>>();
        let six_years_on = format!("{}-{}-{}T00:00:00Z", day[0].parse::<u32>().unwrap() + 6, day[1], day[2]);
        let end = six_years_on.parse::<Time>().unwrap().plus_millis(DAY * 1000);
        assert!(mode == "COMPLIANCE" && until >= end && until <= end.plus_millis(DAY * 1000), "{mode} {until} {end}");
        let path = format!("/evidence/{}", version.key);
        assert_eq!(server.status("DELETE", &path, &[("versionId", &version.version)], &[], b""), 403);
    }
    // Of two who write at once the second is refused; by Ceph 16 only where no versions are kept. Else both are.
    for (bucket, locks) in [("raced", true), ("raced-loose", false)] {
        server.make(bucket, locks);
        let put = || server.status("PUT", &format!("/{bucket}/x"), &[], &[("if-none-match", "*")], b"x");
        let (first, second, kept) = (put(), put(), server.versions(bucket).len());
        let as_ceph_16 = is_strict() && locks && (second, kept) == (200, 2);
        assert!(first == 200 && ((second, kept) == (412, 1) || as_ceph_16), "{bucket}: {second}, {kept} versions");
    }
}

/// What only a strict server refuses: another secret, another time, and whatever would loosen a lock.
fn assert_strict(past: &Past, server: &Server, version: &Version) {
    let refused = |ship: &mut Command| {
        let report = told(ship, 1);
        report["problems"][0]["why"].as_str().unwrap_or_else(|| panic!("{report}")).to_owned()
    };
    credentials(&past.world, false);
    let said = refused(&mut past.ship_to(&server.endpoint, "evidence", &[]));
    assert!(said.contains("SignatureDoesNotMatch") && !said.contains("another-secret"), "{said}");
    credentials(&past.world, true);
    let said = refused(past.ship_to(&server.endpoint, "evidence", &[]).env_remove("LD_PRELOAD"));
    assert!(said.contains("RequestTimeTooSkewed"), "{said}");

    let path = format!("/evidence/{}", version.key);
    let of_version = ("versionId", version.version.as_str());
    let retention = |mode: &str, until: &str| {
        let text = format!("<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>");
        let bypass = [("x-amz-bypass-governance-retention", "true")];
        server.status("PUT", &path, &[("retention", ""), of_version], &bypass, text.as_bytes())
    };
    let before = server.lock("evidence", version);
    assert_eq!(retention("COMPLIANCE", "2027-06-01T00:00:00Z"), 403);
    assert_eq!(retention("GOVERNANCE", "2099-06-01T00:00:00Z"), 403);
    let suspend = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
    assert_eq!(server.status("PUT", "/evidence", &[("versioning", "")], &[], suspend), 409);
    assert_eq!(server.status("DELETE", "/evidence", &[], &[], b""), 409);
    assert_eq!(server.lock("evidence", version), before);
}

/// What somebody with a key of the bucket can still do is seen, and hides nothing.
fn meddled(past: &Past, server: &Server, versions: &[Version]) {
    let archives: Vec<&Version> = versions.iter().filter(|version| version.key.ends_with(".tar.gz")).collect();
    let [first, second, third, ..] = archives[..] else { panic!("{archives:?}") };
    let why = |report: &Value, key: &str| {
        let all = report["problems"].as_array().unwrap();
        let of: Vec<&str> = all.iter().filter(|p| p["key"] == key).map(|p| p["why"].as_str().unwrap()).collect();
        of.join("; ")
    };
    let path = |version: &Version| format!("/evidence/{}", version.key);
    if is_strict() {
        assert_strict(past, server, first);
    } else {
        // This server lets a lock be shortened, which a real one refuses.
        let shorter =
            b"<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2027-06-01T00:00:00Z</RetainUntilDate></Retention>";
        let of_first = [("retention", ""), ("versionId", first.version.as_str())];
        assert_eq!(server.status("PUT", &path(first), &of_first, &[], shorter), 200);
    }
    // Something is written over the second, and the third is deleted over.
    assert_eq!(server.status("PUT", &path(second), &[], &[], b"something else"), 200);
    assert_eq!(server.status("DELETE", &path(third), &[], &[], b""), 204);
    let report = past.verify(server, &["--all", "--download"], 1);
    let shortened = why(&report, &first.key);
    assert!(is_strict() || shortened.contains("until 2027-06-01T00:00:00Z, and must be"), "{report}");
    assert!(why(&report, &second.key).contains("written or deleted over it"), "{report}");
    assert!(why(&report, &third.key).contains("written or deleted over it"), "{report}");
    assert_eq!(report["problems"].as_array().unwrap().len(), if is_strict() { 2 } else { 3 }, "{report}");
}

#[test]
fn what_piles_up_in_an_outage_is_sent_in_order_when_it_ends() {
    let mut past = Past::of(3);
    let server = past.server(0);
    let (port, endpoint) = (server.port(), server.endpoint.clone());
    drop(server);
    let down = past.ship(&endpoint, "evidence", 1);
    assert_eq!((&down["locked"], &down["waiting"]["archives"]), (&Value::Null, &3.into()), "{down}");
    assert!(down["problems"][0]["why"].as_str().unwrap().contains("cannot be reached"), "{down}");
    assert!(down["alerts"][0].as_str().unwrap().contains("3 archives are not in the bucket"), "{down}");
    assert_eq!((down["made"].as_array().unwrap().len(), past.waiting()), (3, 3));
    let figures = fs::read_to_string(past.world.house.path("ship.prom")).unwrap();
    assert!(
        figures.contains("\nwrit_ship_waiting_archives 3\n") && figures.contains("\nwrit_ship_problems 1\n"),
        "{figures}"
    );
    // Nobody clears away what is not in the bucket yet.
    past.depot.take().unwrap().stop().unwrap();
    told(past.clock.of(upkeep(&past.world, "gc").args(["--grace", "1ms"])), 0);
    past.depot = Some(Depot::spawn(past.clock.of(&mut past.world.depot_command()), &past.world.data()).unwrap());
    past.another();
    assert_eq!(past.ship(&endpoint, "evidence", 1)["waiting"]["archives"], 4);
    // One of them is damaged where it waits: it is made again.
    let one = fs::read_dir(past.spool()).unwrap().map(|entry| entry.unwrap().path());
    let one = one.filter(|path| path.extension().is_some_and(|extension| extension == "gz")).min().unwrap();
    fs::write(&one, b"damaged").unwrap();

    let server = past.server(port);
    server.make("evidence", true);
    let up = past.ship(&endpoint, "evidence", 1);
    assert!(up["problems"][0]["why"].as_str().unwrap().contains("was damaged"), "{up}");
    assert_eq!((days(&up).len(), &up["backlog"], &up["waiting"]["archives"]), (3, &4.into(), &1.into()), "{up}");
    assert!(days(&up).is_sorted(), "{up}");
    let rest = past.ship(&endpoint, "evidence", 0);
    assert_eq!((days(&rest).len(), &rest["waiting"]["archives"], past.waiting()), (1, &0.into(), 0), "{rest}");
    once_each(&server, "evidence", 4);
    past.verify(&server, &["--all", "--download"], 0);
    let figures = fs::read_to_string(past.world.house.path("ship.prom")).unwrap();
    assert!(
        figures.contains("\nwrit_ship_waiting_archives 0\n") && figures.contains("\nwrit_ship_held_archives 4\n"),
        "{figures}"
    );
}

#[test]
fn a_spool_without_room_says_so_and_nothing_is_lost() {
    let past = Past::of(2);
    let server = past.server(0);
    server.make("evidence", true);
    let disk = Disk::mount(past.spool());
    disk.fill(0);
    // Not even the name of the bucket can be noted.
    let full = ran(&mut past.ship_to(&server.endpoint, "evidence", &[]));
    assert!(full.code == Some(2) && full.stderr.contains("No space left"), "{}{}", full.stdout, full.stderr);
    disk.free();
    disk.fill(12 * 1024);
    let full = past.ship(&server.endpoint, "evidence", 1);
    assert!(full["problems"][0]["why"].as_str().unwrap().contains("No space left"), "{full}");
    disk.free();
    let sent = past.ship(&server.endpoint, "evidence", 0);
    assert_eq!((&sent["held"], &sent["waiting"]["archives"]), (&2.into(), &0.into()), "{sent}");
    once_each(&server, "evidence", 2);
}

#[test]
fn a_kill_at_any_point_leaves_nothing_undone_and_nothing_double() {
    let past = Past::of(2);
    let server = past.server(0);
    let mut kills = 0;
    loop {
        let bucket = format!("evidence-{kills}");
        server.make(&bucket, true);
        let _ = fs::remove_dir_all(past.spool());
        let mut ship =
            past.ship_to(&server.endpoint, &bucket, &["--metrics", &past.world.house.path("p").display().to_string()]);
        let killed = ran(ship.env("WRIT_CRASH_AT", (kills + 1).to_string()));
        if killed.code == Some(0) {
            break;
        }
        assert_eq!(killed.code, None, "{}{}", killed.stdout, killed.stderr);
        let sent = past.ship(&server.endpoint, &bucket, 0);
        assert_eq!((&sent["held"], &sent["waiting"]["archives"], past.waiting()), (&2.into(), &0.into(), 0), "{sent}");
        once_each(&server, &bucket, 2);
        kills += 1;
    }
    // Of each day: made, its document, archive and document held, noted, cleared.
    assert_eq!(kills, 12);
}

/// Alters a bundle as somebody may who has the disk: triggers do not hold them off.
const ALTER: &str = "
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
[trigger] = database.execute(\"SELECT sql FROM sqlite_schema WHERE name = 'evidence_is_not_changed'\").fetchone()
database.execute('DROP TRIGGER evidence_is_not_changed')
database.execute(\"UPDATE evidence SET document = x'7b7d' WHERE sequence = 2\")
database.execute(trigger)
database.commit()
";

#[test]
fn a_bundle_that_was_altered_comes_back_from_the_bucket() {
    let mut past = Past::of(1);
    let server = past.server(0);
    server.make("evidence", true);
    assert_eq!(past.ship(&server.endpoint, "evidence", 0)["held"], 1);
    past.depot.take().unwrap().stop().unwrap();
    run::checked(Command::new("/usr/bin/python3").args(["-c", ALTER]).arg(past.world.data().join("depot.sqlite")))
        .unwrap();
    let found = told(past.clock.of(&mut upkeep(&past.world, "fsck")), 1);
    assert_eq!(found["problems"]["list"][0]["code"], "evidence-altered", "{found}");
    past.unpack(&server, "auditor", 0);
    past.audit("auditor", &["verify"], 0);
    let mut mend = upkeep(&past.world, "mend");
    mend.arg("--from")
        .arg(past.world.house.path("auditor"))
        .arg("--quarantine")
        .arg(past.world.house.path("quarantine"));
    let mended = told(past.clock.of(&mut mend), 0);
    assert_eq!((mended["mended"].as_array().unwrap().len(), &mended["sound"]), (1, &true.into()), "{mended}");
    told(past.clock.of(&mut upkeep(&past.world, "fsck")), 0);
    // It goes on to serve and to ship, and what it then has is what was sent.
    past.depot = Some(Depot::spawn(past.clock.of(&mut past.world.depot_command()), &past.world.data()).unwrap());
    past.another();
    assert_eq!(past.ship(&server.endpoint, "evidence", 0)["held"], 2);
}
