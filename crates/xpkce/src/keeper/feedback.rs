//! What follows from a 401 of a resource server: the store is looked at, and the pair is rotated
//! only if the refused token is still the current one.

use std::sync::Arc;
use std::time::Duration;

use super::settle::Step;
use super::source::Slot;
use super::{Desk, TokenSource, pair};
use crate::grant::Access;
use crate::store::{LeaseEnd, Stored};
use crate::{AccessToken, Error, Reason, Result, turns};

impl TokenSource {
    /// Reports that a resource server answered 401 to `token`. When this returns, ask for
    /// [`access_token`](Self::access_token) and repeat the request, once.
    ///
    /// Never report a 403: a missing scope is not mended by a rotation. However many callers
    /// report one token, it is rotated once; rotations that a 401 causes are at most one a minute,
    /// then fewer. A token under ten seconds old is not rotated: X is known to refuse those for a
    /// moment, so this waits two seconds instead.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh); [`Reason::Busy`] while such rotations are held back.
    pub async fn rejected(&self, token: &AccessToken) -> Result<()> {
        let (desk, slot) = (Arc::clone(self.keeper().desk()), Arc::clone(self.slot()));
        let token = token.clone();
        self.keeper().run(async move { desk.rejected_access(&slot, &token).await }).await
    }

    /// As [`rejected`](Self::rejected), for a request that cannot be repeated: it waits for nothing
    /// and asks X nothing. The next [`access_token`](Self::access_token) rotates the token, no more
    /// often than there.
    ///
    /// # Errors
    /// [`SignIn`](crate::ErrorKind::SignIn) when there is no login, and the store's.
    pub async fn note_rejected(&self, token: &AccessToken) -> Result<()> {
        let (desk, slot) = (Arc::clone(self.keeper().desk()), Arc::clone(self.slot()));
        let token = token.clone();
        let noting = async move { desk.note_rejected_access(&slot, &token).await.map(drop) };
        self.keeper().run(noting).await
    }
}

/// Why a refused token is not rotated yet.
pub(super) const REFUSED_AGAIN: &str = "the access token is refused again soon after a rotation; it \
    is not rotated again yet, because X itself may be failing";

/// What a token was when it was refused.
enum Refused {
    /// Another one has taken its place.
    Old,
    /// Issued a moment ago: X may not know it everywhere yet.
    Young,
    /// The login's own. That it was refused is saved, and it is served no more.
    Current(Stored),
}

impl Desk {
    /// Below this age a refused token is taken for one that X does not know everywhere yet.
    const YOUNG: Duration = Duration::from_secs(10);
    const YOUNG_PAUSE: Duration = Duration::from_secs(2);

    pub(super) async fn rejected_access(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        token: &AccessToken,
    ) -> Result<()> {
        let stored = match self.note_rejected_access(slot, token).await? {
            Refused::Current(stored) => stored,
            Refused::Old => return Ok(()),
            Refused::Young => {
                turns::sleep(Self::YOUNG_PAUSE).await;
                return Ok(());
            }
        };
        // Whoever rotates already does it for all who were refused.
        let is_held_back = stored.grant.lease.is_none();
        let held_until = stored.grant.feedback_held_until(stored.now);
        if let Some(from) = held_until.filter(|_| is_held_back) {
            let why = Error::new(Reason::Busy, REFUSED_AGAIN);
            return Err(why.with_retry_after(from.since(stored.now)));
        }
        self.rotate(slot, stored).await
    }

    async fn note_rejected_access(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        token: &AccessToken,
    ) -> Result<Refused> {
        let stored = self.adopt(slot).await?;
        let current = pair::open_access(&self.sealer, &stored.grant)?;
        if !current.is_some_and(|current| current.matches(token.expose())) {
            return Ok(Refused::Old);
        }
        let Some(access) = &stored.grant.access else {
            return Ok(Refused::Old);
        };
        if self.is_young(access) {
            return Ok(Refused::Young);
        }
        let (attempt, refused) = (self.attempt(stored.now)?, stored.grant.pair);
        let (_, stored) = self
            .settle(stored, |grant, _| {
                let is_news = grant.access.as_ref().is_some_and(|access| !access.is_rejected);
                let is_current = grant.access_rejected(&refused, &attempt);
                Ok(if is_current && is_news {
                    Step::Save((), LeaseEnd::Keep)
                } else {
                    Step::Leave(())
                })
            })
            .await?;
        if stored.grant.pair != refused {
            // It was rotated meanwhile; what was read first may be served here still.
            self.serve(slot, &stored)?;
            return Ok(Refused::Old);
        }
        slot.serve(None, slot.revision(&stored), self.clock.as_ref());
        Ok(Refused::Current(stored))
    }

    /// Returns whether a token was issued a moment ago. One that seems to come from the future was
    /// issued by a machine whose clock is ahead of ours: how old it is is not known.
    fn is_young(&self, access: &Access) -> bool {
        let now = self.now();
        let apart = now.since(access.issued_at).max(access.issued_at.since(now));
        apart < Self::YOUNG
    }
}
