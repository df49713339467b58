//! X, as small as it can be: refresh tokens that work once, a family of tokens for each sign-in, and
//! an account of what it was asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::json;
use zeroize::Zeroizing;

use super::slow::{chance, pause};
use crate::http::{HttpClient, HttpRequest, HttpResponse, Pending, SendError};
use crate::turns;

/// The user of every sign-in.
pub(super) const USER: &str = "7";

#[derive(Clone, Default)]
pub(super) struct X(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    pairs: u32,
    /// The pair of the user's sign-in, while it lives.
    current: Option<Pair>,
    sent: BTreeMap<String, u32>,
    rotations: u32,
    /// The access tokens whose answers came to whoever asked.
    delivered: BTreeSet<String>,
    /// One request in so many fails before X does anything.
    fails_one_in: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) access: String,
    pub(super) refresh: String,
}

impl X {
    /// Signs the user in, which ends the sign-in before.
    pub(super) fn sign_in(&self) -> Pair {
        let mut known = self.known();
        let pair = known.next_pair();
        known.delivered.insert(pair.access.clone());
        pair
    }

    /// Returns the pair that lives, if one does.
    pub(super) fn current(&self) -> Option<Pair> {
        self.known().current.clone()
    }

    /// Returns whether that pair came to whoever asked for it.
    pub(super) fn has_delivered(&self) -> bool {
        let known = self.known();
        known.current.as_ref().is_some_and(|pair| known.delivered.contains(&pair.access))
    }

    pub(super) fn rotations(&self) -> u32 {
        self.known().rotations
    }

    /// Returns how often the refresh token was sent that was sent most.
    pub(super) fn most_sends(&self) -> u32 {
        self.known().sent.values().copied().max().unwrap_or_default()
    }

    /// Fails at one request in so many from now on, or at none.
    pub(super) fn fail_one_in(&self, one_in: Option<u64>) {
        self.known().fails_one_in = one_in;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap()
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let mut known = self.known();
        let form: BTreeMap<_, _> =
            url::form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        if let Some(refresh) = form.get("refresh_token") {
            *known.sent.entry(refresh.clone()).or_default() += 1;
        }
        if known.fails_one_in.is_some_and(chance) {
            return answer(503, &json!({"title": "Service Unavailable", "status": 503}));
        }
        match (request.url.path(), field("grant_type").as_str()) {
            ("/2/oauth2/token", "refresh_token") => known.refresh(&field("refresh_token")),
            ("/2/oauth2/token", "authorization_code") => issued(&known.next_pair()),
            ("/2/oauth2/revoke", _) => known.revoke(&field("token")),
            _ => known.whoami(request),
        }
    }

    fn is_delivered(&self, response: &HttpResponse) {
        let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if let Some(access) = body["access_token"].as_str() {
            self.known().delivered.insert(access.to_owned());
        }
    }
}

impl Known {
    fn next_pair(&mut self) -> Pair {
        self.pairs += 1;
        let number = self.pairs;
        let pair = Pair {
            access: format!("fake-access-{number}"),
            refresh: format!("fake-refresh-{number}"),
        };
        self.current = Some(pair.clone());
        pair
    }

    fn refresh(&mut self, token: &str) -> HttpResponse {
        if self.current.as_ref().is_none_or(|pair| pair.refresh != token) {
            let description = "Value passed for the token was invalid.";
            let refusal = json!({"error": "invalid_request", "error_description": description});
            return answer(400, &refusal);
        }
        self.rotations += 1;
        issued(&self.next_pair())
    }

    fn revoke(&mut self, token: &str) -> HttpResponse {
        self.current.take_if(|pair| pair.refresh == token || pair.access == token);
        answer(200, &json!({"revoked": true}))
    }

    fn whoami(&self, request: &HttpRequest) -> HttpResponse {
        let shown = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let lives = |pair: &Pair| shown == Some(format!("Bearer {}", pair.access).as_str());
        match self.current.as_ref().is_some_and(lives) {
            true => answer(200, &json!({"data": {"id": USER, "name": "N", "username": "n"}})),
            false => answer(401, &json!({"title": "Unauthorized", "status": 401})),
        }
    }
}

fn issued(pair: &Pair) -> HttpResponse {
    answer(
        200,
        &json!({
            "token_type": "bearer", "expires_in": 7200,
            "access_token": pair.access, "refresh_token": pair.refresh,
        }),
    )
}

fn answer(status: u16, body: &serde_json::Value) -> HttpResponse {
    let body = Zeroizing::new(body.to_string().into_bytes());
    HttpResponse { status, headers: HeaderMap::new(), body, is_whole: true }
}

impl HttpClient for X {
    /// A request that is given up goes on all the same.
    fn send(&self, request: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        let x = self.clone();
        Box::pin(async move {
            let answering = turns::spawn(async move {
                pause().await;
                x.answer(&request)
            });
            let response = answering.await.expect("X answers");
            pause().await;
            self.is_delivered(&response);
            Ok(response)
        })
    }
}
