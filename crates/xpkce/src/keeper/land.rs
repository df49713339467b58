//! From a success of X to its durable save. Nothing in between can give the pair up.

use std::sync::Arc;
use std::time::Duration;

use super::Desk;
use super::late::Late;
use super::measure::{self, Spill};
use super::pair::{self, Answer, Landing, Seat};
use super::settle::Step;
use super::source::Slot;
use super::spill::Unsaved;
use crate::grant::Unread;
use crate::grant::transition::{Attempt, Landed};
use crate::store::{LeaseEnd, Stored};
use crate::token::{Rotated, Unreadable};
use crate::{Error, Reason, Result, turns};

impl Desk {
    pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
    pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);
    /// How long the store is given to take what it has failed to take, before anybody is told.
    pub(super) const ONCE_MORE: Duration = Duration::from_secs(5);

    /// Saves what X answered. It is in the spill file first, within microseconds, so that a kill
    /// during the save does not take it along. If the save fails the file is synced and the save
    /// tried once more. If that fails too a pair is put to use, and the answer saved in the
    /// background for as long as this process lives.
    ///
    /// # Errors
    /// The store's, when the answer is not in it yet. The slot serves a pair all the same.
    pub(super) async fn land(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        landing: Landing,
        stored: Stored,
    ) -> Result<Stored> {
        let spilled = self.spill(&landing, &stored.grant);
        let saved = self.save(&landing, stored.clone()).await;
        let is_durable = saved.is_err() && self.is_durable(spilled.as_ref());
        let saved = match saved {
            Err(why) => {
                let saving = Box::pin(self.save(&landing, stored.clone()));
                self.once_more(why, saving).await
            }
            saved => saved,
        };
        let why = match saved {
            Ok(saved) => {
                self.unspill(spilled);
                self.serve_landed(slot, &landing, &saved);
                self.compare_clocks(&landing);
                crate::contained(
                    || tracing::debug!(now = %saved.grant.generation, "what X answered is saved"),
                );
                return Ok(saved);
            }
            Err(why) => why,
        };
        crate::contained(
            || tracing::error!(account = %slot.account(), generation = %landing.spent.generation, error = %why, "the store did not take what X answered; it is spilled and tried again"),
        );
        let unsaved = Unsaved { slot: spilled, older: None, is_durable };
        measure::spill(if is_durable { Spill::Spilled } else { Spill::InMemory });
        let landing = Arc::new(landing);
        slot.serve_unsaved(&landing, slot.revision(&stored), self.clock.as_ref());
        let saving =
            Box::pin(Arc::clone(self).save_at_last(Arc::clone(slot), landing, stored, unsaved));
        if self.is_leaving() {
            // Nobody waits for what is begun now.
            saving.await;
        } else {
            self.in_background(turns::spawn(saving));
        }
        let message =
            "X rotated the tokens and the store did not take them; they are kept beside it";
        Err(Error::new(why.reason(), format!("{message}: {why}")).with_source(why))
    }

    /// Tries a save that has failed for `why` once more, where it may have been the way to the store
    /// that failed. A connection that was cut is made anew; what was saved without an acknowledgement
    /// is known for its own.
    pub(super) async fn once_more<T>(
        &self,
        why: Error,
        saving: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if why.reason() != Reason::Store {
            return Err(why);
        }
        match turns::timeout(Self::ONCE_MORE, saving).await {
            Ok(Ok(saved)) => Ok(saved),
            _ => Err(why),
        }
    }

    /// Notes that a pending answer is saved, and serves what the record says now: the login may have
    /// been signed out while the answer was served from memory.
    pub(super) fn is_saved(&self, slot: &Slot, landing: &Arc<Landing>, saved: &Stored) {
        slot.is_saved(landing);
        if let Err(why) = self.serve(slot, saved) {
            crate::contained(
                || tracing::warn!(account = %slot.account(), error = %why, "what was saved cannot be served"),
            );
        }
    }

    /// Saves by compare-and-set on what was spent, whoever holds the lease now.
    /// A login that was labelled meanwhile is found under its new name.
    pub(super) async fn save(
        self: &Arc<Self>,
        landing: &Landing,
        stored: Stored,
    ) -> Result<Stored> {
        let app = stored.grant.account.app.clone();
        match self.save_at(landing, stored).await {
            Err(why) if why.reason() == Reason::NotSignedIn => {
                match Box::pin(self.find(&app, &landing.spent.grant_id)).await? {
                    Some(moved) => Box::pin(self.save_at(landing, moved)).await,
                    None => Err(why),
                }
            }
            other => other,
        }
    }

    async fn save_at(self: &Arc<Self>, landing: &Landing, stored: Stored) -> Result<Stored> {
        match &landing.answer {
            Answer::Pair(rotated) => self.save_pair(landing, rotated, stored).await,
            Answer::Unread(unread) => Box::pin(self.save_unread(landing, unread, stored)).await,
        }
    }

    async fn save_pair(
        self: &Arc<Self>,
        landing: &Landing,
        rotated: &Rotated,
        mut stored: Stored,
    ) -> Result<Stored> {
        let new = pair::seal_rotated(&self.sealer, &stored.grant, landing, rotated)?;
        for _ in 0..Self::MOST_BEGINS {
            let (landed, there) = self
                .settle(stored, |grant, there| {
                    let attempt = Attempt { at: there.now, ..landing.attempt.clone() };
                    let mut new = new.clone();
                    if !grant.is_at(&landing.spent) {
                        new.candidate =
                            pair::seal_candidate(&self.sealer, grant, landing, rotated)?;
                    }
                    let landed = grant.rotated(&landing.spent, &attempt, new);
                    Ok(match landed {
                        // It joins somebody else's generation: their lease is not ours to end.
                        Landed::Candidate => Step::Save(landed, LeaseEnd::Keep),
                        Landed::Current => Step::Save(landed, LeaseEnd::Now),
                        Landed::Already | Landed::SignedOut => Step::Leave(landed),
                    })
                })
                .await?;
            if landed != Landed::SignedOut {
                return Ok(there);
            }
            match Box::pin(self.revoke_late(landing, rotated, there)).await? {
                Late::Done(there) => return Ok(there),
                Late::Moved(there) => stored = there,
            }
        }
        Err(Error::new(Reason::Busy, "the login is being changed by many others at once"))
    }

    /// One that came after the generation had moved is of no use: there is no pair in it to keep.
    async fn save_unread(
        &self,
        landing: &Landing,
        unreadable: &Unreadable,
        stored: Stored,
    ) -> Result<Stored> {
        let Landing { attempt, spent, received_at, .. } = landing;
        let saved = self.settle(stored, |grant, _| {
            let unread = Unread {
                attempt: attempt.id,
                status: unreadable.status,
                body: self.sealer.seal(Seat::of(grant).unread(), &unreadable.body)?,
                received_at: *received_at,
            };
            let is_news = grant.unread(spent, attempt, unread);
            Ok(if is_news { Step::Save((), LeaseEnd::Now) } else { Step::Leave(()) })
        });
        saved.await.map(|((), stored)| stored)
    }

    /// Tries to save for as long as the process lives; when it ends, the spill file must do.
    async fn save_at_last(
        self: Arc<Self>,
        slot: Arc<Slot>,
        landing: Arc<Landing>,
        stored: Stored,
        mut unsaved: Unsaved,
    ) {
        let (mut pause, mut left_at) = (Self::FIRST_PAUSE, None);
        loop {
            turns::sleep(pause).await;
            pause = (pause * 2).min(Self::LONGEST_PAUSE);
            if !slot.is_pending(&landing) {
                // The next spend has saved it, and may have spent it: it is no candidate for later.
                return self.unspill_all(unsaved);
            }
            // Another process may have found it, and gone on from there.
            let there = self.load(&stored.grant.account).await.unwrap_or_else(|_| stored.clone());
            match self.save_found(&landing, there).await {
                Ok(saved) => {
                    crate::contained(
                        || tracing::info!(account = %saved.grant.account, generation = %saved.grant.generation, "what was spilled is saved"),
                    );
                    self.is_saved(&slot, &landing, &saved);
                    measure::spill(Spill::Saved);
                    self.unspill_all(unsaved);
                    return;
                }
                Err(why) => crate::contained(
                    || tracing::warn!(account = %stored.grant.account, generation = %landing.spent.generation, error = %why, "the store still takes nothing"),
                ),
            }
            if !self.goes_on(&mut unsaved, &landing, Some(&stored.grant), &mut left_at) {
                return;
            }
        }
    }
}
