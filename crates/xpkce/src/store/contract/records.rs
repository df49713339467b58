//! Records are kept whole, apart, and in order.

use super::{Subject, assert_same, big_grant, create, grant, load, two};
use crate::grant::Account;

/// Every field of a record comes back.
pub async fn a_record_is_read_as_it_was_written(subject: &dyn Subject) {
    let store = subject.open().await;
    let written = grant(Account::new("app", "user"));
    let revision = create(&*store, &written).await;
    let there = load(&*store, &written.account).await.expect("a record");
    assert_same(&there.grant, &written);
    assert_eq!(there.revision, revision);
}

/// A name without a record has none.
pub async fn a_record_that_was_never_written_is_none(subject: &dyn Subject) {
    let store = subject.open().await;
    create(&*store, &grant(Account::new("app", "user"))).await;
    assert!(load(&*store, &Account::new("app", "another")).await.is_none());
    assert!(load(&*store, &Account::new("another", "user")).await.is_none());
}

/// A record may hold an unread body of 64 KiB and every candidate.
pub async fn a_big_record_is_read_as_it_was_written(subject: &dyn Subject) {
    let store = subject.open().await;
    let written = big_grant(Account::new("app", "user"));
    create(&*store, &written).await;
    assert_same(&load(&*store, &written.account).await.expect("a record").grant, &written);
}

/// Names are compared byte by byte, whatever is in them.
pub async fn odd_names_are_kept_apart(subject: &dyn Subject) {
    let store = subject.open().await;
    let long = "x".repeat(500);
    let names = ["", "A", "a", "a ", "é", "e\u{301}", "'; --", "%", "a\nb", "\u{10ffff}", &long];
    let accounts = names.iter().flat_map(|app| names.map(|user| Account::new(*app, user)));
    let accounts: Vec<_> = accounts.collect();
    for account in &accounts {
        create(&*store, &grant(account.clone())).await;
    }
    for account in &accounts {
        let there = load(&*store, account).await.expect("a record");
        assert_eq!(there.grant.account, *account);
    }
}

/// What one handle has written, every other reads.
pub async fn a_write_is_seen_by_every_handle(subject: &dyn Subject) {
    let [one, other] = two(subject).await;
    let written = grant(Account::new("app", "user"));
    assert!(load(&*other, &written.account).await.is_none());
    create(&*one, &written).await;
    assert!(load(&*other, &written.account).await.is_some());
}

/// The order is that of [`Account`]: the app's bytes, then the user's.
pub async fn records_are_listed_in_the_order_of_their_accounts(subject: &dyn Subject) {
    let store = subject.open().await;
    let names = ["b", "a", "B", "ab", "é", "10", "9", "", "unlabelled-1", "\u{10000}", "\u{ffff}"];
    let accounts = names.iter().flat_map(|app| names.map(|user| Account::new(*app, user)));
    let mut accounts: Vec<_> = accounts.collect();
    for account in &accounts {
        create(&*store, &grant(account.clone())).await;
    }
    accounts.sort();
    let listed = store.list(None, 1000).await.expect("the store reads");
    let listed: Vec<_> = listed.into_iter().map(|there| there.grant.account.clone()).collect();
    assert_eq!(listed, accounts);
}

/// Page by page, every record comes once, even where the one listed last is gone.
pub async fn a_list_goes_on_after_the_last_one(subject: &dyn Subject) {
    let store = subject.open().await;
    for user in ["1", "2", "3", "4", "5"] {
        create(&*store, &grant(Account::new("app", user))).await;
    }
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        let page = store.list(after.as_ref(), 2).await.expect("the store reads");
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.grant.account.clone());
        users.extend(page.into_iter().map(|there| there.grant.account.user.clone()));
    }
    assert_eq!(users, ["1", "2", "3", "4", "5"]);
    let gone = Account::new("app", "2a");
    let next = store.list(Some(&gone), 1).await.expect("the store reads");
    assert_eq!(next.first().map(|there| &*there.grant.account.user), Some("3"));
}
