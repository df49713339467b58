//! Pairs on their way into the store, and those that it could not take, in the form in which they are
//! written to the holders' files.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use zeroize::{Zeroize as _, Zeroizing};

use super::Desk;
use super::pair::{Answer, Landing, Seat};
use super::presence::{Foreign, Presence};
use super::room;
use crate::grant::transition::{Attempt, Spent};
use crate::grant::{Account, AttemptId, Generation, Grant, GrantId, Holder, PairId};
use crate::scope::Scopes;
use crate::seal::{KeyId, Sealed};
use crate::token::{Issued, Rotated, Unreadable, rejudge};
use crate::{AccessToken, Error, Reason, RefreshToken, Result, Timestamp, turns, wiped};

/// A record of the spill file. What it holds of the pair is sealed for the generation spent.
#[derive(Serialize, Deserialize)]
pub(super) struct Spilled {
    pub(super) account: Account,
    pub(super) grant_id: GrantId,
    generation: Generation,
    spent_pair: PairId,
    pub(super) pair: PairId,
    attempt: AttemptId,
    pub(super) holder: Arc<Holder>,
    pub(super) received_at: Timestamp,
    secrets: Sealed,
}

/// Where an answer is, apart from memory, that the store has not taken.
pub(super) struct Unsaved {
    /// Its place in this process's file.
    pub(super) slot: Option<room::Slot>,
    /// Where it was before it was written anew.
    pub(super) older: Option<room::Slot>,
    /// Whether it outlives the machine there.
    pub(super) is_durable: bool,
}

/// The sealed part.
#[derive(Serialize, Deserialize)]
struct Secrets {
    access: Option<(String, String, Timestamp)>,
    /// Of an answer that could not be read: the token that was spent.
    refresh: String,
    #[serde(default)]
    scopes: Option<Scopes>,
    /// The status and, in base64, the body of an answer that could not be read.
    #[serde(default)]
    unread: Option<(u16, String)>,
}

impl Secrets {
    fn of(landing: &Landing) -> Self {
        let old = &landing.refresh;
        match &landing.answer {
            Answer::Pair(rotated) => Self {
                access: rotated.access.as_ref().map(|issued| {
                    let token = issued.access_token.expose().to_owned();
                    (token, issued.token_type.clone(), issued.expires_at)
                }),
                refresh: rotated.refresh.as_ref().unwrap_or(old).expose().to_owned(),
                scopes: rotated.scopes.clone(),
                unread: None,
            },
            Answer::Unread(Unreadable { status, body }) => Self {
                access: None,
                refresh: old.expose().to_owned(),
                scopes: None,
                unread: Some((*status, STANDARD.encode(body))),
            },
        }
    }

    /// Returns what X answered. What could not be read is judged again: a later version may.
    fn answer(&self, received_at: Timestamp) -> Result<Answer> {
        if let Some((status, body)) = &self.unread {
            let body = Zeroizing::new(STANDARD.decode(body).map_err(|_| damaged())?);
            return Ok(match rejudge(*status, &body, received_at) {
                Some(rotated) => Answer::Pair(rotated),
                None => Answer::Unread(Unreadable { status: *status, body }),
            });
        }
        let access = self.access.as_ref().map(|(token, token_type, expires_at)| Issued {
            access_token: AccessToken::new(token.as_str()),
            token_type: token_type.clone(),
            expires_in: expires_at.since(received_at),
            expires_at: *expires_at,
        });
        Ok(Answer::Pair(Rotated {
            access,
            refresh: Some(RefreshToken::new(self.refresh.as_str())),
            scopes: self.scopes.clone(),
            other: Map::new(),
            server_date: None,
        }))
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        if let Some((token, ..)) = &mut self.access {
            token.zeroize();
        }
        self.refresh.zeroize();
        if let Some((_, body)) = &mut self.unread {
            body.zeroize();
        }
    }
}

fn damaged() -> Error {
    Error::new(Reason::StoreDamaged, "a spilled pair opens, and is not one")
}

impl Desk {
    /// Writes a pair to this process's file, where the end of the process leaves it. None, with an
    /// event, if that fails: then the pair lives in memory alone until it is saved.
    pub(super) fn spill(&self, landing: &Landing, before: &Grant) -> Option<room::Slot> {
        let write = |presence: &Presence| -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
            let record = self.spill_record(landing, before)?;
            Ok(presence.spill(&serde_json::to_vec(&record)?)?)
        };
        let written = self.presence().map(write);
        match written {
            Some(Ok(slot)) => Some(slot),
            Some(Err(why)) => {
                crate::contained(
                    || tracing::error!(error = %why, "a rotated pair could not be spilled; until it is saved it lives in memory alone"),
                );
                None
            }
            None => None,
        }
    }

    /// How long after the last handle is gone a pair is tried to be saved that is in memory alone. The
    /// save that is under way then must end within the worker's own patience.
    const LAST_SAVES: Duration = Duration::from_secs(40);

    /// Spills a pair that the store has refused again, if it is not on the disk, and returns whether to
    /// go on trying to save it in this process.
    pub(super) fn goes_on(
        self: &Arc<Self>,
        unsaved: &mut Unsaved,
        landing: &Landing,
        before: Option<&Grant>,
        left_at: &mut Option<Duration>,
    ) -> bool {
        if let Some(before) = before.filter(|_| !unsaved.is_durable)
            && let Some(slot) = self.spill(landing, before)
        {
            // Written anew: of what one flush has failed for, the next may say nothing. The one before
            // stays: who reads the file just now may have passed the new place. So that it does not take
            // more room each time, the one before that goes.
            let last = unsaved.slot.replace(slot);
            self.unspill(std::mem::replace(&mut unsaved.older, last));
            unsaved.is_durable = self.is_synced();
        }
        if !self.is_leaving() {
            return true;
        }
        let now = self.clock.uptime();
        let is_over = now.saturating_sub(*left_at.get_or_insert(now)) >= Self::LAST_SAVES;
        if is_over && !unsaved.is_durable {
            let account = before.map(|before| before.account.to_string());
            let are = if unsaved.slot.is_some() { "may be" } else { "are" };
            crate::contained(
                || tracing::error!(account, generation = %landing.spent.generation.next(), "tokens that X has issued {are} lost with this process, because neither the store nor the folder beside it is known to have them; sign in again"),
            );
        }
        !unsaved.is_durable && !is_over
    }

    /// Makes a spilled pair outlive the machine. False, with an event, if that fails: then nobody
    /// may rely on it.
    pub(super) fn is_durable(&self, slot: Option<&room::Slot>) -> bool {
        slot.is_some() && self.is_synced()
    }

    fn is_synced(&self) -> bool {
        let synced = self.presence().map(Presence::sync);
        if let Some(Err(why)) = &synced {
            crate::contained(
                || tracing::error!(error = %why, "a spilled pair may not outlive the machine"),
            );
        }
        matches!(synced, Some(Ok(())))
    }

    /// Erases an answer that is saved, wherever it is.
    pub(super) fn unspill_all(self: &Arc<Self>, unsaved: Unsaved) {
        self.unspill(unsaved.older);
        self.unspill(unsaved.slot);
    }

    /// Erases a record that is not needed any more.
    pub(super) fn unspill(self: &Arc<Self>, slot: Option<room::Slot>) {
        let (Some(presence), Some(slot)) = (self.presence(), slot) else { return };
        match presence.erase(&slot) {
            Ok(()) => self.mark_in_a_while(presence),
            Err(why) => crate::contained(
                || tracing::warn!(error = %why, "a saved pair could not be erased from the spill file"),
            ),
        }
    }

    /// How long a file without a pair in it may look as if there was one. Were it marked each time, its
    /// times would move with its length, and the store's log be written with its inode at each flush.
    pub(super) const UNMARKED: Duration = Duration::from_secs(1);

    /// Makes this process's file ready for a pair, before X is asked for it: the less there is to do
    /// between its arrival and its first write, the fewer kills take it along.
    pub(super) fn expect_pair(self: &Arc<Self>) {
        if let Some(presence) = self.presence() {
            presence.unmark();
            self.mark_in_a_while(presence);
        }
    }

    /// Marks this process's file later, unless somebody is about to. Nothing is to be marked when this
    /// process ends: its file goes with it.
    fn mark_in_a_while(self: &Arc<Self>, presence: &Presence) {
        if !presence.is_to_be_marked() {
            return;
        }
        let desk = Arc::clone(self);
        self.in_background(turns::spawn(async move {
            if desk.wait(Self::UNMARKED).await
                && let Some(presence) = desk.presence()
            {
                presence.mark();
            }
        }));
    }

    fn spill_record(&self, landing: &Landing, before: &Grant) -> Result<Spilled> {
        let Landing { attempt, spent, pair, received_at, .. } = landing;
        let secrets = wiped::json(&Secrets::of(landing)).map_err(|why| {
            Error::new(Reason::Internal, "a pair cannot be written as JSON").with_source(why)
        })?;
        Ok(Spilled {
            account: before.account.clone(),
            grant_id: spent.grant_id,
            generation: spent.generation,
            spent_pair: spent.pair,
            pair: *pair,
            attempt: attempt.id,
            holder: Arc::clone(&attempt.holder),
            received_at: *received_at,
            secrets: self.sealer.seal(Seat::of(before).spill(), secrets.as_bytes())?,
        })
    }

    /// Opens a record.
    pub(super) fn open_spilled(&self, spilled: Spilled) -> Result<Landing> {
        let spent = spilled.spent();
        let seat = Seat {
            account: &spilled.account,
            grant_id: &spent.grant_id,
            generation: spent.generation,
        };
        let opened = self.sealer.open(seat.spill(), &spilled.secrets)?;
        let secrets: Secrets = serde_json::from_slice(&opened).map_err(|_| damaged())?;
        let answer = secrets.answer(spilled.received_at)?;
        let attempt =
            Attempt { id: spilled.attempt, holder: spilled.holder, at: spilled.received_at };
        Ok(Landing {
            attempt,
            spent,
            pair: spilled.pair,
            answer,
            refresh: RefreshToken::new(secrets.refresh.as_str()),
            received_at: spilled.received_at,
        })
    }
}

/// Returns the names of the keys that the pairs in a folder of holders' files are sealed with. Those
/// keys must stay.
///
/// # Errors
/// [`Reason::Store`] when a file cannot be read.
pub fn spilled_keys(folder: &Path) -> Result<BTreeSet<KeyId>> {
    let records = Foreign::all_records(folder).map_err(|why| unreadable(folder, why))?;
    let spilled = records.iter().filter_map(|record| Spilled::parse(record));
    Ok(spilled.map(|spilled| *spilled.secrets.key()).collect())
}

pub(super) fn unreadable(folder: &Path, why: std::io::Error) -> Error {
    let message = format!("the holders' files in {} cannot be read", folder.display());
    Error::new(Reason::Store, message).with_source(why)
}

impl Spilled {
    /// Reads a record as far as it is not sealed; none when it is not whole.
    pub(super) fn parse(record: &[u8]) -> Option<Self> {
        serde_json::from_slice(record).ok()
    }

    pub(super) fn spent(&self) -> Spent {
        Spent { grant_id: self.grant_id, generation: self.generation, pair: self.spent_pair }
    }

    /// Returns whether a sign-in brought the pair: then it made the first generation.
    pub(super) fn is_sign_in(&self) -> bool {
        self.generation == Generation::default()
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests;
