//! Pairs that come after the sign-out. They are revoked at X; until X has confirmed that, the login
//! is signing out again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::Desk;
use super::pair::{self, Landing};
use super::settle::Step;
use super::source::Slot;
use crate::grant::{Account, Grant, GrantId, State};
use crate::store::{LeaseEnd, Stored};
use crate::token::{Revocable, Rotated};
use crate::{Result, Timestamp, turns};

/// What became of a pair that came after the sign-out.
pub(super) enum Late {
    /// X has taken it back, or the record holds it now.
    Done(Stored),
    /// The record has changed meanwhile: decide again on what is there.
    Moved(Stored),
}

impl Desk {
    const FIRST_LATE_PAUSE: Duration = Duration::from_secs(1);
    const LONGEST_LATE_PAUSE: Duration = Duration::from_secs(15 * 60);

    /// Revokes a pair that came after the sign-out, unless the user has signed in again since: X
    /// has ended it then, and may take a revocation for one of the new login. If X does not confirm
    /// it, or a newer sign-in may be the user's, the login is signing out again, with the pair, and
    /// the sign-out is tried until it is done.
    pub(super) async fn revoke_late(
        self: &Arc<Self>,
        landing: &Landing,
        rotated: &Rotated,
        tomb: Stored,
    ) -> Result<Late> {
        let stored = self.load(&tomb.grant.account).await?;
        if stored.revision != tomb.revision {
            return Ok(Late::Moved(stored));
        }
        if self.may_be_signed_in_again(&stored.grant).await? {
            return self.reopen(landing, rotated, stored).await;
        }
        let revoked = match (&rotated.refresh, &rotated.access) {
            (Some(token), _) => self.client.revoke(Revocable::Refresh(token)).await,
            (None, Some(access)) => {
                self.client.revoke(Revocable::Access(&access.access_token)).await
            }
            (None, None) => Ok(()),
        };
        let Err(why) = revoked else { return Ok(Late::Done(stored)) };
        crate::contained(
            || tracing::warn!(account = %tomb.grant.account, error = %why, "a pair that came after the sign-out is not revoked yet"),
        );
        self.reopen(landing, rotated, stored).await
    }

    /// Returns whether a sign-in of a user who is not known yet is newer than this login: it may be the
    /// same user's. Then who it is is asked for, and nothing is revoked of the older login until that is
    /// known, but by somebody who asks for it.
    async fn may_be_signed_in_again(self: &Arc<Self>, grant: &Grant) -> Result<bool> {
        const PAGE: usize = 100;
        let (app, now) = (&grant.account.app, self.now());
        let (mut after, mut is_found) = (Account::new(app, Account::UNLABELLED), false);
        loop {
            // The names of those who are not known yet follow each other.
            let page = self.store.list(Some(&after), PAGE).await?;
            let is_one =
                |it: &&Stored| it.grant.account.app == *app && it.grant.account.is_unlabelled();
            let unlabelled = page.iter().take_while(is_one).map(|stored| &stored.grant);
            for other in unlabelled.filter(|it| it.sign_in > grant.sign_in && lives(it, now)) {
                is_found = true;
                self.label_in_background(&other.account, Duration::ZERO);
            }
            match page.last().filter(|last| page.len() == PAGE && is_one(last)) {
                Some(last) => after = last.grant.account.clone(),
                None => return Ok(is_found),
            }
        }
    }

    /// Puts the pair into the tombstone, durably: whoever looks finds it, and can sign out again.
    async fn reopen(
        self: &Arc<Self>,
        landing: &Landing,
        rotated: &Rotated,
        tomb: Stored,
    ) -> Result<Late> {
        let Some(candidate) = pair::late(&self.sealer, &tomb.grant, landing, rotated)? else {
            return Ok(Late::Done(tomb));
        };
        let left = tomb.grant.grant_id;
        let (is_open, stored) = self
            .settle(tomb, |grant, there| {
                let attempt = self.attempt(there.now)?;
                let is_open =
                    grant.grant_id == left && grant.not_revoked(candidate.clone(), &attempt);
                Ok(if is_open { Step::Save(true, LeaseEnd::Now) } else { Step::Leave(false) })
            })
            .await?;
        if !is_open {
            return Ok(Late::Moved(stored));
        }
        let account = stored.grant.account.clone();
        drop(turns::spawn(Arc::clone(self).sign_out_at_last(account, left)));
        Ok(Late::Done(stored))
    }

    /// Signs out again until X has confirmed it or the user has signed in again. What this process
    /// does not get done stays marked as signing out.
    pub(super) fn sign_out_at_last(
        self: Arc<Self>,
        account: Account,
        leaving: GrantId,
    ) -> BoxFuture<'static, ()> {
        let trying = async move {
            let slot = self.slot(&account);
            let mut pause = Self::FIRST_LATE_PAUSE;
            loop {
                turns::sleep(pause).await;
                pause = (pause * 2).min(Self::LONGEST_LATE_PAUSE);
                match self.sign_out_unasked(&slot, &leaving).await {
                    Ok(true) => return,
                    Ok(false) => {}
                    Err(why) => {
                        crate::contained(
                            || tracing::warn!(%account, error = %why, "a login is still signing out"),
                        );
                    }
                }
            }
        };
        Box::pin(trying)
    }

    /// Goes on with a sign-out that nobody asks for now, unless a newer sign-in may be the user's.
    /// Returns whether there is nothing left to do.
    pub(super) async fn sign_out_unasked(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        leaving: &GrantId,
    ) -> Result<bool> {
        let stored = self.load(slot.account()).await?;
        if self.may_be_signed_in_again(&stored.grant).await? {
            return Ok(false);
        }
        self.sign_out_of(slot, leaving, stored.grant.generation, true).await.map(|_| true)
    }
}

/// Returns whether there is a login that a revocation could end.
fn lives(grant: &Grant, now: Timestamp) -> bool {
    let has_ended =
        matches!(grant.state, State::SignInNeeded | State::SigningOut | State::SignedOut);
    let has_token = grant.access.as_ref().is_some_and(|access| access.expires_at > now);
    !has_ended && (grant.refresh.is_some() || has_token)
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::contract;

    #[test]
    fn a_login_that_cannot_be_refreshed_lives_until_its_token_ends() {
        let sample = contract::grant(Account::new("app", "user"));
        let end = sample.access.as_ref().unwrap().expires_at;
        let grant = Grant { state: State::Ready, refresh: None, ..sample };
        assert!(lives(&grant, end - Duration::from_millis(1)));
        assert!(!lives(&grant, end));
    }
}
