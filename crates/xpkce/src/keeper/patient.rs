//! A store that is waited for, but not for ever: a disk or a server that never answers must not
//! hold up what can still be spilled.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::grant::{Account, Grant};
use crate::http::Pending;
use crate::seal::{KeyId, Sealed};
use crate::store::{Due, LeaseEnd, PendingLogin, Revision, Store, Stored, Swapped};
use crate::{Error, Reason, Result, Timestamp};

/// Longer than a store's own deadlines, which say more about what is wrong.
const PATIENCE: Duration = Duration::from_secs(25);

/// Bounds every call of a store.
#[derive(Debug)]
pub(super) struct Patient(pub(super) Arc<dyn Store>);

fn bounded<'a, T: Send + 'a>(call: Pending<'a, Result<T>>) -> Pending<'a, Result<T>> {
    Box::pin(async {
        tokio::time::timeout(PATIENCE, call)
            .await
            .unwrap_or_else(|_| Err(Error::new(Reason::Store, "the store did not answer in time")))
    })
}

impl Store for Patient {
    fn load<'a>(&'a self, account: &'a Account) -> Pending<'a, Result<Option<Stored>>> {
        bounded(self.0.load(account))
    }

    fn swap<'a>(
        &'a self,
        grant: &'a Grant,
        expected: Option<Revision>,
        lease: LeaseEnd,
    ) -> Pending<'a, Result<Swapped>> {
        bounded(self.0.swap(grant, expected, lease))
    }

    fn relabel<'a>(
        &'a self,
        from: (&'a Account, Revision),
        grant: &'a Grant,
        expected: Option<Revision>,
    ) -> Pending<'a, Result<Swapped>> {
        bounded(self.0.relabel(from, grant, expected))
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a Account>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Stored>>> {
        bounded(self.0.list(after, limit))
    }

    fn due<'a>(
        &'a self,
        app: &'a str,
        now: Timestamp,
        after: Option<&'a Due>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Due>>> {
        bounded(self.0.due(app, now, after, limit))
    }

    fn next_sign_in(&self) -> Pending<'_, Result<u64>> {
        bounded(self.0.next_sign_in())
    }

    fn put_login<'a>(&'a self, login: &'a PendingLogin, now: Timestamp) -> Pending<'a, Result<()>> {
        bounded(self.0.put_login(login, now))
    }

    fn take_login<'a>(
        &'a self,
        key: &'a str,
        now: Timestamp,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        bounded(self.0.take_login(key, now))
    }

    fn key_check<'a>(
        &'a self,
        proposed: Option<&'a Sealed>,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        bounded(self.0.key_check(proposed))
    }

    fn replace_key_check<'a>(
        &'a self,
        expected: &'a Sealed,
        check: &'a Sealed,
    ) -> Pending<'a, Result<bool>> {
        bounded(self.0.replace_key_check(expected, check))
    }

    fn login_keys(&self) -> Pending<'_, Result<Vec<KeyId>>> {
        bounded(self.0.login_keys())
    }

    fn folder(&self) -> Option<&Path> {
        self.0.folder()
    }
}
