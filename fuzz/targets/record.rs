//! A token or a sign-in that was written comes back as it was, and what is none is none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use xpkce::{Login, Token};

use self::field::{value, with};

mod field;

// A field of either, and the JSON in its place.
fuzz_target!(|input: (u8, Option<u64>, &str)| {
    let (field, number, text) = input;
    if let Ok(token) = Token::from_json(text) {
        assert_token_returns(&token);
    }
    let _ = Login::from_json(text);

    let value = value(number, text);
    if let Ok(token) = Token::from_value(with(token(), field, value.clone())) {
        assert_token_returns(&token);
    }
    if let Ok(login) = Login::from_json(&with(login(), field, value).to_string()) {
        let written = login.to_json();
        let read = Login::from_json(&written).expect("what was written is read");
        assert_eq!(*read.to_json(), *written);
        let _ = login.approve(text);
    }
});

fn assert_token_returns(token: &Token) {
    let written = token.to_json();
    let read = Token::from_json(&written).expect("what was written is read");
    assert_eq!(read.access_token.expose(), token.access_token.expose());
    let refresh = |token: &Token| token.refresh_token.as_ref().map(|it| it.expose().to_owned());
    assert_eq!(refresh(&read), refresh(token));
    assert_eq!((&read.token_type, read.expires_in), (&token.token_type, token.expires_in));
    assert_eq!((&read.scopes, read.expires_at), (&token.scopes, token.expires_at));
}

fn token() -> Value {
    json!({
        "access_token": "a", "token_type": "bearer", "expires_in": 7200, "refresh_token": "r",
        "scope": ["tweet.read", "users.read"], "expires_at": 1_700_000_000.5, "other": 1,
    })
}

fn login() -> Value {
    json!({
        "url": "https://x.com/i/oauth2/authorize?state=s", "state": "s", "code_verifier": "v",
        "code_challenge": "c", "client_id": "i", "redirect_uri": "http://127.0.0.1/cb",
        "scope": "tweet.read", "base_url": "https://api.x.com", "created_at": 1_700_000_000_000_i64,
    })
}
