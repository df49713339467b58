//! Which requests a rule strikes.

use std::time::Duration;

use xpkce_emulator::{BodyForm, Emulator, Endpoint, Fault, FaultRule};

use crate::client::{Client, Tokens};

fn down() -> Fault {
    Fault::Status { status: 503, body: BodyForm::Json }
}

async fn statuses(app: &Client, access: &str, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(app.whoami(access).await.status);
    }
    statuses
}

#[tokio::test]
async fn a_rule_strikes_from_the_nth_request_on_as_often_as_told() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let access = app.sign_in(&x).await.access;
    x.fault(FaultRule::new(Endpoint::Whoami, down()).nth(3).times(2));
    assert_eq!(statuses(&app, &access, 6).await, [200, 200, 503, 503, 200, 200]);
}

#[tokio::test]
async fn a_rule_lasts_until_cleared_or_until_its_time_is_up() {
    let x = Emulator::builder().frozen_clock().start().await.unwrap();
    let app = Client::public(&x);
    let access = app.sign_in(&x).await.access;
    x.fault(FaultRule::new(Endpoint::Whoami, down()).always());
    assert_eq!(statuses(&app, &access, 3).await, [503, 503, 503]);
    x.clear_faults();
    assert_eq!(statuses(&app, &access, 1).await, [200]);
    x.fault(FaultRule::new(Endpoint::Whoami, down()).lasting(Duration::from_secs(60)));
    assert_eq!(statuses(&app, &access, 1).await, [503]);
    x.advance(Duration::from_secs(60));
    assert_eq!(statuses(&app, &access, 1).await, [200]);
}

#[tokio::test]
async fn a_rule_for_refreshes_leaves_exchanges_alone_and_one_for_tokens_does_not() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    x.fault(FaultRule::new(Endpoint::Refresh, down()));
    let tokens = app.sign_in(&x).await;
    assert_eq!(app.refresh(&tokens.refresh).await.status, 503);
    x.fault(FaultRule::new(Endpoint::Token, down()).times(2));
    let code = app.approved(&x).await;
    assert_eq!(app.exchange(&code).await.status, 503);
    assert_eq!(app.refresh(&tokens.refresh).await.status, 503);
    Tokens::of(&app.exchange(&code).await);
}

#[tokio::test]
async fn of_two_rules_the_older_strikes_and_both_count() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let access = app.sign_in(&x).await.access;
    let busy = Fault::RateLimited { reset_in: None, retry_after: None };
    x.fault(FaultRule::new(Endpoint::Whoami, down()));
    x.fault(FaultRule::new(Endpoint::Whoami, busy).nth(2));
    assert_eq!(statuses(&app, &access, 3).await, [503, 429, 200]);
    assert_eq!(x.counters().faults, 2);
}
