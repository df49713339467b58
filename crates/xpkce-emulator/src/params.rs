//! Request parameters: a query, a form body or a JSON body, read the same way.

use hyper::header::CONTENT_TYPE;
use serde_json::Value;

use crate::call::Call;
use crate::oauth_error::OAuthError;

/// Named values, each present at most once (RFC 6749 section 3.1 and 3.2).
#[derive(Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

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

    /// Reads the body: JSON if it says so or looks like it, otherwise a form.
    ///
    /// # Errors
    ///
    /// Returns the name of a parameter that comes twice.
    pub(crate) fn of_body(call: &Call) -> Result<Self, String> {
        let says_json = call
            .header(&CONTENT_TYPE)
            .is_some_and(|kind| kind.trim().starts_with("application/json"));
        let parsed = if says_json { serde_json::from_slice(&call.body).ok() } else { None };
        match parsed {
            Some(Value::Object(map)) => Ok(Self(map.into_iter().filter_map(as_text).collect())),
            _ => Self::of_form(&call.body),
        }
    }

    /// Returns a value that is present and not empty.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.present(name).filter(|value| !value.is_empty())
    }

    /// Returns a value that is present, even if empty.
    pub(crate) fn present(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
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
        if self.present(&name).is_some() {
            return Err(name);
        }
        self.0.push((name, value));
        Ok(())
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
