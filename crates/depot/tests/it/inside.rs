//! A depot in this process, for what cannot be brought about from outside: jobs that meet in one transaction, and requests that
//! end between two steps.

use std::sync::Arc;

use clap::Parser as _;
use tokio::sync::oneshot;
use writ_depot::depot::{Depot, Opened};
use writ_depot::options::{Cli, Command};
use writ_depot::publication::{follow_pending, state};
use writ_depot::writer::{self, Activate, Job, PutPending, WriteError};
use writ_trust::digest::Digest;
use writ_wire::publication::State;

use crate::world::*;

fn open(dir: &std::path::Path) -> Opened {
    let path = |name: &str| dir.join(name).display().to_string();
    let (trust, data, key) = (path("trust.json"), path("data"), path("log.key"));
    let line =
        ["writ-depot", "serve", "--trust", &trust, "--data", &data, "--log-key", &key, "--listen", "127.0.0.1:0"];
    let line = line.map(str::to_owned).into_iter().chain(crate::server::arguments(data.as_ref()));
    let Command::Serve(options) = Cli::parse_from(line).command else { panic!("another command") };
    Depot::open(*options).unwrap()
}

/// Hands over a job before anybody does it.
fn queue<T: Send + 'static>(
    depot: &Arc<Depot>,
    job: impl FnOnce(oneshot::Sender<Result<T, WriteError>>) -> Job,
) -> oneshot::Receiver<Result<T, WriteError>> {
    let (reply, answer) = oneshot::channel();
    depot.writer.remind(job(reply));
    answer
}

fn pending(before: u64) -> impl FnOnce(oneshot::Sender<Result<Digest, WriteError>>) -> Job {
    let release = release(1, None);
    let signed = signed(release.canonical(), &[RELEASE]);
    move |reply| Job::Pending(PutPending { before, release, signed, reply })
}

fn activate(reply: oneshot::Sender<Result<(), WriteError>>) -> Job {
    Job::Activate(Activate { site: site(), digest: Digest::of(&release(1, None).canonical()), reply })
}

#[test]
fn what_is_pending_is_followed_although_its_sender_went_away() {
    let dir = folder();
    let Opened { depot, connection, queue: jobs, lock: _lock, .. } = open(dir.path());
    // Committed, and whoever sent it is gone before it is followed.
    drop(queue(&depot, pending(depot.directory().generation)));
    drop(queue(&depot, |_: oneshot::Sender<Result<(), WriteError>>| Job::Stop));
    writer::run(&depot, connection, jobs);
    assert!(depot.directory().site(&site()).pending.is_some());
    assert_eq!(state(&depot, &site()), None);
    follow_pending(&depot).unwrap();
    let followed = state(&depot, &site()).unwrap();
    assert_eq!((followed.state, followed.missing.documents), (State::Pending, vec![Digest::of(POLICY)]));
}

#[test]
fn nothing_is_active_before_it_is_committed() {
    let dir = folder();
    let Opened { depot, connection, queue: jobs, lock: _lock, .. } = open(dir.path());
    // The last statement of a group fails.
    let fails = match crate::server::is_everywhere() {
        false => {
            "CREATE TEMP TRIGGER full BEFORE UPDATE OF note ON logs WHEN old.size > 0 \
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        }
        true => {
            "CREATE TRIGGER full_disk BEFORE UPDATE OF note ON logs FOR EACH ROW WHEN (old.size > 0) \
             EXECUTE FUNCTION refuse('the disk is full')"
        }
    };
    let begun = queue(&depot, Job::Begin);
    let pending = queue(&depot, pending(depot.directory().generation));
    drop(queue(&depot, |_: oneshot::Sender<Result<(), WriteError>>| Job::Stop));
    writer::run(&depot, connection, jobs);
    assert!(begun.blocking_recv().unwrap().is_ok() && pending.blocking_recv().unwrap().is_ok());
    drop((depot, _lock));

    let Opened { depot, connection, queue: jobs, lock: _lock, .. } = open(dir.path());
    connection.batch(fails).unwrap();
    let answers = [queue(&depot, activate), queue(&depot, activate)];
    drop(queue(&depot, |_: oneshot::Sender<Result<(), WriteError>>| Job::Stop));
    writer::run(&depot, connection, jobs);
    for answer in answers {
        assert!(!matches!(answer.blocking_recv(), Ok(Ok(()))), "nothing was committed");
    }
    assert!(depot.directory().site(&site()).active().is_none());
}
