//! Successes that could not be read, and what could come between them and the record.

use std::sync::atomic::Ordering::SeqCst;

use xpkce::grant::State;
use xpkce::{ErrorKind, TokenSource};
use xpkce_emulator::{Fault, Quirks};

use crate::picky::Picky;
use crate::world::{A_LIFE, World};

/// X answers a page to a refresh, and the store does not take that.
async fn unread_into_a_failing_store(world: &World, store: &Picky, source: &TokenSource) {
    world.advance(A_LIFE);
    store.refuses_answers.store(true, SeqCst);
    world.x.fault(world.on_refresh(Fault::HtmlInside200).after_commit());
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::Store);
    assert!(world.grant(source).await.unread.is_none());
}

#[tokio::test]
async fn an_unreadable_answer_that_the_store_would_not_take_is_saved_when_it_does() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let source = world.sign_in(&keeper).await;
    unread_into_a_failing_store(&world, &store, &source).await;
    let asked = world.x.token_requests();
    assert_eq!(source.refresh().await.unwrap_err().kind(), ErrorKind::Store);
    assert_eq!(world.x.token_requests(), asked, "the spent token was sent again");

    store.refuses_answers.store(false, SeqCst);
    let account = source.account().clone();
    drop((source, keeper));
    let grant = world.grant_of(&account).await.unwrap();
    assert_eq!((grant.state, grant.unresolved_sends), (State::InDoubt, 1));
    assert!(grant.unread.is_some());
}

#[tokio::test]
async fn an_unreadable_answer_that_was_never_saved_is_found_by_the_next_process() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let source = world.sign_in(&keeper).await;
    unread_into_a_failing_store(&world, &store, &source).await;
    let (account, asked) = (source.account().clone(), world.x.token_requests());
    drop((source, keeper));

    let next = world.keeper().token_source(&account.user);
    assert_eq!(next.access_token().await.unwrap_err().kind(), ErrorKind::InDoubt);
    assert_eq!(world.x.token_requests(), asked, "the spent token was sent again");
    let grant = world.grant(&next).await;
    assert_eq!((grant.state, grant.unresolved_sends), (State::InDoubt, 1));
    assert!(grant.unread.is_some());
    assert_eq!(next.access_token().await.unwrap_err().kind(), ErrorKind::InDoubt, "it opens");
}

#[tokio::test]
async fn an_unreadable_answer_goes_along_when_its_login_is_labelled() {
    let world = World::start().await;
    let keeper = world.keeper();
    // It is not the user's first: the label moves it to another generation.
    world.sign_in(&keeper).await.refresh().await.unwrap();
    let source = world.sign_in_unlabelled(&keeper).await;
    let quirks = world.x.quirks();
    world.x.set_quirks(Quirks { old_access_survives_refresh: true, ..quirks });
    world.x.fault(world.on_refresh(Fault::HtmlInside200).after_commit());
    assert_eq!(source.refresh().await.unwrap_err().kind(), ErrorKind::InDoubt);
    let labelled = keeper.label(&source.account().user).await.unwrap();
    let grant = world.grant_of(&labelled.account).await.unwrap();
    assert!(grant.unread.is_some());
    // It opens under its new name and generation.
    let source = keeper.token_source(&labelled.account.user);
    assert_eq!(source.refresh().await.unwrap_err().kind(), ErrorKind::InDoubt);
}
