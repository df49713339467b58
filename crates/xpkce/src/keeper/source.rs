//! Serving tokens: a fresh one is handed out without taking a lock, asking the store or allocating.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::last_time::LastTime;
use super::pair::{Answer, Landing};
use super::served::{Held, Served, TokenGuard};
use super::settle::not_signed_in;
use super::taken::Taken;
use super::{Keeper, measure};
use crate::grant::{Account, Generation, Grant, PairId};
use crate::http::Pending;
use crate::store::{Revision, Stored};
use crate::turns::{AtomicI64, Mutex, MutexGuard};
use crate::{AccessToken, Clock, Error, Reason, Result, Timestamp};

/// One grant's access tokens. Cheap to clone.
#[derive(Clone)]
pub struct TokenSource {
    keeper: Keeper,
    slot: Arc<Slot>,
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSource({})", self.slot.account)
    }
}

impl TokenSource {
    pub(super) fn new(keeper: Keeper, slot: Arc<Slot>) -> Self {
        Self { keeper, slot }
    }

    /// Names the grant.
    pub fn account(&self) -> &Account {
        &self.slot.account
    }

    pub(super) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// Returns a valid access token, after refreshing it if it is due.
    ///
    /// A token that is not due for a refresh is served from memory, which costs one pointer and one
    /// clock read. One that is due, in the last minutes of its life, is refreshed by one caller,
    /// unless the store tells that another process has done so; it is asked at most once a second.
    /// The other callers wait for a bounded time, and then get the old token as long as it is valid.
    /// It is also served while refreshing fails.
    ///
    /// # Errors
    /// Only when no valid token is left to serve: [`SignIn`](crate::ErrorKind::SignIn) when there
    /// is no login or it is dead; [`InDoubt`](crate::ErrorKind::InDoubt) when a refresh was sent
    /// and no answer came; [`Retry`](crate::ErrorKind::Retry), [`Store`](crate::ErrorKind::Store)
    /// or [`Configure`](crate::ErrorKind::Configure) when the refresh failed for that reason.
    pub async fn access_token(&self) -> Result<TokenGuard> {
        if let Some(fresh) = self.slot.fresh(self.keeper.desk().clock.as_ref()) {
            return Ok(fresh);
        }
        self.tended_token().await
    }

    /// Boxed, so that the future of a caller who finds the token fresh stays small.
    #[cold]
    fn tended_token(&self) -> Pending<'_, Result<TokenGuard>> {
        Box::pin(async {
            self.tend().await?;
            let clock = &self.keeper.desk().clock;
            let token =
                self.slot.alive(clock.uptime()).ok_or_else(|| not_signed_in(&self.slot.account))?;
            measure::handed_out(clock.now().since(token.held().issued_at));
            Ok(token)
        })
    }

    /// Refreshes the token now, due or not. Other processes may go on using the old access token,
    /// which X has probably ended, until they get a 401.
    ///
    /// # Errors
    /// As [`access_token`](Self::access_token), but also while the old token lives.
    pub async fn refresh(&self) -> Result<TokenGuard> {
        let (desk, slot) = (Arc::clone(self.keeper.desk()), Arc::clone(&self.slot));
        self.keeper.run(async move { desk.rotate_now(&slot).await }).await?;
        self.slot
            .alive(self.keeper.desk().clock.uptime())
            .ok_or_else(|| not_signed_in(&self.slot.account))
    }

    /// Joins the tending that is under way on the keeper's thread, or starts it.
    async fn tend(&self) -> Result<()> {
        let mut flight = self.join_flight();
        let landed = flight.wait_for(Option::is_some).await;
        match landed.as_deref() {
            Ok(Some(Ok(()))) => Ok(()),
            Ok(Some(Err(why))) => Err(why.clone()),
            _ => Err(Error::new(Reason::Internal, "the keeper's thread has ended")),
        }
    }

    fn join_flight(&self) -> Flight {
        let mut current = self.slot.flight.lock().unwrap_or_else(PoisonError::into_inner);
        let is_under_way =
            |flight: &&Flight| flight.borrow().is_none() && flight.has_changed().is_ok();
        if let Some(flight) = current.as_ref().filter(is_under_way) {
            return flight.clone();
        }
        let (landed, flight) = watch::channel(None);
        *current = Some(flight.clone());
        let (desk, slot) = (Arc::clone(self.keeper.desk()), Arc::clone(&self.slot));
        let own = flight.clone();
        // Runs to its end on the keeper's thread; nobody has to wait for it.
        drop(self.keeper.0.worker.run(async move {
            desk.tend(&slot, landed).await;
            slot.is_landed(&own);
        }));
        flight
    }
}

type Flight = watch::Receiver<Option<Result<()>>>;

/// One account's place in a keeper: the token it serves and the refresh that is under way.
pub(super) struct Slot {
    account: Account,
    served: Served,
    flight: Mutex<Option<Flight>>,
    taken: Mutex<Taken>,
    /// When the store was last asked.
    asked_at: LastTime,
    /// When a caller last asked for more than the token in hand, in milliseconds; zero for never.
    used_at: AtomicI64,
    /// When that was last noted in the record.
    noted_at: LastTime,
}

impl Slot {
    pub(super) fn new(account: Account) -> Self {
        Self {
            account,
            served: Served::nothing(),
            flight: Mutex::default(),
            taken: Mutex::default(),
            asked_at: LastTime::default(),
            used_at: AtomicI64::default(),
            noted_at: LastTime::default(),
        }
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// Returns the token if the early window has not begun.
    #[inline]
    pub(super) fn fresh(&self, clock: &dyn Clock) -> Option<TokenGuard> {
        self.served.fresh(clock)
    }

    /// Returns the token if it lives.
    pub(super) fn alive(&self, uptime: Duration) -> Option<TokenGuard> {
        self.served.alive(uptime)
    }

    /// Returns whether this pair's token is in its early window, or past it, by the clock that
    /// never goes back.
    pub(super) fn is_due(&self, pair: &PairId, uptime: Duration) -> bool {
        let held = self.served.load();
        held.as_ref().is_some_and(|held| held.pair == *pair && uptime >= held.early)
    }

    /// Lets a flight go that is over: it is larger than all the rest of a slot.
    fn is_landed(&self, own: &Flight) {
        let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        flight.take_if(|current| current.same_channel(own));
    }

    /// Returns the pair that is served.
    pub(super) fn pair(&self) -> Option<PairId> {
        self.served.load().as_ref().map(|held| held.pair)
    }

    /// Returns whether the slot is worth keeping though nobody holds it: it serves a token, or has
    /// an answer that is in no store yet.
    pub(super) fn is_of_use(&self, uptime: Duration) -> bool {
        self.alive(uptime).is_some() || self.pending().is_some()
    }

    /// Returns which writing of this slot's own record it is. A login that was labelled has another
    /// record, which counts its writings for itself.
    pub(super) fn revision(&self, stored: &Stored) -> Option<Revision> {
        (stored.grant.account == self.account).then_some(stored.revision)
    }

    /// Puts a stored token to use; none when the grant has none to serve. Nothing changes if a
    /// later writing of the record was taken in before.
    pub(super) fn serve(
        &self,
        token: Option<(AccessToken, &Grant)>,
        revision: Option<Revision>,
        clock: &dyn Clock,
    ) {
        let mut taken = self.taken();
        if !taken.may_take(revision, clock.uptime()) {
            return;
        }
        self.served.store(token.and_then(|(token, grant)| {
            let access = grant.access.as_ref()?;
            let life = access.expires_at.since(access.issued_at);
            Some(Held::new(token, grant.generation, &grant.pair, access.expires_at, life, clock))
        }));
    }

    /// Serves nothing of a login that is signed out, or about to be.
    pub(super) fn leave(&self, revision: Option<Revision>, clock: &dyn Clock) {
        let mut taken = self.taken();
        if taken.may_take(revision, clock.uptime()) {
            taken.leaves();
            self.served.store(None);
        }
    }

    /// Puts an answer to use that the store would not take. `begun` is the writing of the record
    /// that announced it: a login that is known to have been signed out since is not served.
    pub(super) fn serve_unsaved(
        &self,
        landing: &Arc<Landing>,
        begun: Option<Revision>,
        clock: &dyn Clock,
    ) {
        let mut taken = self.taken();
        taken.pending = Some(Arc::clone(landing));
        if taken.has_left_since(begun) {
            return;
        }
        let Answer::Pair(rotated) = &landing.answer else { return };
        let Some(issued) = &rotated.access else { return };
        let generation = landing.spent.generation.next();
        let (token, life) = (issued.access_token.clone(), issued.expires_in);
        let held = Held::new(token, generation, &landing.pair, issued.expires_at, life, clock);
        self.served.store(Some(held));
    }

    /// Returns the answer that the store would not take yet: its token must not be sent again.
    pub(super) fn pending(&self) -> Option<Arc<Landing>> {
        self.taken().pending.clone()
    }

    /// Returns whether that answer is still pending.
    pub(super) fn is_pending(&self, landing: &Arc<Landing>) -> bool {
        self.pending().is_some_and(|pending| Arc::ptr_eq(&pending, landing))
    }

    /// Notes that a pending answer is in the store.
    pub(super) fn is_saved(&self, landing: &Arc<Landing>) {
        self.taken().pending.take_if(|kept| Arc::ptr_eq(kept, landing));
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the record that was saved just now, so that the next spend of it need not read it.
    pub(super) fn keep_saved(&self, stored: Stored, clock: &dyn Clock) {
        self.taken().keep_saved(stored, clock);
    }

    /// Takes that record out.
    pub(super) fn take_saved(&self, clock: &dyn Clock) -> Option<Stored> {
        self.taken().take_saved(clock)
    }

    /// Returns the generation that is served.
    pub(super) fn generation(&self) -> Option<Generation> {
        self.served.load().as_ref().map(|held| held.generation)
    }

    /// Notes that a caller asks.
    pub(super) fn is_used(&self, now: Timestamp) {
        self.used_at.fetch_max(now.as_millis(), Ordering::Relaxed);
    }

    /// Returns when a caller last asked for more than the token in hand, the record's own note
    /// included.
    pub(super) fn last_use(&self, noted: Option<Timestamp>) -> Option<Timestamp> {
        let used = Some(self.used_at.load(Ordering::Relaxed)).filter(|millis| *millis != 0);
        noted.max(used.map(Timestamp::from_millis))
    }

    /// Returns whether a use may be noted in the record again, and notes that it is.
    pub(super) fn may_note_use(&self, uptime: Duration, pause: Duration) -> bool {
        self.noted_at.may_be_again(uptime, pause)
    }

    /// Returns whether the store may be asked again while a token lives, and notes that it is.
    pub(super) fn may_ask(&self, uptime: Duration) -> bool {
        const PAUSE: Duration = Duration::from_secs(1);
        self.asked_at.may_be_again(uptime, PAUSE)
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests;
