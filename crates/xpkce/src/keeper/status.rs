//! What state every login is in, and what to do about it, in one place.

use std::sync::Arc;

use super::Keeper;
use crate::grant::{Account, Death, Event, Grant, State};
use crate::scope::Scopes;
use crate::store::{Store, Stored};
use crate::{Result, Timestamp};

/// What a login asks of its owner.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Nothing yet: the keeper asks X again by itself.
    Wait,
    /// Approve again.
    SignIn,
    /// Sign out again: X has not confirmed it.
    SignOutAgain,
}

/// One login, without its secrets.
#[derive(Clone, Debug)]
pub struct LoginStatus {
    /// Names it.
    pub account: Account,
    /// The handle, if it is known.
    pub username: Option<String>,
    /// The scopes that were granted, if X named them.
    pub scopes: Option<Scopes>,
    /// When the access token ends, if there is one.
    pub expires_at: Option<Timestamp>,
    /// Whether there is a refresh token.
    pub has_refresh_token: bool,
    /// Its generation.
    pub generation: u64,
    /// Its state.
    pub state: State,
    /// Why it is dead, if it is.
    pub death: Option<Death>,
    /// Since when a send's outcome is not known.
    pub doubt_since: Option<Timestamp>,
    /// Until when it is left alone.
    pub not_before: Option<Timestamp>,
    /// What to do.
    pub action: Action,
    /// What happened lately, the newest last.
    pub history: Vec<Event>,
}

impl LoginStatus {
    /// Describes a record at `now`.
    pub fn of(stored: &Stored, now: Timestamp) -> Self {
        let grant = &stored.grant;
        Self {
            account: grant.account.clone(),
            username: grant.username.clone(),
            scopes: grant.scopes.clone(),
            expires_at: grant.access.as_ref().map(|access| access.expires_at),
            has_refresh_token: grant.refresh.is_some(),
            generation: grant.generation.0,
            state: grant.state,
            death: grant.death,
            doubt_since: grant.doubt_since,
            not_before: grant.not_before.filter(|until| *until > stored.now),
            action: action(grant, now),
            history: grant.history.clone(),
        }
    }
}

impl Keeper {
    /// Describes every login in the store, of every app, in the order of their accounts.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store).
    pub async fn logins(&self) -> Result<Vec<LoginStatus>> {
        let desk = Arc::clone(self.desk());
        self.run(async move { logins(desk.store.as_ref(), desk.now()).await }).await
    }
}

/// Describes every login in a store.
async fn logins(store: &dyn Store, now: Timestamp) -> Result<Vec<LoginStatus>> {
    const PAGE: usize = 500;
    let mut found: Vec<LoginStatus> = Vec::new();
    loop {
        let after = found.last().map(|login| login.account.clone());
        let page = store.list(after.as_ref(), PAGE).await?;
        found.extend(page.iter().map(|stored| LoginStatus::of(stored, now)));
        if page.len() < PAGE {
            return Ok(found);
        }
    }
}

fn action(grant: &Grant, now: Timestamp) -> Action {
    match grant.state {
        State::Ready | State::Spending if grant.refresh.is_some() || grant.serves(now) => {
            Action::Nothing
        }
        State::InDoubt | State::Rejected => Action::Wait,
        State::SigningOut => Action::SignOutAgain,
        State::SignedOut => Action::Nothing,
        _ => Action::SignIn,
    }
}
