//! F3, F5, F6, F11, F12, F15, F20: answers that are not the answer.

use std::time::Duration;

use xpkce_emulator::{BodyForm, Emulator, Endpoint, Fault, FaultRule, OddAnswer, Problem};

use crate::client::{Answer, Client, Tokens};

async fn signed_in() -> (Emulator, Client, Tokens) {
    let x = Emulator::builder().frozen_clock().start().await.unwrap();
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    (x, app, tokens)
}

/// Refreshes under a fault that strikes after the commit.
async fn committed(fault: Fault) -> Answer {
    let (x, app, tokens) = signed_in().await;
    x.fault(FaultRule::new(Endpoint::Refresh, fault).after_commit());
    let answer = app.refresh(&tokens.refresh).await;
    assert_eq!(x.refreshes(), 1);
    answer
}

#[tokio::test]
async fn f3_every_5xx_comes_as_html_or_json_before_or_after_the_commit() {
    for status in [500, 502, 503, 504] {
        for body in [BodyForm::Html, BodyForm::Json, BodyForm::Empty] {
            for (after, refreshes) in [(false, 0), (true, 1)] {
                let (x, app, tokens) = signed_in().await;
                let rule = FaultRule::new(Endpoint::Refresh, Fault::Status { status, body });
                x.fault(if after { rule.after_commit() } else { rule });
                let answer = app.refresh(&tokens.refresh).await;
                assert_eq!((answer.status, x.refreshes()), (status, refreshes));
                match body {
                    BodyForm::Html => assert!(answer.body.starts_with("<html>")),
                    BodyForm::Json => assert_eq!(answer.json()["status"], status),
                    _ => assert!(answer.body.is_empty()),
                }
            }
        }
    }
}

#[tokio::test]
async fn f5_gateways_answer_in_their_own_ways() {
    let blocked = committed(Fault::Cloudflare).await;
    assert_eq!((blocked.status, blocked.header("server")), (403, "cloudflare"));
    assert!(blocked.body.contains("Attention Required! | Cloudflare"));
    let empty = committed(Fault::EmptyNotFound).await;
    assert_eq!((empty.status, empty.body.as_str()), (404, ""));
    let plain = committed(Fault::PlainNotFound).await;
    assert_eq!((plain.status, plain.header("content-type")), (404, "text/plain; charset=utf-8"));
    let html = committed(Fault::HtmlInside200).await;
    assert!(html.status == 200 && html.body.starts_with("<!DOCTYPE html>"));
    let nothing = committed(Fault::Empty200).await;
    assert_eq!((nothing.status, nothing.body.as_str()), (200, ""));
    let error = committed(Fault::ErrorInside200).await;
    assert_eq!((error.status, error.text("error").as_str()), (200, "invalid_request"));
}

#[tokio::test]
async fn f5_json_can_be_truncated_or_called_gzip_or_be_over_a_mebibyte() {
    let truncated = committed(Fault::TruncatedJson).await;
    assert!(truncated.status == 200 && truncated.body.starts_with('{'));
    assert!(serde_json::from_str::<serde_json::Value>(&truncated.body).is_err());
    assert_eq!(truncated.header("content-length"), truncated.body.len().to_string());
    let gzip = committed(Fault::BrokenGzip).await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert!(!gzip.body.starts_with("\u{1f}"));
    let huge = committed(Fault::HugeBody).await;
    assert!(huge.status == 200 && huge.body.len() > 1 << 20);
}

#[tokio::test]
async fn f6_a_429_resets_in_the_future_in_the_past_or_never_says() {
    for endpoint in [Endpoint::Refresh, Endpoint::Whoami] {
        for (reset_in, retry_after) in [(Some(60), None), (Some(-60), Some(5)), (None, None)] {
            let (x, app, tokens) = signed_in().await;
            x.fault(FaultRule::new(endpoint, Fault::RateLimited { reset_in, retry_after }));
            let answer = match endpoint {
                Endpoint::Whoami => app.whoami(&tokens.access).await,
                _ => app.refresh(&tokens.refresh).await,
            };
            assert_eq!(answer.status, 429);
            let reset = reset_in.map(|by| x.now().saturating_add_signed(by).to_string());
            assert_eq!(answer.header("x-rate-limit-reset"), reset.unwrap_or_default());
            let after = retry_after.map(|by| by.to_string());
            assert_eq!(answer.header("retry-after"), after.unwrap_or_default());
            assert_eq!(x.refreshes(), 0);
        }
    }
}

#[tokio::test]
async fn f6_the_authorize_page_can_be_too_busy() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let fault = Fault::RateLimited { reset_in: None, retry_after: None };
    x.fault(FaultRule::new(Endpoint::Authorize, fault));
    let answer = app.get(&app.authorize_url(&[])).await;
    assert_eq!(answer.status, 429);
    assert!(answer.body.contains("Too many requests"));
}

#[tokio::test]
async fn f11_a_storm_of_401_passes_and_the_token_was_good_all_along() {
    let (x, app, tokens) = signed_in().await;
    let fault = Fault::Problem { problem: Problem::Unauthorized };
    x.fault(FaultRule::new(Endpoint::Resource, fault).lasting(Duration::from_secs(7)));
    for _ in 0..7 {
        assert_eq!(app.whoami(&tokens.access).await.status, 401);
        x.advance(Duration::from_secs(1));
    }
    assert_eq!(app.whoami(&tokens.access).await.status, 200);
}

#[tokio::test]
async fn f12_a_fresh_token_is_refused_until_it_has_aged() {
    let (x, app, tokens) = signed_in().await;
    x.fault(FaultRule::new(Endpoint::Whoami, Fault::TooYoung { for_ms: 1500 }).always());
    assert_eq!(app.whoami(&tokens.access).await.status, 401);
    x.advance(Duration::from_millis(1500));
    assert_eq!(app.whoami(&tokens.access).await.status, 200);
    let fresh = Tokens::of(&app.refresh(&tokens.refresh).await);
    assert_eq!(app.whoami(&fresh.access).await.status, 401, "each fresh token anew");
}

#[tokio::test]
async fn f15_the_date_can_be_skewed_and_otherwise_follows_the_virtual_clock() {
    let (x, app, tokens) = signed_in().await;
    let date = async |skew: Option<i64>| {
        if let Some(seconds) = skew {
            x.fault(FaultRule::new(Endpoint::Whoami, Fault::SkewedDate { seconds }));
        }
        app.whoami(&tokens.access).await.header("date").to_owned()
    };
    let (honest, ahead) = (date(None).await, date(Some(600)).await);
    assert_ne!(ahead, honest);
    x.advance(Duration::from_secs(600));
    assert_eq!(date(None).await, ahead, "ten minutes later it is that late");
    assert_eq!(date(Some(-600)).await, honest);
}

#[tokio::test]
async fn f20_whoami_fails_in_every_way_x_has() {
    let (x, app, tokens) = signed_in().await;
    for (problem, status) in [
        (Problem::Unauthorized, 401),
        (Problem::Forbidden, 403),
        (Problem::UnsupportedAuthentication, 403),
        (Problem::ClientNotEnrolled, 403),
        (Problem::OutOfCredits, 402),
        (Problem::TooManyRequests, 429),
        (Problem::ServiceUnavailable, 503),
    ] {
        x.fault(FaultRule::new(Endpoint::Whoami, Fault::Problem { problem }));
        assert_eq!(app.whoami(&tokens.access).await.status, status);
    }
    let answer = OddAnswer::MissingUsername;
    x.fault(FaultRule::new(Endpoint::Whoami, Fault::Odd { answer }));
    let odd = app.whoami(&tokens.access).await;
    assert!(odd.json()["data"]["id"].is_string() && odd.json()["data"]["username"].is_null());
}

#[tokio::test]
async fn an_oauth_error_of_ones_own_making_is_sent_as_written() {
    let (x, app, tokens) = signed_in().await;
    let fault = Fault::OauthError {
        status: 400,
        error: "invalid_grant".to_owned(),
        description: "Refresh token is not valid.".to_owned(),
    };
    x.fault(FaultRule::new(Endpoint::Refresh, fault));
    assert_eq!(app.refresh(&tokens.refresh).await.oauth_error().1, "invalid_grant");
    assert_eq!(x.refreshes(), 0);
}

#[tokio::test]
async fn revocation_and_exchange_can_fail_too() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let code = app.approved(&x).await;
    let fault = Fault::Status { status: 503, body: BodyForm::Html };
    x.fault(FaultRule::new(Endpoint::Exchange, fault.clone()));
    assert_eq!(app.exchange(&code).await.status, 503);
    let tokens = Tokens::of(&app.exchange(&code).await);
    x.fault(FaultRule::new(Endpoint::Revoke, fault).after_commit());
    assert_eq!(app.revoke(&tokens.refresh).await.status, 503);
    assert_eq!((x.revocations(), app.refresh(&tokens.refresh).await.status), (1, 400));
}
