//! The three requests to X's token endpoint, built and not sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use crate::http::HttpRequest;
use crate::{AccessToken, App, Approval, ClientSecret, Error, Reason, RefreshToken, Result, lint};

/// A token that can be revoked. RFC 7009 section 2.1.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub enum Revocable<'a> {
    /// An access token.
    Access(&'a AccessToken),
    /// A refresh token.
    Refresh(&'a RefreshToken),
}

/// Builds the exchange of a code. RFC 6749 section 4.1.3, RFC 7636 section 4.5.
///
/// # Errors
///
/// [`Configure`](crate::ErrorKind::Configure) when the app is not the one that began the sign-in, as
/// [`Login::check_app`](crate::Login::check_app) says, or is one that X refuses.
pub fn exchange_request(app: &App, approval: &Approval) -> Result<HttpRequest> {
    approval.origin.check(app)?;
    let form = Form::new("authorization_code")
        .with("code", approval.code.expose())
        .with("redirect_uri", &approval.redirect_uri)
        .with("code_verifier", approval.verifier.expose());
    post(app, app.token_url().clone(), form)
}

/// Builds a refresh. RFC 6749 section 6.
///
/// # Errors
///
/// [`Configure`](crate::ErrorKind::Configure) when the app is one that X refuses.
pub fn refresh_request(app: &App, token: &RefreshToken) -> Result<HttpRequest> {
    let form = Form::new("refresh_token").with("refresh_token", token.expose());
    post(app, app.token_url().clone(), form)
}

/// Builds a revocation. RFC 7009 section 2.1.
///
/// # Errors
///
/// As [`refresh_request`].
pub fn revoke_request(app: &App, token: Revocable<'_>) -> Result<HttpRequest> {
    let (token, hint) = match token {
        Revocable::Access(token) => (token.expose(), "access_token"),
        Revocable::Refresh(token) => (token.expose(), "refresh_token"),
    };
    let form = Form::default().with("token", token).with("token_type_hint", hint);
    post(app, app.endpoint("/2/oauth2/revoke")?, form)
}

/// Adds the client and the headers. `client_id` is always in the body: X once required it even
/// beside Basic, and takes it gladly.
fn post(app: &App, url: Url, form: Form) -> Result<HttpRequest> {
    lint::check_client(app)?;
    let mut headers = HeaderMap::new();
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, form_type);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(secret) = app.secret() {
        headers.insert(AUTHORIZATION, basic(app.client_id(), secret)?);
    }
    let body = form.with("client_id", app.client_id()).0;
    Ok(HttpRequest { method: Method::POST, url, headers, body })
}

/// RFC 6749 section 2.3.1: each half is form-encoded before the two are joined.
fn basic(client_id: &str, secret: &ClientSecret) -> Result<HeaderValue> {
    let mut pair = Form::default();
    pair.push_encoded(client_id);
    pair.0.push(b':');
    pair.push_encoded(secret.expose());
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair.0)));
    let mut value = HeaderValue::from_str(&value)
        .map_err(|_| Error::new(Reason::Internal, "the client's header could not be built"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A form whose buffer is wiped, each time that it moves too. Small, because wiping takes time.
struct Form(Zeroizing<Vec<u8>>);

impl Default for Form {
    fn default() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(Self::ROOM)))
    }
}

impl Form {
    /// Enough for a refresh of X's.
    const ROOM: usize = 512;

    fn new(grant_type: &str) -> Self {
        Self::default().with("grant_type", grant_type)
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(b'&');
        }
        self.push_encoded(name);
        self.0.push(b'=');
        self.push_encoded(value);
        self
    }

    fn push_encoded(&mut self, text: &str) {
        // Three bytes for one, and what stands between two fields.
        self.make_room(3 * text.len() + 2);
        for part in byte_serialize(text.as_bytes()) {
            // Who decodes forms takes both, who decodes URLs this one alone.
            let part = if part == "+" { "%20" } else { part };
            self.0.extend_from_slice(part.as_bytes());
        }
    }

    /// Moves to a larger buffer by hand: a vector that grows by itself leaves a copy behind.
    fn make_room(&mut self, more: usize) {
        let wanted = self.0.len() + more;
        if wanted > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * wanted));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_grows_past_its_room_is_moved_by_hand_and_never_by_itself() {
        let mut form = Form::new("refresh_token");
        for length in [10, 1_000, 20_000] {
            let (before, room) = (form.0.len(), form.0.capacity());
            // Each byte becomes three.
            form = form.with("refresh_token", &"/".repeat(length));
            let wanted = before + "&refresh_token=".len() + 3 * length + 2;
            let moved = 2 * wanted;
            assert_eq!(form.0.capacity(), if wanted > room { moved } else { room }, "{length}");
        }
    }
}
