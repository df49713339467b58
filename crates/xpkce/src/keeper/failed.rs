//! How a spend that failed is told.

use crate::grant::{Death, Grant};
use crate::store::Stored;
use crate::{Error, Reason};

const SIGN_IN: &str = "sign in again";
pub(super) const WITH_OFFLINE_ACCESS: &str = "sign in again with the scope offline.access";

pub(super) fn no_answer() -> Error {
    Error::new(Reason::OutcomeUnknown, "X did not answer the refresh in time")
}

pub(super) fn in_doubt(error: Error) -> Error {
    let message = match error.status() {
        Some(_) => format!("the refresh token may be spent: {error}"),
        None => format!("the refresh token may be spent, because its answer never came: {error}"),
    };
    Error::new(Reason::OutcomeUnknown, message)
        .with_transaction_id(error.transaction_id().map(str::to_owned))
        .with_source(error)
}

pub(super) fn heard_once(error: Error, stored: &Stored) -> Error {
    let until = stored.grant.not_before;
    let wait = until.map_or(Grant::SECOND_WORD, |until| until.since(stored.now));
    Error::new(
        Reason::Busy,
        "X says that the refresh token is invalid; it is asked once more before the login is called dead",
    )
    .with_retry_after(wait)
    .with_source(error)
}

/// Says why a grant needs a new sign-in, with the history that explains it.
pub(super) fn dead(grant: &Grant, death: Death) -> Error {
    let why = match death {
        Death::TokenInvalid => {
            "X says that the refresh token is invalid: it was spent elsewhere, revoked, expired, \
             or replaced by a sign-in on another machine"
        }
        Death::AnswerLost => {
            "X has most likely rotated it, with an answer that never came or said nothing; what it \
             issued then can be ended at https://x.com/settings/connected_apps"
        }
        Death::NoRefreshToken => {
            "the access token has ended and there is no refresh token, because offline.access was \
             not granted"
        }
    };
    let (reason, hint) = match death {
        Death::NoRefreshToken => (Reason::NoRefreshToken, WITH_OFFLINE_ACCESS),
        Death::TokenInvalid | Death::AnswerLost => (Reason::TokenRejected, SIGN_IN),
    };
    let name = grant.username.as_deref().unwrap_or(&grant.account.user);
    let message = format!("the login of {name} has ended: {why}");
    Error::new(reason, message).with_hint(hint)
}

pub(super) fn signed_out() -> Error {
    Error::new(Reason::SignedOut, "this login is signed out").with_hint(SIGN_IN)
}
