//! A sign-in: redeemed, saved under a provisional name, and only then labelled with its user.

use std::sync::Arc;
use std::time::Duration;

use super::pair::{Answer, Landing, Seat};
use super::spill::Unsaved;
use super::{Desk, Keeper, random};
use crate::grant::transition::{Attempt, NewGrant, Spent};
use crate::grant::{Account, Generation, Grant, GrantId, PairId};
use crate::login::{Approval, Login};
use crate::scope::Scopes;
use crate::store::{LeaseEnd, Stored, Swapped};
use crate::token::{Rotated, Token};
use crate::{Error, Reason, RefreshToken, Result, Timestamp, turns};

/// A sign-in that succeeded: its tokens are saved.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The name of the login from now on.
    pub account: Account,
    /// The handle, if X told it.
    pub username: Option<String>,
    /// The scopes that were granted, if X named them.
    pub scopes: Option<Scopes>,
    /// When the access token expires, if there is one.
    pub expires_at: Option<Timestamp>,
    /// Whether it can be refreshed: whether `offline.access` was granted.
    pub has_refresh_token: bool,
    /// Whether it replaced an earlier login of the same user.
    pub has_replaced: bool,
    /// Why the user is not known yet, if so. The login works all the same.
    pub unlabelled_because: Option<Error>,
}

/// The names of a sign-in that is about to be exchanged.
pub(super) struct NewSignIn {
    account: Account,
    attempt: Attempt,
    spent: Spent,
    pair: PairId,
}

impl Keeper {
    /// Begins a sign-in for this keeper's app.
    ///
    /// # Errors
    /// As [`Login::begin`].
    pub fn begin_login(&self) -> Result<Login> {
        Login::begin(self.desk().client.app(), self.desk().now())
    }

    /// Exchanges an approval, saves the tokens, and asks X who signed in.
    ///
    /// X ends the user's earlier grant for this app. If X does not say who signed in, the sign-in
    /// still succeeds, and the login is called `unlabelled-…` until it does.
    ///
    /// # Errors
    /// As [`Client::redeem`](crate::Client::redeem), and those of the store.
    pub async fn sign_in(&self, approval: Approval) -> Result<SignedIn> {
        let desk = Arc::clone(self.desk());
        self.run(async move { desk.sign_in(approval).await }).await
    }

    /// Takes over a token of another program, for example from a file that X's Python class wrote.
    /// From then on only keepers on this store may refresh it.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when it cannot be saved, and [`Reason::Key`] when the key
    /// file cannot be read.
    pub async fn import(&self, token: Token) -> Result<SignedIn> {
        let desk = Arc::clone(self.desk());
        self.run(async move {
            desk.sealer.refresh()?;
            let seat = desk.new_sign_in().await?;
            desk.save_sign_in(seat, Rotated::from_token(token, desk.now())).await
        })
        .await
    }
}

impl Desk {
    async fn sign_in(self: &Arc<Self>, approval: Approval) -> Result<SignedIn> {
        let (seat, rotated) = self.redeem(approval).await?;
        self.save_sign_in(seat, rotated).await
    }

    /// Exchanges an approval; the pair that it returns is saved nowhere yet.
    pub(super) async fn redeem(
        self: &Arc<Self>,
        approval: Approval,
    ) -> Result<(NewSignIn, Rotated)> {
        // Whatever can fail or wait does so before the code is spent.
        let seat = self.new_sign_in().await?;
        self.sealer.refresh()?;
        self.keep_room_for_pair()?;
        if let Err(why) = self.recover_sign_ins().await {
            crate::contained(
                || tracing::warn!(error = %why, "an earlier sign-in could not be recovered"),
            );
        }
        self.expect_pair();
        Ok((seat, self.client.redeem(approval).await?))
    }

    /// Chooses the names of a sign-in. Its number is a durable write: a store that takes nothing
    /// is found now.
    pub(super) async fn new_sign_in(&self) -> Result<NewSignIn> {
        let number = self.store.next_sign_in().await?;
        let user = format!("{}{number}", Account::UNLABELLED);
        let spent = Spent {
            grant_id: GrantId::new(random()?),
            generation: Generation::default(),
            pair: self.new_pair()?,
        };
        Ok(NewSignIn {
            account: Account::new(self.client.app().client_id(), user),
            attempt: self.attempt(self.now())?,
            spent,
            pair: self.new_pair()?,
        })
    }

    pub(super) async fn save_sign_in(
        self: &Arc<Self>,
        seat: NewSignIn,
        rotated: Rotated,
    ) -> Result<SignedIn> {
        let NewSignIn { account, attempt, spent, pair } = seat;
        let refresh = RefreshToken::new("");
        let received_at = self.now();
        let answer = Answer::Pair(rotated);
        let landing = Landing { attempt, spent, pair, answer, refresh, received_at };
        let stored = self.insert(account, landing).await?;
        let signed_in = self.label_or_go_on(stored).await;
        crate::contained(|| tracing::info!(account = %signed_in.account, "the user is signed in"));
        Ok(signed_in)
    }

    /// Saves a sign-in's pair under its provisional name, from the spill file on as a rotation is:
    /// in the background, for as long as this process lives, if the store fails.
    async fn insert(self: &Arc<Self>, account: Account, landing: Landing) -> Result<Stored> {
        let before = self
            .provisional(&account, &landing)
            .map(|grant| Grant { generation: Generation::default(), ..grant });
        let before = before.ok();
        let spilled = before.as_ref().and_then(|before| self.spill(&landing, before));
        let inserted = self.try_insert(&account, &landing).await;
        let is_durable = inserted.is_err() && self.is_durable(spilled.as_ref());
        let inserted = match inserted {
            Err(why) => {
                let inserting = Box::pin(self.find_or_insert(&account, &landing));
                self.once_more(why, inserting).await
            }
            inserted => inserted,
        };
        let why = match inserted {
            Ok(stored) => {
                self.unspill(spilled);
                self.compare_clocks(&landing);
                return Ok(stored);
            }
            Err(why) => why,
        };
        let kept = match is_durable {
            true => "they are kept beside it and saved as soon as it does",
            false => "they are kept in this process alone, and saved if it does before the end",
        };
        let unsaved = Unsaved { slot: spilled, older: None, is_durable };
        let saving = Arc::clone(self).insert_at_last(account, landing, before, unsaved);
        if self.is_leaving() {
            saving.await;
        } else {
            self.in_background(turns::spawn(saving));
        }
        let message =
            format!("you are signed in, but the store did not take the tokens; {kept}: {why}");
        Err(Error::new(why.reason(), message).with_source(why))
    }

    /// Saves a sign-in's pair, once.
    pub(super) async fn try_insert(&self, account: &Account, landing: &Landing) -> Result<Stored> {
        let grant = Arc::new(self.provisional(account, landing)?);
        match self.store.swap(&grant, None, LeaseEnd::Now).await? {
            Swapped::Done(revision) => {
                Ok(Stored { grant, revision, lease_left: Duration::ZERO, now: self.now() })
            }
            // Its own write, whose acknowledgement was lost.
            Swapped::Moved(Some(now)) if now.grant.grant_id == grant.grant_id => Ok(*now),
            Swapped::Moved(_) => Err(Error::new(
                Reason::StoreDamaged,
                "the store gave the same sign-in number twice",
            )),
        }
    }

    /// Saves a sign-in's pair that may be saved already: under its own name, or recovered from the
    /// spill file, and labelled, by another process.
    async fn find_or_insert(&self, account: &Account, landing: &Landing) -> Result<Stored> {
        match self.find(&account.app, &landing.spent.grant_id).await? {
            Some(found) => Ok(found),
            None => self.try_insert(account, landing).await,
        }
    }

    async fn insert_at_last(
        self: Arc<Self>,
        account: Account,
        landing: Landing,
        before: Option<Grant>,
        mut unsaved: Unsaved,
    ) {
        let (mut pause, mut left_at) = (Self::FIRST_PAUSE, None);
        loop {
            turns::sleep(pause).await;
            pause = (pause * 2).min(Self::LONGEST_PAUSE);
            match self.find_or_insert(&account, &landing).await {
                Ok(_) => return self.unspill_all(unsaved),
                Err(why) => crate::contained(
                    || tracing::warn!(%account, error = %why, "the store still takes no sign-in"),
                ),
            }
            if !self.goes_on(&mut unsaved, &landing, before.as_ref(), &mut left_at) {
                return;
            }
        }
    }

    fn provisional(&self, account: &Account, landing: &Landing) -> Result<Grant> {
        let Landing { attempt, spent, pair, answer, received_at, .. } = landing;
        let Answer::Pair(rotated) = answer else {
            return Err(Error::new(Reason::Internal, "a sign-in without a pair is saved nowhere"));
        };
        let seat = Seat { account, grant_id: &spent.grant_id, generation: spent.generation.next() };
        let access = rotated.access.as_ref();
        let access =
            access.map(|it| seat.seal_access(&self.sealer, it, *received_at)).transpose()?;
        let refresh = rotated.refresh.as_ref().filter(|token| !token.expose().is_empty());
        let refresh = refresh.map(|token| seat.seal_refresh(&self.sealer, token)).transpose()?;
        let number = account.user.trim_start_matches(Account::UNLABELLED);
        let new = NewGrant {
            account: account.clone(),
            username: None,
            grant_id: spent.grant_id,
            sign_in: number.parse().unwrap_or_default(),
            pair: *pair,
            access,
            refresh,
            scopes: rotated.scopes.clone(),
        };
        Ok(Grant::signed_in(new, attempt))
    }
}

pub(super) fn describe(grant: &Grant) -> SignedIn {
    SignedIn {
        account: grant.account.clone(),
        username: grant.username.clone(),
        scopes: grant.scopes.clone(),
        expires_at: grant.access.as_ref().map(|access| access.expires_at),
        has_refresh_token: grant.refresh.is_some(),
        has_replaced: false,
        unlabelled_because: None,
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::keeper;
    use super::*;

    fn landing(desk: &Desk) -> Landing {
        let rotated = Rotated {
            access: None,
            refresh: Some(RefreshToken::new("fake-refresh")),
            scopes: None,
            other: serde_json::Map::new(),
            server_date: None,
        };
        let (grant_id, pair) = (GrantId::new(random().unwrap()), desk.new_pair().unwrap());
        Landing {
            attempt: desk.attempt(desk.now()).unwrap(),
            spent: Spent { grant_id, generation: Generation::default(), pair },
            pair: desk.new_pair().unwrap(),
            answer: Answer::Pair(rotated),
            refresh: RefreshToken::new(""),
            received_at: desk.now(),
        }
    }

    #[tokio::test]
    async fn a_sign_in_finds_its_own_save_and_takes_no_others_for_it() {
        let keeper = keeper();
        let (desk, account) = (keeper.desk(), Account::new("app", "unlabelled-1"));
        let [own, other] = [landing(desk), landing(desk)];
        let saved = desk.try_insert(&account, &own).await.unwrap();
        let found = desk.try_insert(&account, &own).await.unwrap();
        assert_eq!(found.revision, saved.revision);
        let why = desk.try_insert(&account, &other).await.unwrap_err();
        assert_eq!(why.reason(), Reason::StoreDamaged);
    }
}
