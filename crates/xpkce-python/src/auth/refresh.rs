//! The refresh: which token it spends, and whom it joins.

use std::future::ready;
use std::sync::Arc;

use futures_util::FutureExt as _;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xpkce::{OAuth2PkceAuth, RefreshToken, Token};

use super::calls::{Call, Spent};
use super::landed::{current, land, put, settle_unseen};
use super::{Auth, expiry, oauth2_session, words};
use crate::landing::Landing;
use crate::token::{self, Left};

/// Spends the token that the object holds, unless that is under way. Of the last ones that it spent,
/// none again for which a new one came: X takes that for theft.
pub(super) fn refresh<'py>(auth: &Bound<'py, Auth>) -> PyResult<Bound<'py, PyAny>> {
    let (py, desk) = (auth.py(), &auth.get().desk);
    // Properties of a subclass may take their time. The token is read after them, and last.
    let core = desk.core(auth)?;
    oauth2_session::take_over(auth)?;
    let mut handed: Option<Handed<'_>> = None;
    loop {
        if let Some(saved) = settle_unseen(auth)? {
            return Ok(saved.into_any());
        }
        let held = current(auth)?;
        if !held.is_truthy()? {
            return Err(words::no_token());
        }
        let spent = token::read(&held)?.ok_or_else(words::no_refresh_token)?;
        if desk.unseen().is_some() {
            continue;
        }
        let Some(brought) = desk.brought_for(py, &spent)? else {
            return match handed {
                Some(handed) if handed.serves_for(&spent)? => Ok(handed.brought.into_any()),
                _ => land(auth, &join_or_begin(auth, core, held, spent)?),
            };
        };
        // A subclass that keeps nothing holds the same one still.
        if let Some(handed) = handed.filter(|handed| handed.brought.is(&brought)) {
            if handed.serves {
                return Ok(brought.into_any());
            }
            let spent = token::read(&brought)?.ok_or_else(words::no_refresh_token)?;
            return land(auth, &join_or_begin(auth, core, brought.into_any(), spent)?);
        }
        put(auth, &brought)?;
        // That may have taken its time, and another caller may be further by now.
        handed = Some(Handed { serves: !expiry::is_expired(&brought)?, brought });
    }
}

/// What came for a token that was spent, and is in the object since.
struct Handed<'py> {
    brought: Bound<'py, PyDict>,
    serves: bool,
}

impl Handed<'_> {
    /// Returns whether it is the answer, when the object holds `token`.
    fn serves_for(&self, token: &Token) -> PyResult<bool> {
        let own = token::refresh_token(&self.brought)?;
        let held = token.refresh_token.as_ref();
        Ok(self.serves && own.is_some_and(|own| held.is_some_and(|held| held.matches(&own))))
    }
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
