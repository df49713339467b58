//! The authorize request: what it must contain, and what a person can answer.

use crate::grant::Challenge;
use crate::params::Params;
use crate::quirks::Quirks;
use crate::scope;
use crate::world::World;

/// The longest `state` X accepts, in characters.
const STATE_LIMIT: usize = 500;

/// An authorize request that has passed every check.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizeRequest {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) state: Option<String>,
    pub(crate) challenge: Challenge,
}

/// What the person at the browser does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Allows the app, signed in as this username.
    Allow(String),
    /// Cancels.
    Cancel,
}

impl AuthorizeRequest {
    /// Checks a query string against the rules of sections 3 and 6.
    ///
    /// # Errors
    ///
    /// Returns the reason, which the page never shows: X collapses all of them into one text.
    pub(crate) fn check(query: &str, world: &World) -> Result<Self, &'static str> {
        let params = Params::of_form(query.as_bytes()).map_err(|_| "a parameter is repeated")?;
        let app = params
            .value("client_id")
            .and_then(|id| world.apps.get(id))
            .ok_or("client_id is missing or unknown")?;
        if app.suspended {
            return Err("the app is suspended");
        }
        let redirect_uri = params.value("redirect_uri").ok_or("redirect_uri is missing")?;
        if !app.redirect_uris.iter().any(|known| known == redirect_uri) {
            return Err("redirect_uri is not registered, character for character");
        }
        if params.value("response_type") != Some("code") {
            return Err("response_type is not code");
        }
        let state = params.present("state");
        if state.is_none() && world.quirks.state_required {
            return Err("state is missing");
        }
        if state.is_some_and(|state| state.chars().count() > STATE_LIMIT) {
            return Err("state is longer than 500 characters");
        }
        Ok(Self {
            client_id: app.client_id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            scopes: scopes(&params)?,
            state: state.map(|state| arrived(state, world.quirks.mangles_json_state)),
            challenge: challenge(&params, &world.quirks)?,
        })
    }
}

fn scopes(params: &Params) -> Result<Vec<String>, &'static str> {
    let scopes = scope::split(params.value("scope").unwrap_or_default());
    if scopes.is_empty() {
        return Err("scope is missing");
    }
    if !scopes.iter().all(|scope| scope::is_known(scope)) {
        return Err("a scope is unknown");
    }
    Ok(scopes)
}

fn challenge(params: &Params, quirks: &Quirks) -> Result<Challenge, &'static str> {
    let value = params.value("code_challenge").ok_or("code_challenge is missing")?.to_owned();
    if value.len() > 128 || (quirks.strict_verifier && value.len() < 43) {
        return Err("code_challenge has the wrong length");
    }
    match params.value("code_challenge_method") {
        Some("S256" | "s256") => Ok(Challenge::S256(value)),
        Some("plain") => Ok(Challenge::Plain(value)),
        None if quirks.challenge_method_required => Err("code_challenge_method is missing"),
        // RFC 7636 section 4.3: plain is what an absent method means.
        None => Ok(Challenge::Plain(value)),
        Some(_) => Err("code_challenge_method is neither S256 nor plain"),
    }
}

/// Returns the state as X gives it back: one that looks like JSON loses its quotes and commas.
fn arrived(state: &str, mangles: bool) -> String {
    if mangles && state.starts_with(['{', '[']) { mangled(state) } else { state.to_owned() }
}

pub(crate) fn mangled(state: &str) -> String {
    state.replace(['"', ','], "")
}
