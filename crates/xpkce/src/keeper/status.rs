//! The state of every login, and what to do about it.

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
#[non_exhaustive]
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
            history: grant.history.to_vec(),
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

#[cfg(all(test, feature = "testing"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;
    use crate::ManualClock;
    use crate::store::{LeaseEnd, MemoryStore, Revision, contract};

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn login(state: State) -> Grant {
        Grant { state, ..contract::grant(Account::new("app", "user")) }
    }

    #[test]
    fn a_login_asks_its_owner_for_what_the_keeper_cannot_do_by_itself() {
        for (state, asks) in [
            (State::Ready, Action::Nothing),
            (State::Spending, Action::Nothing),
            (State::InDoubt, Action::Wait),
            (State::Rejected, Action::Wait),
            (State::SignInNeeded, Action::SignIn),
            (State::SigningOut, Action::SignOutAgain),
            (State::SignedOut, Action::Nothing),
        ] {
            assert_eq!(action(&login(state), NOW), asks, "{state:?}");
        }
    }

    #[test]
    fn a_login_without_a_refresh_token_is_well_until_its_access_token_ends() {
        let mut grant = Grant { refresh: None, ..login(State::Ready) };
        let access = grant.access.as_mut().unwrap();
        (access.is_rejected, access.expires_at) = (false, NOW + Duration::from_millis(1));
        assert_eq!(action(&grant, NOW), Action::Nothing);
        assert_eq!(action(&grant, NOW + Duration::from_millis(1)), Action::SignIn);
    }

    #[test]
    fn a_pause_that_is_over_is_not_told() {
        let told = |until| {
            let grant = Grant { not_before: Some(until), ..login(State::InDoubt) };
            let lease_left = Duration::ZERO;
            let stored =
                Stored { grant: Arc::new(grant), revision: Revision(1), lease_left, now: NOW };
            LoginStatus::of(&stored, NOW).not_before
        };
        let soon = NOW + Duration::from_millis(1);
        assert_eq!((told(soon), told(NOW)), (Some(soon), None));
    }

    #[tokio::test]
    async fn more_logins_than_are_read_at_once_are_described_each_once() {
        let store = MemoryStore::new(Arc::new(ManualClock::new(NOW)));
        for nth in 0..501 {
            let grant = contract::grant(Account::new("app", format!("{nth:03}")));
            store.swap(&grant, None, LeaseEnd::Keep).await.unwrap();
        }
        let users = logins(&store, NOW).await.unwrap().into_iter().map(|it| it.account.user);
        assert_eq!(
            users.collect::<Vec<_>>(),
            (0..501).map(|it| format!("{it:03}")).collect::<Vec<_>>()
        );
    }
}
