//! An answer that is not on the wire yet, and how it is to be put there.

use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};

use crate::errand::Errand;
use crate::fields::Fields;

/// A whole answer. Faults bend it before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) delivery: Delivery,
    /// How long the answer waits, by real time.
    pub(crate) delay: Duration,
    /// What is done before the answer goes out.
    pub(crate) errand: Option<Errand>,
}

/// How much of an answer reaches the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    /// The connection is closed without an answer.
    Nothing,
    /// The connection is reset (RST) without an answer.
    Reset,
    /// The headers announce the whole body, this many bytes of it follow, then the connection ends.
    Cut(usize),
    /// The body arrives in pieces of this many bytes with a pause before each.
    Trickle {
        bytes: usize,
        pause: Duration,
    },
}

impl Reply {
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Vec::new(),
            delivery: Delivery::Whole,
            delay: Duration::ZERO,
            errand: None,
        }
    }

    pub(crate) fn with_body(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { body, ..Self::empty(status) }
            .header(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    pub(crate) fn json(status: u16, fields: &Fields) -> Self {
        Self::with_body(status, "application/json;charset=UTF-8", fields.compact())
    }

    pub(crate) fn problem(status: u16, fields: &Fields) -> Self {
        Self::with_body(status, "application/problem+json", fields.pretty())
    }

    pub(crate) fn html(status: u16, page: String) -> Self {
        Self::with_body(status, "text/html; charset=utf-8", page.into_bytes())
    }

    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self::with_body(status, "text/plain; charset=utf-8", text.as_bytes().to_vec())
    }

    /// Sends the browser on to `target`; 303, so that a form post becomes a GET.
    pub(crate) fn redirect(status: u16, target: &str) -> Self {
        match HeaderValue::from_str(target) {
            Ok(target) => Self::empty(status).header(LOCATION, target),
            Err(_) => Self::text(400, "The redirect URI cannot be written as a header."),
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets a header from text; a value that no header can carry is left out.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }
}
