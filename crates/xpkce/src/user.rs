//! Judges X's answer to who signed in.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::http::HttpResponse;
use crate::token::Refusal;
use crate::{Error, Reason, Result, Timestamp};

/// The user behind a token, as `GET /2/users/me` names it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// X's user id: digits; the key to store by, for it does not change.
    pub id: String,
    /// The display name.
    pub name: Option<String>,
    /// The handle, without `@`; changes.
    pub username: Option<String>,
}

/// The fields of an object, not read yet: what is odd in one does not cost the others.
#[derive(Default)]
struct Fields<'a>(HashMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// What is no object has none.
    fn of(json: &'a str) -> Self {
        Self(serde_json::from_str(json).unwrap_or_default())
    }

    fn object(&self, name: &str) -> Fields<'a> {
        self.0.get(name).map_or_else(Fields::default, |json| Fields::of(json.get()))
    }

    /// Reads one; what cannot be read is null.
    fn value(&self, name: &str) -> Value {
        let json = self.0.get(name).map_or("null", |json| json.get());
        serde_json::from_str(json).unwrap_or_default()
    }
}

/// Judges the answer of `GET /2/users/me`, received at `now`.
///
/// # Errors
///
/// [`SignIn`](crate::ErrorKind::SignIn) when X refuses the access token;
/// [`Retry`](crate::ErrorKind::Retry) when it asks to wait or fails;
/// [`Protocol`](crate::ErrorKind::Protocol) when it refuses the request or names nobody.
pub fn judge_user(response: &HttpResponse, now: Timestamp) -> Result<User> {
    // Whatever its encoding's faults.
    let text = String::from_utf8_lossy(&response.body);
    let answer = Fields::of(text.trim_start_matches('\u{feff}'));
    if (200..300).contains(&response.status) {
        let user = user(&answer.object("data"));
        return user.ok_or_else(|| refused(response, "X did not say who it is"));
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
        (403, _) => Err(forbidden(response, &answer)),
        _ => Err(refused(response, "X refused to say who it is")),
    }
}

fn user(fields: &Fields<'_>) -> Option<User> {
    let id = match fields.value("id") {
        Value::String(id) => printable(&id),
        // One that is no whole number here was rounded, and would be the id of others too.
        Value::Number(id) => id.as_u64().map(|id| id.to_string()),
        _ => None,
    };
    let text = |name| fields.value(name).as_str().and_then(printable);
    Some(User { id: id?, name: text("name"), username: text("username") })
}

/// Drops what is not to be seen, so that a name cannot steer a terminal, or turn the text around it.
fn printable(text: &str) -> Option<String> {
    let is_seen = |c: &char| !c.is_control() && !is_format(*c);
    let text: String = text.chars().filter(is_seen).take(256).collect();
    (!text.trim().is_empty()).then_some(text)
}

/// Returns whether a character only governs how others are laid out (Unicode's categories Cf, Zl
/// and Zp). The joiners are left: words and emoji are written with them.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}'
    )
}

/// X gives the same status to an app that it does not serve, to a token of the wrong kind and to
/// one that lacks a scope, and so does what stands before X.
fn forbidden(response: &HttpResponse, answer: &Fields<'_>) -> Error {
    const UNKNOWN: &str = "X refused to say who it is";
    let [problem, reason, title] = ["type", "reason", "title"].map(|name| answer.value(name));
    let problem = problem.as_str().unwrap_or("about:blank");
    // X has written them with one host and documents another.
    let (_, problem) = problem.rsplit_once('/').unwrap_or(("", problem));
    match (problem, reason.as_str(), title.as_str()) {
        (_, Some("client-not-enrolled"), _) | ("client-forbidden", None, _) => {
            refused(response, "X has not enrolled the app").with_hint(
                "move the app to a package and the Production environment in X's console",
            )
        }
        ("unsupported-authentication", ..) => {
            refused(response, "X wants a user's token here, and this is of another kind")
                .with_hint("sign the user in, and send the access token that comes of it")
        }
        ("about:blank", None, Some("Forbidden")) => refused(response, UNKNOWN)
            .with_hint("sign in with the scopes tweet.read and users.read"),
        _ => refused(response, UNKNOWN),
    }
}

fn refused(response: &HttpResponse, message: &'static str) -> Error {
    with_answer(Error::new(Reason::Refused, message), response)
}

fn with_answer(error: Error, response: &HttpResponse) -> Error {
    let id = crate::token::transaction_id(response);
    error.with_status(response.status).with_transaction_id(id)
}
