//! Sign-ins, and sign-ins again.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use xpkce::grant::Account;
use xpkce::http::HyperClient;
use xpkce::{App, Client, Keeper, Reason, Token};
use xpkce_emulator::{Cut, Endpoint, Fault, FaultRule, Problem};

use crate::picky::Picky;
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

/// Begins a sign-in, and finishes it while the exchange meets a fault; then once more without.
/// Returns what came of both.
async fn finish_twice(world: &World, fault: Fault) -> (Reason, Result<(), Reason>) {
    let keeper = world.keeper();
    let login = keeper.begin_login().unwrap();
    keeper.park_login(&login).await.unwrap();
    let callback = world.x.approve(login.url()).await;
    world.x.fault(FaultRule::new(Endpoint::Exchange, fault));
    let why = keeper.finish_login(&callback).await.unwrap_err().reason();
    let again = keeper.finish_login(&callback).await;
    (why, again.map(drop).map_err(|why| why.reason()))
}

#[tokio::test]
async fn a_sign_in_that_x_asks_to_wait_with_is_finished_by_the_same_callback() {
    let world = World::start().await;
    let wait = Fault::RateLimited { reset_in: Some(5), retry_after: None };
    assert_eq!(finish_twice(&world, wait).await, (Reason::RateLimited, Ok(())));
}

#[tokio::test]
async fn a_sign_in_that_x_asks_to_wait_with_for_longer_than_its_code_lives_waits_no_longer() {
    let world = World::start().await;
    for (secs, again) in [(30, Ok(())), (31, Err(Reason::LoginExpired))] {
        let wait = Fault::RateLimited { reset_in: Some(secs), retry_after: None };
        assert_eq!(finish_twice(&world, wait).await, (Reason::RateLimited, again));
    }
}

#[tokio::test]
async fn a_sign_in_whose_client_x_refuses_is_finished_by_the_same_callback() {
    let world = World::start().await;
    let refused = Fault::OauthError {
        status: 401,
        error: "unauthorized_client".to_owned(),
        description: "Missing valid authorization header".to_owned(),
    };
    assert_eq!(finish_twice(&world, refused).await, (Reason::WrongSecretOrAppType, Ok(())));
}

#[tokio::test]
async fn a_sign_in_whose_code_was_not_sent_is_finished_by_the_same_callback() {
    let world = World::start().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = App::public("an-id").with_base_url(format!("http://{free}")).unwrap();
    let Process { store, clock, sealer, .. } = world.process();
    let client = Client::new(app, Arc::new(HyperClient::new()), clock);
    let keeper = Keeper::new(client, store, sealer, None).unwrap();
    let login = keeper.begin_login().unwrap();
    keeper.park_login(&login).await.unwrap();
    let callback = format!("?state={}&code=a-code", login.state().expose());
    for _ in 0..2 {
        let why = keeper.finish_login(&callback).await.unwrap_err();
        assert_eq!(why.reason(), Reason::NotSent);
    }
}

#[tokio::test]
async fn a_sign_in_that_the_store_held_up_is_finished_by_the_same_callback() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let login = keeper.begin_login().unwrap();
    keeper.park_login(&login).await.unwrap();
    let callback = world.x.approve(login.url()).await;
    store.refused_sign_ins.store(1, SeqCst);
    assert_eq!(keeper.finish_login(&callback).await.unwrap_err().reason(), Reason::Store);
    keeper.finish_login(&callback).await.unwrap();
}

#[tokio::test]
async fn a_sign_in_whose_pair_the_store_did_not_take_waits_no_longer() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let login = keeper.begin_login().unwrap();
    keeper.park_login(&login).await.unwrap();
    let callback = world.x.approve(login.url()).await;
    store.refuses_answers.store(true, SeqCst);
    assert_eq!(keeper.finish_login(&callback).await.unwrap_err().reason(), Reason::Store);
    let again = keeper.finish_login(&callback).await.unwrap_err();
    store.refuses_answers.store(false, SeqCst);
    assert_eq!(again.reason(), Reason::LoginExpired);
}

#[tokio::test]
async fn a_code_that_x_may_have_taken_is_not_sent_again() {
    let world = World::start().await;
    let (why, again) = finish_twice(&world, Fault::Drop { at: Cut::BeforeHeaders }).await;
    assert_eq!((why, again), (Reason::OutcomeUnknown, Err(Reason::LoginExpired)));
    assert_eq!(world.x.double_redeems(), 0);
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
