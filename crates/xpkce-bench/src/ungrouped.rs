//! What our store commits by itself, without a keeper: each update alone in its transaction, as it is
//! written, with as many on their way as there are stores. None of them has two to put together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Runtime;
use xpkce::grant::{Account, Grant, Lease};
use xpkce::store::{LeaseEnd, Store, Swapped};

use crate::cost::{self, Cost};

/// Stores that each write one record of their own, again and again.
pub struct Ungrouped {
    runtime: Runtime,
    stores: Vec<(Arc<dyn Store>, Grant)>,
}

impl Ungrouped {
    /// Takes each store for one update at a time, of a record like `pattern`.
    pub fn new(stores: impl IntoIterator<Item = Arc<dyn Store>>, pattern: &Grant) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let grant = |at: usize| {
            let account = Account::new(&pattern.account.app, format!("{at}"));
            Grant { account, ..pattern.clone() }
        };
        let stores: Vec<_> =
            stores.into_iter().enumerate().map(|(at, store)| (store, grant(at))).collect();
        for (store, grant) in &stores {
            runtime.block_on(store.swap(grant, None, LeaseEnd::Now)).unwrap();
        }
        Self { runtime, stores }
    }

    /// Commits on up to `abreast` stores at a time, a lease and its end in turns, and returns what one
    /// commit cost.
    pub fn commit(&self, abreast: usize, warm_up: Duration, span: Duration) -> Cost {
        let (done, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        let commit = async |(store, grant): &(Arc<dyn Store>, Grant)| {
            let there = store.load(&grant.account).await.unwrap().expect("it was written");
            let mut revision = there.revision;
            let leases = [LeaseEnd::In(Lease::SPAN), LeaseEnd::Now];
            for lease in leases.into_iter().cycle() {
                match store.swap(grant, Some(revision), lease).await.unwrap() {
                    Swapped::Done(next) => revision = next,
                    Swapped::Moved(there) => panic!("somebody else has written {there:?}"),
                }
                done.fetch_add(1, Relaxed);
                if is_over.load(Relaxed) {
                    return;
                }
            }
        };
        let timing = async {
            tokio::time::sleep(warm_up).await;
            let cost = cost::between(span, || done.load(Relaxed)).await;
            is_over.store(true, Relaxed);
            cost
        };
        let committing = join_all(self.stores.iter().take(abreast).map(commit));
        self.runtime.block_on(futures_util::future::join(timing, committing)).0
    }
}
