//! A record gets its name once its user is known: both rows change, or neither.

use std::time::Duration;

use super::{Subject, assert_same, at_once, create, done, grant, load, moved, swap};
use crate::grant::{Account, Generation, Grant, Lease};
use crate::store::{LeaseEnd, Revision, Store, Stored, Swapped};

fn provisional() -> Grant {
    grant(Account::new("app", "unlabelled-7"))
}

fn labelled() -> Grant {
    Grant { generation: Generation(50), ..grant(Account::new("app", "2244994945")) }
}

async fn relabel(store: &dyn Store, read: Revision, expected: Option<Revision>) -> Swapped {
    let from = provisional().account;
    store.relabel((&from, read), &labelled(), expected).await.expect("the store writes")
}

async fn is_there(store: &dyn Store, grant: &Grant) -> bool {
    load(store, &grant.account).await.is_some()
}

/// Where the user had no record, the provisional one becomes it.
pub async fn a_relabelled_record_is_under_its_new_name_alone(subject: &dyn Subject) {
    let store = subject.open().await;
    let read = create(&*store, &provisional()).await;
    let revision = done(relabel(&*store, read, None).await);
    assert!(!is_there(&*store, &provisional()).await);
    let there = load(&*store, &labelled().account).await.expect("a record");
    assert_same(&there.grant, &labelled());
    assert_eq!(there.revision, revision);
}

/// Where the user had a record, it is replaced, at a revision that its readers have not seen.
pub async fn a_relabelled_record_replaces_the_one_it_expects(subject: &dyn Subject) {
    let store = subject.open().await;
    let read = create(&*store, &provisional()).await;
    let old = create(&*store, &grant(labelled().account)).await;
    let revision = done(relabel(&*store, read, Some(old)).await);
    assert!(revision > old);
    assert!(!is_there(&*store, &provisional()).await);
    let there = load(&*store, &labelled().account).await.expect("a record");
    assert_same(&there.grant, &labelled());
    moved(swap(&*store, &labelled(), Some(old), LeaseEnd::Keep).await);
}

/// Who remembers a record that is gone does not take another of its name for it.
pub async fn a_name_that_is_given_again_begins_at_another_revision(subject: &dyn Subject) {
    let store = subject.open().await;
    let read = create(&*store, &provisional()).await;
    done(relabel(&*store, read, None).await);
    assert_ne!(create(&*store, &provisional()).await, read);
    moved(swap(&*store, &provisional(), Some(read), LeaseEnd::Keep).await);
}

/// The provisional record was written since: nothing moves.
pub async fn a_relabelling_of_a_stale_record_changes_nothing(subject: &dyn Subject) {
    let store = subject.open().await;
    let read = create(&*store, &provisional()).await;
    done(swap(&*store, &provisional(), Some(read), LeaseEnd::Keep).await);
    assert!(moved(relabel(&*store, read, None).await).is_none());
    assert!(is_there(&*store, &provisional()).await);
    assert!(!is_there(&*store, &labelled()).await);
}

/// The user's record was written since: nothing moves, and it is shown.
pub async fn a_relabelling_to_a_moved_record_changes_nothing(subject: &dyn Subject) {
    let store = subject.open().await;
    let read = create(&*store, &provisional()).await;
    let target = grant(labelled().account);
    let old = create(&*store, &target).await;
    let current = done(swap(&*store, &target, Some(old), LeaseEnd::Keep).await);
    for expected in [None, Some(old)] {
        let there = moved(relabel(&*store, read, expected).await).expect("what is there");
        assert_eq!(there.revision, current);
        assert_same(&there.grant, &target);
    }
    assert!(is_there(&*store, &provisional()).await);
}

/// There is no provisional record: nothing is made up.
pub async fn a_relabelling_of_no_record_changes_nothing(subject: &dyn Subject) {
    let store = subject.open().await;
    assert!(moved(relabel(&*store, Revision(1), None).await).is_none());
    assert!(!is_there(&*store, &labelled()).await);
}

/// A record that has its name already is swapped, and its lease stays.
pub async fn a_relabelling_to_the_same_name_is_a_swap(subject: &dyn Subject) {
    let store = subject.open().await;
    let itself = provisional();
    let relabel = async |read, expected| {
        store.relabel((&itself.account, read), &itself, expected).await.expect("the store writes")
    };
    assert!(moved(relabel(Revision(1), None).await).is_none());
    assert!(!is_there(&*store, &itself).await);
    let old = done(swap(&*store, &itself, None, LeaseEnd::In(Lease::SPAN)).await);
    let read = done(relabel(old, Some(old)).await);
    for (stale, expected) in [(old, Some(read)), (read, Some(old)), (read, None)] {
        let there = moved(relabel(stale, expected).await).expect("what is there");
        assert_eq!(there.revision, read);
        assert!(there.lease_left > Duration::ZERO);
    }
}

/// Many know the user at once: one labels.
pub async fn of_many_relabellings_one_wins(subject: &dyn Subject) {
    let read = create(&*subject.open().await, &provisional()).await;
    let swapped = at_once(subject, 16, |_, store| {
        Box::pin(async move { relabel(&*store, read, None).await })
    })
    .await;
    let won = swapped.iter().filter(|swapped| matches!(swapped, Swapped::Done(_)));
    assert_eq!(won.count(), 1);
}

/// The end of its lease is its own, not that of the record it replaces.
pub async fn a_lease_moves_with_its_record(subject: &dyn Subject) {
    let store = subject.open().await;
    let lease = LeaseEnd::In(Lease::SPAN);
    let read = done(swap(&*store, &provisional(), None, lease).await);
    done(relabel(&*store, read, None).await);
    let there = load(&*store, &labelled().account).await.expect("a record");
    assert!(is_leased(&there));

    let read = create(&*store, &provisional()).await;
    done(relabel(&*store, read, Some(there.revision)).await);
    let there = load(&*store, &labelled().account).await.expect("a record");
    assert_eq!(there.lease_left, Duration::ZERO);

    let read = done(swap(&*store, &provisional(), None, lease).await);
    done(relabel(&*store, read, Some(there.revision)).await);
    let there = load(&*store, &labelled().account).await.expect("a record");
    assert!(is_leased(&there));
}

/// Returns whether it has a lease, and for no longer than one lasts.
fn is_leased(stored: &Stored) -> bool {
    stored.lease_left > Duration::ZERO && stored.lease_left <= Lease::SPAN
}
