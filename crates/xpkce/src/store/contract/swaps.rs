//! Of the swaps that name one revision, one wins; the others learn what is there.

use std::collections::BTreeSet;

use super::{Subject, assert_same, at_once, create, done, grant, load, moved, swap, two};
use crate::grant::{Account, Generation, Grant};
use crate::store::{LeaseEnd, Revision, Swapped};

fn first() -> Grant {
    grant(Account::new("app", "user"))
}

fn at_generation(generation: u64) -> Grant {
    Grant { generation: Generation(generation), ..first() }
}

/// A record that is there is not overwritten by one who thinks that there is none.
pub async fn a_swap_that_expects_no_record_loses_to_one(subject: &dyn Subject) {
    let store = subject.open().await;
    let revision = create(&*store, &first()).await;
    let there = moved(swap(&*store, &at_generation(99), None, LeaseEnd::Keep).await);
    let there = there.expect("what is there");
    assert_same(&there.grant, &first());
    assert_eq!(there.revision, revision);
}

/// A record that is gone does not come back.
pub async fn a_swap_that_expects_a_record_loses_to_none(subject: &dyn Subject) {
    let store = subject.open().await;
    let swapped = swap(&*store, &first(), Some(Revision(1)), LeaseEnd::Keep).await;
    assert!(moved(swapped).is_none());
    assert!(load(&*store, &first().account).await.is_none());
}

/// A swap that names an earlier revision reads the later one and writes nothing.
pub async fn a_stale_swap_changes_nothing(subject: &dyn Subject) {
    let [one, other] = two(subject).await;
    let stale = create(&*one, &first()).await;
    let current = done(swap(&*one, &at_generation(2), Some(stale), LeaseEnd::Keep).await);
    let there = moved(swap(&*other, &at_generation(3), Some(stale), LeaseEnd::Keep).await);
    let there = there.expect("what is there");
    assert_eq!((there.grant.generation, there.revision), (Generation(2), current));
    let there = load(&*one, &first().account).await.expect("a record");
    assert_eq!((there.grant.generation, there.revision), (Generation(2), current));
}

/// No revision comes twice.
pub async fn a_revision_grows_with_every_swap(subject: &dyn Subject) {
    let store = subject.open().await;
    let mut last = create(&*store, &first()).await;
    for _ in 0..5 {
        let next = done(swap(&*store, &first(), Some(last), LeaseEnd::Keep).await);
        assert!(next > last);
        last = next;
    }
}

/// Nobody can tell how far one write takes a revision: a record out of a backup does not get to the
/// one that somebody remembers.
pub async fn no_two_swaps_are_sure_to_take_a_revision_as_far(subject: &dyn Subject) {
    let store = subject.open().await;
    let mut last = create(&*store, &first()).await;
    let mut steps = BTreeSet::new();
    for _ in 0..5 {
        let next = done(swap(&*store, &first(), Some(last), LeaseEnd::Keep).await);
        steps.insert(next.0 - last.0);
        last = next;
    }
    assert!(steps.len() > 1, "each of five was {steps:?}");
}

/// Compare and set, with many at it: one wins, and its record is there.
pub async fn of_many_swaps_of_one_revision_one_wins(subject: &dyn Subject) {
    let revision = create(&*subject.open().await, &first()).await;
    let swapped = at_once(subject, 32, |at, store| {
        let grant = at_generation(100 + at as u64);
        Box::pin(async move { swap(&*store, &grant, Some(revision), LeaseEnd::Keep).await })
    })
    .await;
    assert_one_won(subject, &swapped).await;
}

/// Likewise where there was no record.
pub async fn of_many_first_swaps_one_wins(subject: &dyn Subject) {
    let swapped = at_once(subject, 32, |at, store| {
        let grant = at_generation(100 + at as u64);
        Box::pin(async move { swap(&*store, &grant, None, LeaseEnd::Keep).await })
    })
    .await;
    assert_one_won(subject, &swapped).await;
}

async fn assert_one_won(subject: &dyn Subject, swapped: &[Swapped]) {
    let is_done = |swapped: &Swapped| matches!(swapped, Swapped::Done(_));
    let winner = swapped.iter().position(is_done).expect("one that won");
    assert_eq!(swapped.iter().filter(|swapped| is_done(swapped)).count(), 1);
    let won = Generation(100 + winner as u64);
    for lost in swapped {
        if let Swapped::Moved(there) = lost {
            assert_eq!(there.as_ref().map(|there| there.grant.generation), Some(won));
        }
    }
    let there = load(&*subject.open().await, &first().account).await.expect("a record");
    assert_eq!(there.grant.generation, won);
}

/// Writes that wait together are judged each on its own.
pub async fn a_loser_fails_alone(subject: &dyn Subject) {
    let swapped = at_once(subject, 32, |at, store| {
        let expected = (at % 4 == 0).then_some(Revision(1));
        let grant = grant(Account::new("app", at.to_string()));
        Box::pin(async move { swap(&*store, &grant, expected, LeaseEnd::Keep).await })
    })
    .await;
    for (at, swapped) in swapped.into_iter().enumerate() {
        assert_eq!(matches!(swapped, Swapped::Moved(None)), at % 4 == 0);
    }
}

/// Writes to different records do not get in each other's way.
pub async fn swaps_of_many_records_all_land(subject: &dyn Subject) {
    let mut written = at_once(subject, 200, |at, store| {
        let grant = grant(Account::new("app", at.to_string()));
        Box::pin(async move {
            let mut last = create(&*store, &grant).await;
            for _ in 0..3 {
                last = done(swap(&*store, &grant, Some(last), LeaseEnd::Keep).await);
            }
            last
        })
    })
    .await;
    let listed = subject.open().await.list(None, 1000).await.expect("the store reads");
    let mut listed: Vec<_> = listed.iter().map(|there| there.revision).collect();
    listed.sort_unstable();
    written.sort_unstable();
    assert_eq!(listed, written);
}
