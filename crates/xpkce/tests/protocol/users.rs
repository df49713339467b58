//! Who the user is, as X answers it.

use xpkce::{Reason, judge_user};

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
    let error = judge_user(&answer(403, not_enrolled), NOW).unwrap_err();
    assert!(error.to_string().contains("enrolled"));
}
