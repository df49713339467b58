//! The refresh: which token it spends, and whom it joins.

use std::future::ready;
use std::sync::Arc;

use futures_util::FutureExt as _;
use pyo3::prelude::*;
use xpkce::{OAuth2PkceAuth, RefreshToken, Token};

use super::calls::{Call, Spent};
use super::landed::{current, land, put, settle_unseen};
use super::{Auth, expiry, oauth2_session, words};
use crate::landing::Landing;
use crate::token::{self, Left};

/// Spends the token that the object holds, unless that is under way. Never the same one again of
/// which a new one came: X takes that for theft.
pub(super) fn refresh<'py>(auth: &Bound<'py, Auth>) -> PyResult<Bound<'py, PyAny>> {
    let (py, desk) = (auth.py(), &auth.get().desk);
    // Properties of a subclass may take their time. The token is read after them, and last.
    let core = desk.core(auth)?;
    oauth2_session::take_over(auth)?;
    let (held, spent) = loop {
        if let Some(saved) = settle_unseen(auth)? {
            return Ok(saved.into_any());
        }
        let held = current(auth)?;
        if !held.is_truthy()? {
            return Err(words::no_token());
        }
        let spent = token::read(&held)?.ok_or_else(words::no_refresh_token)?;
        if desk.unseen().is_none() {
            break (held, spent);
        }
    };
    let Some(brought) = desk.brought_for(py, &spent)? else {
        return land(auth, &join_or_begin(auth, core, held, spent)?);
    };
    put(auth, &brought)?;
    if !expiry::is_expired(&brought)? {
        return Ok(brought.into_any());
    }
    let spent = token::read(&brought)?.ok_or_else(words::no_refresh_token)?;
    land(auth, &join_or_begin(auth, core, brought.into_any(), spent)?)
}

/// From the look at what is under way to the first step of a new refresh no Python code runs, and no
/// other thread.
fn join_or_begin(
    auth: &Bound<'_, Auth>,
    core: Arc<OAuth2PkceAuth>,
    held: Bound<'_, PyAny>,
    spent: Token,
) -> PyResult<Arc<Call>> {
    let desk = &auth.get().desk;
    let refresh_token = spent.refresh_token.as_ref().map_or("", RefreshToken::expose).to_owned();
    if let Some(under_way) = desk.refreshing(auth.py(), &refresh_token)? {
        return Ok(under_way);
    }
    let left = Left::of(&spent);
    core.set_token(Some(spent));
    let mut work = async move {
        // What the object of the library holds then may be of another call.
        let (token, alone) = core.refresh_token_or_alone().await;
        Arc::new((token, alone.map(|alone| Arc::new(left.with(alone)))))
    }
    .boxed();
    // The first step takes the token that was set.
    let landing = match (&mut work).now_or_never() {
        Some(landed) => Landing::of(ready(landed).boxed()),
        None => Landing::of(work),
    };
    let spent = Spent { refresh_token, of: held.unbind() };
    Ok(desk.begin(Call::refresh(landing, spent)))
}
