//! Labelling: once the pair of a sign-in is saved, X is asked who the user is, and the login gets
//! that name.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::sign_in::{SignedIn, describe};
use super::{Desk, Keeper, pair};
use crate::grant::transition::Attempt;
use crate::grant::{Account, Grant, State};
use crate::store::{Stored, Swapped};
use crate::user::User;
use crate::{Error, ErrorKind, Reason, Result, turns};

impl Keeper {
    /// Asks X whose an unlabelled login is, and names it after that user.
    ///
    /// # Errors
    /// As [`Client::me`](crate::Client::me), and those of the store. The login stays as it was.
    pub async fn label(&self, user: &str) -> Result<SignedIn> {
        let account = Account::new(self.client().app().client_id(), user);
        let desk = Arc::clone(self.desk());
        self.run(async move { desk.label_named(&account).await }).await
    }
}

impl Desk {
    /// How long after a 401 to a fresh token X is asked once more.
    const FIRST_USE_PAUSE: Duration = Duration::from_secs(2);

    /// How long a sign-in waits to be labelled; it goes on in the background.
    pub(super) const LABEL_PATIENCE: Duration = Duration::from_secs(15);
    pub(super) const FIRST_LABEL_PAUSE: Duration = Duration::from_millis(500);
    const LONGEST_LABEL_PAUSE: Duration = Duration::from_secs(15 * 60);
    /// How long the end of the keeper waits for a label that is being asked for.
    const LAST_LABEL: Duration = Duration::from_secs(3);

    /// Labels a sign-in that is saved. If that fails, or takes long, it is said so, and tried in
    /// the background.
    pub(super) async fn label_or_go_on(self: &Arc<Self>, stored: Stored) -> SignedIn {
        let mut signed_in = describe(&stored.grant);
        let labelled = turns::timeout(Self::LABEL_PATIENCE, self.label(stored)).await;
        let why = match labelled {
            Ok(Ok(labelled)) => return labelled,
            Ok(Err(why)) => why,
            Err(_) => Error::new(Reason::Deadline, "X has not said in time who signed in"),
        };
        crate::contained(
            // A target of its own: who is handed the sign-in may tell it in other words.
            || tracing::warn!(target: "xpkce::keeper::unlabelled", account = %signed_in.account, error = %why, "the sign-in is saved; whose it is is not known yet"),
        );
        if is_passing(&why) {
            self.label_in_background(&signed_in.account, Self::FIRST_LABEL_PAUSE);
        }
        signed_in.unlabelled_because = Some(why);
        signed_in
    }

    /// Finds out in the background, after a pause, whose a login is whose token is good.
    pub(super) fn label_if_unlabelled(self: &Arc<Self>, grant: &Grant, pause: Duration) {
        if grant.account.is_unlabelled() && grant.serves(self.now()) {
            self.label_in_background(&grant.account, pause);
        }
    }

    /// Begins to label after a pause, unless it is tried already or was given up.
    pub(super) fn label_in_background(self: &Arc<Self>, account: &Account, pause: Duration) {
        let mut labelling = self.labelling.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_leaving() && labelling.insert(account.clone()) {
            let trying = Arc::clone(self).label_at_last(account.clone(), pause);
            self.in_background(turns::spawn(trying));
        }
    }

    /// Tries to label, ever less often, until it is done, X refuses for good or the keeper ends.
    fn label_at_last(self: Arc<Self>, account: Account, first: Duration) -> BoxFuture<'static, ()> {
        let trying = async move {
            let mut pause = first;
            // A process that lives for one token has one try.
            while pause.is_zero() || self.wait(pause).await {
                let last = async {
                    self.left().await;
                    turns::sleep(Self::LAST_LABEL).await;
                };
                let renewed = self.renew(&account).await;
                // An app that X refuses is put right by its owner, who does not know of this login.
                let is_refused =
                    renewed.as_ref().is_err_and(|why| why.kind() == ErrorKind::Configure);
                let outcome = match renewed {
                    Err(why) => Err(why),
                    Ok(()) => tokio::select! {
                        biased;
                        outcome = self.label_named(&account) => outcome.map(drop),
                        () = last => return,
                    },
                };
                match outcome {
                    Err(why) if is_refused || is_passing(&why) => {
                        crate::contained(
                            || tracing::warn!(%account, error = %why, "whose a login is is still not known"),
                        );
                    }
                    // Not asked again by this process: each time may cost money.
                    Err(why) if why.reason() != Reason::NotSignedIn => {
                        crate::contained(
                            || tracing::warn!(%account, error = %why, "whose a login is cannot be found out"),
                        );
                        return;
                    }
                    _ => break,
                }
                pause = (pause * 2).clamp(Self::FIRST_LABEL_PAUSE, Self::LONGEST_LABEL_PAUSE);
            }
            self.labelling.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
        };
        Box::pin(trying)
    }

    /// Refreshes an unlabelled login whose token has ended: X tells nobody's name for it. Not to be
    /// dropped before it ends, as no refresh is.
    async fn renew(self: &Arc<Self>, account: &Account) -> Result<()> {
        let grant = self.load(account).await?.grant;
        if !grant.account.is_unlabelled() || grant.serves(self.now()) {
            return Ok(());
        }
        let slot = self.slot(account);
        let renewed = Box::pin(self.adopt_or_refresh(&slot)).await;
        self.slots.let_go(&slot);
        renewed
    }

    pub(super) async fn label_named(self: &Arc<Self>, account: &Account) -> Result<SignedIn> {
        let stored = self.load(account).await?;
        self.label(stored).await
    }

    /// Finds out whose the login is and moves it to that name.
    pub(super) async fn label(self: &Arc<Self>, stored: Stored) -> Result<SignedIn> {
        if !stored.grant.account.is_unlabelled() {
            return Ok(describe(&stored.grant));
        }
        if self.holder_lives(&stored) {
            return Err(being_refreshed());
        }
        let user = self.who(&stored.grant).await?;
        self.relabel(stored, &user).await
    }

    async fn who(&self, grant: &Grant) -> Result<User> {
        let Some(token) = pair::open_access(&self.sealer, grant)? else {
            return Err(Error::new(Reason::Busy, "there is no access token yet to ask X with"));
        };
        match self.client.me(&token).await {
            // X is known to answer 401 to a token that it has just issued.
            Err(why) if why.status() == Some(401) => {
                turns::sleep(Self::FIRST_USE_PAUSE).await;
                self.client.me(&token).await
            }
            other => other,
        }
    }

    /// Replaces unconditionally: the higher sign-in number is current, the other pair becomes a
    /// candidate. Tried until it lands.
    async fn relabel(&self, mut stored: Stored, user: &User) -> Result<SignedIn> {
        let target = Account::new(stored.grant.account.app.clone(), user.id.clone());
        let attempt = self.attempt(stored.now)?;
        for _ in 0..Self::MOST_BEGINS {
            let there = self.store.load(&target).await?;
            let mut grant = match &there {
                None => {
                    let mut grant = pair::reseat(
                        &self.sealer,
                        &stored.grant,
                        target.clone(),
                        stored.grant.generation,
                    )?;
                    grant.label(&attempt);
                    grant
                }
                // The record stays the older one's, and with it the lease of who sends.
                Some(there)
                    if stored.grant.sign_in <= there.grant.sign_in && self.holder_lives(there) =>
                {
                    return Err(Error::new(
                        Reason::Busy,
                        "the user's other login is being refreshed",
                    ));
                }
                Some(there) => self.merge(&stored.grant, &there.grant, &attempt)?,
            };
            grant.username = user.username.clone();
            let from = (&stored.grant.account, stored.revision);
            let expected = there.as_ref().map(|there| there.revision);
            match self.store.relabel(from, &grant, expected).await? {
                Swapped::Done(revision) => {
                    let has_replaced = there.is_some_and(|it| it.grant.state != State::SignedOut);
                    self.slot(&target).serve(None, Some(revision), self.clock.as_ref());
                    return Ok(SignedIn { has_replaced, ..describe(&grant) });
                }
                Swapped::Moved(_) => {
                    stored = self.load(&stored.grant.account).await?;
                    if !stored.grant.account.is_unlabelled() {
                        return Ok(describe(&stored.grant));
                    }
                    if self.holder_lives(&stored) {
                        return Err(being_refreshed());
                    }
                }
            }
        }
        Err(Error::new(Reason::Busy, "the login is being changed by many others at once"))
    }

    fn merge(&self, new: &Grant, there: &Grant, attempt: &Attempt) -> Result<Grant> {
        let account = there.account.clone();
        if new.grant_id == there.grant_id {
            // One sign-in under two names: what was labelled first has gone on since.
            return Ok(there.clone());
        }
        // A tombstone holds nothing that an older sign-in could be kept beside.
        if new.sign_in < there.sign_in && there.state != State::SignedOut {
            let mut kept = there.clone();
            if let Some(candidate) = pair::demote(&self.sealer, new, &account, attempt.at)? {
                kept.keep_older(candidate, attempt);
            }
            return Ok(kept);
        }
        let ended = [State::SignInNeeded, State::SigningOut, State::SignedOut];
        let lived = !ended.contains(&there.state);
        let candidate = match lived {
            true => pair::demote(&self.sealer, there, &account, attempt.at)?,
            false => None,
        };
        let generation = new.generation.max(there.generation.next());
        let mut moved = pair::reseat(&self.sealer, new, account, generation)?;
        moved.succeed(there, candidate, attempt);
        Ok(moved)
    }
}

fn being_refreshed() -> Error {
    Error::new(Reason::Busy, "the login is being refreshed; it is labelled after")
}

/// Returns whether it may go better by itself.
fn is_passing(why: &Error) -> bool {
    matches!(why.kind(), ErrorKind::Retry | ErrorKind::InDoubt | ErrorKind::Store)
        || why.reason() == Reason::TokenRejected
}

#[cfg(all(test, feature = "testing"))]
mod tests;
