//! The work without a network: a sign-in's pair and URL, and the reading of a token answer.

use std::hint::black_box;

use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AuthUrl, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, PkceCodeChallenge,
    RedirectUrl, Scope, TokenUrl,
};
use xpkce::http::HttpResponse;
use xpkce::{App, Login, OAuth2PkceAuth, RefreshAnswer, Scopes, Timestamp};
use zeroize::Zeroizing;

use crate::answer::{CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, SCOPE, TOKEN_ANSWER};

/// The `oauth2` crate's client with the two endpoints that are used here.
pub type OtherClient =
    BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Our app.
pub fn app(base_url: &str) -> App {
    App::confidential(CLIENT_ID, xpkce::ClientSecret::new(CLIENT_SECRET))
        .with_redirect_uri(REDIRECT_URI)
        .with_scopes(Scopes::parse(SCOPE))
        .with_base_url(base_url)
        .expect("a loopback URL is allowed")
}

/// The same app for the `oauth2` crate.
pub fn other(base_url: &str) -> OtherClient {
    let url = |path: &str| format!("{base_url}{path}");
    BasicClient::new(ClientId::new(CLIENT_ID.to_owned()))
        .set_client_secret(ClientSecret::new(CLIENT_SECRET.to_owned()))
        .set_auth_uri(AuthUrl::new("https://x.com/i/oauth2/authorize".to_owned()).unwrap())
        .set_token_uri(TokenUrl::new(url("/2/oauth2/token")).unwrap())
        .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned()).unwrap())
}

/// Begins `count` sign-ins: verifier, challenge, state and authorize URL.
pub fn begin(app: &App, count: usize) {
    let now = Timestamp::from_secs(1_700_000_000);
    for _ in 0..count {
        black_box(Login::begin(black_box(app), now).expect("the app is well-formed"));
    }
}

/// The same by X's class, which keeps the last sixteen of them.
pub fn begin_by_class(base_url: &str, count: usize) {
    let class = OAuth2PkceAuth::builder().client_id(CLIENT_ID).redirect_uri(REDIRECT_URI);
    let class = class.scope([SCOPE]).base_url(base_url).build().expect("the app is well-formed");
    for _ in 0..count {
        black_box(class.authorization_url(None).expect("the app is well-formed"));
    }
}

/// The same with the `oauth2` crate.
pub fn begin_other(client: &OtherClient, count: usize) {
    for _ in 0..count {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = SCOPE.split(' ').map(|scope| Scope::new(scope.to_owned()));
        let request = client.authorize_url(CsrfToken::new_random).add_scopes(scopes);
        let (url, state) = request.set_pkce_challenge(challenge).url();
        let _ = black_box((url, state, verifier));
    }
}

/// Judges `count` token answers: status, every field, the instant of expiry.
pub fn judge(count: usize) {
    let now = Timestamp::from_secs(1_700_000_000);
    let body = Zeroizing::new(TOKEN_ANSWER.as_bytes().to_vec());
    let response =
        HttpResponse { status: 200, headers: http::HeaderMap::new(), body, is_whole: true };
    for _ in 0..count {
        let answer = xpkce::token::judge_refresh(black_box(&response), now);
        assert!(matches!(black_box(answer), RefreshAnswer::Rotated(_)));
    }
}

/// Reads `count` token answers with the `oauth2` crate.
pub fn judge_other(count: usize) {
    for _ in 0..count {
        let body = black_box(TOKEN_ANSWER.as_bytes());
        black_box(serde_json::from_slice::<BasicTokenResponse>(body).unwrap());
    }
}
