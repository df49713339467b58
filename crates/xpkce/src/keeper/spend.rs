//! One spend of one generation: take the lease, send, save what came.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::failed::{WITH_OFFLINE_ACCESS, dead, heard_once, in_doubt, no_answer, signed_out};
use super::pair::{Answer, Landing};
use super::settle::Step;
use super::source::Slot;
use super::told::Told;
use super::{Desk, measure, pair};
use crate::grant::transition::{Attempt, Begin, Spent, Unspent, Verdict};
use crate::grant::{Grant, Lease, PairId, State};
use crate::http::{CONNECT_DEADLINE, READ_DEADLINE};
use crate::store::{LeaseEnd, Stored, Swapped};
use crate::token::{RefreshAnswer, Unreadable};
use crate::{Error, Reason, RefreshToken, Result, Timestamp, turns};

/// What a spend came to.
pub(super) enum Outcome {
    /// This record is current: it was rotated here just now.
    Rotated(Stored),
    /// This record is current: it was not due, or somebody else has rotated it meanwhile.
    Current(Stored),
    /// Another holder is spending.
    Busy(Stored),
    /// A back-off runs for so long.
    Wait(Duration, Stored),
}

/// What came of the wish to begin.
pub(super) enum Begun {
    /// It may be sent now.
    Leased(Claim),
    /// It is not to be sent yet.
    Not(Outcome),
    /// This is the record now; it is to be looked at again.
    Changed(Stored),
}

/// A lease that was taken: what may be sent, and until when.
pub(super) struct Claim {
    attempt: Attempt,
    stored: Stored,
    spent: Spent,
    refresh: RefreshToken,
    /// The name of the pair that comes of it; chosen now, so that nothing can fail later.
    pair: PairId,
    /// By the clock that counts suspension, from before the lease was asked for.
    since: Duration,
}

impl Claim {
    /// Returns the attempt as of now by the store's clock, which is carried on by the clock that
    /// counts suspension.
    fn attempt_at(&self, uptime: Duration) -> Attempt {
        let at = self.stored.now + uptime.saturating_sub(self.since);
        Attempt { at, ..self.attempt.clone() }
    }

    fn received(self, answer: Answer, received_at: Timestamp) -> (Landing, Stored) {
        let Self { attempt, stored, spent, pair, refresh, .. } = self;
        (Landing { attempt, spent, pair, answer, refresh, received_at }, stored)
    }
}

impl Desk {
    /// What a send may take; the lease must have more than this left.
    const SEND: Duration = CONNECT_DEADLINE.saturating_add(READ_DEADLINE);
    pub(super) const MOST_BEGINS: usize = 64;
    /// How much of a body that could not be read is kept.
    const MOST_UNREAD: usize = 64 * 1024;

    /// Spends the generation that `is_due` finds due, once. `known` is the record where the caller
    /// has just read it: if it has moved since, the swap says so.
    pub(super) async fn spend(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        known: Option<Stored>,
        is_due: impl Fn(&Grant) -> bool + Send + Sync,
    ) -> Result<Outcome> {
        self.refuse_while_app_backs_off()?;
        match self.take_lease(slot, known, is_due).await? {
            Ok(claim) => self.go_on(slot, claim).await,
            Err(outcome) => Ok(outcome),
        }
    }

    /// Goes on with a spend whose lease was taken.
    pub(super) async fn go_on(self: &Arc<Self>, slot: &Arc<Slot>, claim: Claim) -> Result<Outcome> {
        let told = Told::spend(slot.account(), claim.spent.generation);
        told.during(pin!(self.send(slot, claim))).await
    }

    /// Takes the lease of what `is_due`, once nothing is left to recover of it.
    async fn take_lease(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        known: Option<Stored>,
        is_due: impl Fn(&Grant) -> bool + Send + Sync,
    ) -> Result<Result<Claim, Outcome>> {
        let account = slot.account();
        let known = match known {
            Some(stored) => stored,
            None => self.load(account).await?,
        };
        let (_door, mut stored) = self.go_in(known, &is_due).await?;
        for _ in 0..Self::MOST_BEGINS {
            if !is_due(&stored.grant) {
                return Ok(Err(Outcome::Current(stored)));
            }
            // Asked before its pair is looked for: who dies after that may leave one all the same.
            let is_being_spent = self.is_being_spent(&stored);
            if let Some(recovered) = self.recover(slot, &stored).await? {
                stored = recovered;
                continue;
            }
            if is_being_spent {
                return Ok(Err(Outcome::Busy(stored)));
            }
            match self.begin(slot, stored).await? {
                Begun::Leased(claim) => {
                    self.clear_now_and_then();
                    return Ok(Ok(claim));
                }
                Begun::Not(outcome) => return Ok(Err(outcome)),
                Begun::Changed(there) => stored = there,
            }
        }
        Err(Error::new(Reason::Busy, "the login is being changed by many others at once"))
    }

    /// Takes the lease in one durable write, if the record lets it. The keys are read again and the
    /// refresh token is opened first, so that a missing key is found before anything is sent.
    pub(super) async fn begin(&self, slot: &Slot, stored: Stored) -> Result<Begun> {
        if self.is_being_spent(&stored) {
            return Ok(Begun::Not(Outcome::Busy(stored)));
        }
        let held_until = stored.grant.feedback_held_until(stored.now);
        if let Some(until) = held_until.filter(|_| stored.grant.lease.is_none()) {
            return Ok(Begun::Not(Outcome::Wait(until.since(stored.now), stored)));
        }
        let attempt = self.attempt(stored.now)?;
        let mut grant = Arc::clone(&stored.grant);
        match Arc::make_mut(&mut grant).begin(&attempt, self.holder_lives(&stored)) {
            Begin::Send => self.write_lease(slot, attempt, grant, stored).await,
            Begin::Busy => Ok(Begun::Not(Outcome::Busy(stored))),
            Begin::Wait(until) => Ok(Begun::Not(Outcome::Wait(until.since(stored.now), stored))),
            Begin::NoRefreshToken => {
                Box::pin(self.without_refresh_token(stored)).await.map(Begun::Changed)
            }
            Begin::Dead(death) => Err(dead(&grant, death)),
            Begin::SignedOut => Err(signed_out()),
        }
    }

    /// Writes the lease, once all that may fail has been done that the spend needs. Where the record
    /// has moved, it is the one that is there.
    async fn write_lease(
        &self,
        slot: &Slot,
        attempt: Attempt,
        mut grant: Arc<Grant>,
        stored: Stored,
    ) -> Result<Begun> {
        let begun = Arc::make_mut(&mut grant);
        begun.count_feedback(stored.now);
        begun.used_at = slot.last_use(begun.used_at);
        self.sealer.refresh()?;
        let Some(refresh) = pair::open_refresh(&self.sealer, &grant)? else {
            return Err(Error::new(Reason::NoRefreshToken, "there is no refresh token"));
        };
        let pair = self.new_pair()?;
        let since = self.clock.uptime();
        let lease = LeaseEnd::In(Lease::SPAN);
        let revision = match self.store.swap(&grant, Some(stored.revision), lease).await {
            Ok(Swapped::Done(revision)) => revision,
            Ok(Swapped::Moved(Some(now))) => return Ok(Begun::Changed(*now)),
            // It was labelled meanwhile.
            Ok(Swapped::Moved(None)) => {
                return self.load(slot.account()).await.map(Begun::Changed);
            }
            // The write may have landed all the same: then the lease there is our own. And where
            // nothing can be written, what others have written before can be read.
            Err(why) => match self.store.load(&grant.account).await {
                Ok(Some(now)) if now.grant.is_held_by(&attempt) => now.revision,
                Ok(Some(now)) if now.revision != stored.revision => return Ok(Begun::Changed(now)),
                _ => return Err(why),
            },
        };
        let spent = grant.spent();
        let stored = Stored { grant, revision, lease_left: Lease::SPAN, ..stored };
        Ok(Begun::Leased(Claim { attempt, stored, spent, refresh, pair, since }))
    }

    /// Returns whether somebody who lives is spending it. Then there is nothing to do but to wait,
    /// and no reason to make a file among the holders.
    pub(super) fn is_being_spent(&self, stored: &Stored) -> bool {
        stored.grant.state == State::Spending && self.holder_lives(stored)
    }

    /// What seldom happens is boxed, here and in what lands: thousands of sends wait at once, and
    /// each is as large as the largest of its ways.
    async fn send(self: &Arc<Self>, slot: &Arc<Slot>, claim: Claim) -> Result<Outcome> {
        let mut doubted = 0;
        loop {
            // Before the lease is looked at: a disk that hangs may hold it up for long.
            self.expect_pair();
            // Checked just before the bytes leave, by a clock that goes on in suspension.
            if self.clock.uptime().saturating_sub(claim.since) + Self::SEND >= Lease::SPAN {
                let why = "the lease ran out before the request was sent";
                let error = Error::new(Reason::Deadline, why);
                let end = self.end_unspent(claim, doubted, Unspent::NotSent, error);
                return Box::pin(end).await;
            }
            let sent_at = self.clock.uptime();
            let answer = self.ask(&claim.refresh).await;
            let may_resend = doubted == 0 && !self.is_leaving();
            let resends = matches!(answer, RefreshAnswer::Unknown { resend: true, .. });
            let took = self.clock.uptime().saturating_sub(sent_at);
            measure::answered(&answer, took, resends && may_resend);
            match answer {
                RefreshAnswer::Rotated(rotated) => {
                    self.breaker.note(self.clock.uptime(), false);
                    self.app_was_accepted();
                    let since = claim.since;
                    let (landing, stored) = claim.received(Answer::Pair(rotated), self.now());
                    let begun_at = stored.now;
                    let saved = self.land(slot, landing, stored).await?;
                    // Where another writer was first, the record was read again just now.
                    let is_read = saved.now != begun_at;
                    let read_at = if is_read { self.clock.uptime() } else { since };
                    self.remember(slot, &saved, read_at);
                    return Ok(Outcome::Rotated(saved));
                }
                RefreshAnswer::Unreadable(unreadable) => {
                    return Err(Box::pin(self.keep_unread(slot, claim, unreadable)).await?);
                }
                RefreshAnswer::Rejected(error) => {
                    Box::pin(self.recover_successor()).await;
                    return Box::pin(self.rejected(claim, doubted, error)).await;
                }
                RefreshAnswer::Unknown { resend: true, .. } if may_resend => {
                    crate::contained(
                        || tracing::warn!(account = %slot.account(), generation = %claim.spent.generation, "what became of it is not known; the same token is sent once more"),
                    );
                    doubted = 1;
                    if let Some(now) = Box::pin(self.moved_on(&claim)).await {
                        return if is_leaving(&now.grant) {
                            Err(signed_out())
                        } else {
                            Ok(Outcome::Current(now))
                        };
                    }
                }
                RefreshAnswer::Unknown { error, .. } => {
                    let doubt = self.leave_in_doubt(&claim, doubted + 1, error);
                    return Err(Box::pin(doubt).await?);
                }
                RefreshAnswer::Misconfigured(error) => {
                    self.app_was_refused();
                    let end = self.end_unspent(claim, doubted, Unspent::Misconfigured, error);
                    return Box::pin(end).await;
                }
                RefreshAnswer::Limited(error) => {
                    let wait = error.retry_after().unwrap_or(Grant::SECOND_WORD);
                    let end = self.end_unspent(claim, doubted, Unspent::Limited(wait), error);
                    return Box::pin(end).await;
                }
                RefreshAnswer::NotSent(error) => {
                    let end = self.end_unspent(claim, doubted, Unspent::NotSent, error);
                    return Box::pin(end).await;
                }
            }
        }
    }

    /// Sends the refresh token. No answer in time is one that leaves in doubt.
    async fn ask(&self, refresh: &RefreshToken) -> RefreshAnswer {
        let sent = turns::timeout(Self::SEND, self.client.refresh(refresh)).await;
        sent.unwrap_or_else(|_| RefreshAnswer::Unknown { error: no_answer(), resend: true })
    }

    /// Returns the record if its generation has moved: a holder before this one, stopped past its
    /// lease, may have landed its answer meanwhile, and a spent token is not sent again.
    async fn moved_on(&self, claim: &Claim) -> Option<Stored> {
        let now = self.store.load(&claim.stored.grant.account).await.ok()??;
        (!now.grant.is_at(&claim.spent)).then_some(now)
    }

    /// Clears the journal entry of an attempt that spent nothing; a send of the same attempt whose
    /// answer never came leaves it in doubt all the same.
    async fn end_unspent(
        &self,
        claim: Claim,
        doubted: u32,
        why: Unspent,
        error: Error,
    ) -> Result<Outcome> {
        if doubted > 0 {
            return Err(self.leave_in_doubt(&claim, doubted, error).await?);
        }
        let attempt = claim.attempt_at(self.clock.uptime());
        self.settle(claim.stored, |grant, _| {
            let is_own = grant.unspent(&attempt, why);
            Ok(if is_own { Step::Save((), LeaseEnd::Now) } else { Step::Leave(()) })
        })
        .await?;
        Err(error)
    }

    async fn leave_in_doubt(&self, claim: &Claim, sends: u32, error: Error) -> Result<Error> {
        let attempt = claim.attempt_at(self.clock.uptime());
        self.settle(claim.stored.clone(), |grant, _| {
            let is_current = grant.left_in_doubt(&claim.spent, &attempt, sends);
            Ok(if is_current { Step::Save((), LeaseEnd::Now) } else { Step::Leave(()) })
        })
        .await?;
        Ok(in_doubt(error))
    }

    /// Keeps a success that could not be read, by the way of every success.
    async fn keep_unread(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        claim: Claim,
        mut unreadable: Unreadable,
    ) -> Result<Error> {
        unreadable.body.truncate(Self::MOST_UNREAD);
        let status = unreadable.status;
        let attempt = claim.attempt_at(self.clock.uptime());
        let (landing, stored) = claim.received(Answer::Unread(unreadable), self.now());
        let landing = Landing { attempt, ..landing };
        self.land(slot, landing, stored).await?;
        let message = "X answered success without a token that could be read; the answer is kept";
        Ok(Error::new(Reason::OutcomeUnknown, message).with_status(status))
    }

    /// Hears "the token is invalid": adopts what another holder made, or writes the verdict.
    async fn rejected(&self, claim: Claim, doubted: u32, error: Error) -> Result<Outcome> {
        let Claim { attempt, spent, .. } = claim;
        self.breaker.note(self.clock.uptime(), true);
        self.app_was_accepted();
        let may_condemn = !self.breaker.is_open(self.clock.uptime());
        let fresh = self.load(&claim.stored.grant.account).await?;
        let (verdict, stored) = self
            .settle(fresh, |grant, there| {
                // Both words are dated by the store's clock: two machines may have heard them.
                let heard = Attempt { at: there.now, ..attempt.clone() };
                let verdict = grant.rejected(&spent, &heard, doubted, may_condemn);
                Ok(match verdict {
                    Verdict::Moved => Step::Leave(verdict),
                    _ => Step::Save(verdict, LeaseEnd::Now),
                })
            })
            .await?;
        measure::weighed(verdict);
        crate::contained(|| tracing::info!(?verdict, "X says that the refresh token is invalid"));
        match verdict {
            Verdict::Moved if is_leaving(&stored.grant) => Err(signed_out()),
            Verdict::Moved => Ok(Outcome::Current(stored)),
            Verdict::Candidate => Ok(Outcome::Wait(Duration::ZERO, stored)),
            Verdict::Heard => Err(heard_once(error, &stored)),
            Verdict::Dead(death) => Err(dead(&stored.grant, death)),
        }
    }

    /// Puts a candidate in the place of the refresh token that is missing, if it still is.
    async fn without_refresh_token(&self, stored: Stored) -> Result<Stored> {
        let (attempt, now) = (self.attempt(stored.now)?, self.now());
        let (_, stored) = self
            .settle(stored, |grant, _| {
                let lives = grant.access.as_ref().is_some_and(|it| it.expires_at > now);
                if grant.refresh.is_some() || lives {
                    return Ok(Step::Leave(()));
                }
                grant.ran_out(&attempt);
                Ok(Step::Save((), LeaseEnd::Now))
            })
            .await?;
        match stored.grant.death {
            _ if stored.grant.refresh.is_some() => Ok(stored),
            Some(death) => Err(dead(&stored.grant, death)),
            None => Err(Error::new(
                Reason::NoRefreshToken,
                "this login has no refresh token, because offline.access was not granted",
            )
            .with_hint(WITH_OFFLINE_ACCESS)),
        }
    }
}

fn is_leaving(grant: &Grant) -> bool {
    matches!(grant.state, State::SigningOut | State::SignedOut)
}

#[cfg(all(test, feature = "testing"))]
mod tests;
