//! From a received pair to its durable save. Nothing here can give the pair up.

use std::sync::Arc;
use std::time::Duration;

use super::Desk;
use super::measure::{self, Spill};
use super::pair::{self, Landing};
use super::settle::Step;
use super::source::Slot;
use crate::grant::transition::Landed;
use crate::store::{LeaseEnd, Stored};
use crate::token::Revocable;
use crate::{Error, Reason, Result};

impl Desk {
    pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
    pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

    /// Saves a pair. It is in the spill file first, within microseconds, so that a kill during the
    /// save does not take it along. If the save fails the file is synced, the pair put to use, and
    /// saved in the background for as long as this process lives.
    ///
    /// # Errors
    /// The store's, when the pair is not in it yet. The slot serves it all the same.
    pub(super) async fn land(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        landing: Landing,
        stored: Stored,
    ) -> Result<Stored> {
        let spilled = self.spill(&landing, &stored.grant);
        let why = match self.save(&landing, stored.clone()).await {
            Ok(saved) => {
                self.unspill(spilled);
                return Ok(saved);
            }
            Err(why) => why,
        };
        tracing::error!(account = %slot.account(), generation = %landing.spent.generation, error = %why, "the store did not take a rotated pair; it is spilled and tried again");
        let spilled = self.sync_spill(spilled);
        measure::spill(if spilled.is_some() { Spill::Spilled } else { Spill::InMemory });
        let landing = Arc::new(landing);
        slot.serve_unsaved(&landing, self.clock.as_ref());
        let saving = Arc::clone(self).save_at_last(Arc::clone(slot), landing, stored, spilled);
        if self.is_leaving() {
            // Nobody waits for what is begun now.
            saving.await;
        } else {
            self.in_background(tokio::spawn(saving));
        }
        let message =
            "X rotated the tokens and the store did not take them; they are kept beside it";
        Err(Error::new(why.reason(), format!("{message}: {why}")).with_source(why))
    }

    /// Saves by compare-and-set on what was spent, whoever holds the lease now.
    /// A login that was labelled meanwhile is found under its new name.
    pub(super) async fn save(&self, landing: &Landing, stored: Stored) -> Result<Stored> {
        let app = stored.grant.account.app.clone();
        match self.save_at(landing, stored).await {
            Err(why) if why.reason() == Reason::NotSignedIn => {
                match self.find(&app, &landing.spent.grant_id).await? {
                    Some(moved) => self.save_at(landing, moved).await,
                    None => Err(why),
                }
            }
            other => other,
        }
    }

    async fn save_at(&self, landing: &Landing, stored: Stored) -> Result<Stored> {
        let Landing { attempt, spent, .. } = landing;
        let new = pair::seal_rotated(&self.sealer, &stored.grant, landing)?;
        let (landed, stored) = self
            .settle(stored, |grant, _| {
                let landed = grant.rotated(spent, attempt, new.clone());
                Ok(match landed {
                    // A candidate joins somebody else's generation: their lease is not ours to end.
                    Landed::Candidate => Step::Save(landed, LeaseEnd::Keep),
                    Landed::Current => Step::Save(landed, LeaseEnd::Now),
                    Landed::Already | Landed::SignedOut => Step::Leave(landed),
                })
            })
            .await?;
        if landed == Landed::SignedOut {
            self.revoke_late(landing).await;
        }
        Ok(stored)
    }

    /// A pair that came after the sign-out must not live on at X.
    async fn revoke_late(&self, landing: &Landing) {
        if let Some(token) = &landing.rotated.refresh
            && let Err(why) = self.client.revoke(Revocable::Refresh(token)).await
        {
            tracing::warn!(error = %why, "a pair that came after the sign-out could not be revoked");
        }
    }

    /// Tries to save for as long as the process lives; when it ends, the spill file must do.
    async fn save_at_last(
        self: Arc<Self>,
        slot: Arc<Slot>,
        landing: Arc<Landing>,
        stored: Stored,
        spilled: Option<super::presence::Slot>,
    ) {
        let mut pause = Self::FIRST_PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Self::LONGEST_PAUSE);
            match self.save(&landing, stored.clone()).await {
                Ok(_) => {
                    tracing::info!(account = %stored.grant.account, "the spilled pair is saved");
                    slot.is_saved(&landing);
                    measure::spill(Spill::Saved);
                    self.unspill(spilled);
                    return;
                }
                Err(why) => tracing::warn!(error = %why, "the store still takes nothing"),
            }
            if spilled.is_some() && self.is_leaving() {
                return;
            }
        }
    }
}
