//! What a caller waits for if the token in memory is not fresh: a token that another process has
//! saved, a refresh, or the old token while it is valid.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::failed;
use super::feedback::REFUSED_AGAIN;
use super::pair::{self, Answer, Landing};
use super::source::Slot;
use super::spend::Outcome;
use super::{Desk, measure};
use crate::grant::{Grant, State, window};
use crate::store::Stored;
use crate::token::Rotated;
use crate::{AccessToken, Error, Reason, Result, Timestamp, turns};

impl Desk {
    /// How long callers wait for a refresh while the old token lives.
    pub(super) const PATIENCE: Duration = Duration::from_secs(5);
    /// How long they wait for another holder when no token lives: a send's deadline and slack.
    pub(super) const DEADLINE: Duration = Duration::from_secs(50);
    /// A back-off that a caller waits out instead of failing.
    const SHORT_WAIT: Duration = Duration::from_secs(2);
    pub(super) const FIRST_LOOK: Duration = Duration::from_millis(10);
    pub(super) const LONGEST_LOOK: Duration = Duration::from_millis(250);

    /// Brings the slot up to date and tells those who wait.
    pub(super) async fn tend(
        self: Arc<Self>,
        slot: &Arc<Slot>,
        landed: watch::Sender<Option<Result<()>>>,
    ) {
        slot.is_used(self.now());
        let mut work = std::pin::pin!(self.bring_up_to_date(slot));
        let patience = turns::sleep(Self::PATIENCE);
        let outcome = tokio::select! {
            biased;
            outcome = &mut work => outcome,
            () = patience => {
                if self.lives(slot) {
                    // Nobody waits longer; the refresh goes on.
                    landed.send_replace(Some(Ok(())));
                }
                work.await
            }
        };
        landed.send_if_modified(|told| {
            let is_new = told.is_none();
            if is_new {
                *told = Some(outcome);
            }
            is_new
        });
        self.note_use(slot).await;
    }

    async fn bring_up_to_date(self: &Arc<Self>, slot: &Arc<Slot>) -> Result<()> {
        if self.lives(slot) && !slot.may_ask(self.clock.uptime()) {
            return Ok(());
        }
        let outcome = self.adopt_or_refresh(slot).await;
        match outcome {
            Err(why) if self.lives(slot) => {
                crate::contained(
                    || tracing::warn!(account = %slot.account(), error = %why, "refreshing fails; the token in hand is served while it lives"),
                );
                Ok(())
            }
            other => other,
        }
    }

    pub(super) async fn adopt_or_refresh(self: &Arc<Self>, slot: &Arc<Slot>) -> Result<()> {
        let is_early = |grant: &Grant| self.lives(slot) && self.now() < self.begins_at(grant);
        let begins = |grant: &Grant| self.is_due(slot, grant) && !is_early(grant);
        let deadline = self.clock.uptime() + Self::DEADLINE;
        let mut begun = self.spend_remembered(slot, begins).await?;
        let mut known = None;
        if begun.is_none() {
            let stored = self.adopt(slot).await?;
            if !begins(&stored.grant) {
                self.label_if_unlabelled(&stored.grant, Duration::ZERO);
                return Ok(());
            }
            known = Some(stored);
        }
        let mut pause = Self::FIRST_LOOK;
        let mut waits_since = None;
        loop {
            let outcome = match begun.take() {
                Some(outcome) => outcome,
                None => self.spend(slot, known.take(), |grant| self.is_due(slot, grant)).await?,
            };
            let (error, wait) = match outcome {
                // X sent a refresh token alone: it is spent at once.
                Outcome::Rotated(stored) | Outcome::Current(stored)
                    if stored.grant.access.is_none() =>
                {
                    (no_access_token(), self.lengthen(&mut pause))
                }
                Outcome::Rotated(stored) | Outcome::Current(stored) => {
                    if let Some(since) = waits_since {
                        measure::waited(self.clock.uptime().saturating_sub(since));
                    }
                    self.label_if_unlabelled(&stored.grant, Duration::ZERO);
                    return self.take_in(slot, &stored);
                }
                Outcome::Busy(stored) => {
                    measure::found_busy();
                    waits_since.get_or_insert(self.clock.uptime());
                    (busy(&stored), self.lengthen(&mut pause))
                }
                Outcome::Wait(wait, stored) => (waiting(&stored, wait), wait),
            };
            let is_long = wait > Self::SHORT_WAIT || self.clock.uptime() + wait >= deadline;
            if self.lives(slot) || is_long || self.is_leaving() {
                return Err(error);
            }
            turns::sleep(wait).await;
        }
    }

    /// Rotates whatever generation is current now.
    pub(super) async fn rotate_now(self: &Arc<Self>, slot: &Arc<Slot>) -> Result<()> {
        slot.is_used(self.now());
        match self.spend_remembered(slot, |_| true).await? {
            None => {
                let stored = self.load(slot.account()).await?;
                self.rotate(slot, stored).await
            }
            Some(Outcome::Rotated(stored) | Outcome::Current(stored))
                if stored.grant.access.is_some() =>
            {
                self.is_rotated(slot, &stored)
            }
            Some(
                Outcome::Rotated(stored)
                | Outcome::Current(stored)
                | Outcome::Busy(stored)
                | Outcome::Wait(_, stored),
            ) => self.rotate(slot, stored).await,
        }
    }

    fn is_rotated(self: &Arc<Self>, slot: &Slot, stored: &Stored) -> Result<()> {
        // Who asked for a rotation may ask whose it is, too.
        self.label_if_unlabelled(&stored.grant, Self::FIRST_LABEL_PAUSE);
        self.take_in(slot, stored)
    }

    /// Rotates this generation, and none that another holder or task makes of it meanwhile.
    pub(super) async fn rotate(self: &Arc<Self>, slot: &Arc<Slot>, stored: Stored) -> Result<()> {
        slot.is_used(self.now());
        let deadline = self.clock.uptime() + Self::DEADLINE;
        let seen = stored.grant.spent();
        let mut known = Some(stored);
        loop {
            let is_due = |grant: &Grant| grant.is_at(&seen) || grant.access.is_none();
            let (error, wait) = match self.spend(slot, known.take(), is_due).await? {
                Outcome::Rotated(stored) | Outcome::Current(stored)
                    if stored.grant.access.is_none() =>
                {
                    (no_access_token(), Self::LONGEST_LOOK)
                }
                Outcome::Rotated(stored) | Outcome::Current(stored) => {
                    return self.is_rotated(slot, &stored);
                }
                Outcome::Busy(stored) => (busy(&stored), Self::LONGEST_LOOK),
                Outcome::Wait(wait, stored) => (waiting(&stored, wait), wait),
            };
            let is_long = wait > Self::SHORT_WAIT || self.clock.uptime() + wait >= deadline;
            if is_long || self.is_leaving() {
                return Err(error);
            }
            turns::sleep(wait).await;
        }
    }

    /// Reads the record and serves what it holds.
    pub(super) async fn adopt(self: &Arc<Self>, slot: &Slot) -> Result<Stored> {
        let stored = self.load(slot.account()).await?;
        self.take_in(slot, &stored)?;
        Ok(stored)
    }

    /// Serves what a record holds that another holder may have rotated.
    fn take_in(&self, slot: &Slot, stored: &Stored) -> Result<()> {
        let before = slot.pair();
        self.serve(slot, stored)?;
        if matches!(stored.grant.state, State::SigningOut | State::SignedOut) {
            return Err(failed::signed_out());
        }
        if before.is_some_and(|before| before != stored.grant.pair) {
            measure::adopted();
            crate::contained(
                || tracing::debug!(account = %slot.account(), generation = %stored.grant.generation, "another holder has rotated it"),
            );
        }
        Ok(())
    }

    pub(super) fn serve(&self, slot: &Slot, stored: &Stored) -> Result<()> {
        if !self.leaves(slot, stored) && self.has_news_for(slot, stored) {
            let token = match stored.grant.serves(self.now()) {
                true => pair::open_access(&self.sealer, &stored.grant)?,
                false => None,
            };
            self.put_to_use(slot, stored, token);
        }
        Ok(())
    }

    /// Serves what has just been saved, if that is what the record holds: it need not be opened.
    pub(super) fn serve_landed(&self, slot: &Slot, landing: &Landing, saved: &Stored) {
        let Answer::Pair(Rotated { access: Some(issued), .. }) = &landing.answer else { return };
        if self.leaves(slot, saved) {
            return;
        }
        if saved.grant.pair == landing.pair && self.has_news_for(slot, saved) {
            let lives = saved.grant.serves(self.now());
            self.put_to_use(slot, saved, lives.then(|| issued.access_token.clone()));
        }
    }

    /// Serves no more what is signed out, or about to be. Returns whether it is.
    fn leaves(&self, slot: &Slot, stored: &Stored) -> bool {
        let is_leaving = matches!(stored.grant.state, State::SigningOut | State::SignedOut);
        if is_leaving {
            slot.leave(slot.revision(stored), self.clock.as_ref());
        }
        is_leaving
    }

    /// Returns whether the record's token is another than the slot serves.
    fn has_news_for(&self, slot: &Slot, stored: &Stored) -> bool {
        let grant = stored.grant.as_ref();
        // A pair goes on by the clock it was taken in by, whatever the wall clock has become.
        let is_refused = grant.access.as_ref().is_none_or(|access| access.is_rejected);
        let is_same = slot.pair().as_ref() == Some(&grant.pair) && !is_refused;
        // What the store has not taken yet is newer than what is in it.
        let is_newer = slot.pending().is_some() && slot.generation() > Some(grant.generation);
        !(is_same || (self.lives(slot) && is_newer))
    }

    fn put_to_use(&self, slot: &Slot, stored: &Stored, token: Option<AccessToken>) {
        let token = token.map(|token| (token, stored.grant.as_ref()));
        slot.serve(token, slot.revision(stored), self.clock.as_ref());
    }

    /// Returns whether the grant's token is inside its early window, past its end, or refused.
    fn is_due(&self, slot: &Slot, grant: &Grant) -> bool {
        let Some(access) = &grant.access else {
            return true;
        };
        access.is_rejected
            || self.now() >= access.refresh_at()
            || slot.is_due(&grant.pair, self.clock.uptime())
    }

    /// Returns when this keeper begins to refresh: a little later than others may, so that many
    /// holders of one grant do not begin at once. Nobody waits for it.
    fn begins_at(&self, grant: &Grant) -> Timestamp {
        let Some(access) = grant.access.as_ref().filter(|access| !access.is_rejected) else {
            return self.now();
        };
        let window = window(access.expires_at.since(access.issued_at));
        access.expires_at - window + window.mul_f64(self.spread / 4.0)
    }

    /// Returns a pause, and makes the next one longer by half: who waits for a refresh that way has
    /// waited for at most half again as long as it took. Many who began at once drift apart.
    pub(super) fn lengthen(&self, pause: &mut Duration) -> Duration {
        let now = *pause;
        *pause = now.mul_f64(1.5).min(Self::LONGEST_LOOK);
        now.mul_f64(0.75 + self.spread / 4.0)
    }

    fn lives(&self, slot: &Slot) -> bool {
        slot.alive(self.clock.uptime()).is_some()
    }
}

fn no_access_token() -> Error {
    Error::new(Reason::Busy, "X has sent no access token; it is asked again")
}

fn busy(stored: &Stored) -> Error {
    let holder = stored.grant.lease.as_ref().map(|lease| lease.holder.to_string());
    let holder = holder.unwrap_or_else(|| "another holder".to_owned());
    Error::new(Reason::Busy, format!("{holder} is refreshing this login"))
        .with_retry_after(stored.lease_left)
}

/// Says what is waited for, and why.
fn waiting(stored: &Stored, wait: Duration) -> Error {
    let (reason, why) = match stored.grant.state {
        State::InDoubt => (
            Reason::OutcomeUnknown,
            "a refresh was sent and its answer never came; X is asked again after a pause",
        ),
        State::Rejected => (
            Reason::Busy,
            "X says that the refresh token is invalid; it is asked once more before the login is called dead",
        ),
        _ if stored.grant.feedback_held_until(stored.now).is_some() => {
            (Reason::Busy, REFUSED_AGAIN)
        }
        _ => (Reason::Busy, "the last attempt failed; X is asked again after a pause"),
    };
    Error::new(reason, why).with_retry_after(wait)
}

#[cfg(all(test, feature = "testing"))]
mod tests;
