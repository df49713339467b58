//! Reads the fields of a successful answer, each by itself.

use std::time::Duration;

use serde_json::{Map, Value};

use super::fields::Fields;
use super::salvage::salvaged;
use super::{ACCESS_TOKEN_LIFETIME, Issued, Rotated};
use crate::{AccessToken, RefreshToken, Scopes, Timestamp};

/// A life longer than this is no life of an access token.
const MAX_LIFETIME: f64 = 365.0 * 24.0 * 3600.0;

/// Reads a success; none when there is no token in it.
pub(super) fn rotated(body: &[u8], now: Timestamp) -> Option<Rotated> {
    let body = without_mark(body);
    // Checking the encoding once is faster than once for each text.
    let text = std::str::from_utf8(body).ok();
    let mut fields = Fields::default();
    if text.is_none_or(|text| fields.fill(text).is_err()) {
        let text = String::from_utf8_lossy(body);
        match Fields::one_by_one(&text) {
            Ok(read) => fields = read,
            Err(_) => return rescued(&text, now),
        }
    }
    rotated_of(fields, now)
}

/// Reads what came of an answer that is no whole object. Without its refresh token it is lost: taken
/// for one that never had any, it would keep the old token, which X has ended.
#[cold]
fn rescued(text: &str, now: Timestamp) -> Option<Rotated> {
    rotated_of(salvaged(text)?, now).filter(|rotated| rotated.refresh.is_some())
}

fn rotated_of(mut fields: impl Take, now: Timestamp) -> Option<Rotated> {
    let access = take_text(&mut fields, "access_token").filter(is_sendable);
    let refresh =
        take_text(&mut fields, "refresh_token").filter(is_spendable).map(RefreshToken::new);
    if access.is_none() && refresh.is_none() {
        return None;
    }
    let expires_in = lifetime(take_number(&mut fields, "expires_in"));
    let token_type = take_token_type(&mut fields);
    let scopes = take_scopes(&mut fields);
    fields.take("expires_at");
    let access = access.map(|token| Issued {
        access_token: AccessToken::new(token),
        token_type,
        expires_in,
        expires_at: now + expires_in,
    });
    Some(Rotated { access, refresh, scopes, other: fields.rest(), server_date: None })
}

/// Fields that are taken one by one.
pub(super) trait Take {
    /// Takes a field's value.
    fn take(&mut self, name: &str) -> Option<Value>;

    /// Returns the fields that nobody took.
    fn rest(self) -> Map<String, Value>;
}

impl Take for Map<String, Value> {
    fn take(&mut self, name: &str) -> Option<Value> {
        self.remove(name)
    }

    fn rest(self) -> Self {
        self
    }
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// Reads a JSON object, whatever its encoding's faults.
pub(super) fn object(body: &[u8]) -> Option<Map<String, Value>> {
    let body = without_mark(body);
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Some(fields),
        Ok(_) => None,
        Err(_) => serde_json::from_str(&String::from_utf8_lossy(body)).ok(),
    }
}

/// Takes a text that is not empty.
pub(super) fn take_text(fields: &mut impl Take, name: &str) -> Option<String> {
    match fields.take(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Takes a number, or a text that is one; none below zero.
pub(super) fn take_number(fields: &mut impl Take, name: &str) -> Option<f64> {
    let number = match fields.take(name)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite() && *number >= 0.0)
}

/// Takes the scopes, one text or a list of them.
pub(super) fn take_scopes(fields: &mut impl Take) -> Option<Scopes> {
    let scopes: Scopes = match fields.take("scope")? {
        Value::String(text) => Scopes::from(text),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    (!scopes.is_empty()).then_some(scopes)
}

/// Takes the token's type, which is always `bearer` at X.
pub(super) fn take_token_type(fields: &mut impl Take) -> String {
    take_text(fields, "token_type").unwrap_or_else(|| "bearer".to_owned())
}

/// Returns whether an access token can stand in a header.
#[expect(clippy::ptr_arg, reason = "a filter of Option<String>")]
pub(super) fn is_sendable(token: &String) -> bool {
    // Without an early end the loop becomes a few wide compares.
    token.bytes().fold(true, |all, byte| all & byte.is_ascii_graphic())
}

/// Returns whether a text can be a refresh token. What is blank or has control characters would take
/// the place of one that is good.
fn is_spendable(token: &String) -> bool {
    is_sendable(token) || !(token.trim().is_empty() || token.contains(char::is_control))
}

fn lifetime(secs: Option<f64>) -> Duration {
    match secs {
        Some(secs) if (1.0..=MAX_LIFETIME).contains(&secs) => Duration::from_secs(secs as u64),
        _ => ACCESS_TOKEN_LIFETIME,
    }
}
