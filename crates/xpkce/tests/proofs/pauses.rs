//! A holder that is stopped past its lease and goes on later.

use std::io::Read as _;
use std::time::Duration;

use xpkce::grant::{Lease, State, What};
use xpkce_emulator::{Endpoint, FaultRule};

use super::crash::refresh;
use super::home::{Home, Kind};

/// Stops or continues a process.
fn signal(process: &std::process::Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(process);
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Starts a refresh in a process that is stopped while X holds its answer back, and waits until X
/// has answered. `moment` says whether X rotates before or after the delay.
async fn stopped_refresh(home: &Home, user: &str, rule: FaultRule) -> std::process::Child {
    home.x.fault(rule.delayed(Duration::from_millis(300)));
    let before = home.x.token_requests();
    let process = refresh(&home.place, user, None);
    let arrived = async {
        while home.x.token_requests() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), arrived).await.expect("nothing was sent");
    signal(&process, rustix::process::Signal::STOP);
    process
}

fn let_go(mut process: std::process::Child) {
    signal(&process, rustix::process::Signal::CONT);
    let mut told = String::new();
    process.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(process.wait().unwrap().success(), "{told}");
}

async fn lands_its_pair_after_a_takeover(kind: Kind) {
    let home = Home::new(kind).await;
    let keeper = home.keeper().await;
    let source = home.sign_in(&keeper).await;
    let slow = FaultRule::new(Endpoint::Refresh, xpkce_emulator::Fault::Slow);
    let stopped = stopped_refresh(&home, &source.account().user, slow).await;

    let rotated = async {
        while home.x.refreshes() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), rotated).await.expect("X did not rotate");
    home.outlive(Lease::SPAN + Duration::from_secs(1)).await;
    source.refresh().await.unwrap_err();
    let grant = home.store.load(source.account()).await.unwrap().unwrap().grant;
    assert_eq!(grant.state, State::Rejected, "the answer is with the one that was stopped");
    assert!(grant.history.iter().any(|event| event.what == What::HolderDied));

    let_go(stopped);
    assert_eq!(source.refresh().await.unwrap().generation().0, 3, "the late pair was taken");
    assert_eq!((home.x.refreshes(), home.x.replays()), (2, 1));
}

async fn adopts_what_the_next_one_made(kind: Kind) {
    let home = Home::new(kind).await;
    let keeper = home.keeper().await;
    let source = home.sign_in(&keeper).await;
    let lost = xpkce_emulator::Fault::Status { status: 503, body: xpkce_emulator::BodyForm::Empty };
    let rule = FaultRule::new(Endpoint::Refresh, lost);
    let stopped = stopped_refresh(&home, &source.account().user, rule).await;
    home.outlive(Lease::SPAN + Duration::from_secs(1)).await;
    assert_eq!(source.refresh().await.unwrap().generation().0, 2);

    let_go(stopped);
    let grant = home.store.load(source.account()).await.unwrap().unwrap().grant;
    assert_eq!((grant.generation.0, grant.state), (2, State::Ready));
    assert_eq!(source.refresh().await.unwrap().generation().0, 3);
}

#[tokio::test]
async fn a_holder_stopped_past_its_lease_on_sqlite_lands_its_pair_after_a_takeover() {
    lands_its_pair_after_a_takeover(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_holder_stopped_past_its_lease_on_postgres_lands_its_pair_after_a_takeover() {
    lands_its_pair_after_a_takeover(Kind::Postgres).await;
}

#[tokio::test]
async fn a_holder_stopped_past_its_lease_on_sqlite_adopts_what_the_next_one_made() {
    adopts_what_the_next_one_made(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_holder_stopped_past_its_lease_on_postgres_adopts_what_the_next_one_made() {
    adopts_what_the_next_one_made(Kind::Postgres).await;
}
