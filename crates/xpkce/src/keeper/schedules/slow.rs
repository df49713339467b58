//! A store that takes its time, as one on a disk does: every call is begun, and done, and answered
//! at turns of its own, and a write that is given up is done all the same.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use shuttle::future::block_on;
use shuttle::rand::RngCore as _;

use super::super::pair;
use crate::grant::{Account, Grant};
use crate::http::Pending;
use crate::seal::{KeyId, Sealed, Sealer};
use crate::store::{Due, LeaseEnd, PendingLogin, Revision, Store, Stored, Swapped};
use crate::{Error, Reason, Result, Timestamp, turns};

/// Gives the turn away, once.
pub(super) async fn pause() {
    let mut is_over = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Returns true once in so many times, by the schedule's own chance.
pub(super) fn chance(one_in: u64) -> bool {
    shuttle::rand::thread_rng().next_u64().is_multiple_of(one_in)
}

#[derive(Clone, Debug)]
pub(super) struct Slow {
    pub(super) kept: Arc<dyn Store>,
    sealer: Arc<Sealer>,
    seen: Arc<Mutex<Seen>>,
    is_out_of_reach: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The access tokens of every write that has been begun.
    offered: BTreeSet<String>,
    /// And of those that are done.
    saved: BTreeSet<String>,
    /// One write in so many fails, half of those after it is done.
    fails_one_in: Option<u64>,
    /// Whether a write may be given up because it takes long.
    may_be_given_up: bool,
}

impl Slow {
    pub(super) fn new(kept: Arc<dyn Store>, sealer: Arc<Sealer>) -> Self {
        Self { kept, sealer, seen: Arc::default(), is_out_of_reach: Arc::default() }
    }

    /// Returns another process's way to the store.
    pub(super) fn another_way(&self) -> Self {
        Self { is_out_of_reach: Arc::default(), ..self.clone() }
    }

    /// Refuses every write that comes this way from now on, or no more.
    pub(super) fn is_out_of_reach(&self, is_so: bool) {
        self.is_out_of_reach.store(is_so, Ordering::SeqCst);
    }

    /// Fails at one write in so many from now on, or at none.
    pub(super) fn fail_one_in(&self, one_in: Option<u64>) {
        self.seen().fails_one_in = one_in;
    }

    /// Lets the keeper lose its patience with a write.
    pub(super) fn may_be_given_up(&self) {
        self.seen().may_be_given_up = true;
    }

    /// Returns whether an access token may be handed out: it is saved or, where the store fails, was
    /// offered to it.
    pub(super) fn may_be_had(&self, token: &str) -> bool {
        let seen = self.seen();
        // What was given up may have been offered as a candidate, whose access token is not kept.
        seen.saved.contains(token)
            || seen.may_be_given_up
            || seen.fails_one_in.is_some() && seen.offered.contains(token)
    }

    /// Writes a new record.
    pub(super) fn put(&self, grant: &Grant) {
        let put = block_on(self.kept.swap(grant, None, LeaseEnd::Now));
        assert!(matches!(put, Ok(Swapped::Done(_))), "there is a record already");
        self.seen().saved.extend(self.access_of(grant));
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    fn access_of(&self, grant: &Grant) -> Option<String> {
        let access = pair::open_access(&self.sealer, grant).unwrap();
        access.map(|token| token.expose().to_owned())
    }

    /// Notes what somebody reads: it is saved, though who saved it may not have been told yet.
    fn is_read<'a>(&self, stored: impl IntoIterator<Item = &'a Stored>) {
        for stored in stored {
            let access = self.access_of(&stored.grant);
            self.seen().saved.extend(access);
        }
    }

    async fn write<T>(&self, grant: &Grant, call: Pending<'_, Result<T>>) -> Result<T> {
        let access = self.access_of(grant);
        self.seen().offered.extend(access.clone());
        pause().await;
        let one_in = self.seen().fails_one_in;
        let fails = |one_in: Option<u64>| one_in.is_some_and(|one_in| chance(one_in * 2));
        if self.is_out_of_reach.load(Ordering::SeqCst) || fails(one_in) {
            return Err(Error::new(Reason::Store, "the write was not done"));
        }
        let done = call.await;
        if done.is_ok() {
            self.seen().saved.extend(access);
        }
        if fails(one_in) {
            return Err(Error::new(Reason::Store, "the write was done, and not answered"));
        }
        done
    }
}

async fn slowly<T>(call: Pending<'_, Result<T>>) -> Result<T> {
    pause().await;
    let outcome = call.await;
    pause().await;
    outcome
}

impl Store for Slow {
    fn load<'a>(&'a self, account: &'a Account) -> Pending<'a, Result<Option<Stored>>> {
        Box::pin(async move {
            pause().await;
            let stored = self.kept.load(account).await;
            self.is_read(stored.iter().flatten());
            pause().await;
            stored
        })
    }

    fn swap<'a>(
        &'a self,
        grant: &'a Grant,
        expected: Option<Revision>,
        lease: LeaseEnd,
    ) -> Pending<'a, Result<Swapped>> {
        let (store, grant) = (self.clone(), grant.clone());
        Box::pin(async move {
            let writing = turns::spawn(async move {
                store.write(&grant, store.kept.swap(&grant, expected, lease)).await
            });
            let swapped = writing.await.expect("the store answers");
            if let Ok(Swapped::Moved(there)) = &swapped {
                self.is_read(there.as_deref());
            }
            pause().await;
            swapped
        })
    }

    fn relabel<'a>(
        &'a self,
        from: (&'a Account, Revision),
        grant: &'a Grant,
        expected: Option<Revision>,
    ) -> Pending<'a, Result<Swapped>> {
        Box::pin(async move {
            let moved = self.write(grant, self.kept.relabel(from, grant, expected)).await;
            pause().await;
            moved
        })
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a Account>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Stored>>> {
        Box::pin(slowly(self.kept.list(after, limit)))
    }

    fn due<'a>(
        &'a self,
        app: &'a str,
        now: Timestamp,
        after: Option<&'a Due>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Due>>> {
        Box::pin(slowly(self.kept.due(app, now, after, limit)))
    }

    fn next_sign_in(&self) -> Pending<'_, Result<u64>> {
        Box::pin(slowly(self.kept.next_sign_in()))
    }

    fn put_login<'a>(&'a self, login: &'a PendingLogin, now: Timestamp) -> Pending<'a, Result<()>> {
        Box::pin(slowly(self.kept.put_login(login, now)))
    }

    fn take_login<'a>(
        &'a self,
        key: &'a str,
        now: Timestamp,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        Box::pin(slowly(self.kept.take_login(key, now)))
    }

    fn key_check<'a>(
        &'a self,
        proposed: Option<&'a Sealed>,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        Box::pin(slowly(self.kept.key_check(proposed)))
    }

    fn replace_key_check<'a>(
        &'a self,
        expected: &'a Sealed,
        check: &'a Sealed,
    ) -> Pending<'a, Result<bool>> {
        Box::pin(slowly(self.kept.replace_key_check(expected, check)))
    }

    fn login_keys(&self) -> Pending<'_, Result<Vec<KeyId>>> {
        Box::pin(slowly(self.kept.login_keys()))
    }
}
