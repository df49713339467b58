//! Each verb does over HTTP what the handle does in Rust.

use serde_json::{Value, json};
use xpkce_emulator::{Emulator, Endpoint, Fault, FaultRule};

use crate::client::{Answer, Client, Tokens, http, param};

async fn post(x: &Emulator, verb: &str, body: Value) -> Answer {
    let url = format!("{}/{verb}", x.control_url());
    Answer::of(http().post(url).json(&body).send().await.unwrap()).await
}

async fn show(x: &Emulator, what: &str) -> Value {
    let url = format!("{}{what}", x.control_url());
    Answer::of(http().get(url).send().await.unwrap()).await.json()
}

async fn done(x: &Emulator, verb: &str, body: Value) -> Value {
    let answer = post(x, verb, body).await;
    assert_eq!(answer.status, 200, "{verb}: {}", answer.body);
    answer.json()
}

#[tokio::test]
async fn every_listed_verb_exists_and_its_example_is_json() {
    let x = Emulator::start().await;
    let listed = show(&x, "").await["verbs"].as_array().unwrap().clone();
    assert!(listed.len() >= 19);
    for verb in listed {
        let method = verb["method"].as_str().unwrap().parse::<reqwest::Method>().unwrap();
        let url = format!("{}{}", x.base_url(), verb["path"].as_str().unwrap());
        let mut request = http().request(method.clone(), url);
        if method == reqwest::Method::POST {
            assert!(verb["body"].is_object(), "{verb}");
            request = request.json(&verb["body"]);
        }
        let status = request.send().await.unwrap().status().as_u16();
        assert!(status == 200 || status == 422, "{verb}: {status}");
    }
}

#[tokio::test]
async fn a_fault_that_strikes_nothing_where_it_is_put_is_refused() {
    let x = Emulator::start().await;
    let callback = json!({"kind": "callback", "callback": "denied"});
    for rule in [
        json!({"endpoint": "refresh", "fault": callback}),
        json!({"endpoint": "authorize", "fault": callback}),
        json!({"endpoint": "callback", "fault": {"kind": "reset"}}),
        json!({"endpoint": "refresh", "fault": {"kind": "too_young", "for_ms": 1000}}),
    ] {
        let refused = post(&x, "fault", rule).await;
        assert_eq!(refused.status, 422);
        let why = refused.json()["error"].as_str().unwrap().to_owned();
        assert!(why.contains("strikes nothing there"), "{why}");
    }
    assert_eq!(show(&x, "/faults").await, json!([]));
    done(&x, "fault", json!({"endpoint": "callback", "fault": callback})).await;
    done(&x, "fault", json!({"endpoint": "callback", "fault": {"kind": "slow"}})).await;
}

#[tokio::test]
async fn a_field_that_a_fault_does_not_know_is_refused() {
    let x = Emulator::start().await;
    for fault in [
        json!({"kind": "slow", "delay_ms": 3000}),
        json!({"kind": "drop", "at": "mid_body", "moment": "after_commit"}),
    ] {
        let refused = post(&x, "fault", json!({"endpoint": "refresh", "fault": fault})).await;
        assert_eq!(refused.status, 400, "{fault}: {}", refused.body);
        assert!(refused.json()["error"].as_str().unwrap().contains("unknown field"), "{fault}");
    }
    let slow = json!({"endpoint": "refresh", "fault": {"kind": "slow"}, "delay_ms": 1});
    done(&x, "fault", slow).await;
}

#[tokio::test]
async fn a_fault_is_in_force_until_it_has_struck_or_its_time_is_up() {
    let x = Emulator::builder().frozen_clock().start().await.unwrap();
    let app = Client::public(&x);
    let down = json!({"kind": "status", "status": 503, "body": "empty"});
    done(&x, "fault", json!({"endpoint": "whoami", "fault": down})).await;
    let lasting = json!({"endpoint": "revoke", "fault": down, "times": null, "for_ms": 1000});
    assert_eq!(done(&x, "fault", lasting).await.as_array().unwrap().len(), 2);
    app.whoami("any").await;
    assert_eq!(show(&x, "/faults").await[0]["endpoint"], "revoke");
    done(&x, "advance", json!({"seconds": 1})).await;
    assert_eq!(show(&x, "/faults").await, json!([]));
}

#[tokio::test]
async fn a_fault_for_which_there_is_no_room_is_refused() {
    let x = Emulator::start().await;
    for _ in 0..1000 {
        x.fault(FaultRule::new(Endpoint::Whoami, Fault::Reset));
    }
    let rule = json!({"endpoint": "whoami", "fault": {"kind": "reset"}});
    assert_eq!(post(&x, "fault", rule).await.status, 422);
    x.clear_faults();
    x.fault(FaultRule::new(Endpoint::Whoami, Fault::Reset));
}

#[tokio::test]
async fn time_tokens_and_apps_are_governed_over_http() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let id = app.app.client_id.clone();
    let tokens = app.sign_in(&x).await;

    done(&x, "advance", json!({"seconds": 7200})).await;
    assert_eq!(app.whoami(&tokens.access).await.status, 401);
    let tokens = Tokens::of(&app.refresh(&tokens.refresh).await);
    done(&x, "expire", json!({"username": "ada_example", "token": "access"})).await;
    assert_eq!(app.whoami(&tokens.access).await.status, 401);
    done(&x, "disconnect", json!({"username": "ada_example"})).await;
    assert_eq!(app.refresh(&tokens.refresh).await.status, 400);
    done(&x, "suspend", json!({"client_id": id})).await;
    assert_eq!(app.get(&app.authorize_url(&[])).await.status, 400);
    done(&x, "suspend", json!({"client_id": id, "suspended": false})).await;
    assert_eq!(app.get(&app.authorize_url(&[])).await.status, 302);
}

#[tokio::test]
async fn apps_are_changed_and_added_over_http() {
    let x = Emulator::start().await;
    let id = x.confidential_app().client_id;
    let rotated = done(&x, "rotate-secret", json!({"client_id": id})).await;
    assert_eq!(rotated["client_secret"], x.confidential_app().client_secret.unwrap());
    let flipped = done(&x, "flip-type", json!({"client_id": id})).await;
    assert!(flipped["client_secret"].is_null());
    let uri = "http://127.0.0.1:4242/callback";
    done(&x, "register-redirect", json!({"client_id": id, "redirect_uri": uri})).await;
    let added = done(&x, "app", json!({"name": "Third", "redirect_uris": [uri]})).await;
    let third = x.apps().into_iter().find(|app| app.name == "Third").unwrap();
    assert_eq!(added["client_id"], third.client_id);
    assert_eq!(show(&x, "/summary").await["apps"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn quirks_faults_and_approval_are_switched_over_http_and_evidence_is_read() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let quirks = done(&x, "quirks", json!({"replay_kills_family": true})).await;
    assert_eq!(quirks["replay_kills_family"], true);
    assert!(x.quirks().replay_kills_family && x.quirks().denial_echoes_state);
    done(&x, "lifetimes", json!({"access": 60})).await;
    let answer = app.exchange(&app.approved(&x).await).await;
    assert_eq!(answer.json()["expires_in"], 60);

    let drop = json!({"kind": "drop", "at": "before_headers"});
    done(&x, "fault", json!({"endpoint": "refresh", "fault": drop, "moment": "after_commit"}))
        .await;
    assert_eq!(show(&x, "/faults").await[0]["times"], 1);
    assert!(app.try_refresh(&answer.text("refresh_token")).await.is_err());
    assert_eq!(show(&x, "/counters").await["refreshes"], 1);
    let events = show(&x, "/events").await;
    let kinds: Vec<_> = events.as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["approved", "exchanged", "fault_struck", "refreshed"]);

    done(&x, "auto-approve", json!({"username": null})).await;
    assert_eq!(app.get(&app.authorize_url(&[])).await.status, 200);
    done(&x, "auto-approve", json!({"username": "bo_sample"})).await;
    let redirect = app.get(&app.authorize_url(&[])).await;
    assert!(param(redirect.header("location"), "code").is_some());
}

#[tokio::test]
async fn apps_and_users_are_seeded_with_every_trait() {
    let x = Emulator::start().await;
    let traits = json!({
        "name": "Odd", "client_id": "odd id", "client_secret": "odd secret", "redirect_uris": ["https://a.example/cb"],
        "enrolled": false, "suspended": true, "email": false, "out_of_credits": true,
    });
    done(&x, "app", traits.clone()).await;
    let seed = x.apps().into_iter().find(|app| app.name == "Odd").unwrap();
    let seeded = serde_json::to_value(seed).unwrap();
    for (name, value) in traits.as_object().unwrap() {
        assert_eq!(&seeded[name], value, "{name}");
    }
    let user = json!({"id": "4", "name": "Dee", "username": "dee", "email": "d@example.com"});
    done(&x, "user", user.clone()).await;
    assert_eq!(serde_json::to_value(x.users().last().unwrap()).unwrap(), user);
    assert_eq!(post(&x, "user", user).await.status, 422, "the id is taken");
}

#[tokio::test]
async fn web_pages_cannot_drive_it() {
    let x = Emulator::start().await;
    let url = format!("{}/advance", x.control_url());
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", x.base_url()),
        ("host", "evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let before = x.now();
        let request = http().post(&url).header(name, value).body(r#"{"seconds":1000}"#);
        assert_eq!(request.send().await.unwrap().status(), 403, "{name}: {value}");
        assert!(x.now() < before + 1000);
    }
}

#[tokio::test]
async fn a_public_app_stays_public_when_its_secret_is_to_be_replaced() {
    let x = Emulator::start().await;
    let id = x.public_app().client_id;
    let refused = post(&x, "rotate-secret", json!({"client_id": id})).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.json()["error"].as_str().unwrap().contains("the app is public"));
    assert_eq!(x.public_app().client_secret, None);
    done(&x, "flip-type", json!({"client_id": id})).await;
    done(&x, "rotate-secret", json!({"client_id": id})).await;
}

#[tokio::test]
async fn nonsense_is_refused_with_a_reason() {
    let x = Emulator::start().await;
    for (verb, body, status) in [
        ("advance", json!({"seconds": -1}), 400),
        ("advance", json!({"seconds": 1e300}), 400),
        ("advance", json!({"hours": 1}), 400),
        ("fault", json!({"endpoint": "refresh"}), 400),
        ("quirks", json!({"no_such_switch": 1}), 400),
        ("quirks", json!([]), 400),
        ("disconnect", json!({"username": "nobody"}), 422),
        ("disconnect", json!({"username": "ada_example", "client_id": "nobody"}), 422),
        ("rotate-secret", json!({"client_id": "nobody"}), 422),
        ("frobnicate", json!({}), 404),
    ] {
        let answer = post(&x, verb, body).await;
        assert_eq!(answer.status, status, "{verb}: {}", answer.body);
        assert!(answer.json()["error"].is_string());
    }
}
