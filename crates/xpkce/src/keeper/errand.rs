//! What the keeper does by itself for one login of the queue that is due.

use std::sync::Arc;
use std::time::Duration;

use super::Desk;
use super::settle::Step;
use super::source::Slot;
use super::spend::Outcome;
use crate::grant::{Account, Generation, State};
use crate::store::{Due, LeaseEnd, Stored};
use crate::{Error, ErrorKind, Reason, Result};

/// What became of a login that was due.
#[non_exhaustive]
#[derive(Debug)]
pub enum Tended {
    /// Its pair was rotated by this keeper; this generation is current.
    Rotated(Generation),
    /// X confirmed the sign-out that had begun.
    SignedOut,
    /// It needed nothing any more, another keeper works or worked on it, or it is too early to try
    /// again.
    Left,
    /// It failed; when it is due again is in the record.
    Failed(Error),
}

/// What a failure says about the logins that come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Omen {
    /// X did what it was asked for.
    Well,
    /// Nothing.
    None,
    /// X fails, perhaps for all.
    Failing,
    /// None of them can be worked on: the store, the key or the app's credentials fail.
    Stop,
}

impl Tended {
    pub(super) fn omen(&self) -> Omen {
        match self {
            Self::Rotated(_) | Self::SignedOut => Omen::Well,
            Self::Left => Omen::None,
            Self::Failed(why) => match (why.kind(), why.reason()) {
                (ErrorKind::Store, reason) if reason != Reason::StoreDamaged => Omen::Stop,
                (_, Reason::WrongSecretOrAppType | Reason::WrongClientId) => Omen::Stop,
                // X's first word that a token is invalid is busy for X's sake.
                (_, Reason::Busy) if std::error::Error::source(why).is_none() => Omen::None,
                (ErrorKind::Store | ErrorKind::Configure, _) => Omen::None,
                _ => Omen::Failing,
            },
        }
    }
}

impl Desk {
    /// Does what is due for one login.
    pub(super) async fn run_errand(self: &Arc<Self>, due: &Due) -> Tended {
        let slot = self.slot(&Account::new(self.client.app().client_id(), &due.user));
        let tended = self.tend_by_itself(&slot, due).await;
        self.slots.let_go(&slot);
        tended.unwrap_or_else(Tended::Failed)
    }

    async fn tend_by_itself(self: &Arc<Self>, slot: &Arc<Slot>, due: &Due) -> Result<Tended> {
        let Some(stored) = self.store.load(slot.account()).await? else {
            // It has another name by now.
            return Ok(Tended::Left);
        };
        // The queue was read by this machine's clock; what is done goes by the one that all share.
        let now = stored.now;
        if stored.grant.due_at().is_none_or(|at| at > now) {
            self.put_in_its_place(stored, due).await?;
            return Ok(Tended::Left);
        }
        if stored.grant.state == State::SigningOut {
            return self.sign_out_by_itself(slot, &stored).await;
        }
        let is_due = |grant: &crate::grant::Grant| grant.due_at().is_some_and(|at| at <= now);
        Ok(match self.spend(slot, Some(stored), is_due).await? {
            Outcome::Rotated(stored) => {
                self.label_if_unlabelled(&stored.grant, Duration::ZERO);
                Tended::Rotated(stored.grant.generation)
            }
            // Who rotated it labels it, too.
            Outcome::Current(_) | Outcome::Busy(_) | Outcome::Wait(..) => Tended::Left,
        })
    }

    async fn sign_out_by_itself(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        stored: &Stored,
    ) -> Result<Tended> {
        if self.holder_lives(stored) {
            return Ok(Tended::Left);
        }
        let is_over = self.sign_out_unasked(slot, &stored.grant.grant_id).await?;
        Ok(if is_over { Tended::SignedOut } else { Tended::Left })
    }

    /// Writes a record again that an earlier program, which knows no queue, has written: it stands
    /// at the head of the queue until then.
    async fn put_in_its_place(&self, stored: Stored, due: &Due) -> Result<()> {
        if due.minute != 0 || stored.grant.due_minute() == Some(0) {
            return Ok(());
        }
        self.settle(stored, |_, _| Ok(Step::Save((), LeaseEnd::Keep))).await.map(drop)
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::{HttpClient, HttpRequest, HttpResponse, Pending, SendError};
    use crate::seal::Sealer;
    use crate::store::contract::grant;
    use crate::store::{MemoryStore, Store as _};
    use crate::{App, Client, Keeper, ManualClock, Timestamp};

    /// Nothing is asked of X here.
    #[derive(Debug)]
    struct Nobody;

    impl HttpClient for Nobody {
        fn send(&self, _: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
            unreachable!("nothing is due")
        }
    }

    fn keeper() -> (Keeper, Arc<MemoryStore>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let client = Client::new(App::public("app"), Arc::new(Nobody), clock);
        let sealer = Sealer::from_text(&"A".repeat(43)).unwrap();
        (Keeper::new(client, store.clone(), Arc::new(sealer), None).unwrap(), store)
    }

    fn due(user: &str) -> Due {
        Due { minute: 1, user: user.to_owned() }
    }

    #[test]
    fn a_failure_that_is_one_logins_own_is_no_sign_for_the_others() {
        let failed = |reason| Tended::Failed(Error::new(reason, "a test"));
        for (tended, omen) in [
            (Tended::Rotated(Generation(1)), Omen::Well),
            (Tended::SignedOut, Omen::Well),
            (Tended::Left, Omen::None),
            (failed(Reason::Store), Omen::Stop),
            (failed(Reason::WrongSecretOrAppType), Omen::Stop),
            (failed(Reason::WrongClientId), Omen::Stop),
            (failed(Reason::StoreDamaged), Omen::None),
            (failed(Reason::Key), Omen::None),
            (failed(Reason::Busy), Omen::None),
            (failed(Reason::OutcomeUnknown), Omen::Failing),
            (failed(Reason::TokenRejected), Omen::Failing),
        ] {
            assert_eq!(tended.omen(), omen, "{tended:?}");
        }
        let first_word = Error::new(Reason::Busy, "a test")
            .with_source(Error::new(Reason::TokenRejected, "X says that the token is invalid"));
        assert_eq!(Tended::Failed(first_word).omen(), Omen::Failing);
    }

    #[tokio::test]
    async fn a_login_that_needs_nothing_any_more_is_left_as_it_is_written() {
        let (keeper, store) = keeper();
        let account = Account::new("app", "user");
        store.swap(&grant(account.clone()), None, LeaseEnd::Keep).await.unwrap();
        let before = store.load(&account).await.unwrap().unwrap().revision;
        assert!(matches!(keeper.desk().run_errand(&due("user")).await, Tended::Left));
        assert_eq!(store.load(&account).await.unwrap().unwrap().revision, before);
    }

    #[tokio::test]
    async fn a_login_that_the_queue_has_looked_at_is_not_kept_in_memory() {
        let (keeper, store) = keeper();
        let desk = Arc::clone(keeper.desk());
        let slots = || desk.slots.len();
        for user in ["one", "other"] {
            let waiting = grant(Account::new("app", user));
            store.swap(&waiting, None, LeaseEnd::Keep).await.unwrap();
        }
        let source = keeper.token_source("other");
        for user in ["one", "other", "nobody"] {
            assert!(matches!(desk.run_errand(&due(user)).await, Tended::Left));
        }
        assert_eq!(slots(), 1, "who is asked for stays, and nobody else");
        drop(source);
        desk.run_errand(&due("other")).await;
        assert_eq!(slots(), 0);
    }
}
