//! What needs the keeper by itself comes in order, once it is due and not before.

use std::time::Duration;

use super::{Subject, create, done, grant, swap, two};
use crate::Timestamp;
use crate::grant::{Access, Account, Grant, State};
use crate::store::{Due, LeaseEnd, Store};

const NOON: Timestamp = Timestamp::from_secs(1_700_006_400);
const MINUTE: Duration = Duration::from_secs(60);

/// Makes a grant in use whose early window begins at `at`.
fn due_at(app: &str, user: &str, at: Timestamp) -> Grant {
    let mut grant = Grant {
        state: State::Ready,
        lease: None,
        not_before: None,
        used_at: Some(at),
        ..grant(Account::new(app, user))
    };
    if let Some(access) = &mut grant.access {
        *access = Access {
            issued_at: at - Duration::from_secs(6900),
            expires_at: at + Duration::from_secs(300),
            is_rejected: false,
            ..access.clone()
        };
    }
    assert_eq!(grant.due_at(), Some(at), "the sample is what it says");
    grant
}

async fn due(store: &dyn Store, now: Timestamp, after: Option<&Due>, limit: usize) -> Vec<Due> {
    store.due("app", now, after, limit).await.expect("the store reads")
}

async fn users(store: &dyn Store, now: Timestamp) -> Vec<String> {
    due(store, now, None, 1000).await.into_iter().map(|due| due.user).collect()
}

/// It is in the queue once its minute is over, for every handle.
pub async fn a_record_is_due_when_its_minute_has_passed(subject: &dyn Subject) {
    let [one, other] = two(subject).await;
    create(&*one, &due_at("app", "on time", NOON)).await;
    create(&*one, &due_at("app", "later", NOON + Duration::from_millis(1))).await;
    assert!(users(&*other, NOON - Duration::from_millis(1)).await.is_empty());
    assert_eq!(users(&*other, NOON).await, ["on time"]);
    assert_eq!(users(&*other, NOON + MINUTE).await, ["on time", "later"]);
}

/// The longest due comes first, whenever it was written.
pub async fn due_records_come_by_their_minutes(subject: &dyn Subject) {
    let store = subject.open().await;
    for (user, minutes) in [("c", 1), ("a", 3), ("d", 2), ("b", 2), ("é", 2)] {
        create(&*store, &due_at("app", user, NOON + MINUTE * minutes)).await;
    }
    assert_eq!(users(&*store, NOON + MINUTE * 9).await, ["c", "b", "d", "é", "a"]);
}

/// Page by page, every one comes once, though those before it have left.
pub async fn the_queue_goes_on_after_the_last_one(subject: &dyn Subject) {
    let store = subject.open().await;
    for user in ["1", "2", "3", "4", "5"] {
        create(&*store, &due_at("app", user, NOON)).await;
    }
    let first = due(&*store, NOON, None, 2).await;
    let gone = Grant { state: State::SignedOut, ..due_at("app", "2", NOON) };
    let revision = store.load(&gone.account).await.expect("the store reads").expect("a record");
    done(swap(&*store, &gone, Some(revision.revision), LeaseEnd::Keep).await);
    let second = due(&*store, NOON, first.last(), 2).await;
    let third = due(&*store, NOON, second.last(), 2).await;
    let all: Vec<_> = [first, second, third].concat().into_iter().map(|due| due.user).collect();
    assert_eq!(all, ["1", "2", "3", "4", "5"]);
    let last = Due { minute: i64::MAX, user: String::new() };
    assert!(due(&*store, NOON, Some(&last), 2).await.is_empty());
}

/// Keepers are of one app.
pub async fn a_queue_holds_its_own_apps_records_alone(subject: &dyn Subject) {
    let store = subject.open().await;
    for app in ["ap", "app", "app2", "b"] {
        create(&*store, &due_at(app, app, NOON)).await;
    }
    assert_eq!(users(&*store, NOON).await, ["app"]);
}

/// What needs nobody is never due.
pub async fn a_record_that_needs_nobody_is_never_due(subject: &dyn Subject) {
    let store = subject.open().await;
    for state in [State::SignInNeeded, State::SignedOut] {
        let grant = Grant { state, ..due_at("app", state.name(), NOON) };
        create(&*store, &grant).await;
    }
    create(&*store, &Grant { refresh: None, ..due_at("app", "no refresh token", NOON) }).await;
    assert!(users(&*store, Timestamp::from_millis(i64::MAX)).await.is_empty());
}

/// Its place moves with what is written, and with its name.
pub async fn a_record_moves_in_the_queue_as_it_is_written(subject: &dyn Subject) {
    let store = subject.open().await;
    let before = due_at("app", "unlabelled-1", NOON);
    let read = create(&*store, &before).await;
    let later = due_at("app", "unlabelled-1", NOON + MINUTE * 5);
    let read = done(swap(&*store, &later, Some(read), LeaseEnd::Keep).await);
    assert!(users(&*store, NOON).await.is_empty());
    assert_eq!(users(&*store, NOON + MINUTE * 5).await, ["unlabelled-1"]);
    let named = due_at("app", "user", NOON + MINUTE);
    let relabelled = store.relabel((&before.account, read), &named, None).await;
    done(relabelled.expect("the store writes"));
    assert_eq!(users(&*store, NOON + MINUTE * 5).await, ["user"]);
    assert_eq!(users(&*store, NOON + MINUTE).await, ["user"]);
}
