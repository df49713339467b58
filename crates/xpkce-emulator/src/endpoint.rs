//! The paths: X's own, and the emulator's.

mod app_only;
mod authorize;
pub(crate) mod control;
mod posts;
mod token;
mod whoami;

use crate::call::Call;
use crate::fault::Endpoint;
use crate::page;
use crate::params::Params;
use crate::reply::Reply;
use crate::shared::Shared;

/// Returns which endpoint a request is for, as faults see it.
pub(crate) fn which(call: &Call) -> Option<Endpoint> {
    match call.route() {
        ("GET" | "POST", "/i/oauth2/authorize") => Some(Endpoint::Authorize),
        ("POST", "/2/oauth2/token") => Some(grant_of(call)),
        ("POST", "/2/oauth2/revoke") => Some(Endpoint::Revoke),
        ("GET", "/2/users/me") => Some(Endpoint::Whoami),
        ("POST", "/oauth2/token" | "/oauth2/invalidate_token") => Some(Endpoint::AppOnly),
        (_, path) if path.starts_with("/2/tweets") => Some(Endpoint::Resource),
        _ => None,
    }
}

fn grant_of(call: &Call) -> Endpoint {
    let params = Params::of_body(call).unwrap_or_default();
    match params.value("grant_type") {
        Some("authorization_code") => Endpoint::Exchange,
        Some("refresh_token") => Endpoint::Refresh,
        _ => Endpoint::Token,
    }
}

/// Carries a request out.
pub(crate) fn answer(shared: &Shared, call: &Call) -> Reply {
    match call.route() {
        ("GET", "/i/oauth2/authorize") => authorize::ask(shared, call),
        ("POST", "/i/oauth2/authorize") => authorize::answered(shared, call),
        ("POST", "/2/oauth2/token") => token::token(shared, call),
        ("POST", "/2/oauth2/revoke") => token::revoke(shared, call),
        ("GET", "/2/users/me") => whoami::answer(shared, call),
        ("POST", "/oauth2/token") => app_only::token(shared, call),
        ("POST", "/oauth2/invalidate_token") => app_only::invalidate(shared, call),
        ("POST", "/2/tweets") => posts::create(shared, call),
        ("GET" | "HEAD", "/") => page::front(shared),
        ("GET", path) if path.starts_with("/2/tweets/") => posts::read(shared, call),
        (_, "/2/oauth2/token" | "/2/oauth2/revoke" | "/2/users/me" | "/2/tweets") => {
            Reply::empty(405)
        }
        // Unrouted paths of /2/ answer 404 without a body, and so do all others.
        _ => Reply::empty(404),
    }
}
