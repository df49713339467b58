//! A sign-out: marked durably, revoked at X, then a tombstone. Until X has confirmed it, it can be
//! tried again.

use std::pin::pin;
use std::sync::Arc;

use super::settle::Step;
use super::source::Slot;
use super::told::Told;
use super::{Desk, TokenSource, measure, pair};
use crate::grant::transition::{Attempt, SignOut};
use crate::grant::{Generation, Grant, GrantId, Lease};
use crate::store::{LeaseEnd, Stored};
use crate::token::Revocable;
use crate::{Error, Reason, RefreshToken, Result, turns};

/// How a sign-out ended.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedOut {
    /// X confirmed it.
    Revoked,
    /// It was signed out before.
    Already,
    /// The tokens were deleted here without asking X. The user can end them at
    /// <https://x.com/settings/connected_apps>.
    Forgotten,
}

impl TokenSource {
    /// Revokes the grant's tokens at X, then deletes them here.
    ///
    /// # Errors
    /// As [`Client::revoke`](crate::Client::revoke), and those of the store. The grant then stays
    /// marked as signing out: it serves no tokens, and this can be called again.
    pub async fn sign_out(&self) -> Result<SignedOut> {
        let (desk, slot) = (Arc::clone(self.keeper().desk()), Arc::clone(self.slot()));
        self.keeper().run(async move { desk.sign_out(&slot, true).await }).await
    }

    /// Deletes the grant's tokens here without asking X.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), and [`Reason::Busy`] while another process refreshes
    /// them.
    pub async fn forget(&self) -> Result<SignedOut> {
        let (desk, slot) = (Arc::clone(self.keeper().desk()), Arc::clone(self.slot()));
        self.keeper().run(async move { desk.sign_out(&slot, false).await }).await
    }
}

impl Desk {
    pub(super) async fn sign_out(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        revoke: bool,
    ) -> Result<SignedOut> {
        let leaving = self.load(slot.account()).await?.grant;
        self.sign_out_of(slot, &leaving.grant_id, leaving.generation, revoke).await
    }

    /// Signs out of that sign-in, whose generation is `found`, and of no later one.
    pub(super) async fn sign_out_of(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        leaving: &GrantId,
        found: Generation,
        revoke: bool,
    ) -> Result<SignedOut> {
        let told = Told::sign_out(slot.account(), found);
        told.during(pin!(self.sign_out_told(slot, leaving, revoke))).await
    }

    async fn sign_out_told(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        leaving: &GrantId,
        revoke: bool,
    ) -> Result<SignedOut> {
        let deadline = self.clock.uptime() + Self::DEADLINE;
        loop {
            let (stored, was_held) = self.take_in_first(slot, revoke).await?;
            let attempt = self.attempt(stored.now)?;
            let marked = self.mark(stored, leaving, &attempt, was_held).await?;
            let Some((begun, stored)) = marked else {
                // The user has signed in again meanwhile, which ended the login that was to end.
                return Ok(SignedOut::Already);
            };
            match begun {
                SignOut::Already => return Ok(SignedOut::Already),
                SignOut::Busy if self.clock.uptime() >= deadline => {
                    return Err(Error::new(
                        Reason::Busy,
                        "another holder is refreshing this login",
                    )
                    .with_retry_after(stored.lease_left));
                }
                SignOut::Busy => turns::sleep(Self::LONGEST_LOOK).await,
                SignOut::Revoke => {
                    slot.leave(slot.revision(&stored), self.clock.as_ref());
                    let revoked = self.revoke_all(&stored.grant, revoke).await;
                    if revoke {
                        measure::revoked(revoked.is_ok());
                    }
                    if let Err(why) = revoked {
                        self.pause(stored, &attempt).await?;
                        return Err(why);
                    }
                    if self.bury(stored, &attempt).await? {
                        return Ok(if revoke { SignedOut::Revoked } else { SignedOut::Forgotten });
                    }
                    // A late answer brought another pair: it must be revoked as well.
                }
            }
        }
    }

    /// Takes in the pairs that somebody received and could not save: what is not known here would
    /// live on at X. One that does not open keeps nobody from forgetting the login. Returns the record,
    /// and whether a holder lived when they were looked for: who has died since may have left one.
    async fn take_in_first(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        revoke: bool,
    ) -> Result<(Stored, bool)> {
        let mut stored = self.load(slot.account()).await?;
        let mut was_held = false;
        for _ in 0..Self::MOST_BEGINS {
            was_held = self.holder_lives(&stored);
            match self.recover(slot, &stored).await {
                Ok(Some(recovered)) => stored = recovered,
                Ok(None) => break,
                Err(why) if revoke => return Err(why),
                Err(_) => break,
            }
        }
        Ok((stored, was_held))
    }

    async fn mark(
        &self,
        stored: Stored,
        leaving: &GrantId,
        attempt: &Attempt,
        was_held: bool,
    ) -> Result<Option<(SignOut, Stored)>> {
        let (account, looked_at) = (stored.grant.account.clone(), stored.revision);
        let marked = self.settle(stored, |grant, now| {
            if grant.grant_id != *leaving {
                return Ok(Step::Leave(None));
            }
            // Who has come since then may have died with a pair, too.
            let may_leave_one = was_held || now.revision != looked_at || self.holder_lives(now);
            let begun = grant.begin_sign_out(attempt, may_leave_one);
            Ok(match begun {
                SignOut::Revoke => Step::Save(Some(begun), LeaseEnd::In(Lease::SPAN)),
                SignOut::Busy | SignOut::Already => Step::Leave(Some(begun)),
            })
        });
        let (begun, stored) = match marked.await {
            Ok(marked) => marked,
            // The write may have landed all the same: then the lease there is our own.
            Err(why) => match self.store.load(&account).await {
                Ok(Some(now)) if now.grant.is_held_by(attempt) => (Some(SignOut::Revoke), now),
                _ => return Err(why),
            },
        };
        Ok(begun.map(|begun| (begun, stored)))
    }

    async fn revoke_all(&self, grant: &Grant, revoke: bool) -> Result<()> {
        if !revoke {
            return Ok(());
        }
        let mut tokens: Vec<RefreshToken> = Vec::new();
        for candidate in &grant.candidates {
            tokens.push(pair::open_candidate(&self.sealer, &grant.account, candidate)?);
        }
        tokens.extend(pair::open_refresh(&self.sealer, grant)?);
        for token in &tokens {
            self.client.revoke(Revocable::Refresh(token)).await?;
        }
        if let Some(token) = pair::open_access(&self.sealer, grant)? {
            self.client.revoke(Revocable::Access(&token)).await?;
        }
        Ok(())
    }

    async fn pause(&self, stored: Stored, attempt: &Attempt) -> Result<()> {
        let paused = self.settle(stored, |grant, _| {
            let is_own = grant.pause_sign_out(attempt);
            Ok(if is_own { Step::Save((), LeaseEnd::Now) } else { Step::Leave(()) })
        });
        paused.await.map(drop)
    }

    async fn bury(&self, stored: Stored, attempt: &Attempt) -> Result<bool> {
        let (marked, name) = (stored.grant.clone(), self.new_pair()?);
        let buried = self.settle(stored, |grant, _| {
            let is_done = grant.signed_out(&marked, name, attempt);
            // The next round takes the lease anew, and must not find this one's.
            let is_own = is_done || grant.pause_sign_out(attempt);
            Ok(if is_own { Step::Save(is_done, LeaseEnd::Now) } else { Step::Leave(false) })
        });
        Ok(buried.await?.0)
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests;
