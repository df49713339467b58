//! A holder that is killed in the middle of a spend, as a real process.
#![allow(clippy::unwrap_used, missing_docs)]
#![cfg(all(feature = "hyper", feature = "sqlite"))]
#![allow(unreachable_pub, reason = "shared by several tests")]

#[path = "silence/silence.rs"]
mod silence;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use xpkce::grant::{Grant, State, What};
use xpkce::http::HyperClient;
use xpkce::seal::{KeySource, unlock};
use xpkce::store::{SqliteStore, Store};
use xpkce::{App, Client, Keeper, Reason, Scopes, SystemClock};
use xpkce_emulator::{Emulator, Endpoint, Fault, FaultRule};

use self::silence::Silence;

const HOME: &str = "XPKCE_TEST_HOME";
const BASE: &str = "XPKCE_TEST_BASE";
const USER: &str = "XPKCE_TEST_USER";

async fn keeper(home: &Path, base: &str, client_id: &str) -> (Keeper, Arc<SqliteStore>) {
    let app = App::public(client_id)
        .with_scopes(Scopes::parse(Scopes::DEFAULT))
        .with_base_url(base)
        .unwrap()
        .with_authorization_base_url(format!("{base}/i"))
        .unwrap();
    let store = Arc::new(SqliteStore::open(home.join("logins.db")).await.unwrap());
    let keys = unlock(store.as_ref(), &KeySource::File(home.join("key"))).await.unwrap();
    let client = Client::new(app, Arc::new(HyperClient::new()), Arc::new(SystemClock));
    (Keeper::new(client, store.clone(), Arc::new(keys), None).unwrap(), store)
}

/// Starts this binary again as a process of its own that refreshes the login.
fn another_process(home: &Path, base: &str, client_id: &str, user: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["refresh_as_told", "--exact", "--ignored", "--nocapture", "--quiet"])
        .env(HOME, home)
        .env(BASE, base)
        .env(USER, format!("{client_id} {user}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
#[ignore = "run as another process by the tests below"]
async fn refresh_as_told() {
    let Ok(home) = std::env::var(HOME) else { return };
    let base = std::env::var(BASE).unwrap();
    let names = std::env::var(USER).unwrap();
    let (client_id, user) = names.split_once(' ').unwrap();
    let (keeper, _) = keeper(Path::new(&home), &base, client_id).await;
    let _ = keeper.token_source(user).refresh().await;
}

/// Signs in here, lets another process begin to refresh, kills it while X holds its answer back,
/// and refreshes here.
async fn refresh_after_a_kill(rule: FaultRule) -> (xpkce::Result<u64>, Grant) {
    let silence = Silence::listen();
    let x = Emulator::start().await;
    let client_id = x.public_app().client_id;
    let home = tempfile::tempdir().unwrap();
    let (keeper, store) = keeper(home.path(), x.base_url(), &client_id).await;
    let login = keeper.begin_login().unwrap();
    let callback = x.approve(login.url()).await;
    let account = keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap().account;

    x.fault(rule.delayed(Duration::from_secs(60)));
    let asked = x.token_requests();
    let mut child = another_process(home.path(), x.base_url(), &client_id, &account.user);
    let arrived = async {
        while x.token_requests() == asked {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), arrived).await.expect("the child sent nothing");
    child.kill().unwrap();
    let said = child.wait_with_output().unwrap();
    silence.overhear(&[said.stdout, said.stderr].concat());
    let spending = store.load(&account).await.unwrap().unwrap();
    assert_eq!(spending.grant.state, State::Spending);
    assert!(spending.lease_left > Duration::from_secs(45), "the lease must still run");

    let outcome = keeper.token_source(&account.user).refresh().await;
    silence.hear(&outcome);
    let grant = store.load(&account).await.unwrap().unwrap().grant;
    assert!(grant.history.iter().any(|event| event.what == What::HolderDied));
    (outcome.map(|token| token.generation().0), Grant::clone(&grant))
}

#[tokio::test]
async fn a_holder_killed_before_x_rotates_costs_nothing_and_is_noticed_at_once() {
    let slow = FaultRule::new(Endpoint::Refresh, Fault::Slow);
    let (outcome, grant) = refresh_after_a_kill(slow).await;
    assert_eq!(outcome.unwrap(), 2);
    assert_eq!((grant.state, grant.unresolved_sends), (State::Ready, 0));
}

#[tokio::test]
async fn an_answer_that_died_with_its_holder_is_a_doubt_and_is_said_to_be_one() {
    let slow = FaultRule::new(Endpoint::Refresh, Fault::Slow).after_commit();
    let (outcome, grant) = refresh_after_a_kill(slow).await;
    assert_eq!(outcome.unwrap_err().reason(), Reason::Busy);
    assert_eq!(grant.state, State::Rejected);
    assert!(grant.rejection.unwrap().after_doubt);
}
