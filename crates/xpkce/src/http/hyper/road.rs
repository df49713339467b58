//! How a server is reached: directly or through a proxy, then with TLS.

use std::env;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tower_service::Service;

type Failure = Box<dyn StdError + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;
/// What the server's own TLS goes through: TCP, or a tunnel of a proxy.
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Connects within a deadline, name lookup, proxy and TLS included.
#[derive(Clone)]
pub(super) struct Road {
    deadline: Duration,
    way: HttpsConnector<Way>,
}

impl Road {
    /// To this machine, which no proxy sees.
    pub(super) fn here(deadline: Duration, tls: &Arc<ClientConfig>) -> Self {
        Self::new(deadline, tls, None)
    }

    /// Through the proxies that the environment or the system names, if any.
    pub(super) fn abroad(deadline: Duration, tls: &Arc<ClientConfig>) -> Self {
        Self::new(deadline, tls, Some(Arc::new(proxies())))
    }

    fn new(deadline: Duration, tls: &Arc<ClientConfig>, proxies: Option<Arc<Matcher>>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Each address of a name has its share of it.
        tcp.set_connect_timeout(Some(deadline));
        let to_proxy = HttpsConnector::from((tcp.clone(), tls.clone()));
        let way = Way { proxies, tcp, to_proxy };
        Self { deadline, way: HttpsConnector::from((way, tls.clone())) }
    }
}

impl Service<Uri> for Road {
    type Response = MaybeHttpsStream<Stream>;
    type Error = Failure;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.way.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.deadline, self.way.call(to));
        Box::pin(async { connecting.await.unwrap_or_else(|late| Err(late.into())) })
    }
}

#[derive(Clone)]
struct Way {
    proxies: Option<Arc<Matcher>>,
    tcp: HttpConnector,
    to_proxy: HttpsConnector<HttpConnector>,
}

impl Service<Uri> for Way {
    type Response = Stream;
    type Error = Failure;
    type Future = Connecting<Stream>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.as_ref().and_then(|proxies| proxies.intercept(&to)) else {
            let connecting = self.tcp.call(to);
            return Box::pin(async { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        };
        let tunnel = tunnel(&proxy, self.to_proxy.clone());
        Box::pin(async { Ok(tunnel?.call(to).await?) })
    }
}

/// Reads which proxies there are. One that is set and cannot be read, which the matcher would pass
/// by, is made one that is refused: nothing may go straight where a proxy was meant.
fn proxies() -> Matcher {
    let set = |name: &str, or: &str| env::var(name).or_else(|_| env::var(or)).unwrap_or_default();
    let named = [set("HTTPS_PROXY", "https_proxy"), set("ALL_PROXY", "all_proxy")];
    let is_named = named.iter().any(|proxy| !proxy.trim().is_empty());
    if !is_named || named.iter().any(|proxy| is_readable(proxy)) {
        return Matcher::from_system();
    }
    Matcher::builder().https("socks5://unread").no(set("NO_PROXY", "no_proxy")).build()
}

fn is_readable(proxy: &str) -> bool {
    let anywhere = Uri::from_static("https://x.invalid");
    Matcher::builder().https(proxy).build().intercept(&anywhere).is_some()
}

/// # Errors
/// When the proxy cannot be read, or is one that is spoken to in another way than HTTP.
fn tunnel<C>(proxy: &Intercept, to_proxy: C) -> Result<Tunnel<C>, Failure> {
    if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
        let why = "the proxy that is set cannot be read, or is neither http:// nor https://";
        return Err(why.into());
    }
    let tunnel = Tunnel::new(proxy.uri().clone(), to_proxy);
    Ok(match proxy.basic_auth() {
        Some(password) => tunnel.with_auth(password.clone()),
        None => tunnel,
    })
}

/// TLS by ring, without a default for the whole process. Where the machine has no certificates
/// every certificate is refused, and plain HTTP to this machine still works.
pub(super) fn tls() -> ClientConfig {
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
