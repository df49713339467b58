//! Approvals of sign-ins that began elsewhere: only a verifier is known of them.

use crate::login::{Callback, bare_code};
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
        let (client_id, redirect_uri) = (app.client_id().into(), app.redirect_uri().into());
        Self { code, verifier, client_id, redirect_uri }
    }
}
