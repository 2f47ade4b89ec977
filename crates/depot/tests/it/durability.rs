//! What was acknowledged is there after a kill at any point; a full disk stops writing and nothing else.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_wire::Signed;
use writ_wire::receipts::Receipts;

use crate::client::{Connection, get};
use crate::daemon::{Daemon, Start, until};
use crate::world::*;

const BATCHES: u64 = 3;
const SIZE: u64 = 4;

fn batch_of(number: u64) -> Vec<Signed> {
    (number * SIZE + 1..=(number + 1) * SIZE).map(bundle).collect()
}

/// Asks on a new connection; `None` when the depot was killed before it answered.
fn ask(
    caller: Option<&Caller>,
    address: SocketAddr,
    method: &str,
    target: &str,
    body: &[u8],
) -> Option<(u16, Vec<u8>)> {
    let mut on = Connection::try_open(address).ok()?;
    let answer = match caller {
        Some(caller) => caller.request_on(&mut on, method, target, body)?,
        None => on.request(method, target, &[], body)?,
    };
    Some((answer.status, answer.body))
}

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    released: bool,
    batches: Vec<Receipts>,
}

/// Publishes and submits until the depot is killed.
fn work(address: SocketAddr) -> (Acknowledged, bool) {
    let mut acknowledged = Acknowledged::default();
    let envelope = signed(release(1, None).canonical(), &[RELEASE]).canonical();
    let policy = format!("/publish/documents/{}", Digest::of(POLICY));
    let releases = format!("/publish/releases/{SITE}");
    for (target, body) in [(releases.as_str(), envelope.as_slice()), (policy.as_str(), POLICY)] {
        match ask(None, address, "PUT", target, body) {
            None => return (acknowledged, false),
            Some((status, body)) => assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body)),
        }
    }
    acknowledged.released = true;
    for number in 0..BATCHES {
        let batch = writ_wire::evidence_batch::EvidenceBatch {
            schema: writ_wire::evidence_batch::EvidenceBatchSchema::V1,
            bundles: batch_of(number),
        };
        match ask(Some(&front_desk()), address, "POST", &submit_target(), &batch.canonical()) {
            None => return (acknowledged, false),
            Some((status, body)) => {
                assert_eq!(status, 200);
                acknowledged.batches.push(Receipts::parse(&body).unwrap());
            }
        }
    }
    (acknowledged, true)
}

fn note(receipts: &Receipts) -> Checkpoint {
    SignedCheckpoint::verify(&receipts.checkpoint.0, ORIGIN, &[public(LOG)]).unwrap().checkpoint
}

/// What was acknowledged is held where it was said to be, the log continues every checkpoint that was given, and the rest can
/// be done.
fn check(depot: &Daemon, acknowledged: &Acknowledged) {
    let address = depot.address;
    let head = checkpoint(address).checkpoint;
    if acknowledged.released {
        let state = get(address, &format!("/publish/releases/{SITE}")).expect(200);
        assert_eq!(
            writ_wire::publication::Publication::parse(&state).unwrap().state,
            writ_wire::publication::State::Active
        );
    }
    publish(address, &release(1, None));
    for (number, before) in acknowledged.batches.iter().enumerate() {
        assert_continues(address, &note(before), &head);
        let bundles = batch_of(number as u64);
        let again = receipts(front_desk().submit(address, bundles.clone()), &bundles);
        let places = |r: &Receipts| r.receipts.iter().map(|r| (r.digest, r.index, r.entry.clone())).collect::<Vec<_>>();
        assert_eq!(places(&again), places(before), "acknowledged and moved");
    }
    for number in 0..BATCHES {
        let bundles = batch_of(number);
        receipts(front_desk().submit(address, bundles.clone()), &bundles);
    }
    let size = checkpoint(address).checkpoint.size;
    assert_eq!(size, 2 + BATCHES * SIZE, "each entry once: a root, a release, and the bundles");
    assert_continues(address, &head, &checkpoint(address).checkpoint);
    let verify = reader().get(address, &format!("/api/evidence/sites/{SITE}/verify")).expect(200);
    let verify: serde_json::Value = serde_json::from_slice(&verify).unwrap();
    assert_eq!(verify["logs"][0]["tiles_lead_to_root"], true);
    assert_eq!((&verify["bundles"], &verify["missing"]), (&(BATCHES * SIZE).into(), &0.into()));
}

/// Kills a depot at one passage of a crash point, starts it again and checks; `false` when it was not killed.
fn killed_at(at: u64) -> bool {
    let dir = folder();
    let at_start = Start::new(dir.path()).environment("WRIT_CRASH_AT", &at.to_string()).try_start();
    let (acknowledged, finished) = match at_start {
        // Killed before it listened.
        Err(_) => (Acknowledged::default(), false),
        Ok(mut depot) => {
            let worked = work(depot.address);
            if !worked.1 {
                depot.ended();
            }
            worked
        }
    };
    let depot = Start::new(dir.path()).start();
    check(&depot, &acknowledged);
    !finished
}

#[test]
fn a_kill_at_any_point_loses_and_doubles_nothing() {
    let kills = crate::daemon::until_not_killed(killed_at);
    // Four or more for each of: the start, the release, its activation, three batches.
    assert!(kills >= 24, "{kills}");
}

#[test]
fn derived_files_are_made_again() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let (acknowledged, _) = work(depot.address);
    depot.kill();
    let log = dir.path().join(format!("data/log/{SITE}/1"));
    for damage in 0..4 {
        match damage {
            0 => std::fs::remove_dir_all(&log).unwrap(),
            1 => std::fs::write(log.join("checkpoint"), b"").unwrap(),
            2 => std::fs::write(log.join("tile/0/000.p/14"), vec![7; 14 * 32]).unwrap(),
            _ => std::fs::remove_dir_all(log.join("tile/entries")).unwrap(),
        }
        let depot = Start::new(dir.path()).start();
        check(&depot, &acknowledged);
        depot.kill();
    }
}

#[test]
fn a_log_of_several_tiles_is_resumed_where_it_was_flushed() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    publish(depot.address, &release(1, None));
    for batch in 0..6 {
        let bundles: Vec<Signed> = (batch * 100 + 1..=(batch + 1) * 100).map(bundle).collect();
        receipts(front_desk().submit(depot.address, bundles.clone()), &bundles);
    }
    let head = checkpoint(depot.address).checkpoint;
    assert_eq!(head.size, 602);
    // Flushed when it is stopped.
    assert!(depot.stop().success());
    let log = dir.path().join(format!("data/log/{SITE}/1"));
    let first_tile = || std::fs::metadata(log.join("tile/0/000")).unwrap().ino();
    // What is damaged, and whether all has to be made again.
    let damages: [(&str, &dyn Fn(), bool); 4] = [
        ("the checkpoint", &|| std::fs::remove_file(log.join("checkpoint")).unwrap(), false),
        ("the right edge", &|| std::fs::remove_dir_all(log.join("tile/0/002.p")).unwrap(), false),
        ("entries of the right edge", &|| std::fs::remove_dir_all(log.join("tile/entries/002.p")).unwrap(), false),
        ("a node to the left", &|| std::fs::write(log.join("tile/1/000.p/2"), vec![7; 64]).unwrap(), true),
    ];
    for (what, damage, all) in damages {
        let before = first_tile();
        damage();
        let depot = Start::new(dir.path()).start();
        assert_eq!(first_tile() != before, all, "{what}: {}", depot.log());
        assert_eq!(checkpoint(depot.address).checkpoint, head, "{what}");
        let verify = reader().get(depot.address, &format!("/api/evidence/sites/{SITE}/verify")).expect(200);
        let verify: serde_json::Value = serde_json::from_slice(&verify).unwrap();
        assert_eq!(verify["logs"][0]["tiles_lead_to_root"], true, "{what}");
        let known = [bundle(1), bundle(600)];
        let again = receipts(front_desk().submit(depot.address, known.to_vec()), &known);
        assert_eq!(again.receipts.iter().map(|r| r.index).collect::<Vec<_>>(), [2, 601], "{what}");
        assert!(depot.stop().success());
    }
    // What no proof happens to need, changed under a running depot: it says so.
    let depot = Start::new(dir.path()).start();
    let mut tile = std::fs::read(log.join("tile/0/000")).unwrap();
    tile[5] ^= 1;
    std::fs::write(log.join("tile/0/000"), tile).unwrap();
    let verify = reader().get(depot.address, &format!("/api/evidence/sites/{SITE}/verify")).expect(200);
    let verify: serde_json::Value = serde_json::from_slice(&verify).unwrap();
    assert_eq!(verify["logs"][0]["tiles_lead_to_root"], false);
}

/// A small disk of its own.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at).status();
        assert!(status.unwrap().success(), "mounting needs root");
        Self(at.to_owned())
    }

    fn fill(&self) -> PathBuf {
        use std::io::Write as _;
        let path = self.0.join("filling");
        let mut file = std::fs::File::create(&path).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_writing_and_nothing_else() {
    let dir = folder();
    let data = dir.path().join("data");
    let disk = SmallDisk::mount(&data, "24m");
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    publish(address, &release(1, None));
    let first = batch_of(0);
    receipts(front_desk().submit(address, first.clone()), &first);
    let before = checkpoint(address).checkpoint;
    let filling = disk.fill();
    // What SQLite has room for already is taken; then nothing is.
    let large = |n: u64| signed(bundle_text("front-desk", FRONT_DESK, n, &"x".repeat(500_000)), &[FRONT_DESK]);
    let mut next = SIZE + 1;
    let refused = loop {
        let answer = front_desk().submit(address, vec![large(next)]);
        match answer.status {
            200 => next += 1,
            status => break status,
        }
        assert!(next < 100, "the disk is not full");
    };
    assert_eq!(refused, 503);
    assert_eq!(front_desk().submit(address, vec![large(next)]).status, 503);
    let during = checkpoint(address).checkpoint;
    assert_continues(address, &before, &during);
    assert_eq!(get(address, "/health").status, 200);
    assert_eq!(front_desk().get(address, "/agent/sync?trust=1&log=0").status, 200);
    receipts(front_desk().submit(address, first.clone()), &first);
    let another =
        signed(release(2, Some(Digest::of(&release(1, None).canonical()))).canonical(), &[RELEASE]).canonical();
    let status = crate::client::put(address, &format!("/publish/releases/{SITE}"), &another).status;
    assert!(matches!(status, 200 | 503), "{status}");

    std::fs::remove_file(filling).unwrap();
    let last = [large(next)];
    let after = receipts(front_desk().submit(address, last.to_vec()), &last);
    assert_eq!((after.held, after.newest), (next, next));
    assert_continues(address, &during, &checkpoint(address).checkpoint);
    assert!(depot.stop().success());
    let depot = Start::new(dir.path()).start();
    receipts(front_desk().submit(depot.address, last.to_vec()), &last);
    assert_continues(depot.address, &before, &checkpoint(depot.address).checkpoint);
    drop(depot);
    drop(disk);
}

#[test]
fn a_log_whose_files_cannot_be_written_is_completed_later() {
    let dir = folder();
    let logs = SmallDisk::mount(&dir.path().join("data/log"), "256k");
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    publish(address, &release(1, None));
    let before = checkpoint(address).checkpoint;
    let filling = logs.fill();
    // Stored in the database, and not acknowledged: nobody could check the proof.
    let first = batch_of(0);
    assert_eq!(front_desk().submit(address, first.clone()).status, 503);
    assert_eq!(checkpoint(address).checkpoint, before);
    assert_eq!(front_desk().submit(address, first.clone()).status, 503);
    std::fs::remove_file(filling).unwrap();
    // Without anybody sending anything more.
    until("the log to be completed", || (checkpoint(address).checkpoint.size > before.size).then_some(()));
    assert_continues(address, &before, &checkpoint(address).checkpoint);
    let again = receipts(front_desk().submit(address, first.clone()), &first);
    assert_eq!(
        again.receipts.iter().map(|r| r.index).collect::<Vec<_>>(),
        (before.size..before.size + SIZE).collect::<Vec<_>>()
    );
    assert_eq!(checkpoint(address).checkpoint.size, before.size + SIZE, "each entry once");
    drop(depot);
    drop(logs);
}

#[test]
fn a_checkpoint_is_signed_anew_before_it_is_old() {
    let dir = folder();
    let depot = Start::new(dir.path()).arguments(&["--renew", "200ms"]).start();
    let first = checkpoint(depot.address);
    let later =
        until("another time", || Some(checkpoint(depot.address)).filter(|later| later.fresh_at > first.fresh_at));
    assert_eq!(later.checkpoint, first.checkpoint);
    let file = std::fs::read_to_string(dir.path().join(format!("data/log/{SITE}/1/checkpoint"))).unwrap();
    assert!(SignedCheckpoint::verify(file.as_bytes(), ORIGIN, &[public(LOG)]).unwrap().fresh_at >= later.fresh_at);
}

#[test]
fn the_disk_has_it_before_the_answer_leaves() {
    let dir = folder();
    let trace = dir.path().join("trace");
    let depot = Start::new(dir.path()).start();
    publish(depot.address, &release(1, None));
    let mut strace = Command::new("strace")
        .args(["-f", "-y", "-s", "64", "-e", "trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg", "-o"])
        .arg(&trace)
        .args(["-p", &depot.pid().to_string()])
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("strace is needed");
    let attached = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", depot.pid())).unwrap();
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:")).unwrap().trim().to_owned();
        (tracer != "0").then_some(())
    };
    until("strace to be attached", attached);
    // Whatever the threads did while strace took hold of them one by one.
    for number in 0..2 {
        let bundles = batch_of(number);
        receipts(front_desk().submit(depot.address, bundles.clone()), &bundles);
    }
    drop(depot);
    strace.wait().unwrap();
    let trace = std::fs::read_to_string(&trace).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let answered = lines.iter().rposition(|line| line.contains("HTTP/1.1 200 OK")).expect(&trace);
    let wal = |line: &&str| line.contains("depot.sqlite-wal");
    let written = lines[..answered].iter().rposition(|line| wal(line) && line.contains("pwrite64(")).expect(&trace);
    let synced = lines[..answered].iter().rposition(|line| wal(line) && line.contains("sync(")).expect(&trace);
    assert!(written < synced && synced < answered, "{written} {synced} {answered}\n{trace}");
    let after: Vec<_> = lines[answered..].iter().filter(|line| wal(line) && line.contains("pwrite64(")).collect();
    assert!(after.is_empty(), "{after:?}");
}
