//! Successes that could not be read, and what could come between them and the record.

use std::sync::atomic::Ordering::SeqCst;

use xpkce::grant::{AttemptId, Grant, State, Unread};
use xpkce::seal::Place;
use xpkce::store::{LeaseEnd, Store as _};
use xpkce::token::RefreshAnswer;
use xpkce::{ErrorKind, RefreshToken, TokenSource};
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

/// An earlier version has spent the token and could not read the answer, which this one can.
async fn unread_by_an_earlier_version(world: &World, source: &TokenSource) {
    let there = world.store.load(source.account()).await.unwrap().unwrap();
    let (mut grant, sealer) = (Grant::clone(&there.grant), world.process().sealer);
    let (account, grant_id, generation) = (grant.account.clone(), grant.grant_id, grant.generation);
    let place = Place::Refresh(&account, &grant_id, generation);
    let token = sealer.open(place, grant.refresh.as_ref().unwrap()).unwrap();
    let token = RefreshToken::new(String::from_utf8(token.to_vec()).unwrap());
    let RefreshAnswer::Rotated(rotated) = world.keeper().client().refresh(&token).await else {
        panic!("X did not rotate")
    };
    let body = serde_json::json!({
        "access_token": rotated.access.unwrap().access_token.expose(),
        "refresh_token": rotated.refresh.unwrap().expose(),
        "expires_in": 7200,
    });
    let place = Place::Unread(&account, &grant_id, generation);
    let body = sealer.seal(place, body.to_string().as_bytes()).unwrap();
    let (attempt, received_at) = (AttemptId::new([7; 16]), world.now());
    grant.unread = Some(Unread { attempt, status: 200, body, received_at });
    (grant.state, grant.unresolved_sends) = (State::InDoubt, 1);
    world.store.swap(&grant, Some(there.revision), LeaseEnd::Now).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_an_earlier_version_could_not_read_is_put_to_use_by_one_that_can() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    unread_by_an_earlier_version(&world, &source).await;
    let asked = world.x.token_requests();
    assert_eq!(source.refresh().await.unwrap().generation().0, 2);
    assert_eq!(world.x.token_requests(), asked, "the spent token was sent");
    assert_eq!(world.grant(&source).await.unread.map(|it| it.status), None);
    assert_eq!(source.refresh().await.unwrap().generation().0, 3);
}
