//! A store with a time limit on every call, so that a disk or a server that never answers does not
//! hold up a pair that can still be spilled.

use std::sync::Arc;
use std::time::Duration;

use crate::grant::{Account, Grant};
use crate::http::Pending;
use crate::seal::{KeyId, Sealed};
use crate::store::{Due, LeaseEnd, PendingLogin, Revision, Store, Stored, Swapped};
use crate::{Error, Reason, Result, Timestamp, turns};

/// Longer than a store's own deadlines, which say more about what is wrong.
const PATIENCE: Duration = Duration::from_secs(25);

/// Bounds every call of a store. Its folder is the keeper's business before.
#[derive(Debug)]
pub(super) struct Patient(pub(super) Arc<dyn Store>);

fn bounded<'a, T: Send + 'a>(call: Pending<'a, Result<T>>) -> Pending<'a, Result<T>> {
    Box::pin(async {
        turns::timeout(PATIENCE, call)
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
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::pending;

    use super::super::Desk;
    use super::*;
    use crate::http::{CONNECT_DEADLINE, READ_DEADLINE};
    use crate::store::contract;
    use crate::worker::DRAIN;

    /// A disk that never answers.
    #[derive(Debug)]
    struct Hanging;

    impl Store for Hanging {
        fn load<'a>(&'a self, _: &'a Account) -> Pending<'a, Result<Option<Stored>>> {
            Box::pin(pending())
        }

        fn swap<'a>(
            &'a self,
            _: &'a Grant,
            _: Option<Revision>,
            _: LeaseEnd,
        ) -> Pending<'a, Result<Swapped>> {
            Box::pin(pending())
        }

        fn relabel<'a>(
            &'a self,
            _: (&'a Account, Revision),
            _: &'a Grant,
            _: Option<Revision>,
        ) -> Pending<'a, Result<Swapped>> {
            Box::pin(pending())
        }

        fn list<'a>(
            &'a self,
            _: Option<&'a Account>,
            _: usize,
        ) -> Pending<'a, Result<Vec<Stored>>> {
            Box::pin(pending())
        }

        fn due<'a>(
            &'a self,
            _: &'a str,
            _: Timestamp,
            _: Option<&'a Due>,
            _: usize,
        ) -> Pending<'a, Result<Vec<Due>>> {
            Box::pin(pending())
        }

        fn next_sign_in(&self) -> Pending<'_, Result<u64>> {
            Box::pin(pending())
        }

        fn put_login<'a>(&'a self, _: &'a PendingLogin, _: Timestamp) -> Pending<'a, Result<()>> {
            Box::pin(pending())
        }

        fn take_login<'a>(
            &'a self,
            _: &'a str,
            _: Timestamp,
        ) -> Pending<'a, Result<Option<Sealed>>> {
            Box::pin(pending())
        }

        fn key_check<'a>(&'a self, _: Option<&'a Sealed>) -> Pending<'a, Result<Option<Sealed>>> {
            Box::pin(pending())
        }

        fn replace_key_check<'a>(
            &'a self,
            _: &'a Sealed,
            _: &'a Sealed,
        ) -> Pending<'a, Result<bool>> {
            Box::pin(pending())
        }

        fn login_keys(&self) -> Pending<'_, Result<Vec<KeyId>>> {
            Box::pin(pending())
        }
    }

    /// Fails instead of hanging, should a call have no end.
    async fn refused<T: std::fmt::Debug>(call: Pending<'_, Result<T>>) {
        let ended = tokio::time::timeout(PATIENCE * 2, call).await.expect("it has no deadline");
        assert_eq!(ended.unwrap_err().reason(), Reason::Store);
    }

    #[tokio::test(start_paused = true)]
    async fn every_call_of_a_store_that_never_answers_ends() {
        let store = Patient(Arc::new(Hanging));
        let grant = contract::grant(Account::new("app", "user"));
        let sealed = grant.refresh.clone().unwrap();
        let login = PendingLogin {
            key: "key".to_owned(),
            login: sealed.clone(),
            expires_at: Timestamp::default(),
        };
        let now = Timestamp::default();
        refused(store.load(&grant.account)).await;
        refused(store.swap(&grant, None, LeaseEnd::Keep)).await;
        refused(store.relabel((&grant.account, Revision(1)), &grant, None)).await;
        refused(store.list(None, 1)).await;
        refused(store.due("app", now, None, 1)).await;
        refused(store.next_sign_in()).await;
        refused(store.put_login(&login, now)).await;
        refused(store.take_login("key", now)).await;
        refused(store.key_check(None)).await;
        refused(store.replace_key_check(&sealed, &sealed)).await;
        refused(store.login_keys()).await;
    }

    #[test]
    fn a_send_that_has_just_begun_and_the_save_of_its_answer_end_within_the_drain() {
        assert!(CONNECT_DEADLINE + READ_DEADLINE + PATIENCE + Desk::ONCE_MORE <= DRAIN);
    }
}
