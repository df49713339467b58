//! A sign-in that waits in the store, sealed, for whichever process its callback comes to.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Desk, Keeper, SignedIn};
use crate::login::{Approval, Login, callback_state};
use crate::seal::{Place, Sealer};
use crate::store::{PendingLogin, Store};
use crate::{Error, Reason, Result, Timestamp};

impl Keeper {
    /// Keeps a sign-in in the store, sealed, so that any process can finish it by its state within
    /// [`Login::LIFETIME`].
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), and [`Reason::Key`] when the key file cannot be read.
    pub async fn park_login(&self, login: &Login) -> Result<()> {
        let desk = Arc::clone(self.desk());
        desk.sealer.refresh()?;
        let parked = parked(&desk.sealer, login)?;
        self.run(async move { put(desk.store.as_ref(), &parked, desk.now()).await }).await
    }

    /// Finishes a parked sign-in with its callback URL, or with the URL's query alone. Works once: what
    /// waits on after a failure, [`finish_taken_login`](Self::finish_taken_login) tells.
    ///
    /// # Errors
    /// [`Reason::LoginExpired`] when no such sign-in waits, and those of
    /// [`finish_taken_login`](Self::finish_taken_login).
    pub async fn finish_login(&self, callback_url: &str) -> Result<SignedIn> {
        let (desk, callback) = (Arc::clone(self.desk()), callback_url.to_owned());
        // Both in one: a caller who goes away in between would take the sign-in along.
        let finishing = async move {
            let (store, sealer) = (desk.store.as_ref(), &desk.sealer);
            let login = take_login(store, sealer, &callback, desk.now()).await?;
            desk.finish(&login, &callback).await
        };
        self.run(finishing).await
    }

    /// Finishes a sign-in that [`take_login`] took out. If X did not take its code, the sign-in is
    /// parked again, and the same callback can finish it while the code lives: with the whole
    /// callback, with the app that it began with, with the right secret, when the store or X can be
    /// reached again, or after a wait that X asks for and a code outlives. It is not parked again
    /// when X or the user has ended it, or when the code may have reached X without an answer.
    ///
    /// # Errors
    /// [`Reason::OtherApp`] when it began with another app than this keeper's, and those of
    /// [`Login::approve`] and [`sign_in`](Self::sign_in).
    pub async fn finish_taken_login(&self, login: Login, callback_url: &str) -> Result<SignedIn> {
        let (desk, callback) = (Arc::clone(self.desk()), callback_url.to_owned());
        self.run(async move { desk.finish(&login, &callback).await }).await
    }
}

impl Desk {
    async fn finish(self: &Arc<Self>, login: &Login, callback_url: &str) -> Result<SignedIn> {
        let checked = login.check_app(self.client.app());
        let redeemed = match checked.and_then(|()| login.approve(callback_url)) {
            Ok(approval) => self.redeem(approval).await,
            Err(why) => Err(why),
        };
        let why = match redeemed {
            Ok((seat, rotated)) => return self.save_sign_in(seat, rotated).await,
            Err(why) => why,
        };
        if !has_ended(&why)
            && let Err(lost) =
                park_login(self.store.as_ref(), &self.sealer, login, self.now()).await
        {
            crate::contained(
                || tracing::warn!(app = login.client_id(), error = %lost, "a sign-in that was not finished no longer waits"),
            );
        }
        Err(why)
    }
}

/// Returns whether a sign-in that has failed so is over: the user or X says so, or X may have taken
/// the code, or asks to wait for longer than the code lives. A code must not be sent once more then:
/// RFC 6749 section 4.1.2.
fn has_ended(why: &Error) -> bool {
    if why.reason() == Reason::RateLimited {
        return why.retry_after().is_some_and(|wait| wait > Approval::LIFETIME);
    }
    matches!(
        why.reason(),
        Reason::Denied
            | Reason::AuthorizationFailed
            | Reason::CodeRejected
            | Reason::VerifierMismatch
            | Reason::RedirectMismatch
            | Reason::OutcomeUnknown
            | Reason::UnexpectedAnswer
    )
}

/// Keeps a sign-in in a store, as [`Keeper::park_login`] does: for who took one out and has no keeper
/// to finish it with.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store).
pub async fn park_login(
    store: &dyn Store,
    sealer: &Sealer,
    login: &Login,
    now: Timestamp,
) -> Result<()> {
    put(store, &parked(sealer, login)?, now).await
}

/// Keeps it, and lets those go that have ended, which is told by the clocks of the machines that they
/// began on: this one's may be ahead of them by as much.
async fn put(store: &dyn Store, login: &PendingLogin, now: Timestamp) -> Result<()> {
    const APART: Duration = Duration::from_secs(3600);
    store.put_login(login, now - APART).await
}

/// Seals a sign-in for the store. Its life counts from its beginning, however often it is parked.
fn parked(sealer: &Sealer, login: &Login) -> Result<PendingLogin> {
    let key = login_key(login.state().expose());
    let sealed = sealer.seal(Place::Login(&key), login.to_json().as_bytes())?;
    Ok(PendingLogin { key, login: sealed, expires_at: login.created_at() + Login::LIFETIME })
}

/// Takes out the parked sign-in that a callback belongs to, of whatever app. Works once, until it
/// is parked again. One that does not open with these keys waits on for who has its own.
///
/// # Errors
/// [`Reason::LoginExpired`] when no such sign-in waits, and the store's own.
pub async fn take_login(
    store: &dyn Store,
    sealer: &Sealer,
    callback_url: &str,
    now: Timestamp,
) -> Result<Login> {
    let key = login_key(callback_state(callback_url)?.expose());
    let Some(sealed) = store.take_login(&key, now).await? else { return Err(none_waits()) };
    let opened = match sealer.open(Place::Login(&key), &sealed) {
        Ok(opened) => opened,
        Err(why) => {
            // When it ends is sealed in it: it may lie here for longer, and lives no longer.
            let login = PendingLogin { key, login: sealed, expires_at: now + Login::LIFETIME };
            put(store, &login, now).await?;
            return Err(why);
        }
    };
    let text = std::str::from_utf8(&opened)
        .map_err(|_| Error::new(Reason::StoreDamaged, "a parked sign-in is not text"))?;
    let login = Login::from_json(text)?;
    if login.is_expired(now) { Err(none_waits()) } else { Ok(login) }
}

fn none_waits() -> Error {
    let message = "no sign-in waits for this callback: it was finished already, or it is older \
                   than ten minutes, or it was begun with another store";
    Error::new(Reason::LoginExpired, message).with_hint("begin the sign-in again")
}

/// Names a parked sign-in without telling its state.
fn login_key(state: &str) -> String {
    let mut key = String::with_capacity(64);
    for byte in Sha256::digest(state.as_bytes()) {
        let _ = write!(key, "{byte:02x}");
    }
    key
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::keeper;
    use super::*;

    #[tokio::test]
    async fn a_machine_whose_clock_is_ahead_drops_no_sign_in_of_the_others() {
        let keeper = keeper();
        let (desk, now) = (keeper.desk(), keeper.desk().now());
        let park = |login, now| {
            let desk = Arc::clone(desk);
            async move { park_login(desk.store.as_ref(), &desk.sealer, login, now).await.unwrap() }
        };
        let (own, other) = (keeper.begin_login().unwrap(), keeper.begin_login().unwrap());
        park(&own, now).await;
        park(&other, now + Login::LIFETIME + Duration::from_secs(3599)).await;
        let callback = format!("http://127.0.0.1/?code=c&state={}", own.state().expose());
        take_login(desk.store.as_ref(), &desk.sealer, &callback, now).await.unwrap();
        park(&own, now).await;
        park(&other, now + Login::LIFETIME + Duration::from_secs(3600)).await;
        let gone = take_login(desk.store.as_ref(), &desk.sealer, &callback, now).await;
        assert_eq!(gone.unwrap_err().reason(), Reason::LoginExpired, "they pile up");
    }

    #[tokio::test]
    async fn each_sign_in_that_is_parked_is_taken_out_by_its_own_state_once() {
        let keeper = keeper();
        let (desk, now) = (keeper.desk(), keeper.desk().now());
        let logins = [keeper.begin_login().unwrap(), keeper.begin_login().unwrap()];
        for login in &logins {
            park_login(desk.store.as_ref(), &desk.sealer, login, now).await.unwrap();
        }
        for login in &logins {
            let callback = format!("http://127.0.0.1/?code=c&state={}", login.state().expose());
            let take = || take_login(desk.store.as_ref(), &desk.sealer, &callback, now);
            assert_eq!(take().await.unwrap().state().expose(), login.state().expose());
            assert_eq!(take().await.unwrap_err().reason(), Reason::LoginExpired);
        }
    }
}
