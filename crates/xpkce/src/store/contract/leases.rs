//! A lease ends by the store's clock, and only a swap that wins moves its end.

use std::time::Duration;

use super::{Subject, create, done, grant, load, moved, swap, two};
use crate::grant::{Account, Grant, Lease};
use crate::store::{LeaseEnd, Revision, Store};

fn sample() -> Grant {
    grant(Account::new("app", "user"))
}

async fn left(store: &dyn Store) -> Duration {
    load(store, &sample().account).await.expect("a record").lease_left
}

async fn leased(store: &dyn Store) -> Revision {
    let revision = create(store, &sample()).await;
    done(swap(store, &sample(), Some(revision), LeaseEnd::In(Lease::SPAN)).await)
}

/// Time is taken off it until nothing is left.
pub async fn a_lease_counts_down_and_runs_out(subject: &dyn Subject) {
    let store = subject.open().await;
    let revision = create(&*store, &sample()).await;
    assert_eq!(left(&*store).await, Duration::ZERO);
    done(swap(&*store, &sample(), Some(revision), LeaseEnd::In(Lease::SPAN)).await);
    assert!(left(&*store).await <= Lease::SPAN);
    assert!(left(&*store).await > Lease::SPAN - Duration::from_secs(30));
    subject.pass(Duration::from_secs(31)).await;
    assert!(left(&*store).await <= Lease::SPAN - Duration::from_secs(31));
    assert!(left(&*store).await > Duration::ZERO);
    subject.pass(Lease::SPAN).await;
    assert_eq!(left(&*store).await, Duration::ZERO);
}

/// [`LeaseEnd::Keep`] leaves the end where it is.
pub async fn a_lease_is_kept_where_a_swap_keeps_it(subject: &dyn Subject) {
    let store = subject.open().await;
    let revision = leased(&*store).await;
    subject.pass(Duration::from_secs(31)).await;
    done(swap(&*store, &sample(), Some(revision), LeaseEnd::Keep).await);
    assert!(left(&*store).await <= Lease::SPAN - Duration::from_secs(31));
    assert!(left(&*store).await > Duration::ZERO);
}

/// [`LeaseEnd::Now`] leaves nothing of it.
pub async fn a_lease_ends_where_a_swap_ends_it(subject: &dyn Subject) {
    let store = subject.open().await;
    let revision = leased(&*store).await;
    done(swap(&*store, &sample(), Some(revision), LeaseEnd::Now).await);
    assert_eq!(left(&*store).await, Duration::ZERO);
}

/// Another process sees how much is left, in what it loads, lists and loses to.
pub async fn a_lease_is_seen_by_every_handle(subject: &dyn Subject) {
    let [one, other] = two(subject).await;
    leased(&*one).await;
    assert!(left(&*other).await > Duration::ZERO);
    let listed = other.list(None, 1).await.expect("the store reads");
    assert!(listed.iter().all(|there| there.lease_left > Duration::ZERO));
    let there = moved(swap(&*other, &sample(), None, LeaseEnd::Now).await);
    assert!(there.expect("what is there").lease_left > Duration::ZERO);
}

/// A swap that loses ends nobody's lease and takes none.
pub async fn a_lost_swap_leaves_the_lease(subject: &dyn Subject) {
    let store = subject.open().await;
    leased(&*store).await;
    moved(swap(&*store, &sample(), None, LeaseEnd::Now).await);
    assert!(left(&*store).await > Duration::ZERO);
    moved(swap(&*store, &sample(), None, LeaseEnd::In(Lease::SPAN * 9)).await);
    assert!(left(&*store).await <= Lease::SPAN);
}

/// [`Stored::now`](crate::store::Stored::now) is one clock's, whoever reads, and however.
pub async fn what_is_read_says_when_by_the_stores_clock(subject: &dyn Subject) {
    let [one, other] = two(subject).await;
    create(&*one, &sample()).await;
    let loaded = load(&*one, &sample().account).await.expect("a record").now;
    let listed = other.list(None, 1).await.expect("the store reads")[0].now;
    let lost = moved(swap(&*one, &sample(), None, LeaseEnd::Keep).await).expect("a record").now;
    assert!(loaded.as_secs() > 0, "the store tells no time");
    assert!(loaded <= listed && listed <= lost, "{loaded:?} {listed:?} {lost:?}");
    assert!(lost.since(loaded) < Duration::from_secs(60));
}
