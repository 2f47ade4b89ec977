//! Connections, servers and answers that are lost: nothing that was acknowledged is lost with them, and nothing is there twice.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use writ_wire::evidence_batch::{EvidenceBatch, EvidenceBatchSchema};

use super::{assert_whole, made, start};
use crate::client::{Connection, get, put};
use crate::daemon::until;
use crate::server::{DEPOT, Server, shared};
use crate::world::*;

/// Submits bundles, one after the other, each until it is acknowledged; counts the refusals.
fn submit_each(address: SocketAddr, bundles: impl Iterator<Item = u64>) -> u64 {
    let mut refusals = 0;
    for sequence in bundles {
        let one = [bundle(sequence)];
        until("a bundle to be taken", || {
            let answer = front_desk().submit(address, one.to_vec());
            if answer.status == 503 {
                refusals += 1;
                return None;
            }
            let receipts = receipts(answer, &one);
            assert_eq!(receipts.receipts.len(), 1);
            Some(())
        });
    }
    refusals
}

#[test]
fn connections_that_are_ended_in_the_middle_of_commits_lose_and_double_nothing() {
    const BUNDLES: u64 = 120;
    let server = shared();
    let (dir, name) = made(server);
    let url = server.url(&name);
    let depot = start(dir.path(), &url);
    publish(depot.address, &release(1, None));
    let (address, ended) = (depot.address, AtomicBool::new(false));
    let ends = std::thread::scope(|scope| {
        let ending = scope.spawn(|| {
            let mut ends = 0;
            while !ended.load(Ordering::Relaxed) {
                ends += server.terminate(&name);
                std::thread::sleep(std::time::Duration::from_millis(40));
            }
            ends
        });
        let senders: Vec<_> = (0..3)
            .map(|first| scope.spawn(move || submit_each(address, (first..BUNDLES).step_by(3).map(|n| n + 1))))
            .collect();
        senders.into_iter().for_each(|sender| {
            sender.join().unwrap();
        });
        ended.store(true, Ordering::Relaxed);
        ending.join().unwrap()
    });
    assert!(ends > 3, "{ends}");
    assert_whole(dir.path(), &url, &depot, BUNDLES);
    assert!(depot.stop().success());
    let depot = start(dir.path(), &url);
    assert_whole(dir.path(), &url, &depot, BUNDLES);
}

#[test]
fn a_server_that_stops_is_waited_for_and_nothing_is_acknowledged_meanwhile() {
    let mut server = Server::new();
    let (dir, name) = made(&server);
    let url = server.url(&name);
    let depot = start(dir.path(), &url);
    let address = depot.address;
    publish(address, &release(1, None));
    let mut next = 1;
    // In order, and as a power cut does.
    for signal in ["-INT", "-KILL"] {
        submit_each(address, next..next + 3);
        next += 3;
        let before = checkpoint(address).checkpoint;
        server.stop(signal);
        let one = bundle(next);
        assert_eq!(front_desk().submit(address, vec![one.clone()]).status, 503);
        // Processes of a server that was killed end after it, and answer until then.
        until("the depot not to be ready", || (get(address, "/ready").status == 503).then_some(()));
        assert_eq!(get(address, "/health").status, 200);
        // What was published is in memory and in files.
        assert_eq!(checkpoint(address).checkpoint, before);
        assert_eq!(get(address, "/trust/1.json").status, 200);
        let known = format!("/log/{SITE}/checkpoint");
        assert_eq!(reader().get(address, &known).status, 200);
        server.start(&[]);
        until("the depot to be ready", || (get(address, "/ready").status == 200).then_some(()));
        submit_each(address, next..next + 1);
        assert_continues(address, &before, &checkpoint(address).checkpoint);
        next += 1;
    }
    assert_whole(dir.path(), &url, &depot, next - 1);
    let mut next_root = root();
    next_root.version = writ_trust::numbers::TrustVersion::new(2).unwrap();
    let envelope = signed(next_root.canonical(), &[TRUST_A, TRUST_B]).canonical();
    assert_eq!(put(address, "/publish/trust/2", &envelope).status, 200);
}

/// What is between a depot and its server does with the next commit.
const PASS: u8 = 0;
/// It is done, and nobody hears of that.
const LOSE_ANSWER: u8 = 1;
/// It never gets there.
const LOSE_COMMIT: u8 = 2;

/// Passes on what a depot and its server say, until it is told to cut a connection at a commit.
fn stand_between(socket: &Path, server: &Server, plan: &Arc<AtomicU8>) {
    let listener = UnixListener::bind(socket).unwrap();
    let (to, plan) = (server.dir.path().join(format!(".s.PGSQL.{}", server.port)), plan.clone());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, Ok(server)) = (client.unwrap(), UnixStream::connect(&to)) else { continue };
            let plan = plan.clone();
            std::thread::spawn(move || pass_on(client, server, &plan));
        }
    });
}

fn pass_on(mut client: UnixStream, mut server: UnixStream, plan: &AtomicU8) {
    let cut = Arc::new(AtomicBool::new(false));
    let (mut back, mut from, cut_back) = (client.try_clone().unwrap(), server.try_clone().unwrap(), cut.clone());
    let answers = std::thread::spawn(move || {
        let mut piece = [0; 8192];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            // The answer to the commit: it is done by now.
            if cut_back.load(Ordering::SeqCst) || back.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(std::net::Shutdown::Both);
        let _ = from.shutdown(std::net::Shutdown::Both);
    });
    let mut piece = [0; 8192];
    while let Ok(read @ 1..) = client.read(&mut piece) {
        let is_commit = piece[..read].windows(7).any(|window| window == b"COMMIT\0");
        let planned = if is_commit { plan.swap(PASS, Ordering::SeqCst) } else { PASS };
        cut.fetch_or(planned == LOSE_ANSWER, Ordering::SeqCst);
        if planned == LOSE_COMMIT || server.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(std::net::Shutdown::Write);
    let _ = client.shutdown(std::net::Shutdown::Both);
    answers.join().unwrap();
}

#[test]
fn a_commit_whose_answer_was_lost_is_judged_afresh() {
    let server = shared();
    let (dir, name) = made(server);
    let between = dir.path().join("between");
    std::fs::create_dir(&between).unwrap();
    let plan = Arc::new(AtomicU8::new(PASS));
    stand_between(&between.join(".s.PGSQL.5432"), server, &plan);
    let url = format!("postgres://{DEPOT}@/{name}?host={}", between.display());
    let depot = start(dir.path(), &url);
    publish(depot.address, &release(1, None));
    for (round, planned) in [LOSE_ANSWER, LOSE_COMMIT, LOSE_ANSWER, LOSE_COMMIT].into_iter().enumerate() {
        let sequence = round as u64 + 1;
        let one = [bundle(sequence)];
        // Whichever commit is next, this one's or that of heartbeats and checkpoints.
        plan.store(planned, Ordering::SeqCst);
        submit_each(depot.address, sequence..=sequence);
        until("the commit that was cut", || (plan.load(Ordering::SeqCst) == PASS).then_some(()));
        let again = receipts(front_desk().submit(depot.address, one.to_vec()), &one);
        assert_eq!(again.receipts[0].index, 1 + sequence, "each entry once");
    }
    let log = depot.log();
    assert!(log.contains("committed=true") && log.contains("committed=false"), "{log}");
    assert_whole(dir.path(), &server.url(&name), &depot, 4);
}

#[test]
fn a_depot_ends_when_its_database_is_not_as_it_left_it() {
    let server = shared();
    let (dir, name) = made(server);
    let url = server.url(&name);
    let mut depot = start(dir.path(), &url);
    publish(depot.address, &release(1, None));
    // As if another one had it meanwhile.
    server.depot(&name).batch_execute("UPDATE depot SET generation = generation + 1").unwrap();
    server.terminate(&name);
    let batch = EvidenceBatch { schema: EvidenceBatchSchema::V1, bundles: vec![bundle(1)] }.canonical();
    let answer = front_desk().request_on(&mut Connection::open(depot.address), "POST", &submit_target(), &batch);
    assert!(answer.is_none_or(|answer| answer.status == 503));
    assert_eq!(depot.ended().code(), Some(70), "{}", depot.log());
    assert!(depot.log().contains("what this process knows is not what is stored"), "{}", depot.log());
    let depot = start(dir.path(), &url);
    assert_whole(dir.path(), &url, &depot, 1);
}
