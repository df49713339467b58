//! Updates that come together share a statement, and nothing else.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::timeout;
use xpkce::Result;
use xpkce::grant::{Account, Grant};
use xpkce::store::contract::grant;
use xpkce::store::{LeaseEnd, PostgresStore, Revision, Store, Swapped};

use crate::{Postgres, postgres};

const FIRST: Option<Revision> = Some(Revision(1));

fn grants(count: usize) -> Vec<Grant> {
    (0..count).map(|n| grant(Account::new("app", format!("{n:04}")))).collect()
}

/// Makes records of the grants, at their first revision.
async fn store_of(subject: &Postgres, grants: &[Grant]) -> PostgresStore {
    let store = subject.store().await;
    subject.keep(&store, grants).await;
    store
}

async fn swap_all(store: &PostgresStore, grants: &[Grant]) -> Vec<Result<Swapped>> {
    join_all(grants.iter().map(|grant| store.swap(grant, FIRST, LeaseEnd::Keep))).await
}

fn is_done(swapped: &Result<Swapped>) -> bool {
    matches!(swapped, Ok(Swapped::Done(_)))
}

#[tokio::test]
async fn updates_that_come_together_share_a_commit() {
    let (subject, grants) = (postgres().await, grants(200));
    let store = store_of(&subject, &grants).await;
    assert!(swap_all(&store, &grants).await.iter().all(is_done));
    let commits = subject.read("SELECT count(DISTINCT xmin::text) FROM xpkce_grants").await;
    assert!(commits <= 2, "{commits} transactions wrote 200 records");
}

#[tokio::test]
async fn each_update_of_a_statement_is_judged_by_itself() {
    let (subject, grants) = (postgres().await, grants(10));
    let store = store_of(&subject, &grants).await;
    store.swap(&grants[3], FIRST, LeaseEnd::Keep).await.unwrap();
    let swapped = swap_all(&store, &grants).await;
    assert_eq!(swapped.iter().filter(|swapped| is_done(swapped)).count(), 9);
    let Ok(Swapped::Moved(Some(there))) = &swapped[3] else { panic!("{:?}", swapped[3]) };
    assert!(Some(there.revision) > FIRST);
}

#[tokio::test]
async fn of_many_updates_of_one_record_the_first_that_came_is_done() {
    let (subject, grants) = (postgres().await, grants(1));
    let store = store_of(&subject, &grants).await;
    let swaps = (0..20).map(|_| store.swap(&grants[0], FIRST, LeaseEnd::Keep));
    let swapped = join_all(swaps).await;
    assert!(is_done(&swapped[0]) && !swapped[1..].iter().any(is_done), "{swapped:?}");
}

#[tokio::test]
async fn a_record_that_somebody_has_locked_holds_up_no_other() {
    let (subject, grants) = (postgres().await, grants(5));
    let store = store_of(&subject, &grants).await;
    let locked = subject.lock("SELECT 1 FROM xpkce_grants WHERE user_id = '0002' FOR UPDATE").await;
    let mut held_up = pin!(store.swap(&grants[2], FIRST, LeaseEnd::Keep));
    let others = async {
        let others = [0, 1, 3, 4].map(|n| store.swap(&grants[n], FIRST, LeaseEnd::Keep));
        join_all(others).await
    };
    let others = tokio::select! {
        biased;
        swapped = &mut held_up => panic!("it went past a lock: {swapped:?}"),
        others = others => others,
    };
    assert!(others.iter().all(is_done), "{others:?}");
    drop(locked);
    assert!(is_done(&held_up.await));
}

#[tokio::test]
async fn an_update_that_is_held_up_holds_up_none_that_comes_later() {
    let (subject, grants) = (postgres().await, grants(2));
    let store = store_of(&subject, &grants).await;
    let locked = subject.lock("SELECT 1 FROM xpkce_grants WHERE user_id = '0000' FOR UPDATE").await;
    let mut held_up = pin!(store.swap(&grants[0], FIRST, LeaseEnd::Keep));
    let later = async {
        subject.until(&format!("SELECT count(*) {}", subject.held_up())).await;
        store.swap(&grants[1], FIRST, LeaseEnd::Keep).await
    };
    let later = tokio::select! {
        biased;
        swapped = &mut held_up => panic!("it went past a lock, or was waited for: {swapped:?}"),
        later = later => later,
    };
    assert!(is_done(&later), "{later:?}");
    drop(locked);
    assert!(is_done(&held_up.await));
}

#[tokio::test]
async fn updates_whose_connection_the_server_ended_are_not_sent_again() {
    let (subject, grants) = (postgres().await, grants(2));
    let store = store_of(&subject, &grants).await;
    let _locked =
        subject.lock("SELECT 1 FROM xpkce_grants WHERE user_id = '0000' FOR UPDATE").await;
    let end = format!("SELECT count(pg_terminate_backend(pid)) {}", subject.held_up());
    let (swapped, ()) = join(swap_all(&store, &grants), subject.until(&end)).await;
    // It may have committed them: whoever asked looks at the records, and decides.
    assert!(swapped.iter().all(Result::is_err), "{swapped:?}");
    let revision = "SELECT revision FROM xpkce_grants WHERE user_id = '0001'";
    assert_eq!(subject.read(revision).await, 1);
}

#[tokio::test]
async fn a_record_that_the_server_refuses_fails_alone() {
    let (subject, mut grants) = (postgres().await, grants(5));
    let store = store_of(&subject, &grants).await;
    // No text of PostgreSQL has this character.
    grants[2].account.user.push('\0');
    let swapped = swap_all(&store, &grants).await;
    assert!(swapped[2].is_err());
    assert_eq!(swapped.iter().filter(|swapped| is_done(swapped)).count(), 4, "{swapped:?}");
}

#[tokio::test]
async fn an_update_whose_caller_has_gone_before_its_turn_is_not_sent() {
    let (subject, grants) = (postgres().await, grants(1));
    let store = store_of(&subject, &grants).await;
    {
        let mut given_up = store.swap(&grants[0], FIRST, LeaseEnd::Keep);
        let mut context = Context::from_waker(Waker::noop());
        assert!(given_up.as_mut().poll(&mut context).is_pending());
    }
    assert!(is_done(&store.swap(&grants[0], FIRST, LeaseEnd::Keep).await));
}

#[tokio::test]
async fn every_update_is_durable_whatever_the_servers_default() {
    let (subject, grants) = (postgres().await, grants(5));
    drop(store_of(&subject, &grants).await);
    subject
        .execute(
            "CREATE TABLE seen (was text);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
            CREATE TRIGGER note BEFORE UPDATE ON xpkce_grants FOR EACH ROW EXECUTE FUNCTION note()",
        )
        .await;
    let careless = subject.store_with("%20-c%20synchronous_commit%3Doff").await;
    assert!(is_done(&careless.swap(&grants[0], FIRST, LeaseEnd::Keep).await));
    assert!(swap_all(&careless, &grants[1..]).await.iter().all(is_done));
    assert_eq!(subject.read("SELECT count(*) FROM seen").await, 5);
    assert_eq!(subject.read("SELECT count(*) FROM seen WHERE was <> 'on'").await, 0);
}

#[tokio::test]
async fn a_runtime_that_ends_in_the_middle_leaves_nobody_waiting() {
    let (subject, grants) = (postgres().await, grants(2));
    let store = store_of(&subject, &grants).await;
    let short = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let swapped = std::thread::scope(|scope| {
        let ended = scope.spawn(|| {
            let runtime = short();
            let swap = store.swap(&grants[0], FIRST, LeaseEnd::Keep);
            let _ = runtime.block_on(async { timeout(Duration::ZERO, swap).await });
        });
        ended.join().unwrap();
        let next = scope.spawn(|| {
            let swap = store.swap(&grants[1], FIRST, LeaseEnd::Keep);
            short().block_on(async { timeout(Duration::from_secs(30), swap).await })
        });
        next.join().unwrap()
    });
    assert!(is_done(&swapped.expect("nobody drives it")));
}
