//! A sign-in as JSON, so that another process can finish it. The JSON contains its secrets.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{CodeVerifier, Error, Login, Reason, Result, Scopes, State, Timestamp, wiped};

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(borrow)]
    code_verifier: Cow<'a, str>,
    code_challenge: String,
    client_id: String,
    redirect_uri: String,
    scope: Option<Scopes>,
    base_url: String,
    created_at: Timestamp,
}

impl Login {
    /// Writes the sign-in as JSON, **with its state and verifier**: encrypt it before storing it.
    pub fn to_json(&self) -> Zeroizing<String> {
        let record = Record {
            url: self.url.as_str().into(),
            state: self.state.expose().into(),
            code_verifier: self.verifier.expose().into(),
            code_challenge: self.challenge.clone(),
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            scope: self.scopes.clone(),
            base_url: self.base_url.clone(),
            created_at: self.created_at,
        };
        wiped::json(&record).expect("a record of texts and a number can be written")
    }

    /// Reads back what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store) when the text is not that.
    pub fn from_json(json: &str) -> Result<Self> {
        let record: Record<'_> = serde_json::from_str(json).map_err(|_| {
            Error::new(Reason::StoreDamaged, "the kept sign-in cannot be read")
                .with_hint("begin the sign-in again")
        })?;
        Ok(Self {
            url: record.url.into_owned(),
            state: State::new(record.state),
            verifier: CodeVerifier::new(record.code_verifier),
            challenge: record.code_challenge,
            client_id: record.client_id,
            redirect_uri: record.redirect_uri,
            scopes: record.scope,
            base_url: record.base_url,
            created_at: record.created_at,
        })
    }
}
