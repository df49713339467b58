//! Whose a sign-in is: asked of X once the pair is saved, and the login moved to that name.

use std::sync::Arc;
use std::time::Duration;

use super::sign_in::{SignedIn, describe};
use super::{Desk, Keeper, pair};
use crate::grant::transition::Attempt;
use crate::grant::{Account, Grant, State};
use crate::store::{Stored, Swapped};
use crate::user::User;
use crate::{Error, Reason, Result};

impl Keeper {
    /// Asks X whose an unlabelled login is, and gives it that name.
    ///
    /// # Errors
    /// By the kind of what X or the store said; the login stays as it is.
    pub async fn label(&self, user: &str) -> Result<SignedIn> {
        let account = Account::new(self.client().app().client_id(), user);
        let desk = Arc::clone(self.desk());
        self.run(async move {
            let stored = desk.load(&account).await?;
            desk.label(stored).await
        })
        .await
    }
}

impl Desk {
    /// How long after a 401 to a fresh token X is asked once more.
    const FIRST_USE_PAUSE: Duration = Duration::from_secs(2);

    /// Finds out whose the login is and moves it to that name.
    pub(super) async fn label(self: &Arc<Self>, stored: Stored) -> Result<SignedIn> {
        if !stored.grant.account.is_unlabelled() {
            return Ok(describe(&stored.grant));
        }
        if self.holder_lives(&stored) {
            return Err(Error::new(
                Reason::Busy,
                "the login is being refreshed; it is labelled after",
            ));
        }
        let user = self.who(&stored.grant).await?;
        self.relabel(stored, &user).await
    }

    async fn who(&self, grant: &Grant) -> Result<User> {
        let Some(token) = pair::open_access(&self.sealer, grant)? else {
            return Err(Error::new(Reason::Busy, "there is no access token yet to ask X with"));
        };
        match self.client.me(&token).await {
            // X is known to answer 401 to a token that it has just issued.
            Err(why) if why.status() == Some(401) => {
                tokio::time::sleep(Self::FIRST_USE_PAUSE).await;
                self.client.me(&token).await
            }
            other => other,
        }
    }

    /// Replaces unconditionally: the higher sign-in number is current, the other pair becomes a
    /// candidate. Tried until it lands.
    async fn relabel(&self, stored: Stored, user: &User) -> Result<SignedIn> {
        let target = Account::new(stored.grant.account.app.clone(), user.id.clone());
        let attempt = self.attempt()?;
        for _ in 0..Self::MOST_BEGINS {
            let there = self.store.load(&target).await?;
            let mut grant = match &there {
                None => {
                    let mut grant = pair::reseat(
                        &self.sealer,
                        &stored.grant,
                        target.clone(),
                        stored.grant.generation,
                    )?;
                    grant.label(&attempt);
                    grant
                }
                // The record stays the older one's, and with it the lease of who sends.
                Some(there)
                    if stored.grant.sign_in <= there.grant.sign_in && self.holder_lives(there) =>
                {
                    return Err(Error::new(
                        Reason::Busy,
                        "the user's other login is being refreshed",
                    ));
                }
                Some(there) => self.merge(&stored.grant, &there.grant, &attempt)?,
            };
            grant.username = user.username.clone();
            let from = (&stored.grant.account, stored.revision);
            let expected = there.as_ref().map(|there| there.revision);
            match self.store.relabel(from, &grant, expected).await? {
                Swapped::Done(_) => {
                    let has_replaced = there.is_some_and(|it| it.grant.state != State::SignedOut);
                    self.slot(&target).serve(None, self.clock.as_ref());
                    return Ok(SignedIn { has_replaced, ..describe(&grant) });
                }
                Swapped::Moved(_)
                    if self.store.load(from.0).await?.is_none_or(|it| it.revision != from.1) =>
                {
                    return Err(Error::new(Reason::Busy, "somebody else is labelling this login"));
                }
                Swapped::Moved(_) => {}
            }
        }
        Err(Error::new(Reason::Busy, "the login is being changed by many others at once"))
    }

    fn merge(&self, new: &Grant, there: &Grant, attempt: &Attempt) -> Result<Grant> {
        let account = there.account.clone();
        if new.grant_id == there.grant_id {
            // One sign-in under two names: what was labelled first has gone on since.
            return Ok(there.clone());
        }
        // A tombstone holds nothing that an older sign-in could be kept beside.
        if new.sign_in < there.sign_in && there.state != State::SignedOut {
            let mut kept = there.clone();
            if let Some(candidate) = pair::demote(&self.sealer, new, &account, attempt.at)? {
                kept.keep_older(candidate, attempt);
            }
            return Ok(kept);
        }
        let ended = [State::SignInNeeded, State::SigningOut, State::SignedOut];
        let lived = !ended.contains(&there.state);
        let candidate = match lived {
            true => pair::demote(&self.sealer, there, &account, attempt.at)?,
            false => None,
        };
        let generation = new.generation.max(there.generation.next());
        let mut moved = pair::reseat(&self.sealer, new, account, generation)?;
        moved.succeed(there, candidate, attempt);
        Ok(moved)
    }
}
