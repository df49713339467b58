//! X's class when an answer to a refresh is lost: the doubt outlives the call, until X rotates.

use std::sync::Arc;
use std::time::Duration;

use xpkce::http::{HttpResponse, SendError};
use xpkce::{ErrorKind, OAuth2PkceAuth, Reason, Token};

use crate::support::{
    CLIENT_ID, Script, With as _, answer, dead_token, maybe_sent, not_sent, oauth_error,
};

const OLD: &str = r#"{"access_token":"old-access","refresh_token":"old-refresh"}"#;

type Answer = Result<HttpResponse, SendError>;

fn signed_in(http: &Arc<Script>) -> OAuth2PkceAuth {
    let token = Token::from_json(OLD).unwrap();
    OAuth2PkceAuth::builder().client_id(CLIENT_ID).http(http.clone()).token(token).build().unwrap()
}

#[tokio::test]
async fn a_lost_answer_stays_in_doubt_whatever_the_second_send_comes_to() {
    let seconds: [fn() -> Answer; 4] = [
        not_sent,
        || Ok(answer(429, "").with("retry-after", "7")),
        || Ok(oauth_error(401, "unauthorized_client", "")),
        || Ok(oauth_error(400, "invalid_client", "")),
    ];
    for second in seconds {
        let http = Script::new([maybe_sent(), second()]);
        let error = signed_in(&http).refresh_token().await.unwrap_err();
        assert_eq!((error.reason(), http.requests()), (Reason::OutcomeUnknown, 2));
        let limit = second().is_ok_and(|answer| answer.status == 429);
        assert_eq!(error.retry_after(), limit.then_some(Duration::from_secs(7)));
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn a_token_in_doubt_that_x_then_rejects_was_lost_with_its_answer() {
    let doubts: [fn() -> Vec<Answer>; 4] = [
        || vec![maybe_sent(), maybe_sent()],
        || vec![maybe_sent(), Ok(answer(429, ""))],
        || vec![Ok(answer(200, "<html>"))],
        || vec![Ok(answer(404, ""))],
    ];
    for doubt in doubts {
        let later = [Ok(answer(429, "")), Ok(dead_token()), Ok(dead_token())];
        let auth = signed_in(&Script::new(doubt().into_iter().chain(later)));
        assert_eq!(auth.refresh_token().await.unwrap_err().kind(), ErrorKind::InDoubt);
        assert_eq!(auth.refresh_token().await.unwrap_err().kind(), ErrorKind::Retry);
        for _ in 0..2 {
            // As a face does that keeps the token itself.
            auth.set_token(Some(Token::from_json(OLD).unwrap()));
            let error = auth.refresh_token().await.unwrap_err();
            assert_eq!(error.reason(), Reason::TokenRejected);
            assert!(error.hint().unwrap().contains("connected_apps"));
        }
    }
}

#[tokio::test]
async fn a_doubt_is_of_one_token_and_ends_as_it_rotates() {
    let kept = || Ok(answer(200, r#"{"access_token":"new-access"}"#));
    let http = Script::new([maybe_sent(), kept(), Ok(dead_token())]);
    let auth = signed_in(&http);
    auth.refresh_token().await.unwrap();
    let rotated = auth.refresh_token().await.unwrap_err();

    let auth = signed_in(&Script::new([maybe_sent(), not_sent(), Ok(dead_token())]));
    auth.refresh_token().await.unwrap_err();
    let other = r#"{"access_token":"other","refresh_token":"other-refresh"}"#;
    auth.set_token(Some(Token::from_json(other).unwrap()));
    for error in [rotated, auth.refresh_token().await.unwrap_err()] {
        assert_eq!(error.reason(), Reason::TokenRejected);
        assert!(!error.hint().unwrap().contains("connected_apps"));
    }
}
