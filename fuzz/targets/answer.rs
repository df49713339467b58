//! Whatever the token endpoint says, the judges have a verdict, and no verdict loses a token.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use xpkce::http::HttpResponse;
use xpkce::{RefreshAnswer, Timestamp, judge_user, token};
use zeroize::Zeroizing;

fuzz_target!(|input: (u16, bool, &[u8], &[u8])| {
    let (status, is_whole, header, body) = input;
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(header) {
        for name in ["retry-after", "x-rate-limit-reset", "date", "x-transaction-id"] {
            headers.insert(name, value.clone());
        }
    }
    let kept = Zeroizing::new(body.to_vec());
    let response = HttpResponse { status, headers, body: kept, is_whole };
    let now = Timestamp::from_secs(1_700_000_000);

    match token::judge_refresh(&response, now) {
        RefreshAnswer::Rotated(rotated) => {
            assert!(rotated.access.is_some() || rotated.refresh.is_some());
            if let Some(access) = &rotated.access {
                assert!(access.expires_at > now, "a new token has a life");
            }
            assert!(token::rejudge(status, body, now).is_some());
        }
        RefreshAnswer::Unreadable(kept) => assert_eq!(&*kept.body, body),
        _ => {}
    }
    let _ = token::judge_exchange(&response, now);
    let _ = token::judge_revoke(&response, now);
    if let Ok(user) = judge_user(&response, now) {
        let names = [Some(user.id), user.name, user.username];
        assert!(!names.into_iter().flatten().any(|name| name.contains(char::is_control)));
    }
});
