//! F1, F2, F4: connections that end, are reset, or are slow.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use xpkce_emulator::{Cut, Emulator, Endpoint, Fault, FaultRule};

use crate::client::{Client, Tokens};

const CUTS: [Cut; 3] = [Cut::BeforeHeaders, Cut::AfterHeaders, Cut::MidBody];

#[tokio::test]
async fn f1_after_the_commit_a_dropped_answer_has_spent_the_token() {
    for at in CUTS {
        let x = Emulator::start().await;
        let app = Client::public(&x);
        let tokens = app.sign_in(&x).await;
        x.fault(FaultRule::new(Endpoint::Refresh, Fault::Drop { at }).after_commit());
        assert!(app.try_refresh(&tokens.refresh).await.is_err(), "{at:?}");
        assert_eq!(x.refreshes(), 1);
        assert_eq!(app.refresh(&tokens.refresh).await.status, 400);
    }
}

#[tokio::test]
async fn f1_before_the_commit_a_dropped_answer_has_spent_nothing() {
    for at in CUTS {
        let x = Emulator::start().await;
        let app = Client::public(&x);
        let tokens = app.sign_in(&x).await;
        x.fault(FaultRule::new(Endpoint::Refresh, Fault::Drop { at }));
        assert!(app.try_refresh(&tokens.refresh).await.is_err(), "{at:?}");
        assert_eq!(x.refreshes(), 0);
        assert_eq!(app.refresh(&tokens.refresh).await.status, 200);
    }
}

#[tokio::test]
async fn f1_before_headers_sends_nothing_and_after_headers_sends_the_status() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    let send = async |at: Cut| {
        x.fault(FaultRule::new(Endpoint::Refresh, Fault::Drop { at }).before_commit());
        app.form("/2/oauth2/token", &app.refresh_fields(&tokens.refresh)).send().await
    };
    assert!(send(Cut::BeforeHeaders).await.is_err());
    let mut response = send(Cut::AfterHeaders).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.chunk().await.is_err());
    let mut response = send(Cut::MidBody).await.unwrap();
    assert!(!response.chunk().await.unwrap().unwrap().is_empty());
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn f2_a_slow_answer_outlasts_the_client_on_either_side_of_the_commit() {
    for (after, refreshes) in [(true, 1), (false, 0)] {
        let x = Emulator::start().await;
        let app = Client::public(&x);
        let tokens = app.sign_in(&x).await;
        let rule = FaultRule::delay(Endpoint::Refresh, Duration::from_secs(3600));
        x.fault(if after { rule.after_commit() } else { rule });
        let request = app.form("/2/oauth2/token", &app.refresh_fields(&tokens.refresh));
        let error = request.timeout(Duration::from_secs(1)).send().await.unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(x.refreshes(), refreshes);
    }
}

/// Sends a refresh, and hangs up once the emulator has it.
async fn hang_up(x: &Emulator, app: &Client, token: &str) {
    let body =
        format!("grant_type=refresh_token&refresh_token={token}&client_id={}", app.app.client_id);
    let head = format!(
        "POST /2/oauth2/token HTTP/1.1\r\nHost: x\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let asked = x.token_requests();
    let host = app.base.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    until("the request arrives", || x.token_requests() > asked).await;
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.expect(what);
}

#[tokio::test]
async fn f2_a_request_can_be_carried_out_after_its_client_has_asked_again() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    let slow = FaultRule::delay(Endpoint::Refresh, Duration::from_secs(2));
    x.fault(slow.outlives_client());
    hang_up(&x, &app, &tokens.refresh).await;
    assert_eq!(app.refresh(&tokens.refresh).await.status, 200);
    until("it is a replay by then", || x.replays() == 1).await;
}

#[tokio::test]
async fn f2_a_request_whose_client_hangs_up_is_given_up_and_keeps_nobody_waiting() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    x.fault(FaultRule::new(Endpoint::Refresh, Fault::Gather { count: 2, winner: 1 }));
    hang_up(&x, &app, &tokens.refresh).await;
    let again = app.form("/2/oauth2/token", &app.refresh_fields(&tokens.refresh));
    let again = again.timeout(Duration::from_secs(5)).send().await.unwrap();
    assert_eq!((again.status().as_u16(), x.refreshes(), x.replays()), (200, 1, 0));
}

#[tokio::test]
async fn f2_a_trickle_arrives_whole_but_in_pieces() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    x.fault(FaultRule::new(Endpoint::Refresh, Fault::Trickle { bytes: 50, pause_ms: 5 }));
    let request = app.form("/2/oauth2/token", &app.refresh_fields(&tokens.refresh));
    let mut response = request.send().await.unwrap();
    let (mut pieces, mut body) = (0, Vec::new());
    while let Some(piece) = response.chunk().await.unwrap() {
        pieces += 1;
        body.extend_from_slice(&piece);
    }
    assert!(pieces > 3, "{pieces}");
    assert!(
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["access_token"].is_string()
    );
}

#[tokio::test]
async fn f4_a_reset_is_a_connection_reset_on_either_side_of_the_commit() {
    for (after, refreshes) in [(true, 1), (false, 0)] {
        let x = Emulator::start().await;
        let app = Client::public(&x);
        let tokens = app.sign_in(&x).await;
        let rule = FaultRule::new(Endpoint::Refresh, Fault::Reset);
        x.fault(if after { rule.after_commit() } else { rule });
        let error = app.try_refresh(&tokens.refresh).await.unwrap_err();
        assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
        assert_eq!(x.refreshes(), refreshes);
    }
}

#[tokio::test]
async fn f4_only_a_reused_connection_is_reset() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    x.fault(FaultRule::new(Endpoint::Refresh, Fault::ResetReused));
    let fresh = Client::public(&x);
    let tokens = Tokens::of(&fresh.refresh(&tokens.refresh).await);
    assert!(fresh.try_refresh(&tokens.refresh).await.is_err());
    assert_eq!(fresh.refresh(&tokens.refresh).await.status, 200, "once only");
}

#[tokio::test]
async fn a_stopped_emulator_refuses_connections() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    drop(x);
    assert!(app.try_refresh("any").await.unwrap_err().is_connect());
}

#[test]
fn an_emulator_starts_without_a_runtime_and_stops_with_a_request_in_flight() {
    let x = Emulator::start_blocking();
    x.fault(FaultRule::delay(Endpoint::Whoami, Duration::from_secs(3600)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let app = Client::public(&x);
    let url = format!("{}/2/users/me", app.base);
    let waiting = runtime.spawn(async move { app.http.get(url).send().await.is_err() });
    while x.whoami_calls() == 0 {
        std::thread::yield_now();
    }
    drop(x);
    assert!(runtime.block_on(waiting).unwrap());
}

#[tokio::test]
async fn an_emulator_outlives_the_runtime_that_started_it() {
    let x = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Emulator::start())
    });
    let x = x.join().unwrap();
    let app = Client::public(&x);
    assert_eq!(app.sign_in(&x).await.access.len(), 91);
}
