//! The network itself, over hyper and rustls with ring.

mod road;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::sleep;
use zeroize::Zeroizing;

use self::road::Road;
use super::{
    CONNECT_DEADLINE, HttpClient, HttpRequest, HttpResponse, MAX_BODY, Pending, READ_DEADLINE,
    SendError, is_loopback, is_secure,
};

/// How long an idle connection is kept. Short, so that a request seldom meets one that the other
/// side is closing.
const POOL_IDLE: Duration = Duration::from_secs(5);

/// How many runtimes' connections are kept.
const MAX_HOMES: usize = 8;

/// The most headers of an answer. A rotation must not be lost to a server that sends more than the
/// hundred that are usual.
const MAX_HEADERS: usize = 256;

const NAME: &str = concat!("xpkce/", env!("CARGO_PKG_VERSION"));

/// An [`HttpClient`] over hyper.
///
/// HTTPS, or plain HTTP to this machine, which no proxy sees; HTTP/1.1; no redirect, no second
/// try, no cookie, no `~/.netrc`, no content coding. A body is sent as long as it is, whatever
/// `Content-Length` and `Transfer-Encoding` are given.
/// Certificates are checked by the operating system's verifier.
/// Nothing is built before the first request: reading the certificates takes ten milliseconds.
///
/// It sends from within a tokio runtime that has timers and the network; outside of any it says
/// [`NotSent`](SendError::NotSent). Connections are kept apart by runtime: one that a sleeping or
/// ended runtime drives would take a request and never answer. A forked child has its own.
#[derive(Debug)]
pub struct HyperClient {
    connect: Duration,
    read: Duration,
    here: ArcSwap<Here>,
}

/// What one process has built. A forked child leaves its parent's alone: its lock may be held by a
/// thread that is not there, and a connection that is let go there is cut off from the parent's
/// runtime.
#[derive(Debug)]
struct Here {
    process: u32,
    built: Mutex<Built>,
}

#[derive(Debug, Default)]
struct Built {
    tls: Option<Arc<ClientConfig>>,
    homes: VecDeque<(Home, Pool)>,
}

/// The connections of one home.
type Pool = Client<Road, Full<Bytes>>;

/// Where connections live, and whether they are to this machine.
#[derive(Debug, PartialEq)]
struct Home {
    runtime: tokio::runtime::Id,
    is_loopback: bool,
}

impl HyperClient {
    /// Makes a client with [`CONNECT_DEADLINE`] and [`READ_DEADLINE`].
    pub fn new() -> Self {
        Self::with_deadlines(CONNECT_DEADLINE, READ_DEADLINE)
    }

    /// Makes a client with other deadlines; a whole send takes at most both. A short one for
    /// reading is a way to lose a pair.
    pub fn with_deadlines(connect: Duration, read: Duration) -> Self {
        Self { connect, read, here: ArcSwap::from_pointee(Here::new()) }
    }

    fn here(&self) -> Arc<Here> {
        let here = self.here.load_full();
        if here.process == std::process::id() {
            return here;
        }
        let fresh = Arc::new(Here::new());
        std::mem::forget((here, self.here.swap(fresh.clone())));
        fresh
    }

    fn pool(&self, is_loopback: bool) -> Result<Pool, SendError> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|why| SendError::NotSent(why.into()))?
            .id();
        let home = Home { runtime, is_loopback };
        let here = self.here();
        let mut built = here.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = built.homes.iter().find(|(built, _)| *built == home) {
            return Ok(pool.clone());
        }
        let tls = built.tls.get_or_insert_with(|| Arc::new(road::tls()));
        let build = if is_loopback { Road::here } else { Road::abroad };
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .retry_canceled_requests(false)
            .http1_max_headers(MAX_HEADERS)
            .build(build(self.connect, tls));
        if built.homes.len() == MAX_HOMES {
            built.homes.pop_front();
        }
        built.homes.push_back((home, pool.clone()));
        Ok(pool)
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, SendError> {
        if !is_secure(&request.url) {
            return Err(SendError::NotSent("neither https:// nor http:// to this machine".into()));
        }
        let pool = self.pool(is_loopback(&request.url))?;
        let request = outgoing(request)?;
        let mut over = pin!(sleep(self.connect + self.read));
        let response = tokio::select! {
            biased;
            response = pool.request(request) => response.map_err(failed)?,
            () = &mut over => return Err(SendError::MaybeSent("no answer came in time".into())),
        };
        let (head, mut incoming) = response.into_parts();
        let mut body = room(&incoming);
        let is_whole = tokio::select! {
            biased;
            is_whole = read(&mut incoming, &mut body) => is_whole,
            () = &mut over => false,
        };
        Ok(HttpResponse { status: head.status.as_u16(), headers: head.headers, body, is_whole })
    }
}

impl Here {
    fn new() -> Self {
        Self { process: std::process::id(), built: Mutex::default() }
    }
}

impl Default for HyperClient {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpClient for HyperClient {
    fn send(&self, request: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        Box::pin(self.exchange(request))
    }
}

/// The body is not copied, and wiped when it is sent.
fn outgoing(request: HttpRequest) -> Result<Request<Full<Bytes>>, SendError> {
    let HttpRequest { method, url, headers, body } = request;
    let to = Uri::try_from(url.as_str()).map_err(|why| SendError::NotSent(why.into()))?;
    let mut request = Request::new(Full::new(Bytes::from_owner(body)));
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, to, headers);
    let headers = request.headers_mut();
    // The body says how long it is. Of another length what is left of it would be read as the next
    // request of this connection, and answered to whoever sends that.
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    // Nothing here decodes, and without a word a server may encode (RFC 9110 section 12.5.3).
    headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(NAME));
    Ok(request)
}

/// Wiping takes time, so no more room than is needed where that is known.
fn room(incoming: &Incoming) -> Zeroizing<Vec<u8>> {
    let room = incoming.size_hint().exact().map_or(16 * 1024, |it| it.min(MAX_BODY as u64));
    Zeroizing::new(Vec::with_capacity(room as usize))
}

/// Reads up to [`MAX_BODY`], and returns whether that is all of it. One that breaks off is kept as
/// far as it came.
async fn read(incoming: &mut Incoming, body: &mut Zeroizing<Vec<u8>>) -> bool {
    loop {
        let data = match incoming.frame().await {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(_)) => return false,
            None => return true,
        };
        let room = MAX_BODY - body.len();
        if data.len() > room {
            body.extend_from_slice(&data[..room]);
            return false;
        }
        body.extend_from_slice(&data);
    }
}

/// What failed in connecting, by name lookup, TCP, a proxy's tunnel or TLS: the request itself had
/// not begun.
fn failed(why: legacy::Error) -> SendError {
    if why.is_connect() { SendError::NotSent(why.into()) } else { SendError::MaybeSent(why.into()) }
}
