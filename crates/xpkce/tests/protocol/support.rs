//! Builders and stand-ins for the tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue};
use xpkce::http::{HttpClient, HttpRequest, HttpResponse, Pending, SendError};
use xpkce::{App, Login, Scopes, Timestamp};
use zeroize::Zeroizing;

use crate::silence::Silence;

pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
pub const CLIENT_ID: &str = "UVhkLXpHRzdkdmh4Zk1mWlZ0aVA6MTpjaQ";

pub const PAIR: &str = r#"{"token_type":"bearer","expires_in":7200,"access_token":"new-access",
    "scope":"users.read tweet.read offline.access","refresh_token":"new-refresh"}"#;

pub fn app() -> App {
    Silence::listen();
    App::public(CLIENT_ID).with_scopes(Scopes::parse(Scopes::DEFAULT))
}

pub fn login() -> Login {
    Login::begin(&app(), NOW).unwrap()
}

pub fn answer(status: u16, body: &str) -> HttpResponse {
    Silence::listen();
    let body = Zeroizing::new(body.as_bytes().to_vec());
    HttpResponse { status, headers: HeaderMap::new(), body, is_whole: true }
}

pub fn oauth_error(status: u16, error: &str, description: &str) -> HttpResponse {
    let body = serde_json::json!({ "error": error, "error_description": description });
    answer(status, &body.to_string())
}

pub fn cut(status: u16, body: &str) -> HttpResponse {
    HttpResponse { is_whole: false, ..answer(status, body) }
}

pub fn dead_token() -> HttpResponse {
    oauth_error(400, "invalid_request", "Value passed for the token was invalid.")
}

pub trait With {
    fn with(self, name: &'static str, value: &str) -> Self;
}

impl With for HttpResponse {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }
}

/// Says what it was told to say, in order, and keeps what it was sent.
/// Nothing of that is to be heard while it lives.
pub struct Script {
    answers: Mutex<VecDeque<Result<HttpResponse, SendError>>>,
    sent: Mutex<Vec<HttpRequest>>,
    #[cfg(feature = "hyper")]
    gate: Option<Gate>,
    _silence: Silence,
}

/// Where a scripted answer waits until a test lets it go.
#[cfg(feature = "hyper")]
#[derive(Clone)]
pub struct Gate {
    pub reached: Arc<tokio::sync::Semaphore>,
    pub open: Arc<tokio::sync::Semaphore>,
}

impl Script {
    pub fn new(answers: impl IntoIterator<Item = Result<HttpResponse, SendError>>) -> Arc<Self> {
        Arc::new(Self::of(answers))
    }

    fn of(answers: impl IntoIterator<Item = Result<HttpResponse, SendError>>) -> Self {
        Self {
            answers: Mutex::new(answers.into_iter().collect()),
            sent: Mutex::default(),
            #[cfg(feature = "hyper")]
            gate: None,
            _silence: Silence::listen(),
        }
    }

    #[cfg(feature = "hyper")]
    pub fn gated(
        answers: impl IntoIterator<Item = Result<HttpResponse, SendError>>,
    ) -> (Arc<Self>, Gate) {
        let closed = || Arc::new(tokio::sync::Semaphore::new(0));
        let gate = Gate { reached: closed(), open: closed() };
        (Arc::new(Self { gate: Some(gate.clone()), ..Self::of(answers) }), gate)
    }

    pub fn requests(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// The fields of the form that was sent at `n`.
    pub fn form(&self, n: usize) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.sent.lock().unwrap()[n].body).into_owned().collect()
    }

    pub fn field(&self, n: usize, name: &str) -> Option<String> {
        self.form(n).into_iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    pub fn header(&self, n: usize, name: &str) -> Option<String> {
        let sent = self.sent.lock().unwrap();
        Some(sent[n].headers.get(name)?.to_str().unwrap().to_owned())
    }

    pub fn url(&self, n: usize) -> String {
        self.sent.lock().unwrap()[n].url.to_string()
    }
}

impl HttpClient for Script {
    fn send(&self, request: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        self.sent.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front().expect("one answer a request");
        Box::pin(async move {
            #[cfg(feature = "hyper")]
            if let Some(gate) = &self.gate {
                gate.reached.add_permits(1);
                gate.open.acquire().await.unwrap().forget();
            }
            answer
        })
    }
}

pub fn not_sent() -> Result<HttpResponse, SendError> {
    Err(SendError::NotSent("refused".into()))
}

pub fn maybe_sent() -> Result<HttpResponse, SendError> {
    Err(SendError::MaybeSent("reset".into()))
}
