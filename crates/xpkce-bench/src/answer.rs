//! What the stand-in answers: tokens of the length and the shape of X's.

/// A token answer as X sends it, with tokens of 91 characters.
pub const TOKEN_ANSWER: &str = concat!(
    r#"{"token_type":"bearer","expires_in":7200,"access_token":""#,
    "VkJ6QmVuY2htYXJrQWNjZXNzVG9rZW5PZlRoZVNhbWVMZW5ndGhBc1hzT3duOjE3MDAwMDAwMDAwMDA6MToxOmF0OjE",
    r#"","scope":"tweet.read users.read offline.access","refresh_token":""#,
    "VkJ6QmVuY2htYXJrUmVmcmVzaFRva2VuT2ZUaGVTYW1lTGVuZ3RoQXNYc093bjoxNzAwMDAwMDAwMDAwOjE6MTpydDox",
    r#""}"#
);

/// Returns an answer of `GET /2/users/me`, of another user each time: logins of one user would be one.
pub fn user_answer(nth: u64) -> String {
    format!(r#"{{"data":{{"id":"{}","name":"Ann","username":"ann"}}}}"#, 2_244_994_945 + nth)
}

/// The app that every peer signs in as: confidential, as X's Python class cannot refresh another.
pub const CLIENT_ID: &str = "VGhpcyBpcyBhIGJlbmNobWFyaydzIGFwcDox";
/// Its secret.
pub const CLIENT_SECRET: &str = "c2VjcmV0LW9mLWEtYmVuY2htYXJrLXRoYXQtaXMtbm90LWEtc2VjcmV0";
/// Its callback.
pub const REDIRECT_URI: &str = "http://127.0.0.1:8080/callback";
/// What it asks for.
pub const SCOPE: &str = "tweet.read users.read offline.access";
