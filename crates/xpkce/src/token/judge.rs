//! Judges what an answer means, by the answer and the time alone. Every answer has a verdict.

use http::header::DATE;
use serde_json::Value;

use super::{RefreshAnswer, Refusal, Rotated, Unreadable, answer, date};
use crate::http::HttpResponse;
use crate::{Error, Reason, Result, Timestamp};

/// Judges the answer to a refresh that was received at `now`. Every answer has a verdict. RFC 6749
/// sections 5.1, 5.2 and 6, and X's own words for a token that is dead.
pub fn judge_refresh(response: &HttpResponse, now: Timestamp) -> RefreshAnswer {
    if is_success(response) {
        return match rotated(response, now) {
            Some(rotated) => RefreshAnswer::Rotated(rotated),
            None => RefreshAnswer::Unreadable(Unreadable {
                status: response.status,
                body: response.body.clone(),
            }),
        };
    }
    let refusal = Refusal::of(response);
    let error = |reason| refusal.error(reason, response, now);
    match refusal {
        Refusal::Token | Refusal::Grant => RefreshAnswer::Rejected(error(Reason::TokenRejected)),
        Refusal::ClientId => RefreshAnswer::Misconfigured(error(Reason::WrongClientId)),
        Refusal::Client => RefreshAnswer::Misconfigured(error(Reason::WrongSecretOrAppType)),
        Refusal::Limit => RefreshAnswer::Limited(error(Reason::RateLimited)),
        Refusal::Server => {
            RefreshAnswer::Unknown { error: error(Reason::OutcomeUnknown), resend: true }
        }
        _ => RefreshAnswer::Unknown { error: error(Reason::OutcomeUnknown), resend: false },
    }
}

/// Judges again a body that an earlier version could not read. `received_at` is when it came: the
/// access token in it has lived since then.
pub fn rejudge(status: u16, body: &[u8], received_at: Timestamp) -> Option<Rotated> {
    if !(200..300).contains(&status) {
        return None;
    }
    answer::rotated(body, received_at)
}

/// Judges the answer to the exchange of a code. An access token, a refresh token or both is
/// success: X has spent the code. RFC 6749 sections 5.1 and 5.2, and X's own words.
///
/// # Errors
///
/// [`SignIn`](crate::ErrorKind::SignIn) when X refuses the code or the verifier;
/// [`Configure`](crate::ErrorKind::Configure) when it refuses the client or the redirect URI;
/// [`Retry`](crate::ErrorKind::Retry) when it asks to wait;
/// [`InDoubt`](crate::ErrorKind::InDoubt) when it failed;
/// [`Protocol`](crate::ErrorKind::Protocol) when its answer cannot be read.
pub fn judge_exchange(response: &HttpResponse, now: Timestamp) -> Result<Rotated> {
    if is_success(response) {
        return rotated(response, now).ok_or_else(|| unexpected(response));
    }
    let refusal = Refusal::of(response);
    let reason = match refusal {
        Refusal::Code | Refusal::Grant | Refusal::Token => Reason::CodeRejected,
        Refusal::Verifier => Reason::VerifierMismatch,
        Refusal::Redirect => Reason::RedirectMismatch,
        Refusal::Server => Reason::OutcomeUnknown,
        _ => refusal.client_reason().unwrap_or(Reason::UnexpectedAnswer),
    };
    let error = refusal.error(reason, response, now);
    Err(match (refusal, error.hint()) {
        (Refusal::Server, _) => error.with_hint(CODE_IN_DOUBT),
        // X did not get as far as the code.
        (Refusal::Limit | Refusal::ClientId | Refusal::Client, Some(hint)) => {
            let hint = format!("{hint}; {CODE_LIVES}");
            error.with_hint(hint)
        }
        _ => error,
    })
}

const CODE_LIVES: &str = "a code lives for 30 seconds: past that, begin the sign-in again";

/// What to do about a code when no definite answer came.
pub(crate) const CODE_IN_DOUBT: &str =
    "X may have taken the code, and no pair came: begin the sign-in again";

/// Judges the answer to a revocation. A token that X does not know is revoked already; an empty
/// success is success (RFC 7009 section 2.2).
///
/// # Errors
///
/// [`Configure`](crate::ErrorKind::Configure) when X refuses the client;
/// [`Retry`](crate::ErrorKind::Retry) when it asks to wait or fails: revoking twice does no harm;
/// [`Protocol`](crate::ErrorKind::Protocol) when it says anything else.
pub fn judge_revoke(response: &HttpResponse, now: Timestamp) -> Result<()> {
    if is_success(response) {
        return if is_revoked(&response.body) { Ok(()) } else { Err(unexpected(response)) };
    }
    let refusal = Refusal::of(response);
    let reason = match refusal {
        Refusal::Token | Refusal::Grant => return Ok(()),
        Refusal::Server => Reason::Outage,
        _ => refusal.client_reason().unwrap_or(Reason::UnexpectedAnswer),
    };
    Err(refusal.error(reason, response, now))
}

fn is_success(response: &HttpResponse) -> bool {
    (200..300).contains(&response.status)
}

fn rotated(response: &HttpResponse, now: Timestamp) -> Option<Rotated> {
    let mut rotated = answer::rotated(&response.body, now)?;
    let date = response.headers.get(DATE).and_then(|date| date.to_str().ok());
    rotated.server_date = date.and_then(date::parse);
    Some(rotated)
}

fn is_revoked(body: &[u8]) -> bool {
    if body.trim_ascii().is_empty() {
        return true;
    }
    answer::object(body).is_some_and(|fields| {
        !fields.contains_key("error") && fields.get("revoked") != Some(&Value::Bool(false))
    })
}

fn unexpected(response: &HttpResponse) -> Error {
    Error::new(Reason::UnexpectedAnswer, "X answered success, and not with what was asked for")
        .with_hint("begin again; if it lasts, report it with the transaction id")
        .with_status(response.status)
        .with_transaction_id(super::transaction_id(response))
}
