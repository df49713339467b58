//! Many machines on one PostgreSQL. These processes share a kernel, so each machine is given its own
//! holders' files: nobody else can tell by them who lives, or find what lies in them.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use xpkce::grant::{Death, Grant, Lease, State, What};
use xpkce::http::HyperClient;
use xpkce::{Error, ErrorKind, Reason, TokenSource};

use super::crash::refresh;
use super::home::{Home, Kind, Place};

const BEFORE_SENDING: &str = "before POST /2/oauth2/token";
const BEFORE_SAVING: &str = "before saving ready";

/// Signs in here, and lets a process of another machine refresh that is killed at a step of it.
async fn killed_elsewhere(home: &Home, step: &str) -> (TokenSource, Place) {
    let source = home.sign_in(&home.keeper().await).await;
    let elsewhere = home.place.on_machine("elsewhere");
    let mut process = refresh(&elsewhere, &source.account().user, Some(step));
    let mut told = String::new();
    process.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(process.wait().unwrap().signal(), Some(Signal::KILL.as_raw()), "{told}");
    assert_eq!(told.lines().filter_map(|it| it.strip_prefix("step ")).next_back(), Some(step));
    (source, elsewhere)
}

/// Refreshes until the clocks of this machine have gone on for longer than anybody waits, and returns
/// what the caller is told. The server's clock, by which leases end, does not go on with them.
async fn waits_in_vain(home: &Home, source: &TokenSource) -> Error {
    let own = source.clone();
    let waits = tokio::spawn(async move { own.refresh().await.map(|token| token.generation()) });
    let time_goes_by = async {
        while !waits.is_finished() {
            home.advance(Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), time_goes_by).await.expect("it waits for ever");
    waits.await.unwrap().unwrap_err()
}

async fn record(home: &Home, source: &TokenSource) -> Grant {
    Grant::clone(&home.store.load(source.account()).await.unwrap().unwrap().grant)
}

#[tokio::test]
async fn who_died_on_another_machine_is_waited_for_until_the_store_says_that_the_lease_is_over() {
    let home = Home::new(Kind::Postgres).await;
    let (source, _) = killed_elsewhere(&home, BEFORE_SENDING).await;
    let asked = home.x.token_requests();
    for left in [Lease::SPAN, Lease::SPAN / 2] {
        let why = waits_in_vain(&home, &source).await;
        assert_eq!((why.kind(), why.reason()), (ErrorKind::Retry, Reason::Busy), "{why}");
        assert!(why.retry_after().unwrap() <= left, "{why:?}");
        assert_eq!(home.x.token_requests(), asked, "it was sent beside another's lease");
        home.outlive(Lease::SPAN / 2).await;
    }
    assert_eq!(source.refresh().await.unwrap().generation().0, 2);
    assert_eq!((home.x.token_requests() - asked, home.x.replays()), (1, 0));
    let events = record(&home, &source).await.history;
    assert!(events.iter().any(|event| event.what == What::HolderDied), "{events:?}");
}

#[tokio::test]
async fn a_pair_left_on_another_machine_is_put_in_its_place_there_after_a_verdict_of_death_here() {
    let home = Home::new(Kind::Postgres).await;
    let (source, elsewhere) = killed_elsewhere(&home, BEFORE_SAVING).await;
    home.outlive(Lease::SPAN).await;
    assert_eq!(source.refresh().await.unwrap_err().kind(), ErrorKind::Retry, "the first word");
    home.advance(Grant::SECOND_WORD);
    assert_eq!(source.refresh().await.unwrap_err().kind(), ErrorKind::SignIn);
    let dead = record(&home, &source).await;
    assert_eq!((dead.state, dead.death), (State::SignInNeeded, Some(Death::AnswerLost)));

    let http = Arc::new(HyperClient::new());
    let keeper = elsewhere.keeper(home.store.clone(), http, home.clock.clone()).await;
    let there = keeper.token_source(&source.account().user);
    assert_eq!(there.refresh().await.unwrap().generation().0, 2);
    assert_eq!(home.x.refreshes(), 1, "found beside the store, and not asked for");
    assert_eq!(source.refresh().await.unwrap().generation().0, 3);
}
