//! Pairs that the store would not take, sealed in the holders' files, and their way back.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::Desk;
use super::land::Landing;
use super::pair::{self, Seat};
use super::presence::{self, Foreign, Presence};
use super::source::Slot;
use crate::grant::transition::{Attempt, Spent};
use crate::grant::{Account, AttemptId, Generation, Grant, GrantId, Holder, PairId};
use crate::seal::Sealed;
use crate::store::Stored;
use crate::token::{Issued, Rotated, rejudge};
use crate::{AccessToken, RefreshToken, Result, Timestamp};

/// A record of the spill file. What it holds of the pair is sealed for the generation spent.
#[derive(Serialize, Deserialize)]
struct Spilled {
    account: Account,
    grant_id: GrantId,
    generation: Generation,
    spent_pair: PairId,
    pair: PairId,
    attempt: AttemptId,
    holder: Holder,
    received_at: Timestamp,
    secrets: Sealed,
}

/// The sealed part.
#[derive(Serialize, Deserialize)]
struct Secrets {
    access: Option<(String, String, Timestamp)>,
    refresh: String,
}

impl Desk {
    /// Writes a pair to this process's file, where the end of the process leaves it. None, with an
    /// event, if that fails: then the pair lives in memory alone until it is saved.
    pub(super) fn spill(&self, landing: &Landing, before: &Grant) -> Option<presence::Slot> {
        let write = |presence: &Presence| -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
            let record = self.spill_record(landing, before)?;
            Ok(presence.spill(&serde_json::to_vec(&record)?)?)
        };
        let written = self.presence().map(write);
        match written {
            Some(Ok(slot)) => Some(slot),
            Some(Err(why)) => {
                tracing::error!(error = %why, "a rotated pair could not be spilled; it lives in memory alone");
                None
            }
            None => None,
        }
    }

    /// Makes a spilled pair outlive the machine, or says that it may not.
    pub(super) fn sync_spill(&self, slot: Option<presence::Slot>) -> Option<presence::Slot> {
        if let (Some(presence), Some(_)) = (self.presence(), &slot)
            && let Err(why) = presence.sync()
        {
            tracing::error!(error = %why, "a spilled pair may not outlive the machine");
        }
        slot
    }

    /// Erases a record that is saved.
    pub(super) fn unspill(&self, slot: Option<presence::Slot>) {
        if let (Some(presence), Some(slot)) = (self.presence(), slot)
            && let Err(why) = presence.erase(&slot)
        {
            tracing::warn!(error = %why, "a saved pair could not be erased from the spill file");
        }
    }

    /// Looks for a pair that somebody received for this account: spilled on this machine, or kept
    /// in the record because it could not be read. Saves it and returns the record.
    pub(super) async fn recover(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        stored: &Stored,
    ) -> Result<Option<Stored>> {
        if let Some(landing) = self.reread(&stored.grant)? {
            return self.land(slot, landing, stored.clone()).await.map(Some);
        }
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let mut recovered = None;
        for foreign in self.foreign(folder) {
            for (at, record) in foreign.records() {
                let Some(landing) = self.read_spilled(&record, &stored.grant.account) else {
                    continue;
                };
                if foreign.is_dead() || stored.grant.is_at(&landing.spent) {
                    recovered = Some(self.save_found(&landing, stored).await?);
                    let _ = foreign.erase(&at);
                }
            }
            foreign.clear(self.now());
        }
        Ok(recovered)
    }

    /// Saves a pair that was found. One whose grant has moved on by more than its own rotation was
    /// saved by its holder, who died before erasing it: its token is spent.
    async fn save_found(&self, landing: &Landing, stored: &Stored) -> Result<Stored> {
        let (grant, spent) = (&stored.grant, &landing.spent);
        if grant.grant_id == spent.grant_id && grant.generation > spent.generation.next() {
            tracing::warn!(account = %grant.account, generation = %spent.generation, "a spilled pair is older than what is saved");
            return Ok(stored.clone());
        }
        self.save(landing, stored.clone()).await
    }

    /// Saves sign-ins that an earlier process could not save. They have no record yet to find
    /// them by.
    pub(super) async fn recover_sign_ins(&self) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        for foreign in self.foreign(folder) {
            for (at, record) in foreign.records() {
                let Some(account) = spilled_account(&record).filter(Account::is_unlabelled) else {
                    continue;
                };
                let Some(landing) = self.read_spilled(&record, &account) else {
                    continue;
                };
                if self.store.load(&account).await?.is_none() {
                    self.insert(&account, &landing).await?;
                }
                let _ = foreign.erase(&at);
            }
        }
        Ok(())
    }

    fn foreign(&self, folder: &Path) -> Vec<Foreign> {
        Foreign::all(folder, self.presence.get().and_then(Option::as_ref))
    }

    /// Judges a kept answer again: a later version may read it.
    fn reread(&self, grant: &Grant) -> Result<Option<Landing>> {
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
            attempt: self.attempt()?,
            spent: grant.spent(),
            pair: self.new_pair()?,
            rotated,
            refresh,
            received_at: unread.received_at,
        }))
    }

    fn spill_record(&self, landing: &Landing, before: &Grant) -> Result<Spilled> {
        let Landing { attempt, spent, pair, rotated, refresh, received_at } = landing;
        let access = rotated.access.as_ref().map(|issued| {
            let token = issued.access_token.expose().to_owned();
            (token, issued.token_type.clone(), issued.expires_at)
        });
        let refresh = rotated.refresh.as_ref().unwrap_or(refresh).expose().to_owned();
        let secrets = serde_json::to_vec(&Secrets { access, refresh }).unwrap_or_default();
        Ok(Spilled {
            account: before.account.clone(),
            grant_id: spent.grant_id.clone(),
            generation: spent.generation,
            spent_pair: spent.pair.clone(),
            pair: pair.clone(),
            attempt: attempt.id.clone(),
            holder: attempt.holder.clone(),
            received_at: *received_at,
            secrets: self.sealer.seal(Seat::of(before).spill(), &secrets)?,
        })
    }

    /// Reads a record if it is the account's, and whole.
    fn read_spilled(&self, record: &[u8], account: &Account) -> Option<Landing> {
        let spilled: Spilled = serde_json::from_slice(record).ok()?;
        if spilled.account != *account {
            return None;
        }
        let spent = Spent {
            grant_id: spilled.grant_id,
            generation: spilled.generation,
            pair: spilled.spent_pair,
        };
        let seat = Seat { account, grant_id: &spent.grant_id, generation: spent.generation };
        let opened = self.sealer.open(seat.spill(), &spilled.secrets).ok()?;
        let secrets: Secrets = serde_json::from_slice(&opened).ok()?;
        let attempt =
            Attempt { id: spilled.attempt, holder: spilled.holder, at: spilled.received_at };
        let access = secrets.access.map(|(token, token_type, expires_at)| Issued {
            access_token: AccessToken::new(token),
            token_type,
            expires_in: expires_at.since(spilled.received_at),
            expires_at,
        });
        let refresh = Some(RefreshToken::new(secrets.refresh.clone()));
        let rotated =
            Rotated { access, refresh, scopes: None, other: Map::new(), server_date: None };
        Some(Landing {
            attempt,
            spent,
            pair: spilled.pair,
            rotated,
            refresh: RefreshToken::new(secrets.refresh),
            received_at: spilled.received_at,
        })
    }
}

fn spilled_account(record: &[u8]) -> Option<Account> {
    serde_json::from_slice::<Spilled>(record).ok().map(|spilled| spilled.account)
}
