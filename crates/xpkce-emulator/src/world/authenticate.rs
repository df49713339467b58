//! Client authentication: who must prove what, and how X words each refusal.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;

use crate::call::Call;
use crate::event::{Event, EventKind};
use crate::oauth_error::OAuthError;
use crate::params::Params;
use crate::seed::AppSeed;
use crate::world::{Witness, World};

/// The two halves of a Basic header, as sent.
pub(crate) struct Basic {
    id: String,
    secret: String,
}

impl Basic {
    /// Reads `Authorization: Basic ...`; none if there is no readable one.
    pub(crate) fn of(call: &Call) -> Option<Self> {
        let header = call.header(&AUTHORIZATION)?;
        let (scheme, encoded) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        Some(Self { id: id.to_owned(), secret: secret.to_owned() })
    }

    /// Returns whether a half equals `expected`, raw or encoded: as a form (RFC 6749 section
    /// 2.3.1), where a plus is a space, or as a URL.
    fn is(sent: &str, expected: &str) -> bool {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy() == expected;
        sent == expected || decoded(sent) || decoded(&sent.replace('+', " "))
    }

    pub(crate) fn matches(&self, id: &str, secret: &str) -> bool {
        Self::is(&self.id, id) && Self::is(&self.secret, secret)
    }
}

impl World {
    /// Returns the client id of an authenticated client.
    pub(super) fn authenticate(
        &mut self,
        witness: &Witness,
        call: &Call,
        params: &Params,
    ) -> Result<String, OAuthError> {
        let judged = self.judge_client(call, params);
        if let Err((error, reason)) = &judged {
            let event = Event::new(EventKind::ClientRefused).reason(reason);
            let event = match self.claimed(call, params) {
                Some(app) => event.client(&app.client_id),
                None => event,
            };
            self.record(witness, event);
            return Err(error.clone());
        }
        judged.map_err(|(error, _)| error)
    }

    /// Returns the app that the request says it is. What names none may be a secret in the wrong place:
    /// it is not for the log.
    fn claimed(&self, call: &Call, params: &Params) -> Option<&AppSeed> {
        match Basic::of(call) {
            Some(basic) => self.app_of(&basic),
            None => self.apps.get(params.value("client_id")?),
        }
    }

    fn app_of(&self, basic: &Basic) -> Option<&AppSeed> {
        self.apps.values().find(|app| Basic::is(&basic.id, &app.client_id))
    }

    fn judge_client(
        &self,
        call: &Call,
        params: &Params,
    ) -> Result<String, (OAuthError, &'static str)> {
        let in_body = params.value("client_id");
        if !call.headers.contains_key(AUTHORIZATION) {
            return self.judge_body(in_body);
        }
        let basic = Basic::of(call).ok_or((OAuthError::Authorization, "Basic is unreadable"))?;
        let app = self.app_of(&basic).ok_or((OAuthError::ClientId, "client id unknown"))?;
        if in_body.is_some_and(|id| id != app.client_id) {
            return Err((OAuthError::ClientId, "client id differs between header and body"));
        }
        let is_good = match &app.client_secret {
            Some(secret) => Basic::is(&basic.secret, secret),
            None => self.quirks.public_basic_accepted && !basic.secret.is_empty(),
        };
        if !is_good {
            return Err((OAuthError::Authorization, "secret wrong"));
        }
        self.judge_standing(&app.client_id)
    }

    fn judge_body(&self, in_body: Option<&str>) -> Result<String, (OAuthError, &'static str)> {
        let id = in_body.ok_or((OAuthError::Missing("client_id"), "client id missing"))?;
        let app = self.apps.get(id).ok_or((OAuthError::ClientId, "client id unknown"))?;
        if app.is_confidential() {
            return Err((OAuthError::Authorization, "confidential app without Basic"));
        }
        self.judge_standing(id)
    }

    fn judge_standing(&self, id: &str) -> Result<String, (OAuthError, &'static str)> {
        match self.apps.get(id) {
            Some(app) if app.suspended => Err((OAuthError::ClientId, "app suspended")),
            _ => Ok(id.to_owned()),
        }
    }
}
