//! Listening, TLS, connections, and what is the same for every request.

mod answer;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::tls::Tls;
pub use self::tls::TlsError;
use crate::clock;
use crate::depot::{Depot, OpenError, Opened};
use crate::endpoint;
use crate::limits::body::Peer;
use crate::limits::places::{Place, Places};
use crate::limits::stalled::Unstalled;
use crate::options::Options;
use crate::publication::{activate_complete, follow_pending};
use crate::static_files;
use crate::static_files::outlet::{Outlet, Sending};
use crate::writer::{self, Job};

/// The most header lines of a request.
const MAX_HEADERS: usize = 64;
/// The most bytes of the first line and the headers of a request; ours have about 2,500.
const MAX_HEAD: usize = 16 * 1024;
/// How long requests under way may take when the depot is told to stop.
const GRACE: Duration = Duration::from_secs(20);
/// How often heartbeats are stored, and checkpoints and the files of the certificate looked at.
const TICK: Duration = Duration::from_secs(5);
/// How often the logs' files are made to survive a power cut.
const FLUSH: Duration = Duration::from_secs(60);

/// Why a depot does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Plain HTTP would leave this machine.
    #[error(
        "--listen {0}: plain HTTP is served on loopback only: give --tls-cert and --tls-key, or --allow-http when a proxy in \
         front of this ends TLS"
    )]
    WouldLeak(SocketAddr),
    /// The data directory cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nobody can be listened to.
    #[error("--listen {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address cannot be told.
    #[error("{}: {source}", path.display())]
    AddressFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The writing thread ended.
    #[error("the thread that writes did not begin: the log of this program tells why")]
    Writer,
}

/// Whether a depot may listen where it is told to; to be asked before anything is made.
///
/// # Errors
/// [`ServeError::WouldLeak`].
pub fn may_listen(options: &Options) -> Result<(), ServeError> {
    if options.would_leak() { Err(ServeError::WouldLeak(options.listen)) } else { Ok(()) }
}

/// Serves until told to stop: by SIGTERM or SIGINT.
pub async fn serve(options: Options) -> Result<(), ServeError> {
    may_listen(&options)?;
    let tls = Tls::of(&options)?.map(Arc::new);
    // Before anything else waits: a SIGHUP that nobody takes would end this process.
    let asks = signal(SignalKind::hangup()).ok();
    let ends = Ends::new();
    let listen = options.listen;
    // Before anything of the data directory is touched: an address in use is the likelier mistake.
    let listener = TcpListener::bind(listen).await.map_err(|source| ServeError::Listen { address: listen, source })?;
    let opened = tokio::task::spawn_blocking(move || Depot::open(options)).await;
    let Opened { depot, connection, queue, lock, reopened } = opened.map_err(|_| ServeError::Writer)??;
    let writing = {
        let depot = depot.clone();
        let thread = std::thread::Builder::new().name("writer".to_owned());
        let run = move || {
            let _end = EndWithWriter;
            writer::run(&depot, connection, queue);
        };
        thread.spawn(run).map_err(|_| ServeError::Writer)?
    };
    depot.writer.begin().await.map_err(|_| ServeError::Writer)?;
    if reopened {
        wait_for_next_second().await;
    }
    let address = listener.local_addr().unwrap_or(listen);
    if let Some(path) = &depot.options.address_file {
        let told = writ_durable::replace(path, format!("{address}\n").as_bytes(), 0o644);
        told.map_err(|source| ServeError::AddressFile { path: path.clone(), source })?;
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!("serving {} on {scheme}://{address}", depot.folders.root().display());
    let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Ready]);
    let (stop, stopped) = watch::channel(false);
    let ticking = tokio::spawn(tick(depot.clone()));
    let every = TICK.min(depot.options.renew);
    let renewing = tokio::spawn(tls::renewed(depot.clone(), tls.clone(), every, asks));
    let accepting = accept(depot.clone(), listener, tls, stopped);
    tokio::pin!(accepting);
    let mut connections = tokio::select! {
        connections = &mut accepting => connections,
        () = told_to_stop(ends) => {
            let _ = stop.send(true);
            accepting.await
        }
    };
    tracing::info!("stopping: {} connections are open", connections.len());
    let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Stopping]);
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    ticking.abort();
    renewing.abort();
    depot.writer.last().await;
    let _ = tokio::task::spawn_blocking(move || writing.join()).await;
    drop(lock);
    Ok(())
}

/// Ends the process when the thread that writes panics: one that only reads would look alive, and its state in memory is
/// doubtful. What was committed is there at the next start.
struct EndWithWriter;

impl Drop for EndWithWriter {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::exit(70);
        }
    }
}

/// Requests say their time in whole seconds, and an earlier process may have taken some of this one: those are refused.
async fn wait_for_next_second() {
    let millis = clock::now().unix_millis() % 1000;
    tokio::time::sleep(Duration::from_millis(1000 - millis.unsigned_abs())).await;
}

/// What tells to stop, heard of from before the first request on: whoever is told that this serves may end it.
struct Ends(Option<(Signal, Signal)>);

impl Ends {
    fn new() -> Self {
        Self(signal(SignalKind::terminate()).ok().zip(signal(SignalKind::interrupt()).ok()))
    }
}

async fn told_to_stop(ends: Ends) {
    let Some((mut terminate, mut interrupt)) = ends.0 else {
        tracing::warn!("signals cannot be waited for: this process ends at once when it is told to");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn tick(depot: Arc<Depot>) {
    let (mut tick, mut flush) = (interval(TICK.min(depot.options.renew)), interval(FLUSH));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                depot.writer.remind(Job::Tick);
                // Whoever sent a piece may have gone away before it was seen what it was. Both tell what fails.
                let _ = depot.blocking(follow_pending).await;
                let _ = activate_complete(&depot, None).await;
            }
            _ = flush.tick() => depot.writer.remind(Job::Flush),
        }
    }
}

/// Every address of the depot.
pub fn router(depot: &Arc<Depot>) -> Router {
    let mut router = Router::new();
    for (path, methods) in endpoint::all() {
        router = router.route(path, methods);
    }
    let names = Arc::new(endpoint::all().into_iter().map(|(path, _)| path).collect::<Vec<_>>());
    router
        .route_layer(axum::middleware::from_fn_with_state(names, answer::named))
        .fallback(answer::nothing_here)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(axum::middleware::from_fn_with_state(depot.clone(), answer::finished))
        .with_state(depot.clone())
}

/// Takes connections until told to stop; returns those that are open.
async fn accept(
    depot: Arc<Depot>,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    mut stopped: watch::Receiver<bool>,
) -> JoinSet<()> {
    let service = TowerToHyperService::new(router(&depot));
    let places = Places::new(depot.options.connections);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let next = async {
            let place = places.free().await.ok_or_else(|| io::Error::other("no places any more"))?;
            Ok::<_, io::Error>((place, listener.accept().await?))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            _ = stopped.changed() => return connections,
        };
        let (place, (stream, address)) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                // Out of file descriptors, most likely: others must end first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let peer = Peer::of(address.ip(), &depot.options);
        let Some(place) = places.give(place, peer) else {
            tracing::debug!(%address, "it has as many connections as one address may have");
            continue;
        };
        let connection = Connection {
            depot: depot.clone(),
            service: service.clone(),
            stopped: stopped.clone(),
            peer,
            _place: place,
        };
        let tls = tls.clone();
        connections.spawn(async move {
            connection.depot.metrics.connections.inc();
            connection.run(stream, tls).await;
        });
    }
}

struct Connection {
    depot: Arc<Depot>,
    service: TowerToHyperService<Router>,
    stopped: watch::Receiver<bool>,
    peer: Option<Peer>,
    _place: Place,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.depot.metrics.connections.dec();
    }
}

impl Connection {
    async fn run(mut self, stream: TcpStream, tls: Option<Arc<Tls>>) {
        let _ = stream.set_nodelay(true);
        let patience = self.depot.options.idle_timeout;
        match tls {
            None => {
                let outlet = Outlet::default();
                let stream = Unstalled::new(Sending::new(stream, outlet.clone()), patience);
                self.serve(stream, Some(outlet)).await;
            }
            Some(tls) => match timeout(self.depot.options.header_timeout, tls.acceptor().accept(stream)).await {
                Ok(Ok(stream)) => self.serve(Unstalled::new(stream, patience), None).await,
                Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
                Err(_) => tracing::debug!("no TLS in time"),
            },
        }
    }

    async fn serve<S>(&mut self, stream: S, outlet: Option<Outlet>)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.depot.options.header_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .half_close(false);
        let (service, depot, peer) = (self.service.clone(), self.depot.clone(), self.peer);
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            if let Some(outlet) = &outlet {
                request.extensions_mut().insert(outlet.clone());
            }
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            let answer = match static_files::remembered(&depot, &request) {
                Some(response) => Ok(answer::at_once(response)),
                None => Err(service.call(request)),
            };
            async move {
                match answer {
                    Ok(response) => Ok(response),
                    Err(answering) => answering.await,
                }
            }
        });
        let served = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(served);
        let ended = tokio::select! {
            ended = &mut served => ended,
            _ = self.stopped.changed() => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection");
        }
    }
}
