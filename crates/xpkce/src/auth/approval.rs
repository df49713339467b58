//! Approvals of sign-ins of which only the verifier is known, because they were begun elsewhere.

use crate::login::{Callback, Origin, bare_code};
use crate::{App, Approval, AuthorizationCode, CodeVerifier, Result};

impl Approval {
    /// As [`Login::approve_bare_code`](crate::Login::approve_bare_code).
    pub(super) fn of_bare_code(app: &App, verifier: CodeVerifier, code: &str) -> Result<Self> {
        Ok(Self::of_app(app, verifier, bare_code(code)?))
    }

    /// As [`Login::approve`](crate::Login::approve), but for the state, which nobody here knows.
    pub(super) fn without_state(app: &App, verifier: CodeVerifier, callback: &str) -> Result<Self> {
        let callback = Callback::parse(callback)?;
        callback.refuse_error()?;
        callback.check_issuer(&[app.authorization_base_url(), app.base_url()])?;
        Ok(Self::of_app(app, verifier, callback.code()?))
    }

    fn of_app(app: &App, verifier: CodeVerifier, code: AuthorizationCode) -> Self {
        let origin = Origin {
            client_id: app.client_id().into(),
            base_url: app.base_url().into(),
            authorization_base_url: app.authorization_base_url().into(),
        };
        Self { code, verifier, origin, redirect_uri: app.redirect_uri().into() }
    }
}
