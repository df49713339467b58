//! One request as the emulator sees it: read in full, bounded, not yet judged.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderName};

use crate::approval::Decision;

/// A request with its body.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) transaction_id: String,
    pub(crate) peer: Option<SocketAddr>,
    /// Whether the connection has carried a request before.
    pub(crate) is_reused: bool,
    /// What the person at the browser decides, when there is no browser.
    pub(crate) decision: Option<Decision>,
}

impl Call {
    /// Returns the header as text, if it is there once and readable.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// Returns the pair (method, path) for matching routes.
    pub(crate) fn route(&self) -> (&str, &str) {
        (self.method.as_str(), self.path.as_str())
    }
}
