//! Who signed in.

use serde_json::Value;

use crate::http::HttpResponse;
use crate::token::Refusal;
use crate::{Error, Reason, Result, Timestamp};

/// The user behind a token, as `GET /2/users/me` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// X's user id: digits; the key to store by, for it does not change.
    pub id: String,
    /// The display name.
    pub name: Option<String>,
    /// The handle, without `@`; changes.
    pub username: Option<String>,
}

/// Judges the answer of `GET /2/users/me`, received at `now`.
///
/// # Errors
///
/// [`SignIn`](crate::ErrorKind::SignIn) when X refuses the access token;
/// [`Retry`](crate::ErrorKind::Retry) when it asks to wait or fails;
/// [`Protocol`](crate::ErrorKind::Protocol) when it refuses the request or names nobody.
pub fn judge_user(response: &HttpResponse, now: Timestamp) -> Result<User> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if (200..300).contains(&response.status) {
        return user(&body["data"]).ok_or_else(|| refused(response, "X did not say who it is"));
    }
    let refusal = Refusal::of(response);
    match (response.status, refusal) {
        (401, _) => Err(with_answer(
            Error::new(Reason::TokenRejected, "X refused the access token")
                .with_hint("refresh it once; X also answers so while it fails"),
            response,
        )),
        (_, Refusal::Limit) => Err(refusal.error(Reason::RateLimited, response, now)),
        (_, Refusal::Server) => Err(refusal.error(Reason::Outage, response, now)),
        (402, _) => Err(refused(response, "X's account of the app is out of credits")),
        (403, _) => Err(forbidden(response, &body)),
        _ => Err(refused(response, "X refused to say who it is")),
    }
}

fn user(fields: &Value) -> Option<User> {
    let id = match &fields["id"] {
        Value::String(id) => printable(id),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    };
    let text = |name: &str| fields[name].as_str().and_then(printable);
    Some(User { id: id?, name: text("name"), username: text("username") })
}

/// Drops control characters, so that a name cannot steer a terminal.
fn printable(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_control()).take(256).collect();
    (!text.trim().is_empty()).then_some(text)
}

fn forbidden(response: &HttpResponse, body: &Value) -> Error {
    if body["reason"] == "client-not-enrolled" {
        return refused(response, "X has not enrolled the app")
            .with_hint("move the app to a package and the Production environment in X's console");
    }
    refused(response, "X refused to say who it is")
        .with_hint("sign in with the scopes tweet.read and users.read")
}

fn refused(response: &HttpResponse, message: &'static str) -> Error {
    with_answer(Error::new(Reason::Refused, message), response)
}

fn with_answer(error: Error, response: &HttpResponse) -> Error {
    let id = crate::token::transaction_id(response);
    error.with_status(response.status).with_transaction_id(id)
}
