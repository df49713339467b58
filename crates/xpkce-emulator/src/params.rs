//! Request parameters: a query, a form body or a JSON body, read the same way.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use hyper::header::CONTENT_TYPE;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::call::Call;
use crate::oauth_error::OAuthError;

/// Named values, each present at most once (RFC 6749 section 3.1 and 3.2).
#[derive(Debug, Default)]
pub(crate) struct Params(HashMap<String, String>);

impl Params {
    /// Reads `name=value&...`, with `+` and `%20` both as a space.
    ///
    /// # Errors
    ///
    /// Returns the name of a parameter that comes twice.
    pub(crate) fn of_form(text: &[u8]) -> Result<Self, String> {
        let mut params = Self::default();
        for (name, value) in url::form_urlencoded::parse(text) {
            params.add(name.into_owned(), value.into_owned())?;
        }
        Ok(params)
    }

    /// Reads the body as what its `Content-Type` says: a form or a JSON object. Anything else has no
    /// parameters.
    ///
    /// # Errors
    ///
    /// Returns the name of a parameter that comes twice.
    pub(crate) fn of_body(call: &Call) -> Result<Self, String> {
        match media_type(call).as_str() {
            "application/x-www-form-urlencoded" => Self::of_form(&call.body),
            "application/json" => {
                let mut params = Self::default();
                let Pairs(pairs) = serde_json::from_slice(&call.body).unwrap_or_default();
                for (name, value) in pairs.into_iter().filter_map(as_text) {
                    params.add(name, value)?;
                }
                Ok(params)
            }
            _ => Ok(Self::default()),
        }
    }

    /// Returns a value that is present and not empty.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.present(name).filter(|value| !value.is_empty())
    }

    /// Returns a value that is present, even if empty.
    pub(crate) fn present(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns a value that must be present.
    ///
    /// # Errors
    ///
    /// `Missing required parameter [name].`
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.value(name).ok_or(OAuthError::Missing(name))
    }

    fn add(&mut self, name: String, value: String) -> Result<(), String> {
        match self.0.entry(name) {
            Entry::Occupied(there) => Err(there.remove_entry().0),
            Entry::Vacant(free) => {
                free.insert(value);
                Ok(())
            }
        }
    }
}

/// The media type without its parameters, in small letters.
fn media_type(call: &Call) -> String {
    let kind = call.header(&CONTENT_TYPE).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The members of a JSON object, repeated ones too.
#[derive(Default)]
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn as_text((name, value): (String, Value)) -> Option<(String, String)> {
    match value {
        Value::String(text) => Some((name, text)),
        Value::Number(number) => Some((name, number.to_string())),
        Value::Bool(truth) => Some((name, truth.to_string())),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn plus_and_percent_twenty_are_both_a_space() {
        for text in ["scope=tweet.read+users.read", "scope=tweet.read%20users.read"] {
            let params = Params::of_form(text.as_bytes()).unwrap();
            assert_eq!(params.value("scope"), Some("tweet.read users.read"));
        }
    }

    #[test]
    fn a_repeated_parameter_is_named() {
        assert_eq!(Params::of_form(b"a=1&b=2&a=3").unwrap_err(), "a");
    }

    #[test]
    fn broken_escapes_do_not_panic() {
        assert!(Params::of_form(b"a=%&b=%zz&%=\xff&&=").is_ok());
    }
}
