//! What has landed, and how it comes into the object.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::calls::{Before, Call};
use super::{Auth, expiry, oauth2_session, own, words};
use crate::names::name;
use crate::token;

/// Longer than every deadline of a call together: two tokens sent twice, forty seconds each.
const LONGEST: Duration = Duration::from_secs(180);

/// Waits for a call, puts what it brought into the object, and returns the dict it made.
pub(super) fn land<'py>(auth: &Bound<'py, Auth>, call: &Arc<Call>) -> PyResult<Bound<'py, PyAny>> {
    let py = auth.py();
    let _waiting = call.wait_for();
    let landed = call.landing.wait_at_most(py, LONGEST)?;
    adopt(auth, call)?;
    match (&landed.0, call.dict(py)?) {
        (Ok(_), Some(made)) => Ok(made.into_any()),
        (Ok(_), None) => token(auth),
        (Err(why), _) if call.is_refresh() => Err(words::refresh(why)),
        (Err(why), _) => Err(words::exchange(why)),
    }
}

/// Puts what a landed call brought into the object, unless somebody has or does, or its owner has
/// set another token meanwhile. If a subclass cannot take it, the next look tries again: the pair is
/// not lost. Returns whether it was put.
///
/// Nobody waits for somebody else who does: that one may wait for a lock that we hold.
fn adopt(auth: &Bound<'_, Auth>, call: &Arc<Call>) -> PyResult<bool> {
    let desk = &auth.get().desk;
    if !call.has_landed() {
        return Ok(false);
    }
    let made = call.dict(auth.py())?;
    if !desk.claim(call, made.as_ref()) {
        return Ok(false);
    }
    let put = made.map_or(Ok(false), |made| put_if_for_us(auth, call, &made));
    match put {
        Ok(was_put) => desk.done(auth.py(), call, was_put),
        Err(_) => call.give_back(),
    }
    put
}

fn put_if_for_us(auth: &Bound<'_, Auth>, call: &Call, made: &Bound<'_, PyDict>) -> PyResult<bool> {
    let is_for_us = is_for_us(auth, call, made)?;
    if is_for_us {
        put(auth, made)?;
    }
    Ok(is_for_us)
}

/// The answer to a refresh belongs into the object while it holds the token that was spent. It may
/// hold what came for it already, if a subclass took that and failed to save it.
fn is_for_us(auth: &Bound<'_, Auth>, call: &Call, made: &Bound<'_, PyDict>) -> PyResult<bool> {
    let Some(spent) = &call.spent else { return is_sign_in_for_us(auth, call, made) };
    let now = current(auth)?;
    if !now.is_truthy()? {
        return Ok(false);
    }
    let Some(now) = token::refresh_token(&now)? else { return Ok(false) };
    Ok(now == spent.refresh_token || Some(now) == token::refresh_token(made)?)
}

pub(super) fn put(auth: &Bound<'_, Auth>, made: &Bound<'_, PyDict>) -> PyResult<()> {
    let (py, desk) = (auth.py(), &auth.get().desk);
    let session = match own::is_plain(auth) {
        true => desk.renew(made),
        false => {
            let changes = desk.changes();
            auth.setattr(name!(py, token), made)?;
            desk.was_renewed(made, changes)
        }
    };
    session.map_or(Ok(()), |(session, at)| oauth2_session::hand_over(auth, &session, made, at))
}

/// What a sign-in brings replaces any token, but not one that its owner has set, nor that of a later
/// sign-in, after its caller was interrupted.
fn is_sign_in_for_us(
    auth: &Bound<'_, Auth>,
    call: &Call,
    made: &Bound<'_, PyDict>,
) -> PyResult<bool> {
    let Some(before) = call.before.as_ref().filter(|_| !call.is_waited_for()) else {
        return Ok(true);
    };
    let now = held(auth)?;
    let is_here = now.is_some() && now == access_token(made)?;
    // A subclass that could not save it may hold it already.
    let is_unchanged = now == before.access_token || call.was_given_back() && is_here;
    Ok(is_unchanged && !auth.get().desk.has_later(before))
}

/// Notes what the object holds when a sign-in begins to end.
pub(super) fn before(auth: &Bound<'_, Auth>) -> PyResult<Before> {
    let access_token = held(auth)?;
    Ok(Before { access_token, ..auth.get().desk.before() })
}

/// The access token of a subclass that keeps it elsewhere, where nobody sees it set.
fn held(auth: &Bound<'_, Auth>) -> PyResult<Option<String>> {
    if !own::overrides(auth, name!(auth.py(), token))? {
        return Ok(None);
    }
    // One that raises before there is a token is none.
    Ok(current(auth).and_then(|token| access_token(&token)).unwrap_or(None))
}

fn access_token(token: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    Ok(token::access_token(token)?.extract().ok())
}

/// Returns the token, after what has landed meanwhile was put into the object.
pub(super) fn token<'py>(auth: &Bound<'py, Auth>) -> PyResult<Bound<'py, PyAny>> {
    if let Some(token) = auth.get().desk.plain_token(auth.py()) {
        return Ok(token);
    }
    settle(auth)?;
    current(auth)
}

pub(super) fn settle(auth: &Bound<'_, Auth>) -> PyResult<()> {
    match auth.get().desk.landed() {
        Some(call) => adopt(auth, &call).map(drop),
        None => Ok(()),
    }
}

/// Puts what has landed unseen into the object. Returns the pair of a refresh that a subclass could
/// not save before and has now, while it serves.
pub(super) fn settle_unseen<'py>(auth: &Bound<'py, Auth>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let mut saved = None;
    while let Some(call) = auth.get().desk.unseen() {
        let was_put = adopt(auth, &call)?;
        let is_pair = call.is_refresh() && !call.has_failed();
        if was_put && is_pair && call.was_given_back() {
            saved = call.dict(auth.py())?;
        }
    }
    match saved {
        Some(saved) if !expiry::is_expired(&saved)? => Ok(Some(saved)),
        _ => Ok(None),
    }
}

pub(super) fn current<'py>(auth: &Bound<'py, Auth>) -> PyResult<Bound<'py, PyAny>> {
    let py = auth.py();
    if own::is_plain(auth) {
        return Ok(auth.get().desk.token(py));
    }
    auth.getattr(name!(py, token))
}
