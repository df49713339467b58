//! What is under way, and what came of it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use xpkce::Token;

use super::Desk;
use crate::auth::calls::{Before, Brought, Call};
use crate::token;

impl Desk {
    /// Keeps a call until what it brings is in the object.
    pub(in crate::auth) fn begin(&self, call: Call) -> Arc<Call> {
        let call = Arc::new(call);
        self.state_here().calls.push(call.clone());
        call
    }

    /// Returns the refresh of this very token that is under way: that of another would bring another
    /// user's.
    pub(in crate::auth) fn refreshing(
        &self,
        py: Python<'_>,
        refresh_token: &str,
    ) -> PyResult<Option<Arc<Call>>> {
        let calls = self.state_here().calls.clone();
        for call in calls {
            if !call.is_unseen() && call.refreshes(py, refresh_token)? {
                return Ok(Some(call));
            }
        }
        Ok(None)
    }

    /// Returns a call that has landed and that nobody has put into the object yet, or does.
    pub(in crate::auth) fn landed(&self) -> Option<Arc<Call>> {
        self.find(|call| call.has_landed() && !call.is_being_put.load(Relaxed))
    }

    /// As [`landed`](Self::landed), where no caller of it is left.
    pub(in crate::auth) fn unseen(&self) -> Option<Arc<Call>> {
        self.find(Call::is_unseen)
    }

    fn find(&self, is_meant: impl Fn(&Call) -> bool) -> Option<Arc<Call>> {
        if self.state().calls.is_empty() {
            return None;
        }
        self.state_here().calls.iter().find(|call| is_meant(call)).cloned()
    }

    /// Leaves it to the caller to put a landed call into the object; false when another has or does.
    pub(in crate::auth) fn claim(
        &self,
        call: &Arc<Call>,
        made: Option<&Bound<'_, PyDict>>,
    ) -> bool {
        let state = self.state_here();
        let is_here = state.calls.iter().any(|waiting| Arc::ptr_eq(waiting, call));
        if !is_here || call.is_being_put.swap(true, Relaxed) {
            return false;
        }
        if let Some(made) = made {
            let _ = call.made.set(made.clone().unbind());
        }
        true
    }

    /// What a call brought is where it belongs: in the object, if it was put there.
    pub(in crate::auth) fn done(&self, py: Python<'_>, call: &Arc<Call>, was_put: bool) {
        let mut state = self.state_here();
        state.calls.retain(|waiting| !Arc::ptr_eq(waiting, call));
        let old = call.brought(py).map(|brought| remember(&mut state.brought, brought));
        if let Some(before) = call.before.as_ref().filter(|_| was_put) {
            state.signed_in = state.signed_in.max(before.sign_ins);
        }
        drop(state);
        drop(old);
    }

    /// Notes what is seen here when a sign-in begins to end.
    pub(in crate::auth) fn before(&self) -> Before {
        let mut state = self.state();
        state.sign_ins += 1;
        let (sign_ins, sets) = (state.sign_ins, state.sets);
        Before { sign_ins, sets, access_token: None }
    }

    /// Returns whether the owner has set a token since, or a later sign-in has ended.
    pub(in crate::auth) fn has_later(&self, before: &Before) -> bool {
        let state = self.state();
        state.sets != before.sets || state.signed_in > before.sign_ins
    }

    /// Returns what came for a token that was spent, or in the end for what came for it.
    pub(in crate::auth) fn brought_for<'py>(
        &self,
        py: Python<'py>,
        spent: &Token,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(spent) = &spent.refresh_token else { return Ok(None) };
        let (made, next) = match last_for(&self.state().brought, spent.expose()) {
            Some(last) => (last.made.bind(py).clone(), last.next.clone()),
            None => return Ok(None),
        };
        // Whoever has the dict may have put another user's token into it.
        let is_unchanged = next.is_some() && next == token::refresh_token(&made)?;
        Ok(is_unchanged.then_some(made))
    }
}

/// How many refreshes an object remembers.
const REMEMBERED: usize = 16;

/// Keeps what a refresh brought; returns what gives way. A token that came is not a spent one: it may
/// have come again.
fn remember(all: &mut Vec<Brought>, new: Brought) -> Vec<Brought> {
    let is_spent_anew = new.next.as_ref() == Some(&new.spent);
    let gives_way = |old: &Brought| old.spent == new.spent || Some(&old.spent) == new.next.as_ref();
    let (mut old, mut kept): (Vec<_>, Vec<_>) = all.drain(..).partition(gives_way);
    if is_spent_anew {
        old.push(new);
    } else {
        kept.push(new);
    }
    let too_many = kept.len().saturating_sub(REMEMBERED);
    old.extend(kept.drain(..too_many));
    *all = kept;
    old
}

/// Follows what was spent to what came last. No token is spent twice in `all`, so it ends.
fn last_for<'a>(all: &'a [Brought], spent: &str) -> Option<&'a Brought> {
    let came_for = |spent: &str| all.iter().find(|brought| brought.spent == spent);
    let mut last = came_for(spent)?;
    while let Some(next) = last.next.as_deref().and_then(came_for) {
        last = next;
    }
    Some(last)
}
