//! Sign-ins, and sign-ins again.

use std::time::Duration;

use xpkce::grant::Account;
use xpkce::{Reason, Token};
use xpkce_emulator::{Endpoint, Fault, FaultRule, Problem};

use crate::world::{Process, World};

#[tokio::test]
async fn a_sign_in_begun_in_one_process_is_finished_in_another_once() {
    let world = World::start().await;
    let login = {
        let keeper = world.keeper();
        let login = keeper.begin_login().unwrap();
        keeper.park_login(&login).await.unwrap();
        login
    };
    let callback = world.x.approve(login.url()).await;
    let other = world.keeper();
    let signed_in = other.finish_login(&callback).await.unwrap();
    assert_eq!(signed_in.username.as_deref(), Some(world.x.users()[0].username.as_str()));
    assert_eq!(signed_in.account.user, world.x.users()[0].id);
    let again = other.finish_login(&callback).await.unwrap_err();
    assert_eq!(again.reason(), Reason::LoginExpired);
    assert_eq!(world.x.double_redeems(), 0);
}

#[tokio::test]
async fn a_sign_in_that_began_at_another_server_is_refused_and_waits_for_its_own() {
    let (world, other) = (World::start().await, World::start().await);
    let login = world.keeper().begin_login().unwrap();
    world.keeper().park_login(&login).await.unwrap();
    let callback = world.x.approve(login.url()).await;
    let elsewhere = Process { store: world.store.clone(), ..world.process() };
    let elsewhere = other.start_in(elsewhere);
    let why = elsewhere.finish_login(&callback).await.unwrap_err();
    assert_eq!(why.reason(), Reason::OtherApp);
    assert_eq!((other.x.token_requests(), world.x.token_requests()), (0, 0));
    world.keeper().finish_login(&callback).await.unwrap();
}

#[tokio::test]
async fn a_callback_that_was_copied_in_part_leaves_the_sign_in_for_the_whole_one() {
    let world = World::start().await;
    let keeper = world.keeper();
    let login = keeper.begin_login().unwrap();
    keeper.park_login(&login).await.unwrap();
    let callback = world.x.approve(login.url()).await;
    let part = format!("?state={}", login.state().expose());
    let why = keeper.finish_login(&part).await.unwrap_err();
    assert_eq!(why.reason(), Reason::MalformedCallback);
    keeper.finish_login(&callback).await.unwrap();
}

#[tokio::test]
async fn a_sign_in_that_is_refused_waits_no_longer_for_it() {
    let world = World::start().await;
    let keeper = world.keeper();
    let login = keeper.begin_login().unwrap();
    keeper.park_login(&login).await.unwrap();
    let callback = world.x.approve(login.url()).await;
    world.advance(Duration::from_secs(599));
    let part = format!("?state={}", login.state().expose());
    keeper.finish_login(&part).await.unwrap_err();
    world.advance(Duration::from_secs(2));
    let why = keeper.finish_login(&callback).await.unwrap_err();
    assert_eq!(why.reason(), Reason::LoginExpired);
}

#[tokio::test]
async fn a_parked_sign_in_ends_after_ten_minutes() {
    let world = World::start().await;
    let keeper = world.keeper();
    let login = keeper.begin_login().unwrap();
    keeper.park_login(&login).await.unwrap();
    let callback = world.x.approve(login.url()).await;
    world.advance(Duration::from_secs(601));
    let why = keeper.finish_login(&callback).await.unwrap_err();
    assert_eq!(why.reason(), Reason::LoginExpired);
}

#[tokio::test]
async fn a_failed_whoami_fails_no_sign_in() {
    let world = World::start().await;
    let keeper = world.keeper();
    let out = Fault::Problem { problem: Problem::ServiceUnavailable };
    world.x.fault(FaultRule::new(Endpoint::Whoami, out).always());
    let login = keeper.begin_login().unwrap();
    let callback = world.x.approve(login.url()).await;
    let signed_in = keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap();
    assert!(signed_in.unlabelled_because.is_some());
    assert!(signed_in.account.is_unlabelled());
    let source = keeper.token_source(&signed_in.account.user);
    source.access_token().await.unwrap();
    assert_eq!(source.refresh().await.unwrap().generation().0, 2);

    world.x.clear_faults();
    let labelled = keeper.label(&signed_in.account.user).await.unwrap();
    assert_eq!(labelled.account.user, world.x.users()[0].id);
    assert!(world.grant_of(&signed_in.account).await.is_none());
    let source = keeper.token_source(&labelled.account.user);
    assert_eq!(source.refresh().await.unwrap().generation().0, 3);
}

#[tokio::test]
async fn a_repeated_sign_in_counts_on_and_keeps_the_old_pair_aside() {
    let world = World::start().await;
    let keeper = world.keeper();
    let first = world.sign_in(&keeper).await;
    first.refresh().await.unwrap();
    let before = world.grant(&first).await;
    let second = world.sign_in(&world.keeper()).await;
    assert_eq!(first.account(), second.account());
    let grant = world.grant(&second).await;
    assert_eq!(grant.generation.0, 3);
    assert_ne!(grant.grant_id, before.grant_id);
    assert_eq!(grant.candidates.len(), 1);
    assert_eq!(second.refresh().await.unwrap().generation().0, 4);
}

#[tokio::test]
async fn a_sign_in_that_is_finished_after_a_sign_out_is_not_buried_with_it() {
    let world = World::start().await;
    let (slow, quick) = (world.keeper(), world.keeper());
    let login = slow.begin_login().unwrap();
    let callback = world.x.approve(login.url()).await;
    let late = FaultRule::delay(Endpoint::Exchange, Duration::from_secs(2));
    world.x.fault(late);
    let mut call = Box::pin(slow.sign_in(login.approve(&callback).unwrap()));
    world.begun(&mut call).await;
    // The later number signs in and out again before X redeems the earlier one's code.
    world.sign_in(&quick).await.sign_out().await.unwrap();
    let signed_in = call.await.unwrap();
    let source = slow.token_source(&signed_in.account.user);
    assert_eq!(source.access_token().await.unwrap().generation().0, 3);
    assert_eq!(source.refresh().await.unwrap().generation().0, 4);
}

#[tokio::test]
async fn a_token_of_xs_python_class_is_carried_over() {
    let world = World::start().await;
    let keeper = world.keeper();
    let login = keeper.begin_login().unwrap();
    let callback = world.x.approve(login.url()).await;
    let token = keeper.client().exchange(login.approve(&callback).unwrap()).await.unwrap();
    let saved = token.to_json();
    let signed_in = keeper.import(Token::from_json(&saved).unwrap()).await.unwrap();
    assert_eq!(signed_in.account.user, world.x.users()[0].id);
    let source = keeper.token_source(&signed_in.account.user);
    assert_eq!(source.refresh().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn a_refused_exchange_stores_nothing() {
    let world = World::start().await;
    let keeper = world.keeper();
    let login = keeper.begin_login().unwrap();
    let callback = world.x.approve(login.url()).await;
    world.advance(Duration::from_secs(31));
    let why = keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap_err();
    assert_eq!(why.reason(), Reason::CodeRejected);
    assert!(keeper.logins().await.unwrap().is_empty());
    let nobody = Account::new(keeper.client().app().client_id(), "unlabelled-1");
    assert!(world.grant_of(&nobody).await.is_none());
}
