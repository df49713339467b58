//! A token as the JSON object that X's Python class keeps.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::answer;
use crate::{AccessToken, Error, Reason, RefreshToken, Result, Timestamp, Token};

impl Token {
    /// Reads the JSON object that X's Python class keeps.
    ///
    /// # Errors
    ///
    /// [`Configure`](crate::ErrorKind::Configure) when it is no object with an `access_token`.
    pub fn from_json(json: &str) -> Result<Self> {
        Self::from_value(serde_json::from_str(json).map_err(|_| unreadable())?)
    }

    /// Reads the same from a value. `scope` may be a string or a list, `expires_at` whole or
    /// fractional seconds since 1970, a number or a string of one.
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn from_value(value: Value) -> Result<Self> {
        let Value::Object(mut fields) = value else { return Err(unreadable()) };
        let access = answer::take_text(&mut fields, "access_token").filter(answer::is_sendable);
        Ok(Self {
            access_token: AccessToken::new(access.ok_or_else(unreadable)?),
            token_type: answer::take_token_type(&mut fields),
            expires_in: answer::take_number(&mut fields, "expires_in").map(|secs| secs as u64),
            refresh_token: answer::take_text(&mut fields, "refresh_token").map(RefreshToken::new),
            scopes: answer::take_scopes(&mut fields),
            expires_at: answer::take_number(&mut fields, "expires_at")
                .and_then(Timestamp::from_secs_f64),
            other: fields,
        })
    }

    /// Writes the JSON object that X's Python class keeps, **with its tokens**. `scope` is one
    /// string, `expires_at` seconds since 1970.
    pub fn to_json(&self) -> Zeroizing<String> {
        let json = serde_json::to_string(&self.to_value());
        Zeroizing::new(json.expect("a JSON value with string keys can be written"))
    }

    /// Returns the same as a value, **with its tokens**.
    pub fn to_value(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("access_token".into(), self.access_token.expose().into());
        fields.insert("token_type".into(), self.token_type.clone().into());
        if let Some(secs) = self.expires_in {
            fields.insert("expires_in".into(), secs.into());
        }
        if let Some(refresh) = &self.refresh_token {
            fields.insert("refresh_token".into(), refresh.expose().into());
        }
        if let Some(scopes) = &self.scopes {
            fields.insert("scope".into(), scopes.to_string().into());
        }
        if let Some(end) = self.expires_at {
            fields.insert("expires_at".into(), seconds(end));
        }
        fields.extend(self.other.clone());
        Value::Object(fields)
    }
}

/// Whole seconds as a whole number: what came in whole goes out whole.
fn seconds(at: Timestamp) -> Value {
    if at.as_millis() % 1000 == 0 {
        return at.as_secs().into();
    }
    (at.as_millis() as f64 / 1000.0).into()
}

fn unreadable() -> Error {
    Error::new(Reason::InvalidSetting, "the token is no JSON object with an access_token")
}
