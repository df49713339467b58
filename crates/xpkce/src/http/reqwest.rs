//! The network itself, over reqwest and rustls with ring.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::redirect;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use zeroize::Zeroizing;

use super::{
    CONNECT_DEADLINE, HttpClient, HttpRequest, HttpResponse, MAX_BODY, Pending, READ_DEADLINE,
    SendError, is_loopback, is_secure,
};

/// How long an idle connection is kept. Short, so that a request seldom meets one that the other
/// side is closing.
const POOL_IDLE: Duration = Duration::from_secs(5);

/// How many runtimes' connections are kept.
const MAX_HOMES: usize = 8;

/// An [`HttpClient`] over reqwest.
///
/// HTTPS, or plain HTTP to this machine, which no proxy sees; HTTP/1.1; no redirect, no second
/// try, no cookie, no `~/.netrc`. Certificates are checked by the operating system's verifier.
/// Nothing is built before the first request: reading the certificates takes ten milliseconds.
///
/// It sends from within a tokio runtime that has timers and the network; outside of any it says
/// [`NotSent`](SendError::NotSent). Connections are kept apart by runtime: one that a sleeping or ended runtime drives would take a
/// request and never answer. A forked child has its own.
#[derive(Debug)]
pub struct ReqwestClient {
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
    tls: Option<ClientConfig>,
    homes: VecDeque<(Home, reqwest::Client)>,
}

/// Where a client's connections live, and whether they are to this machine.
#[derive(Debug, PartialEq)]
struct Home {
    runtime: tokio::runtime::Id,
    is_loopback: bool,
}

impl ReqwestClient {
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

    fn client(&self, is_loopback: bool) -> Result<reqwest::Client, SendError> {
        // reqwest would panic.
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|why| SendError::NotSent(why.into()))?
            .id();
        let home = Home { runtime, is_loopback };
        let here = self.here();
        let mut built = here.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = built.homes.iter().find(|(built, _)| *built == home) {
            return Ok(client.clone());
        }
        let tls = built.tls.get_or_insert_with(tls).clone();
        let client = self.build(is_loopback, tls).map_err(not_sent)?;
        if built.homes.len() == MAX_HOMES {
            built.homes.pop_front();
        }
        built.homes.push_back((home, client.clone()));
        Ok(client)
    }

    fn build(&self, is_loopback: bool, tls: ClientConfig) -> reqwest::Result<reqwest::Client> {
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("xpkce/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .referer(false)
            .connect_timeout(self.connect)
            .timeout(self.connect + self.read)
            .pool_idle_timeout(POOL_IDLE)
            // Both deadlines are over before a probe could find a dead peer: four calls to the
            // system for nothing, with every connection.
            .tcp_keepalive(None)
            .tcp_keepalive_interval(None)
            .tcp_keepalive_retries(None);
        if is_loopback { builder.no_proxy().build() } else { builder.build() }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, SendError> {
        if !is_secure(&request.url) {
            return Err(SendError::NotSent("neither https:// nor http:// to this machine".into()));
        }
        let client = self.client(is_loopback(&request.url))?;
        let mut response = client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body.to_vec())
            .send()
            .await
            .map_err(failed)?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let (body, is_whole) = body(response).await;
        Ok(HttpResponse { status, headers, body, is_whole })
    }
}

impl Here {
    fn new() -> Self {
        Self { process: std::process::id(), built: Mutex::default() }
    }
}

impl Default for ReqwestClient {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpClient for ReqwestClient {
    fn send(&self, request: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        Box::pin(self.exchange(request))
    }
}

/// Reads a body up to [`MAX_BODY`], and says whether that is all of it. One that breaks off is kept
/// as far as it came.
async fn body(mut response: reqwest::Response) -> (Zeroizing<Vec<u8>>, bool) {
    // Wiping takes time, so no more room than is needed where that is known.
    let room = response.content_length().map_or(16 * 1024, |it| it.min(MAX_BODY as u64));
    let mut body = Zeroizing::new(Vec::with_capacity(room as usize));
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return (body, true),
            Err(_) => return (body, false),
        };
        let room = MAX_BODY - body.len();
        if chunk.len() > room {
            body.extend_from_slice(&chunk[..room]);
            return (body, false);
        }
        body.extend_from_slice(&chunk);
    }
}

/// TLS by ring, without a default for the whole process. Where the machine has no certificates
/// every certificate is refused, and plain HTTP to this machine still works.
fn tls() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = || {
        ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("ring offers TLS 1.2 and 1.3")
    };
    match builder().with_platform_verifier() {
        Ok(config) => config.with_no_client_auth(),
        Err(_) => {
            tracing::warn!("this machine has no certificates: every HTTPS server is refused");
            builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    }
}

/// reqwest marks an error as one of connecting when name lookup, TCP, a proxy's tunnel or TLS
/// failed: the request itself had not begun.
fn failed(why: reqwest::Error) -> SendError {
    if why.is_connect() || why.is_builder() { not_sent(why) } else { maybe_sent(why) }
}

fn not_sent(why: reqwest::Error) -> SendError {
    SendError::NotSent(without_url(why))
}

fn maybe_sent(why: reqwest::Error) -> SendError {
    SendError::MaybeSent(without_url(why))
}

/// The URL's query may hold what the caller would not see in a log.
fn without_url(why: reqwest::Error) -> Box<dyn StdError + Send + Sync> {
    why.without_url().into()
}
