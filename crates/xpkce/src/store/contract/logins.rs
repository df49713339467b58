//! Sign-ins are numbered, wait for their callback, and are finished once; the key check is set
//! once.

use std::time::Duration;

use super::sample::{sealed, sealed_by};
use super::{Subject, at_once, two};
use crate::Timestamp;
use crate::store::{PendingLogin, Store};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const WAIT: Duration = Duration::from_secs(600);

fn login(key: &str) -> PendingLogin {
    PendingLogin { key: key.to_owned(), login: sealed(key), expires_at: NOW + WAIT }
}

async fn put(store: &dyn Store, login: &PendingLogin, now: Timestamp) {
    store.put_login(login, now).await.expect("the store writes");
}

async fn takes(store: &dyn Store, key: &str, now: Timestamp) -> bool {
    store.take_login(key, now).await.expect("the store writes").is_some()
}

/// Each number is higher than the last, whoever asks.
pub async fn sign_ins_are_numbered_upwards(subject: &dyn Subject) {
    let stores = two(subject).await;
    let mut last = 0;
    for at in 0..6 {
        let next = stores[at % 2].next_sign_in().await.expect("the store writes");
        assert!(next > last);
        last = next;
    }
}

/// Asked at once, all get their own.
pub async fn no_two_sign_ins_have_one_number(subject: &dyn Subject) {
    let mut numbers = at_once(subject, 64, |_, store| {
        Box::pin(async move { store.next_sign_in().await.expect("the store writes") })
    })
    .await;
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 64);
}

/// A callback that comes twice finds nothing the second time.
pub async fn a_login_is_taken_once(subject: &dyn Subject) {
    let [one, other] = two(subject).await;
    put(&*one, &login("state"), NOW).await;
    assert!(!takes(&*other, "another", NOW).await);
    let taken = other.take_login("state", NOW).await.expect("the store writes");
    assert_eq!(taken, Some(sealed("state")));
    assert!(!takes(&*one, "state", NOW).await);
}

/// Likewise when it comes twice at once.
pub async fn of_many_takers_of_a_login_one_gets_it(subject: &dyn Subject) {
    put(&*subject.open().await, &login("state"), NOW).await;
    let taken = at_once(subject, 16, |_, store| {
        Box::pin(async move { takes(&*store, "state", NOW).await })
    })
    .await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
}

/// A sign-in ends at its end.
pub async fn a_login_that_ended_is_none(subject: &dyn Subject) {
    let store = subject.open().await;
    put(&*store, &login("in time"), NOW).await;
    put(&*store, &login("late"), NOW).await;
    assert!(takes(&*store, "in time", NOW + WAIT - Duration::from_millis(1)).await);
    assert!(!takes(&*store, "late", NOW + WAIT).await);
}

/// Sign-ins that nobody finished do not pile up.
pub async fn logins_that_ended_are_dropped_with_the_next_one(subject: &dyn Subject) {
    let store = subject.open().await;
    put(&*store, &login("left"), NOW).await;
    let next = PendingLogin { expires_at: NOW + WAIT * 2, ..login("next") };
    put(&*store, &next, NOW + WAIT).await;
    assert!(!takes(&*store, "left", NOW).await);
    assert!(takes(&*store, "next", NOW + WAIT).await);
}

/// The later one of two counts.
pub async fn a_login_is_replaced_by_one_of_the_same_key(subject: &dyn Subject) {
    let store = subject.open().await;
    put(&*store, &login("state"), NOW).await;
    put(&*store, &PendingLogin { login: sealed("later"), ..login("state") }, NOW).await;
    let taken = store.take_login("state", NOW).await.expect("the store writes");
    assert_eq!(taken, Some(sealed("later")));
}

/// A key must not be dropped while a sign-in waits that it sealed.
pub async fn the_keys_of_waiting_logins_are_named(subject: &dyn Subject) {
    let store = subject.open().await;
    let waiting = sealed_by("fedcba9876543210", "login");
    put(&*store, &PendingLogin { login: waiting.clone(), ..login("state") }, NOW).await;
    let named = store.login_keys().await.expect("the store reads");
    assert_eq!(named, [*waiting.key()]);
    assert!(takes(&*store, "state", NOW).await);
    assert!(store.login_keys().await.expect("the store reads").is_empty());
}

/// The first one stays.
pub async fn the_key_check_is_set_once(subject: &dyn Subject) {
    let [one, other] = two(subject).await;
    let (first, second) = (sealed("first"), sealed("second"));
    let check = |proposed| one.key_check(proposed);
    assert_eq!(check(None).await.expect("the store reads"), None);
    assert_eq!(check(Some(&first)).await.expect("the store writes"), Some(first.clone()));
    assert_eq!(check(Some(&second)).await.expect("the store writes"), Some(first.clone()));
    assert_eq!(other.key_check(None).await.expect("the store reads"), Some(first));
}

/// Proposed at once, one stays and all know it.
pub async fn of_many_key_checks_all_read_one(subject: &dyn Subject) {
    let mut read = at_once(subject, 16, |at, store| {
        Box::pin(async move {
            let proposed = sealed(&at.to_string());
            let check = store.key_check(Some(&proposed)).await.expect("the store writes");
            String::from(check.expect("a key check"))
        })
    })
    .await;
    read.dedup();
    assert_eq!(read.len(), 1);
}

/// Keys are rotated by one at a time.
pub async fn a_key_check_is_replaced_by_who_knows_it(subject: &dyn Subject) {
    let store = subject.open().await;
    let [first, second, third] = ["first", "second", "third"].map(sealed);
    let replace = |expected, check| store.replace_key_check(expected, check);
    assert!(!replace(&first, &second).await.expect("the store writes"));
    store.key_check(Some(&first)).await.expect("the store writes");
    assert!(replace(&first, &second).await.expect("the store writes"));
    assert!(!replace(&first, &third).await.expect("the store writes"));
    assert_eq!(store.key_check(None).await.expect("the store reads"), Some(second));
}
