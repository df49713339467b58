//! The interface to the network: a request, a response, and whether a failed request may have been
//! sent. Implement [`HttpClient`] to use another HTTP library.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::{HeaderMap, Method};
use url::{Host, Url};
use zeroize::Zeroizing;

#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "hyper")]
pub use hyper::HyperClient;

/// How many bytes of a response body are read at most.
pub const MAX_BODY: usize = 1024 * 1024;

/// How long connecting to X may take, including name lookup and TLS.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// How long a response may take, from the first byte sent to the last byte read. It is generous,
/// because giving up on a refresh too early loses the pair.
pub const READ_DEADLINE: Duration = Duration::from_secs(30);

/// Returns whether a token may be sent to a URL: it is HTTPS, or plain HTTP to this machine.
pub fn is_secure(url: &Url) -> bool {
    url.scheme() == "https" && url.has_host() || url.scheme() == "http" && is_loopback(url)
}

/// Returns whether a URL's host is a name for this machine: 127.0.0.0/8, `::1` or `localhost`
/// (RFC 8252 section 8.3).
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

/// Returns the user, host and port of a URL that is written with them, `scheme://host`. A URL's
/// reader takes `https:host` and `https:///host` for the same, and those who compare it do not.
pub(crate) fn authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(':')?;
    let authority = rest.strip_prefix("//")?.split(['/', '?', '#']).next()?;
    (!authority.is_empty()).then_some(authority)
}

/// A request that is ready to be sent.
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// The headers; secrets among them are marked sensitive.
    pub headers: HeaderMap,
    /// The body; wiped when dropped.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpRequest({} {})", self.method, self.url.path())
    }
}

/// A response as it came, at most [`MAX_BODY`] bytes of it.
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; wiped when dropped.
    pub body: Zeroizing<Vec<u8>>,
    /// Whether the body is complete. What was received of a body that broke off, or is longer than
    /// [`MAX_BODY`], is kept, because a pair may be in it.
    pub is_whole: bool,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpResponse({}, {} bytes)", self.status, self.body.len())
    }
}

/// Why there is no whole response.
///
/// The difference decides whether a refresh token may be spent. So an implementation must not
/// return [`NotSent`](Self::NotSent) unless it is certain that no byte of the request was sent.
#[derive(Debug)]
pub enum SendError {
    /// There was no connection: name lookup, connecting or TLS failed.
    NotSent(Box<dyn StdError + Send + Sync>),
    /// Some of the request may have been sent: the connection was reset, a deadline passed, or the
    /// answer had no status.
    MaybeSent(Box<dyn StdError + Send + Sync>),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent(_) => "the request was not sent",
            Self::MaybeSent(_) => "the request may have been sent, and no whole answer came",
        })
    }
}

impl StdError for SendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NotSent(why) | Self::MaybeSent(why) => Some(why.as_ref()),
        }
    }
}

/// The boxed future that the traits of this crate return.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends one request, once.
///
/// An implementation must not follow redirects or retry, must read at most [`MAX_BODY`] bytes, and
/// must keep to [`CONNECT_DEADLINE`] and [`READ_DEADLINE`].
pub trait HttpClient: Send + Sync {
    /// Sends the request and reads the whole answer.
    fn send(&self, request: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>>;
}
