//! Listening, connections, signals.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use writ_audit::Trust;
use writ_trust::json::MAX_DOCUMENT;

use crate::access::gate::{Gate, UrlError};
use crate::access::links::Links;
use crate::access::serving::{self, Serving};
use crate::access::users::LOCAL;
use crate::answer::{self, Peer};
use crate::clock;
use crate::config::{Config, ConfigError};
use crate::mail::Asks;
use crate::options::{Link, Serve};
use crate::page;
use crate::portal::{Access, Parts, Portal};
use crate::read::keeper::{Ask, Keeper};
use crate::read::site::Source;

/// The most header lines of a request.
const MAX_HEADERS: usize = 64;
/// The most bytes of the first line and the headers of a request.
const MAX_HEAD: usize = 16 * 1024;
/// How long the headers of a request may take, and how long a connection may be idle.
const HEADERS: Duration = Duration::from_secs(10);
/// How long one connection lasts at most: whoever takes nothing of an answer holds its place no longer.
const CONNECTION: Duration = Duration::from_secs(180);
/// How long requests under way may take when the portal is told to stop.
const GRACE: Duration = Duration::from_secs(20);
/// How often links that nobody used are removed.
const SWEEP: Duration = Duration::from_secs(600);

/// Why a portal does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Plain HTTP would leave this machine.
    #[error(
        "--listen {0}: plain HTTP is served on loopback only: let a proxy in front end TLS, and give --behind-proxy when it \
         does"
    )]
    WouldLeak(SocketAddr),
    /// The configuration is of no use.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something that the configuration names is of no use.
    #[error("{}: {what}", path.display())]
    Unfit {
        /// The configuration.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The address of the portal is of no use.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// People who come over a network need to be named.
    #[error("--behind-proxy: give --config with the people who may sign in, and the url of the portal")]
    Nobody,
    /// A file or folder cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody can be listened to.
    #[error("--listen {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A thread did not begin.
    #[error("no thread: {0}")]
    Thread(io::Error),
    /// No such person.
    #[error("--user {user}: {} names nobody with this address", path.display())]
    NoSuchUser {
        /// The address.
        user: String,
        /// The configuration.
        path: PathBuf,
    },
}

fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> ServeError {
    let path = path.into();
    move |source| ServeError::Io { path, source }
}

/// A link for somebody.
pub struct Made {
    /// The link.
    pub link: String,
    /// What is to be known of it: the configuration names another address than the one that it leads to.
    pub note: Option<String>,
}

/// Makes a link for somebody, to where the portal is found that serves now; to the configuration's url where none does.
///
/// # Errors
/// [`ServeError`]
pub fn link(options: &Link) -> Result<Made, ServeError> {
    let config = Config::read(&options.config)?;
    let none = || ServeError::NoSuchUser { user: options.user.clone(), path: options.config.clone() };
    let user = config.users().get(&options.user).ok_or_else(none)?;
    let wanted = config.url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
    let serves = serving::origin(&options.state).map_err(io(&options.state))?;
    let other = serves.as_ref().zip(wanted.as_ref()).filter(|(serves, wanted)| serves != wanted);
    let note = other.map(|(serves, wanted)| {
        format!("the configuration says {wanted} now; the portal that runs is found at {serves} until it is restarted")
    });
    let url = serves.or(wanted).ok_or_else(|| ServeError::Unfit {
        path: options.config.clone(),
        what: "it has no url, so that nobody knows where the link leads".to_owned(),
    })?;
    let links = Links::open(&options.state).map_err(io(&options.state))?;
    let token = links.issue(&user.address, clock::machine()()).map_err(io(&options.state))?;
    Ok(Made { link: format!("{url}/login/{}", &*token), note })
}

/// Serves until told to stop: by SIGTERM or SIGINT.
///
/// # Errors
/// [`ServeError`]
pub async fn serve(options: Serve) -> Result<(), ServeError> {
    if options.would_leak() {
        return Err(ServeError::WouldLeak(options.listen));
    }
    // Before anything else waits: a SIGHUP that nobody takes would end this process.
    let hangups = signal(SignalKind::hangup()).ok();
    let config = options.config.as_deref().map(Config::read).transpose()?;
    if options.behind_proxy && config.as_ref().is_none_or(|config| config.url.is_none()) {
        return Err(ServeError::Nobody);
    }
    let access = access(&options, config.as_ref())?;
    let root = writ_durable::read_bounded(&options.trust, MAX_DOCUMENT).map_err(io(&options.trust))?;
    let source = Source {
        folder: options.folder.clone(),
        trust: Trust::Root(root),
        period: options.period.clone(),
        without_entries: options.without_entries,
        rejected: options.rejected.clone(),
    };
    if let Err(what) = source.decisions() {
        return Err(ServeError::Unfit { path: options.rejected.clone().unwrap_or_default(), what });
    }
    writ_audit::Folder::open(&options.folder).map_err(|error| io(&options.folder)(io::Error::other(error)))?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|source| ServeError::Listen { address: options.listen, source })?;
    let address = listener.local_addr().unwrap_or(options.listen);
    let gate = Gate::new(config.as_ref().and_then(|config| config.url.as_deref()), address, options.behind_proxy)?;
    // Goes with this process, where nobody asked for it to stay.
    let scratch = match &options.state {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("writ-portal-").tempdir().map_err(io(std::env::temp_dir()))?),
    };
    let state = options.state.clone().or_else(|| scratch.as_ref().map(|dir| dir.path().to_owned())).unwrap_or_default();
    let parts = Parts {
        source,
        gate,
        access,
        state: &state,
        view_files: options.view_files,
        held_sites: options.held_sites as usize,
        clock: clock::machine(),
    };
    let (portal, asks) = Portal::new(parts).map_err(io(&state))?;
    let announced = Serving::at(&state, portal.gate.origin()).map_err(io(&state))?;
    let reading = begin(&portal, asks, &options).map_err(ServeError::Thread)?;
    if let Some(path) = &options.address_file {
        writ_durable::replace(path, format!("{address}\n").as_bytes(), 0o644).map_err(io(path))?;
    }
    tracing::info!("serving {} on {}", options.folder.display(), portal.gate.origin());
    if config.is_none() {
        greet(&portal).map_err(io(&state))?;
    }
    let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Ready]);
    let (stop, stopped) = watch::channel(false);
    let url = config.and_then(|config| config.url);
    let minding = tokio::spawn(mind(portal.clone(), options.clone(), url, hangups));
    let serving = accept(portal.clone(), listener, options.connections, stopped);
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => {}
        () = told_to_stop() => {
            let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Stopping]);
            let _ = stop.send(true);
            serving.await;
        }
    }
    drop(announced);
    minding.abort();
    portal.ask(Ask::End);
    // One site at most is being read: what is held of it is of no use any more.
    drop(reading);
    Ok(())
}

fn access(options: &Serve, config: Option<&Config>) -> Result<Access, ServeError> {
    let path = options.config.clone().unwrap_or_default();
    Access::of(config).map_err(|what| ServeError::Unfit { path, what })
}

/// Starts the threads that read and that send mail.
fn begin(portal: &Arc<Portal>, asks: Asks, options: &Serve) -> io::Result<std::thread::JoinHandle<()>> {
    let look = options.look.duration();
    let held = portal.held.clone();
    let keeper = Keeper::new(portal.source.clone(), held, portal.clock(), look, options.again.millis());
    let (sender, reading) = keeper.start()?;
    portal.kept_by(sender);
    send_links(portal, asks)?;
    Ok(reading)
}

/// Starts the thread that sends links.
///
/// # Errors
/// When there is no thread.
pub fn send_links(portal: &Arc<Portal>, asks: Asks) -> io::Result<()> {
    let weak: Weak<Portal> = Arc::downgrade(portal);
    std::thread::Builder::new().name("mail".to_owned()).spawn(move || asks.run(&weak)).map(drop)
}

/// Tells the one person of this machine how to sign in.
fn greet(portal: &Portal) -> io::Result<()> {
    let token = portal.links.issue(LOCAL, portal.now())?;
    eprintln!("Open this within 15 minutes to sign in: {}/login/{}", portal.gate.origin(), &*token);
    Ok(())
}

async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals cannot be waited for: this process ends at once when it is told to");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Reads the configuration and the folder again, but for the address of the portal: hosts, cookies and links go by that which it
/// began with.
fn read_again(portal: &Portal, options: &Serve, url: Option<&str>) {
    let again = options.config.as_deref().map(Config::read).transpose().map_err(ServeError::from);
    match again.and_then(|config| Ok((access(options, config.as_ref())?, config))) {
        Ok((access, config)) => {
            portal.replace_access(access);
            let new = config.and_then(|config| config.url);
            if new.as_deref() != url {
                let (new, old) = (new.unwrap_or_else(|| "none".to_owned()), portal.gate.origin());
                tracing::error!("SIGHUP: the url is {new} now: restart for it; until then the portal stays at {old}");
            }
        }
        Err(error) => tracing::error!("SIGHUP: the configuration stays as it was: {error}"),
    }
    tracing::info!("SIGHUP: the folder is read again");
    portal.ask(Ask::All);
}

/// Reads again on SIGHUP, and removes links that nobody used.
async fn mind(
    portal: Arc<Portal>,
    options: Serve,
    url: Option<String>,
    mut hangups: Option<tokio::signal::unix::Signal>,
) {
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        let asked = async {
            let came = match &mut hangups {
                Some(hangups) => hangups.recv().await,
                None => None,
            };
            if came.is_none() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = asked => read_again(&portal, &options, url.as_deref()),
            _ = sweep.tick() => {
                if let Err(error) = portal.links.sweep(portal.now()) {
                    tracing::warn!(%error, "links that nobody used stay");
                }
            }
        }
    }
}

/// Every address of the portal.
pub fn router(portal: &Arc<Portal>) -> Router {
    let mut inside = Router::new();
    for (path, methods) in page::inside() {
        inside = inside.route(path, methods);
    }
    let mut all = inside.route_layer(axum::middleware::from_fn_with_state(portal.clone(), answer::entered));
    for (path, methods) in page::outside() {
        all = all.route(path, methods);
    }
    all.fallback(answer::nothing_here)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(axum::middleware::from_fn_with_state(portal.clone(), answer::finished))
        .with_state(portal.clone())
}

/// Takes connections until told to stop, and waits for those that are open.
pub async fn accept(portal: Arc<Portal>, listener: TcpListener, connections: u32, mut stopped: watch::Receiver<bool>) {
    let service = TowerToHyperService::new(router(&portal));
    let places = Arc::new(Semaphore::new(connections as usize));
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let next = async {
            let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((place, listener.accept().await?))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((place, (stream, address))) => {
                let (service, stopped) = (service.clone(), stopped.clone());
                open.spawn(async move {
                    connection(stream, address, service, stopped).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                // Out of file descriptors, most likely: others must end first.
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    let _ = timeout(GRACE, async { while open.join_next().await.is_some() {} }).await;
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    service: TowerToHyperService<Router>,
    mut stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .half_close(false);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(address.ip()));
        service.call(request)
    });
    let served = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => Some(ended),
        () = sleep(CONNECTION) => None,
        _ = stopped.changed() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            match timeout(GRACE, served).await {
                Ok(ended) => ended,
                Err(_) => return tracing::debug!(%address, "a connection that takes nothing was ended"),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection");
    }
}
