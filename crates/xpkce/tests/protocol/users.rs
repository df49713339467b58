//! Who the user is, as X answers it.

use xpkce::{Reason, User, judge_user};

use crate::support::{NOW, answer};

#[test]
fn a_user_is_read_as_far_as_it_goes() {
    let body = r#"{"data":{"id":"2244994945","name":"X \u001b[31mDevs","username":"XDevelopers"}}"#;
    let user = judge_user(&answer(200, body), NOW).unwrap();
    assert_eq!(user.id, "2244994945");
    assert_eq!(user.name.as_deref(), Some("X [31mDevs"));
    assert_eq!(user.username.as_deref(), Some("XDevelopers"));
    let user = judge_user(&answer(200, r#"{"data":{"id":7}}"#), NOW).unwrap();
    assert_eq!((user.id.as_str(), user.name, user.username), ("7", None, None));
}

fn user(body: impl Into<Vec<u8>>) -> Option<User> {
    let mut response = answer(200, "");
    response.body = body.into().into();
    judge_user(&response, NOW).ok()
}

#[test]
fn what_is_odd_beside_the_id_does_not_cost_it() {
    let deep = format!(r#"{{"data":{{"id":"7","x":{}{}}}}}"#, "[".repeat(900), "]".repeat(900));
    for body in [
        &b"\xEF\xBB\xBF{\"data\":{\"id\":\"7\"}}"[..],
        b"{\"data\":{\"id\":\"7\",\"name\":\"\xFF\"}}",
        br#"{"data":{"id":"7","x":1e400},"y":1e400}"#,
        br#"{"data":{"id":"7","name":["a"],"x":"\ud83d"}}"#,
        br#"{"data":{"id":"7","name":"\ud83d","username":1e400}}"#,
        br#"{"data":{"id":"6","id":"7"}}"#,
        deep.as_bytes(),
    ] {
        let user = user(body).unwrap_or_else(|| panic!("{}", body.escape_ascii()));
        assert_eq!(user.id, "7");
    }
}

#[test]
fn a_number_is_an_id_only_while_it_is_exact() {
    let id = |id: &str| Some(user(format!(r#"{{"data":{{"id":{id}}}}}"#))?.id);
    assert_eq!(id("18446744073709551615").as_deref(), Some("18446744073709551615"));
    for rounded in ["20000000000000000001", "20000000000000000002", "1.5", "-7", "1e3"] {
        assert_eq!(id(rounded), None, "{rounded}");
    }
}

#[test]
fn a_name_does_not_turn_the_text_around_it() {
    for odd in "\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\u{200b}\u{feff}\u{e0041}\u{ad}".chars() {
        let user = user(format!(r#"{{"data":{{"id":"7","name":"a{odd}b"}}}}"#)).unwrap();
        assert_eq!(user.name.as_deref(), Some("ab"), "{odd:?}");
    }
    for joined in ["\u{646}\u{645}\u{6cc}\u{200c}\u{62f}", "\u{1f468}\u{200d}\u{1f4bb}"] {
        let user = user(format!(r#"{{"data":{{"id":"7","name":"{joined}"}}}}"#)).unwrap();
        assert_eq!(user.name.as_deref(), Some(joined));
    }
}

#[test]
fn a_refusal_advises_scopes_only_where_they_may_be_missing() {
    let problem = |name: &str| {
        let json =
            format!(r#"{{"title":"Forbidden","type":"https://x.example/2/problems/{name}"}}"#);
        judge_user(&answer(403, &json), NOW).unwrap_err()
    };
    let bare = |json: &str| judge_user(&answer(403, json), NOW).unwrap_err();
    for (error, advised) in [
        (bare(r#"{"title":"Forbidden","type":"about:blank","status":403}"#), Some("scopes")),
        (bare(r#"{"title":"Forbidden"}"#), Some("scopes")),
        (problem("unsupported-authentication"), Some("sign the user in")),
        (problem("client-forbidden"), Some("package")),
        (
            bare(r#"{"reason":"client-not-enrolled","type":"a/b/client-forbidden"}"#),
            Some("package"),
        ),
        (bare(r#"{"reason":"another","type":"a/b/client-forbidden"}"#), None),
        (problem("oauth1-permissions"), None),
        (bare("<!DOCTYPE html><title>Attention Required! | Cloudflare</title>"), None),
        (bare(""), None),
    ] {
        let hint = error.hint();
        assert!(
            hint.is_some_and(|it| advised.is_some_and(|word| it.contains(word)))
                || hint.is_none() && advised.is_none(),
            "{error:?} {hint:?}"
        );
    }
}

#[test]
fn a_user_that_is_not_told_is_an_error_by_its_kind() {
    let not_enrolled = r#"{"reason":"client-not-enrolled","title":"Client Forbidden"}"#;
    for (status, body, reason) in [
        (401, r#"{"title":"Unauthorized"}"#, Reason::TokenRejected),
        (402, "", Reason::Refused),
        (403, r#"{"title":"Forbidden"}"#, Reason::Refused),
        (403, not_enrolled, Reason::Refused),
        (404, "", Reason::Refused),
        (429, r#"{"errors":[{"code":88}]}"#, Reason::RateLimited),
        (503, "", Reason::Outage),
        (200, r#"{"errors":[{"title":"Not Found"}]}"#, Reason::Refused),
        (200, r#"{"data":{"id":"   "}}"#, Reason::Refused),
        (200, "<html>", Reason::Refused),
    ] {
        assert_eq!(judge_user(&answer(status, body), NOW).unwrap_err().reason(), reason, "{body}");
    }
    for (status, body, words) in [(403, not_enrolled, "enrolled"), (402, "", "out of credits")] {
        let error = judge_user(&answer(status, body), NOW).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}
