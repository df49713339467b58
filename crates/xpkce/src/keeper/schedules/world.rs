//! What a story begins with, and what must be so when it ends.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use shuttle::future::block_on;

use super::super::pair::{self, Seat};
use super::super::{Keeper, TokenSource};
use super::slow::{Slow, pause};
use super::x::{USER, X};
use crate::grant::transition::{Attempt, NewGrant};
use crate::grant::{Account, AttemptId, Generation, Grant, GrantId, Holder, PairId, State};
use crate::seal::Sealer;
use crate::store::{MemoryStore, Store};
use crate::token::Issued;
use crate::turns::{self, JoinHandle};
use crate::{
    AccessToken, App, Client, Clock as _, ManualClock, Reason, RefreshToken, Result, Timestamp,
};

const APP: &str = "app";
const LIFE: Duration = Duration::from_secs(7200);

/// One user of one app, signed in; X, a store, a clock.
pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) x: X,
    pub(super) store: Slow,
    sealer: Arc<Sealer>,
}

impl World {
    /// Begins with a store in memory, which is not asked without a turn before and after.
    pub(super) fn begin(clock: Arc<ManualClock>) -> Arc<Self> {
        Self::begin_on(Arc::new(MemoryStore::new(clock.clone())), clock)
    }

    /// Begins with another store.
    pub(super) fn begin_on(kept: Arc<dyn Store>, clock: Arc<ManualClock>) -> Arc<Self> {
        let sealer = Arc::new(Sealer::from_text(&"A".repeat(43)).unwrap());
        let store = Slow::new(kept, Arc::clone(&sealer));
        let world = Self { x: X::default(), store, sealer, clock };
        world.sign_in();
        Arc::new(world)
    }

    pub(super) fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::new(Timestamp::from_secs(1_700_000_000)))
    }

    pub(super) fn account() -> Account {
        Account::new(APP, USER)
    }

    /// Starts a keeper, as one process has it.
    pub(super) fn keeper(&self) -> Keeper {
        self.keeper_on(self.store.clone())
    }

    /// Starts a keeper that goes by its own way to the store.
    pub(super) fn keeper_on(&self, store: Slow) -> Keeper {
        let client = Client::new(App::public(APP), Arc::new(self.x.clone()), self.clock.clone());
        Keeper::new(client, Arc::new(store), Arc::clone(&self.sealer), None).unwrap()
    }

    /// Lets the access token end.
    pub(super) fn end_token(&self) {
        self.clock.advance(LIFE + Duration::from_secs(1));
    }

    /// Lets the access token grow too old to be refused for its youth.
    pub(super) fn age_token(&self) {
        self.clock.advance(Duration::from_secs(60));
    }

    /// Returns the record as it is now.
    pub(super) fn record(&self) -> Grant {
        let stored = block_on(self.store.kept.load(&Self::account())).unwrap();
        Grant::clone(&stored.expect("the login has a record").grant)
    }

    /// Asks for a token, which must be one that may be had.
    pub(super) async fn ask(&self, source: &TokenSource) -> Result<(Generation, AccessToken)> {
        let token = source.access_token().await?;
        assert!(
            self.store.may_be_had(token.expose()),
            "{token:?} is handed out before it is saved"
        );
        Ok((token.generation(), token.clone()))
    }

    /// Asks for a token in a task of its own.
    pub(super) fn caller(
        self: &Arc<Self>,
        keeper: &Keeper,
    ) -> JoinHandle<Result<(Generation, AccessToken)>> {
        let (world, source) = (Arc::clone(self), keeper.token_source(USER));
        turns::spawn(async move {
            let asked = world.ask(&source).await;
            if let Err(why) = &asked {
                assert_ne!(why.reason(), Reason::Internal, "{why}");
            }
            asked
        })
    }

    /// Returns whether the record's own pair is the one that lives at X.
    pub(super) fn holds_the_living(&self) -> bool {
        let refresh = pair::open_refresh(&self.sealer, &self.record()).unwrap();
        let living = self.x.current().map(|pair| pair.refresh);
        living.is_some() && living == refresh.map(|token| token.expose().to_owned())
    }

    /// Returns whether it is the record's own or one of its candidates.
    pub(super) fn keeps_the_living(&self) -> bool {
        let Some(living) = self.x.current() else { return true };
        let record = self.record();
        let open = |candidate| pair::open_candidate(&self.sealer, &record.account, candidate);
        let mut candidates = record.candidates.iter().map(|candidate| open(candidate).unwrap());
        self.holds_the_living() || candidates.any(|token| token.expose() == living.refresh)
    }

    /// What must be so when all is quiet and nothing has failed: the login goes on with the pair
    /// that lives, and no token was sent twice.
    pub(super) fn is_well(&self) {
        let record = self.record();
        assert_eq!(record.state, State::Ready);
        assert!(record.lease.is_none(), "a lease is left");
        assert!(self.holds_the_living(), "the living pair is not in the record");
        assert!(self.x.most_sends() <= 1, "a token was sent twice");
    }

    fn sign_in(&self) {
        let (now, pair) = (self.clock.now(), self.x.sign_in());
        let (account, grant_id) = (Self::account(), GrantId::new([1; 16]));
        let seat = Seat { account: &account, grant_id: &grant_id, generation: Generation(1) };
        let issued = Issued {
            access_token: AccessToken::new(pair.access),
            token_type: "bearer".to_owned(),
            expires_in: LIFE,
            expires_at: now + LIFE,
        };
        let refresh = RefreshToken::new(pair.refresh);
        let new = NewGrant {
            username: None,
            sign_in: 0,
            pair: PairId::new([2; 16]),
            access: Some(seat.seal_access(&self.sealer, &issued, now).unwrap()),
            refresh: Some(seat.seal_refresh(&self.sealer, &refresh).unwrap()),
            scopes: None,
            account: account.clone(),
            grant_id,
        };
        let holder = Holder { boot_id: String::new(), pid: 1, liveness: None };
        let attempt = Attempt { id: AttemptId::new([3; 16]), holder: holder.into(), at: now };
        self.store.put(&Grant::signed_in(new, &attempt));
    }
}

/// Goes on with it for so many turns at most, and then goes away.
pub(super) async fn give_up_after<T>(turns: u64, work: impl Future<Output = T>) -> Option<T> {
    let patience = async {
        for _ in 0..turns {
            pause().await;
        }
    };
    match select(pin!(work), pin!(patience)).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}
