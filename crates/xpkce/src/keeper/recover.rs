//! Finds and saves pairs that were received but not saved: by this process, by one that died, or in
//! an answer that could not be read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Desk;
use super::measure::{self, Spill};
use super::pair::{self, Answer, Landing, Seat};
use super::presence::{self, Foreign};
use super::room;
use super::source::Slot;
use super::spill::Spilled;
use crate::grant::{Account, Grant, GrantId, Lease, Liveness, State};
use crate::store::Stored;
use crate::token::rejudge;
use crate::{Error, ErrorKind, Reason, Result, turns};

impl Desk {
    /// How often those files are looked through, too, in which there is no record: whether their
    /// holders have died. Seldom enough not to count, and soon enough after a lease's end.
    const LOOK_AT_ALL_AGAIN: Duration = Lease::SPAN;

    /// Looks for a pair that somebody received for this grant, before its token is sent again.
    /// Saves it, and returns the record if that has changed it.
    ///
    /// # Errors
    /// The store's, and [`Reason::Key`](crate::Reason::Key) when the very pair that is looked for
    /// is there and does not open: to send its spent token would end the login.
    pub(super) async fn recover(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        stored: &Stored,
    ) -> Result<Option<Stored>> {
        if let Some(pending) = slot.pending() {
            let saved = Box::pin(self.save(&pending, stored.clone())).await?;
            self.is_saved(slot, &pending, &saved);
            return Ok(changed(saved, stored));
        }
        if let Some(landing) = self.reread(stored)? {
            return Box::pin(self.land(slot, landing, stored.clone())).await.map(Some);
        }
        let mut latest = stored.clone();
        for foreign in self.searched_for(stored)? {
            for (at, record) in records(&foreign)? {
                let Some(spilled) = Spilled::parse(&record) else { continue };
                if !concerns(&spilled, &latest.grant) {
                    continue;
                }
                let is_at = latest.grant.is_at(&spilled.spent());
                if !is_at && !foreign.is_dead() {
                    continue;
                }
                match self.open_spilled(spilled) {
                    Ok(landing) => latest = Box::pin(self.save_found(&landing, latest)).await?,
                    Err(why) if is_at => return Err(why),
                    Err(_) => continue,
                }
                let _ = foreign.erase(&at);
            }
            foreign.clear(self.now());
        }
        Ok(changed(latest, stored))
    }

    /// Returns whether another process has, or had, a pair for this grant in its file.
    pub(super) fn is_spilled(&self, stored: &Stored) -> bool {
        let is_its = |(_, record): &(room::Slot, Vec<u8>)| {
            Spilled::parse(record).is_some_and(|spilled| concerns(&spilled, &stored.grant))
        };
        let holds = |foreign: &Foreign| foreign.records().map_or(true, |it| it.iter().any(is_its));
        self.foreign().map_or(true, |them| them.iter().any(holds))
    }

    /// Saves sign-ins that an earlier process could not save, and names them. They have no record
    /// yet to find them by, so only a dead holder's are taken: a living one may be saving them under
    /// two names.
    pub(super) async fn recover_sign_ins(&self) -> Result<Vec<Account>> {
        let mut saved = Vec::new();
        for foreign in self.foreign()?.into_iter().filter(Foreign::is_dead) {
            for (at, record) in records(&foreign)? {
                let Some(spilled) = Spilled::parse(&record).filter(Spilled::is_sign_in) else {
                    continue;
                };
                let account = spilled.account.clone();
                match self.recover_sign_in(spilled).await? {
                    SignInFound::Saved => saved.push(account),
                    SignInFound::SavedBefore => {}
                    SignInFound::Left => continue,
                }
                let _ = foreign.erase(&at);
            }
        }
        Ok(saved)
    }

    /// Looks for a sign-in that has ended a login of the same user, of whose token X says now that it
    /// is invalid: its process may have died with the new pair in its file alone.
    pub(super) async fn recover_successor(self: &Arc<Self>) {
        let saved = match self.recover_sign_ins().await {
            Ok(saved) => saved,
            Err(why) => {
                crate::contained(
                    || tracing::warn!(error = %why, "an earlier sign-in could not be recovered"),
                );
                return;
            }
        };
        let since = self.clock.uptime();
        for account in saved.iter().filter(|account| self.is_ours(account)) {
            // All of them together: the spend that waits here has a lease.
            let waited = self.clock.uptime().saturating_sub(since);
            let left = Self::LABEL_PATIENCE.saturating_sub(waited);
            let labelling = turns::timeout(left, self.label_named(account));
            if !matches!(labelling.await, Ok(Ok(_))) {
                self.label_in_background(account, Self::FIRST_LABEL_PAUSE);
            }
        }
    }

    fn is_ours(&self, account: &Account) -> bool {
        account.app == self.client.app().client_id()
    }

    async fn recover_sign_in(&self, spilled: Spilled) -> Result<SignInFound> {
        let account = spilled.account.clone();
        if self.find(&account.app, &spilled.grant_id).await?.is_some() {
            return Ok(SignInFound::SavedBefore);
        }
        let Ok(landing) = self.open_spilled(spilled) else { return Ok(SignInFound::Left) };
        match self.try_insert(&account, &landing).await {
            Ok(_) => {
                measure::spill(Spill::Recovered);
                Ok(SignInFound::Saved)
            }
            // It is of a store that was put away, and must not keep all others from this one.
            Err(why) if why.reason() == Reason::StoreDamaged => {
                crate::contained(
                    || tracing::warn!(%account, error = %why, "a spilled sign-in could not be recovered"),
                );
                Ok(SignInFound::Left)
            }
            Err(why) => Err(why),
        }
    }

    /// Saves everything of this app that dead holders received and could not save, and returns how
    /// many pairs that were.
    pub(super) async fn recover_all(self: &Arc<Self>) -> Result<u64> {
        let sign_ins = self.recover_sign_ins().await?;
        for account in sign_ins.iter().filter(|account| self.is_ours(account)) {
            self.label_in_background(account, Duration::ZERO);
        }
        let mut saved = sign_ins.len() as u64;
        for (account, grant_id) in self.left_behind()? {
            let stored = match self.store.load(&account).await? {
                None => self.find(&account.app, &grant_id).await?,
                found => found,
            };
            let Some(stored) = stored else { continue };
            let slot = self.slot(&stored.grant.account);
            match self.recover(&slot, &stored).await {
                Ok(recovered) => saved += u64::from(recovered.is_some()),
                Err(why) if why.kind() == ErrorKind::Store => return Err(why),
                Err(why) => {
                    crate::contained(
                        || tracing::warn!(%account, error = %why, "a spilled pair could not be recovered"),
                    );
                }
            }
            self.slots.let_go(&slot);
        }
        self.clear_all();
        Ok(saved)
    }

    /// Names the logins of this app whose rotations lie in dead holders' files.
    fn left_behind(&self) -> Result<BTreeSet<(Account, GrantId)>> {
        let dead = self.foreign()?.into_iter().filter(Foreign::is_dead);
        // A dead holder's file is never being written.
        let records = dead.flat_map(|foreign| foreign.records().unwrap_or_default());
        let spilled = records.filter_map(|(_, record)| Spilled::parse(&record));
        let is_ours = |spilled: &Spilled| !spilled.is_sign_in() && self.is_ours(&spilled.account);
        Ok(spilled.filter(is_ours).map(|spilled| (spilled.account, spilled.grant_id)).collect())
    }

    /// Finds the record of a sign-in, under whatever name it is kept now.
    pub(super) async fn find(&self, app: &str, grant_id: &GrantId) -> Result<Option<Stored>> {
        self.search(app, |grant| grant.grant_id == *grant_id).await
    }

    /// Finds what has become of a login that was unlabelled.
    pub(super) async fn find_labelled(&self, account: &Account) -> Result<Option<Stored>> {
        if !account.is_unlabelled() {
            return Ok(None);
        }
        self.search(&account.app, |grant| grant.provisional_user() == account.user).await
    }

    /// Looks through the records of one app.
    async fn search(
        &self,
        app: &str,
        is_it: impl Fn(&Grant) -> bool + Send,
    ) -> Result<Option<Stored>> {
        const PAGE: usize = 500;
        let mut after = Account::new(app, "");
        loop {
            let page = self.store.list(Some(&after), PAGE).await?;
            let len = page.len();
            let last = page.last().map(|last| last.grant.account.clone());
            let mut own = page.into_iter().take_while(|it| it.grant.account.app == app);
            if let Some(found) = own.find(|it| is_it(&it.grant)) {
                return Ok(Some(found));
            }
            match last {
                Some(last) if len == PAGE && last.app == app => after = last,
                _ => return Ok(None),
            }
        }
    }

    /// Saves a pair that was found. One whose grant is well, and has moved on by more than this
    /// rotation, was saved by its holder, who died before erasing it: its token is spent.
    pub(super) async fn save_found(
        self: &Arc<Self>,
        landing: &Landing,
        stored: Stored,
    ) -> Result<Stored> {
        let (grant, spent) = (&stored.grant, &landing.spent);
        let is_past = grant.grant_id == spent.grant_id
            && grant.generation > spent.generation.next()
            && grant.state == State::Ready
            && grant.rejection.is_none();
        if is_past {
            crate::contained(
                || tracing::warn!(account = %grant.account, generation = %spent.generation, "a spilled pair is older than what is saved"),
            );
            return Ok(stored);
        }
        let saved = self.save(landing, stored).await?;
        measure::spill(Spill::Recovered);
        Ok(saved)
    }

    /// Returns the files where a pair for this grant may lie. Whoever is spending it has looked
    /// through the others before; while it lives its own is the only one. Many who wait for one
    /// send would keep it from coming through if each opened the files of all.
    fn searched_for(&self, stored: &Stored) -> Result<Vec<Foreign>> {
        let holder = stored.grant.lease.as_ref().and_then(|lease| lease.holder.liveness.as_ref());
        match (self.folder.as_deref(), holder) {
            (Some(folder), Some(holder)) if self.is_being_spent(stored) => {
                let own = self.presence.get();
                let foreign = Foreign::of(folder, holder, own).map_err(unsearched)?;
                Ok(foreign.into_iter().collect())
            }
            // This process's own lease has run out, and what it has received may still be on its way
            // into the store, or wait under another name of the login.
            (Some(folder), Some(holder)) if self.is_own(holder) => {
                Foreign::with_records(folder, None).map_err(unsearched)
            }
            _ => self.foreign(),
        }
    }

    fn is_own(&self, holder: &Liveness) -> bool {
        self.presence.get().is_some_and(|own| own.liveness() == holder)
    }

    /// Looks, at first and now and then, whether the holders of all files have died: so they are
    /// removed where no process has a queue, too, and by commands that spend once. For who is about to
    /// send: of many who find a login due at once it is one.
    pub(super) fn clear_now_and_then(&self) {
        if self.looked_at_all.may_be_again(self.clock.uptime(), Self::LOOK_AT_ALL_AGAIN) {
            self.clear_all();
        }
    }

    fn clear_all(&self) {
        self.all_foreign().into_iter().for_each(|foreign| foreign.clear(self.now()));
        if let Some(folder) = self.folder.as_deref() {
            presence::clear_unnamed(folder, self.now());
        }
    }

    /// Opens the files of others in which there may be a pair.
    fn foreign(&self) -> Result<Vec<Foreign>> {
        let (Some(folder), own) = (self.folder.as_deref(), self.presence.get()) else {
            return Ok(Vec::new());
        };
        Foreign::with_records(folder, own).map_err(unsearched)
    }

    fn all_foreign(&self) -> Vec<Foreign> {
        let own = self.presence.get();
        self.folder.as_deref().map(|folder| Foreign::all(folder, own)).unwrap_or_default()
    }

    /// Judges a kept answer again: a later version may read it.
    fn reread(&self, stored: &Stored) -> Result<Option<Landing>> {
        let grant = &stored.grant;
        let Some(unread) = &grant.unread else {
            return Ok(None);
        };
        let body = self.sealer.open(Seat::of(grant).unread(), &unread.body)?;
        let Some(rotated) = rejudge(unread.status, &body, unread.received_at) else {
            return Ok(None);
        };
        let Some(refresh) = pair::open_refresh(&self.sealer, grant)? else {
            return Ok(None);
        };
        Ok(Some(Landing {
            attempt: self.attempt(stored.now)?,
            spent: grant.spent(),
            pair: self.new_pair()?,
            answer: Answer::Pair(rotated),
            refresh,
            received_at: unread.received_at,
        }))
    }
}

/// What became of a sign-in that was found in a dead holder's file.
enum SignInFound {
    Saved,
    SavedBefore,
    /// It does not open here, or its place is another's: it stays where it is.
    Left,
}

/// Returns whether a spilled rotation is this grant's, by its name or by its sign-in: a login that
/// was labelled meanwhile has another name.
fn concerns(spilled: &Spilled, grant: &Grant) -> bool {
    let is_its = spilled.account == grant.account || spilled.grant_id == grant.grant_id;
    is_its && !spilled.is_sign_in()
}

fn records(foreign: &Foreign) -> Result<Vec<(room::Slot, Vec<u8>)>> {
    foreign.records().map_err(|why| {
        let message = "another process is saving a pair just now; it is looked for again";
        Error::new(Reason::Busy, message).with_source(why)
    })
}

fn unsearched(why: std::io::Error) -> Error {
    let message = "whether another process has saved a pair cannot be looked for just now";
    Error::new(Reason::Busy, message).with_source(why)
}

fn changed(now: Stored, before: &Stored) -> Option<Stored> {
    (now.revision != before.revision).then_some(now)
}

#[cfg(all(test, feature = "testing"))]
mod tests;
