//! The `oauth2` crate as an independent witness: the same input makes the same request.

use std::cell::RefCell;
use std::collections::BTreeMap;

use oauth2::basic::BasicClient;
use oauth2::http as wire;
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, Scope, TokenUrl,
};
use proptest::prelude::*;
use xpkce::token::{exchange_request, refresh_request};
use xpkce::{App, Login, Pkce, Scopes, State};

use crate::silence::Silence;
use crate::support::{CLIENT_ID, NOW};

type Witness =
    BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

fn witness(app: &App) -> Witness {
    let client = BasicClient::new(ClientId::new(app.client_id().into()))
        .set_auth_uri(AuthUrl::new("https://x.com/i/oauth2/authorize".into()).unwrap())
        .set_token_uri(TokenUrl::new("https://api.x.com/2/oauth2/token".into()).unwrap())
        .set_redirect_uri(RedirectUrl::new(app.redirect_uri().into()).unwrap());
    match app.secret() {
        Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().into())),
        None => client,
    }
}

fn fields(form: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(form).into_owned().collect()
}

/// What the witness sends; it always hears that it sent nothing of use.
fn overheard(
    talk: impl FnOnce(
        &dyn Fn(wire::Request<Vec<u8>>) -> Result<wire::Response<Vec<u8>>, std::io::Error>,
    ),
) -> wire::Request<Vec<u8>> {
    let heard = RefCell::new(None);
    talk(&|request| {
        heard.replace(Some(request));
        Ok(wire::Response::builder().status(400).body(b"{}".to_vec()).unwrap())
    });
    heard.into_inner().unwrap()
}

fn assert_same(ours: &xpkce::http::HttpRequest, theirs: &wire::Request<Vec<u8>>) {
    Silence::listen();
    let mut expected = fields(theirs.body());
    // X once required it beside Basic too; it is always sent.
    expected.insert("client_id".into(), ours_client_id(ours));
    assert_eq!(fields(&ours.body), expected);
    assert_eq!(ours.url.as_str(), theirs.uri().to_string());
    assert_eq!(ours.method.as_str(), theirs.method().as_str());
    for name in ["content-type", "authorization", "accept"] {
        let ours = ours.headers.get(name).map(|value| value.as_bytes());
        assert_eq!(ours, theirs.headers().get(name).map(|value| value.as_bytes()), "{name}");
    }
}

fn ours_client_id(request: &xpkce::http::HttpRequest) -> String {
    fields(&request.body)["client_id"].clone()
}

fn apps() -> impl Strategy<Value = App> {
    ("[!-~]{1,40}", prop::option::of("[!-~]{1,60}")).prop_map(|(id, secret)| match secret {
        Some(secret) => App::confidential(id, xpkce::ClientSecret::new(secret)),
        None => App::public(id),
    })
}

#[test]
fn the_authorize_url_has_the_same_parameters() {
    Silence::listen();
    let app = App::public(CLIENT_ID).with_scopes(Scopes::parse(Scopes::DEFAULT));
    let pkce = Pkce::from_random([9; 32]);
    let verifier = PkceCodeVerifier::new(pkce.verifier().expose().into());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    let (theirs, _) = witness(&app)
        .authorize_url(|| CsrfToken::new("a state & more".replace(' ', "-")))
        .add_scopes(Scopes::DEFAULT.split(' ').map(|scope| Scope::new(scope.into())))
        .set_pkce_challenge(challenge)
        .url();
    let state = State::new("a-state-&-more");
    let ours = Login::begin_with(&app, Some(state), Some(pkce), NOW).unwrap();
    let ours = url::Url::parse(ours.url()).unwrap();
    let pairs = |url: &url::Url| fields(url.query().unwrap().as_bytes());
    assert_eq!(pairs(&ours), pairs(&theirs));
    assert_eq!(ours.path(), theirs.path());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_exchange_is_the_same_request(app in apps(), code in "[!-~&&[^:]]{1,90}", seed in any::<[u8; 32]>()) {
        prop_assume!(!code.contains("code=") && !code.contains("state="));
        let login = Login::begin_with(&app, None, Some(Pkce::from_random(seed)), NOW).unwrap();
        let ours = exchange_request(&app, &login.approve_bare_code(&code).unwrap()).unwrap();
        let theirs = overheard(|http| {
            let verifier = PkceCodeVerifier::new(login.verifier().expose().into());
            let _ = witness(&app)
                .exchange_code(AuthorizationCode::new(code.clone()))
                .set_pkce_verifier(verifier)
                .request(&http);
        });
        assert_same(&ours, &theirs);
    }

    #[test]
    fn a_refresh_is_the_same_request(app in apps(), token in ".{1,200}") {
        let ours = refresh_request(&app, &xpkce::RefreshToken::new(token.clone())).unwrap();
        let theirs = overheard(|http| {
            let token = RefreshToken::new(token.clone());
            let _ = witness(&app).exchange_refresh_token(&token).request(&http);
        });
        assert_same(&ours, &theirs);
    }
}
