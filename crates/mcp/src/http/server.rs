//! Listening, connections, bodies, signals.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::gate::{Gate, PATH};
use super::token::Token;
use crate::MAX_MESSAGE;
use crate::desk::Desk;
use crate::service::{Service, Way};
use crate::stdio::runtime;

/// How many bytes of a body are read at most.
const READ_ON: usize = 4 * MAX_MESSAGE;
/// The most header lines of a request.
const MAX_HEADERS: usize = 64;
/// The most bytes of the first line and the headers of a request.
const MAX_HEAD: usize = 16 * 1024;
/// How long the headers of a request may take, how long a connection may be idle, and how long a body may take.
const HEADERS: Duration = Duration::from_secs(10);
const BODY: Duration = Duration::from_secs(10);
/// How long one connection lasts at most: whoever takes nothing of an answer holds its place no longer.
const CONNECTION: Duration = Duration::from_secs(180);
/// How long requests under way may take when the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);

type Body = BoxBody<Bytes, Infallible>;
type Protocol = StreamableHttpService<Service, NeverSessionManager>;

/// How to serve.
pub struct Listen {
    /// Where.
    pub address: SocketAddr,
    /// Further hosts that requests may name.
    pub names: Vec<String>,
    /// What clients show; without it whoever reaches the address is answered.
    pub token: Option<Token>,
    /// How many connections there may be; others wait.
    pub connections: usize,
}

/// What every connection shares.
struct Shared {
    gate: Gate,
    protocol: Protocol,
}

/// Serves until told to stop, by SIGTERM or SIGINT; `began` is told where.
///
/// # Errors
/// When nobody can be listened to.
pub fn serve(desk: Desk, listen: Listen, began: impl FnOnce(SocketAddr) -> io::Result<()>) -> io::Result<()> {
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(listen.address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(Arc::new(desk), Gate::new(address, &listen.names, listen.token)));
        let (stop, stopped) = watch::channel(false);
        began(address)?;
        let serving = accept(shared, listener, listen.connections, stopped);
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => {}
            () = told_to_stop() => {
                let _ = stop.send(true);
                serving.await;
            }
        }
        Ok(())
    });
    // What is still being read is of no use any more.
    runtime.shutdown_background();
    served
}

impl Shared {
    fn new(desk: Arc<Desk>, gate: Gate) -> Self {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(MAX_MESSAGE)
            .with_allowed_hosts(gate.hosts().iter().cloned())
            .with_allowed_origins(gate.origins().iter().cloned())
            .enforce_origin_validation();
        // One for all, so that the calls of all clients together are bounded.
        let service = Service::new(desk, Way::Http);
        let protocol = StreamableHttpService::new(move || Ok(service.clone()), Arc::default(), config);
        Self { gate, protocol }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if let Some(turned) = self.gate.turns_away(request.method(), request.uri(), request.headers()) {
            return plain(turned.status, turned.why);
        }
        let (head, body) = request.into_parts();
        let body = match timeout(BODY, read(body)).await {
            Ok(Ok(Some(body))) => body,
            Ok(Ok(None)) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "a message has at most 262144 bytes"),
            Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST, "the body cannot be read"),
            Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
        };
        self.protocol.handle(Request::from_parts(head, Full::new(body))).await
    }
}

/// The body of a request; none where it is too large. Of what is too large a part is read on and forgotten: whoever still sends would
/// else not see the answer.
async fn read(mut body: Incoming) -> Result<Option<Bytes>, hyper::Error> {
    let mut all = BytesMut::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        size += data.len();
        if size <= MAX_MESSAGE {
            all.extend_from_slice(&data);
        } else if size > READ_ON {
            break;
        }
    }
    Ok((size <= MAX_MESSAGE).then(|| all.freeze()))
}

fn plain(status: StatusCode, why: &'static str) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from_static(why.as_bytes())).boxed());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    // What of the body was not read would be taken for the next request.
    if status == StatusCode::PAYLOAD_TOO_LARGE || status == StatusCode::REQUEST_TIMEOUT {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The address of the server at an address that is listened on.
pub fn url(address: SocketAddr) -> String {
    format!("http://{address}{PATH}")
}

async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Takes connections until told to stop, and waits for those that are open.
async fn accept(shared: Arc<Shared>, listener: TcpListener, connections: usize, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(connections));
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let next = async {
            let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((place, listener.accept().await?.0))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((place, stream)) => {
                let (shared, stopped) = (shared.clone(), stopped.clone());
                open.spawn(async move {
                    connection(stream, shared, stopped).await;
                    drop(place);
                });
            }
            // Out of file descriptors, most likely: others must end first.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
    let _ = timeout(GRACE, async { while open.join_next().await.is_some() {} }).await;
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .half_close(false);
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(shared.answer(request).await) }
    });
    let served = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        _ = &mut served => true,
        () = sleep(CONNECTION) => false,
        _ = stopped.changed() => false,
    };
    if !ended {
        served.as_mut().graceful_shutdown();
        let _ = timeout(GRACE, served).await;
    }
}
