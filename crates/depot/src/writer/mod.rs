//! The one thread that writes.
//!
//! It takes all jobs that wait, applies them in one transaction together with the log entries and the new signed
//! checkpoints that they make, commits (and with that fsyncs), writes the logs' files, publishes the new heads, and only
//! then answers. A job whose group failed is not answered: whoever waits for it learns that nothing was stored.

mod doubt;
mod jobs;
mod logs;
mod stage;

pub use jobs::activate::Activate;
pub use jobs::log_batch::PutLogBatch;
pub use jobs::merge::MergeRestart;
pub use jobs::notice::PutNotice;
pub use jobs::order::PutOrder;
pub use jobs::pending::PutPending;
pub use jobs::restart::PutRestart;
pub use jobs::root::PutRoot;
pub use jobs::submit::{Prepared, Receipted, Submit, Submitted};

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use writ_durable::crash_point;
use writ_trust::ids::SiteId;
use writ_wire::orders::MOST_ORDERS;

use self::doubt::{Doubt, Staged};
use self::logs::Logs;
use self::stage::Stage;
use crate::clock;
use crate::depot::Depot;
use crate::sitelog::LogError;
use crate::store::{Begin, Connection, StoreError, free_space, heartbeats};

/// The most jobs that wait; whoever comes then hears that the depot is busy.
const QUEUE: usize = 1024;
/// The most bundles in one transaction.
const MOST_BUNDLES: usize = 4096;
/// The most bytes of bundles in one transaction.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// How long somebody waits for an answer. What takes longer may be stored all the same, as after a connection that was lost.
const PATIENCE: Duration = Duration::from_secs(60);
/// After what time it is tried again where something failed.
const RETRY: Duration = Duration::from_millis(20);
/// The most heartbeats in one transaction.
const MOST_HEARTBEATS: usize = 4096;

/// Something to write.
#[derive(Debug)]
pub enum Job {
    /// Evidence.
    Submit(Submit),
    /// A trust root.
    Root(PutRoot),
    /// A release that waits for what it names.
    Pending(PutPending),
    /// That a release has everything.
    Activate(Activate),
    /// That a site's log begins anew.
    Restart(PutRestart),
    /// That more keys have signed the document that began a log.
    Merge(MergeRestart),
    /// A batch of logs.
    LogBatch(PutLogBatch),
    /// A notice.
    Notice(PutNotice),
    /// An order.
    Order(PutOrder),
    /// What is done from time to time: heartbeats, files that are behind, checkpoints that grow old.
    Tick,
    /// Make the logs' files survive a power cut.
    Flush,
    /// What is done before anybody is served: logs that the trust root names and that are not there yet.
    Begin(oneshot::Sender<Result<(), WriteError>>),
    /// Whether this thread still works.
    Probe(oneshot::Sender<Result<(), WriteError>>),
    /// The last job.
    Stop,
}

/// Why a job was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The database or a log's file failed; nothing was answered, and the same job may be sent again.
    #[error("nothing was stored: the log of this program tells why")]
    Failed,
    /// There is more to write than can be written.
    #[error("{QUEUE} jobs wait to be written already")]
    Busy,
    /// The site has no log, so nothing can be proven to be kept.
    #[error("site {0} has no log: the newest trust root names none, or its restart has not been published")]
    NoLog(SiteId),
    /// The depot's key may not sign the site's log.
    #[error("the newest trust root does not let the key given by --log-key sign the log of site {0} now")]
    LogKey(SiteId),
    /// What was judged before is not so any more.
    #[error("something else was published meanwhile")]
    Stale,
    /// A pending release holds no more: its key was revoked, it expired, or the like. It is pending no more.
    #[error("the pending release holds no more: {0}; draft another one under the newest trust root")]
    Unfit(String),
    /// Another order has the same id.
    #[error("another order of this id is here: each has an id of its own")]
    OtherOrder,
    /// There are as many orders of the site as are kept.
    #[error("{MOST_ORDERS} orders of the site have not expired: wait until some have")]
    ManyOrders,
}

/// How others reach the thread that writes.
#[derive(Debug, Clone)]
pub struct Writer(mpsc::Sender<Job>);

impl Writer {
    /// A queue, and its other end for [`run`].
    pub fn queue() -> (Self, mpsc::Receiver<Job>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }

    /// Has done what is done before anybody is served, however long that takes.
    pub async fn begin(&self) -> Result<(), WriteError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Job::Begin(reply)).await.map_err(|_| WriteError::Failed)?;
        answer.await.unwrap_or(Err(WriteError::Failed))
    }

    /// Hands over a job and waits until it is done.
    pub async fn write<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, WriteError>>) -> Job,
    ) -> Result<T, WriteError> {
        let (reply, answer) = oneshot::channel();
        match self.0.try_send(job(reply)) {
            Ok(()) => match tokio::time::timeout(PATIENCE, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => Err(WriteError::Failed),
            },
            Err(mpsc::error::TrySendError::Full(_)) => Err(WriteError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(WriteError::Failed),
        }
    }

    /// Hands over the last job, however much waits.
    pub async fn last(&self) {
        let _ = self.0.send(Job::Stop).await;
    }

    /// Hands over a job that nobody waits for; nothing happens when there is much else to do.
    pub fn remind(&self, job: Job) {
        let _ = self.0.try_send(job);
    }
}

/// The exit code of a process whose database was changed by another: the next one begins with what is there.
const SUPERSEDED: i32 = 70;

/// What a job does once its transaction is on the disk.
type Finish = Box<dyn FnOnce(&mut Logs)>;

/// Writes until it is told to stop, then flushes.
pub fn run(depot: &Arc<Depot>, connection: Box<dyn Connection>, mut queue: mpsc::Receiver<Job>) {
    let (mut logs, mut doubt) = (Logs::new(depot.clone()), None);
    let connection = &*connection;
    while let Some(first) = next(depot, connection, &mut logs, &mut doubt, &mut queue) {
        let mut jobs = vec![first];
        let (mut bundles, mut bytes) = jobs[0].weight();
        while bundles < MOST_BUNDLES && bytes < MOST_BYTES {
            let Ok(job) = queue.try_recv() else { break };
            let (more, larger) = job.weight();
            (bundles, bytes) = (bundles + more, bytes + larger);
            jobs.push(job);
        }
        let begun = Instant::now();
        let last = jobs.iter().any(|job| matches!(job, Job::Stop));
        match group(depot, connection, &mut logs, &mut doubt, jobs) {
            Ok(()) => depot.metrics.commit(begun.elapsed(), bundles),
            Err(error) => {
                end_if_superseded(&error);
                depot.metrics.commit_failures.inc();
                tracing::error!(%error, "nothing of this group was stored");
                // A full or broken disk does not get better by being asked at once.
                std::thread::sleep(RETRY);
            }
        }
        if last {
            break;
        }
    }
    if let Err(error) = logs.flush(connection) {
        tracing::error!(%error, "the logs' files could not be flushed; they will be made again at the next start");
    }
}

/// Waits for a job; meanwhile finds out what became of the transaction that is in doubt, if one is.
fn next(
    depot: &Arc<Depot>,
    connection: &dyn Connection,
    logs: &mut Logs,
    doubt: &mut Option<Doubt>,
    queue: &mut mpsc::Receiver<Job>,
) -> Option<Job> {
    while doubt.is_some() {
        match queue.try_recv() {
            Ok(job) => return Some(job),
            Err(mpsc::error::TryRecvError::Disconnected) => return None,
            Err(mpsc::error::TryRecvError::Empty) => std::thread::sleep(RETRY),
        }
        if let Err(error) = doubt::settle(depot, connection, logs, doubt) {
            tracing::debug!(%error, "a transaction is still in doubt");
            end_if_superseded(&error);
        }
    }
    queue.blocking_recv()
}

/// Ends the process where what it knows is not what is stored: the next one begins with that.
fn end_if_superseded(error: &LogError) {
    if let LogError::Store(error @ StoreError::Superseded(_)) = error {
        tracing::error!(%error, "what this process knows is not what is stored");
        std::process::exit(SUPERSEDED);
    }
}

/// Does some jobs in one transaction.
fn group(
    depot: &Arc<Depot>,
    connection: &dyn Connection,
    logs: &mut Logs,
    doubt: &mut Option<Doubt>,
    jobs: Vec<Job>,
) -> Result<(), LogError> {
    doubt::settle(depot, connection, logs, doubt)?;
    if jobs.iter().any(|job| matches!(job, Job::Flush)) {
        logs.flush(connection)?;
    }
    let ticking = jobs.iter().any(|job| matches!(job, Job::Tick | Job::Stop));
    let mut staged = Staged::default();
    if ticking {
        staged.beats = depot.beats.take_unsaved(MOST_HEARTBEATS);
        staged.space = depot.space.due(clock::now());
    }
    match commit(depot, connection, logs, &mut staged, jobs, ticking) {
        Ok(()) => staged.finish(depot, connection, logs),
        Err(error) => {
            match &error {
                LogError::Store(StoreError::InDoubt { transaction }) => {
                    *doubt = Some(Doubt { transaction: transaction.clone(), staged });
                }
                _ => staged.forget(depot, logs),
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Applies some jobs, and what is done besides, in one transaction.
fn commit(
    depot: &Arc<Depot>,
    connection: &dyn Connection,
    logs: &mut Logs,
    staged: &mut Staged,
    jobs: Vec<Job>,
    ticking: bool,
) -> Result<(), LogError> {
    let transaction = connection.transaction(Begin::Writing)?;
    logs.require_unchanged(&*transaction)?;
    let mut stage = Stage::new(depot, &*transaction, logs);
    for beat in &staged.beats {
        heartbeats::put(&*transaction, beat)?;
    }
    if ticking {
        stage.renew()?;
    }
    if let Some((at, free)) = staged.space {
        free_space::add(&*transaction, at, free)?;
    }
    for job in jobs {
        staged.finishes.extend(job.stage(&mut stage)?);
    }
    staged.sealed = stage.seal()?;
    crash_point!("staged");
    transaction.commit()?;
    crash_point!("committed");
    Ok(())
}

impl Job {
    /// How many bundles it brings, and how many bytes they have.
    fn weight(&self) -> (usize, usize) {
        match self {
            Self::Submit(submit) => submit.weight(),
            _ => (0, 0),
        }
    }

    /// Applies it to the transaction; says what is left to do once that is on the disk.
    fn stage(self, stage: &mut Stage<'_>) -> Result<Option<Finish>, LogError> {
        match self {
            Self::Submit(job) => job.stage(stage),
            Self::Root(job) => job.stage(stage),
            Self::Pending(job) => job.stage(stage),
            Self::Activate(job) => job.stage(stage),
            Self::Restart(job) => job.stage(stage),
            Self::Merge(job) => job.stage(stage),
            Self::LogBatch(job) => job.stage(stage),
            Self::Notice(job) => job.stage(stage),
            Self::Order(job) => job.stage(stage),
            Self::Begin(reply) => {
                stage.follow_roots()?;
                stage.renew()?;
                Ok(Some(Box::new(|_: &mut Logs| drop(reply.send(Ok(()))))))
            }
            Self::Probe(reply) => Ok(Some(Box::new(|_: &mut Logs| drop(reply.send(Ok(())))))),
            Self::Tick | Self::Flush | Self::Stop => Ok(None),
        }
    }
}
