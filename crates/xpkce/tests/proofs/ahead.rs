//! A PostgreSQL server whose clock is set forward with the machine's: its own cannot be moved, and
//! what it says of the time is what back-offs and verdicts go by.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use xpkce::grant::{Account, Grant};
use xpkce::http::Pending;
use xpkce::seal::{KeyId, Sealed};
use xpkce::store::{Due, LeaseEnd, PendingLogin, PostgresStore, Revision, Store, Stored, Swapped};
use xpkce::{Clock, Result, SystemClock, Timestamp};

pub struct ServerAhead(pub PostgresStore, pub Arc<dyn Clock>);

impl ServerAhead {
    fn stored(&self, stored: Stored) -> Stored {
        let ahead = self.1.now().since(SystemClock.now());
        Stored { now: stored.now + ahead, ..stored }
    }

    fn swapped(&self, swapped: Swapped) -> Swapped {
        match swapped {
            Swapped::Moved(Some(there)) => Swapped::Moved(Some(Box::new(self.stored(*there)))),
            other => other,
        }
    }
}

impl fmt::Debug for ServerAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Store for ServerAhead {
    fn load<'a>(&'a self, account: &'a Account) -> Pending<'a, Result<Option<Stored>>> {
        Box::pin(async move { Ok(self.0.load(account).await?.map(|it| self.stored(it))) })
    }

    fn swap<'a>(
        &'a self,
        grant: &'a Grant,
        expected: Option<Revision>,
        lease: LeaseEnd,
    ) -> Pending<'a, Result<Swapped>> {
        Box::pin(async move { Ok(self.swapped(self.0.swap(grant, expected, lease).await?)) })
    }

    fn relabel<'a>(
        &'a self,
        from: (&'a Account, Revision),
        grant: &'a Grant,
        expected: Option<Revision>,
    ) -> Pending<'a, Result<Swapped>> {
        Box::pin(async move { Ok(self.swapped(self.0.relabel(from, grant, expected).await?)) })
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a Account>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Stored>>> {
        Box::pin(async move {
            let page = self.0.list(after, limit).await?;
            Ok(page.into_iter().map(|it| self.stored(it)).collect())
        })
    }

    fn due<'a>(
        &'a self,
        app: &'a str,
        now: Timestamp,
        after: Option<&'a Due>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Due>>> {
        self.0.due(app, now, after, limit)
    }

    fn next_sign_in(&self) -> Pending<'_, Result<u64>> {
        self.0.next_sign_in()
    }

    fn put_login<'a>(&'a self, login: &'a PendingLogin, now: Timestamp) -> Pending<'a, Result<()>> {
        self.0.put_login(login, now)
    }

    fn take_login<'a>(
        &'a self,
        key: &'a str,
        now: Timestamp,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        self.0.take_login(key, now)
    }

    fn key_check<'a>(
        &'a self,
        proposed: Option<&'a Sealed>,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        self.0.key_check(proposed)
    }

    fn replace_key_check<'a>(
        &'a self,
        expected: &'a Sealed,
        check: &'a Sealed,
    ) -> Pending<'a, Result<bool>> {
        self.0.replace_key_check(expected, check)
    }

    fn login_keys(&self) -> Pending<'_, Result<Vec<KeyId>>> {
        self.0.login_keys()
    }

    fn folder(&self) -> Option<&Path> {
        self.0.folder()
    }
}
