//! A token as the JSON object that X's Python class keeps.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use super::answer;
use crate::{AccessToken, Error, Reason, RefreshToken, Result, Timestamp, Token, wiped};

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
    /// string, `expires_at` seconds since 1970. It is wiped when it is dropped, and the one copy that
    /// was made.
    pub fn to_json(&self) -> Zeroizing<String> {
        wiped::json(&Record(self)).expect("a record of texts and numbers can be written")
    }

    /// Returns the same as a value, **with its tokens**. Nobody wipes it.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(Record(self)).expect("a record of texts and numbers can be written")
    }
}

/// A token as it is written: from where it is, with no copy between.
struct Record<'t>(&'t Token);

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Token {
            access_token,
            token_type,
            expires_in,
            refresh_token,
            scopes,
            expires_at,
            other,
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("access_token", access_token.expose())?;
        map.serialize_entry("token_type", token_type)?;
        if let Some(secs) = expires_in {
            map.serialize_entry("expires_in", secs)?;
        }
        if let Some(refresh) = refresh_token {
            map.serialize_entry("refresh_token", refresh.expose())?;
        }
        if let Some(scopes) = scopes {
            map.serialize_entry("scope", scopes.as_str())?;
        }
        if let Some(end) = expires_at {
            map.serialize_entry("expires_at", &seconds(*end))?;
        }
        for (name, value) in other.iter().filter(|(name, _)| !self.0.has(name)) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Token {
    /// Returns whether a field of the object is one of its own, whatever else is called so.
    fn has(&self, field: &str) -> bool {
        match field {
            "access_token" | "token_type" => true,
            "expires_in" => self.expires_in.is_some(),
            "refresh_token" => self.refresh_token.is_some(),
            "scope" => self.scopes.is_some(),
            "expires_at" => self.expires_at.is_some(),
            _ => false,
        }
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
