//! X's class when an exchange fails: which callbacks can be given again, and what the errors advise.

use std::sync::Arc;

use xpkce::http::{HttpResponse, SendError};
use xpkce::{ErrorKind, OAuth2PkceAuth, Reason, Scopes};

use crate::support::{
    CLIENT_ID, PAIR, Script, With as _, answer, maybe_sent, not_sent, oauth_error,
};

fn auth(http: &Arc<Script>) -> OAuth2PkceAuth {
    let auth = OAuth2PkceAuth::builder().client_id(CLIENT_ID).http(http.clone());
    auth.scope(Scopes::DEFAULT).build().unwrap()
}

fn callback(url: &str) -> String {
    let (_, state) = url.split_once("&state=").unwrap();
    let state = state.split('&').next().unwrap();
    format!("http://127.0.0.1:8080/callback?state={state}&code=the-code")
}

/// Failures that come before X looks at the code.
fn refused_before_the_code() -> [(Result<HttpResponse, SendError>, ErrorKind); 4] {
    [
        (not_sent(), ErrorKind::Retry),
        (Ok(answer(429, "").with("retry-after", "1")), ErrorKind::Retry),
        (Ok(oauth_error(401, "unauthorized_client", "")), ErrorKind::Configure),
        (Ok(oauth_error(400, "invalid_client", "")), ErrorKind::Configure),
    ]
}

#[tokio::test]
async fn a_callback_whose_code_x_did_not_take_can_be_given_again() {
    for (refusal, kind) in refused_before_the_code() {
        let http = Script::new([refusal, Ok(answer(200, PAIR))]);
        let auth = auth(&http);
        let callback = callback(&auth.authorization_url(None).unwrap());
        assert_eq!(auth.fetch_token(&callback).await.unwrap_err().kind(), kind);
        auth.fetch_token(&callback).await.unwrap();
        assert_eq!(http.field(0, "code_verifier"), http.field(1, "code_verifier"));
    }
}

#[tokio::test]
async fn a_pair_that_was_set_outlives_a_code_that_x_did_not_take() {
    for (refusal, kind) in refused_before_the_code() {
        let auth = auth(&Script::new([refusal, Ok(answer(200, PAIR))]));
        auth.set_pkce_parameters("v".repeat(43), None).unwrap();
        let callback = "state=theirs&code=a";
        assert_eq!(auth.fetch_token(callback).await.unwrap_err().kind(), kind);
        auth.fetch_token(callback).await.unwrap();
    }
}

#[tokio::test]
async fn a_code_that_x_may_have_taken_is_not_sent_again() {
    let dead_code = "Value passed for the authorization code was invalid.";
    let taken = [
        Ok(answer(503, "")),
        maybe_sent(),
        Ok(answer(200, "<html>")),
        Ok(answer(404, "")),
        Ok(oauth_error(400, "invalid_request", dead_code)),
    ];
    for answer in taken {
        let http = Script::new([answer]);
        let auth = auth(&http);
        let callback = callback(&auth.authorization_url(None).unwrap());
        auth.fetch_token(&callback).await.unwrap_err();
        let again = auth.fetch_token(&callback).await.unwrap_err();
        assert_eq!((again.reason(), http.requests()), (Reason::StateMismatch, 1));
    }
}

#[tokio::test]
async fn a_failed_exchange_says_how_long_the_code_can_be_sent_or_that_it_may_be_gone() {
    let failures = [
        (Ok(answer(429, "")), "30 seconds"),
        (Ok(oauth_error(401, "unauthorized_client", "")), "30 seconds"),
        (Ok(oauth_error(400, "invalid_client", "")), "30 seconds"),
        (Ok(answer(503, "")), "X may have taken the code"),
        (maybe_sent(), "X may have taken the code"),
    ];
    for (failure, advice) in failures {
        let auth = auth(&Script::new([failure]));
        let callback = callback(&auth.authorization_url(None).unwrap());
        let error = auth.fetch_token(&callback).await.unwrap_err();
        let hint = error.hint().unwrap();
        assert!(hint.contains(advice) && hint.contains("begin the sign-in again"), "{hint}");
    }
}
