//! The client: sends what [`crate::token`] builds, and judges what comes back.

use std::fmt;
use std::sync::Arc;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method, Uri};
use url::Url;
use zeroize::Zeroizing;

use crate::http::{HttpClient, HttpRequest, HttpResponse, MAX_BODY, SendError};
use crate::token::{self, RefreshAnswer, Revocable, Rotated};
use crate::user::judge_user;
use crate::{AccessToken, App, Approval, Clock, Error, Reason, RefreshToken, Result, Token, User};

/// The most bytes of a URL that [`Uri`] takes.
const MAX_URL: usize = u16::MAX as usize - 1;

/// Sends the requests of one app to X. Cheap to clone. Stores no token and sends nothing twice.
#[derive(Clone)]
pub struct Client {
    app: App,
    http: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
}

/// What X says about an app's credentials.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probe {
    /// Client id, secret and app type are right.
    Good,
    /// X does not know the client id.
    WrongClientId,
    /// The secret is wrong, or the app is public where it should be confidential, or the reverse.
    WrongSecretOrAppType,
}

impl Client {
    /// Makes a client from its parts.
    pub fn new(app: App, http: Arc<dyn HttpClient>, clock: Arc<dyn Clock>) -> Self {
        Self { app, http, clock }
    }

    /// Makes a client that sends over `hyper` and uses the machine's clock.
    #[cfg(feature = "hyper")]
    pub fn with_hyper(app: App) -> Self {
        let http = crate::http::HyperClient::new();
        Self::new(app, Arc::new(http), Arc::new(crate::SystemClock))
    }

    /// Returns the app.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Returns a client for another app that sends over the same connections.
    #[must_use]
    pub fn with_app(&self, app: App) -> Self {
        Self { app, ..self.clone() }
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Exchanges an approval for tokens. An answer with only one of the two tokens is a success
    /// too, because X has used up the code. Dropping the future gives up a pair that may be on its
    /// way.
    ///
    /// # Errors
    ///
    /// As [`exchange_request`](crate::token::exchange_request) and
    /// [`judge_exchange`](crate::token::judge_exchange), and
    /// [`Retry`](crate::ErrorKind::Retry) when nothing was sent,
    /// [`InDoubt`](crate::ErrorKind::InDoubt) when no answer came.
    pub async fn redeem(&self, approval: Approval) -> Result<Rotated> {
        let sent = self.send(token::exchange_request(&self.app, &approval)?).await;
        let response = sent.map_err(redeeming)?;
        match token::judge_exchange(&response, self.clock.now()) {
            Err(why) if !response.is_whole && !is_refusal(&why) => Err(redeeming(cut())),
            judged => judged,
        }
    }

    /// Exchanges an approval for a token that can be used at once. For programs that want nothing
    /// else of what [`redeem`](Self::redeem) returns.
    ///
    /// # Errors
    ///
    /// As [`redeem`](Self::redeem), and [`Protocol`](crate::ErrorKind::Protocol) when X sent no
    /// access token.
    pub async fn exchange(&self, approval: Approval) -> Result<Token> {
        self.redeem(approval).await?.into_token().ok_or_else(|| {
            Error::new(Reason::UnexpectedAnswer, "X sent a refresh token and no access token")
                .with_hint("begin the sign-in again")
        })
    }

    /// Sends a refresh token once (RFC 6749 section 6).
    ///
    /// The caller must save what the answer brings, and may send the same token again only after
    /// [`RefreshAnswer::Unknown`] or [`RefreshAnswer::NotSent`]. Dropping the future gives up a
    /// pair that may be on its way. `Keeper` and `OAuth2PkceAuth` take care of all this.
    pub async fn refresh(&self, token: &RefreshToken) -> RefreshAnswer {
        let request = match token::refresh_request(&self.app, token) {
            Ok(request) => request,
            Err(error) => return RefreshAnswer::Misconfigured(error),
        };
        match self.send(request).await {
            Ok(response) => match token::judge_refresh(&response, self.clock.now()) {
                RefreshAnswer::Unreadable(_) | RefreshAnswer::Unknown { .. }
                    if !response.is_whole =>
                {
                    RefreshAnswer::Unknown { error: spending(cut()), resend: true }
                }
                // X's word is in its status, or in an object that came whole.
                judged => judged,
            },
            Err(why @ SendError::NotSent(_)) => RefreshAnswer::NotSent(spending(why)),
            Err(why) => RefreshAnswer::Unknown { error: spending(why), resend: true },
        }
    }

    /// Revokes a token. One that X does not know counts as revoked. RFC 7009 section 2.
    ///
    /// # Errors
    ///
    /// As [`revoke_request`](crate::token::revoke_request) and
    /// [`judge_revoke`](crate::token::judge_revoke), and [`Retry`](crate::ErrorKind::Retry) when
    /// no answer came.
    pub async fn revoke(&self, token: Revocable<'_>) -> Result<()> {
        let response = self.send_whole(token::revoke_request(&self.app, token)?).await;
        token::judge_revoke(&response.map_err(harmless)?, self.clock.now())
    }

    /// Asks X who the token's user is: `GET /2/users/me`.
    ///
    /// # Errors
    ///
    /// As [`judge_user`](crate::judge_user), and [`Retry`](crate::ErrorKind::Retry) when no answer
    /// came, [`Configure`](crate::ErrorKind::Configure) when the token cannot be sent in a header.
    pub async fn me(&self, token: &AccessToken) -> Result<User> {
        let path = "/2/users/me";
        let response = self.request(token, Method::GET, path, HeaderMap::new(), None).await?;
        judge_user(&response, self.clock.now())
    }

    /// Sends an authorized request to X's API. `target` is a path that begins with `/`, or a full
    /// URL with the same origin as the app's base URL. An answer of any status is returned as `Ok`.
    ///
    /// # Errors
    ///
    /// [`Configure`](crate::ErrorKind::Configure) when the target has another origin, is no valid
    /// URL or is longer than 64 KiB, or when the token cannot be sent in a header;
    /// [`Retry`](crate::ErrorKind::Retry) when nothing was sent, or no answer came and the method
    /// is safe to repeat; [`InDoubt`](crate::ErrorKind::InDoubt) when no answer came and it is not;
    /// [`Protocol`](crate::ErrorKind::Protocol) when the answer is longer than [`MAX_BODY`].
    pub async fn request(
        &self,
        token: &AccessToken,
        method: Method,
        target: &str,
        mut headers: HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<HttpResponse> {
        let url = self.target(target)?;
        headers.insert(AUTHORIZATION, bearer(token)?);
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        let is_safe = method.is_safe();
        let failure = if is_safe { harmless } else { changing };
        let body = Zeroizing::new(body.unwrap_or_default());
        let response = self.send(HttpRequest { method, url, headers, body }).await;
        match response.map_err(failure)? {
            whole if whole.is_whole => Ok(whole),
            long if long.body.len() >= MAX_BODY => Err(too_long(long.status, is_safe)),
            _ => Err(failure(cut())),
        }
    }

    /// Asks X whether the app's credentials are right, by sending a refresh token that does not
    /// exist. No user's grant is touched.
    ///
    /// # Errors
    ///
    /// [`Configure`](crate::ErrorKind::Configure) when [`lint`](crate::lint()) finds an error in
    /// the client id or the secret; [`Retry`](crate::ErrorKind::Retry) when X asks to wait, fails
    /// or cannot be reached; [`Protocol`](crate::ErrorKind::Protocol) when its answer is neither.
    pub async fn probe(&self) -> Result<Probe> {
        let nobodys = RefreshToken::new("xpkce-asks-whether-x-knows-this-app");
        let response = self.send_whole(token::refresh_request(&self.app, &nobodys)?).await;
        let response = response.map_err(harmless)?;
        let refusal = token::Refusal::of(&response);
        let reason = match refusal {
            token::Refusal::Token | token::Refusal::Grant => return Ok(Probe::Good),
            token::Refusal::ClientId => return Ok(Probe::WrongClientId),
            token::Refusal::Client => return Ok(Probe::WrongSecretOrAppType),
            token::Refusal::Limit => Reason::RateLimited,
            token::Refusal::Server => Reason::Outage,
            _ => Reason::UnexpectedAnswer,
        };
        Err(refusal.error(reason, &response, self.clock.now()))
    }

    /// Sends what is of use only with its whole answer.
    async fn send_whole(&self, request: HttpRequest) -> Result<HttpResponse, SendError> {
        let response = self.send(request).await?;
        if response.is_whole { Ok(response) } else { Err(cut()) }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, SendError> {
        crate::contained(
            || tracing::debug!(method = %request.method, path = request.url.path(), "sending"),
        );
        let response = self.http.send(request).await;
        match &response {
            Ok(response) => {
                crate::contained(|| tracing::debug!(status = response.status, "answered"));
            }
            Err(SendError::NotSent(_)) => crate::contained(|| tracing::debug!("not sent")),
            Err(SendError::MaybeSent(_)) => crate::contained(|| tracing::debug!("maybe sent")),
        }
        response
    }

    fn target(&self, target: &str) -> Result<Url> {
        let url = if target.starts_with('/') {
            self.app.endpoint(target)?
        } else {
            Url::parse(target).map_err(|why| {
                Error::new(Reason::InvalidSetting, "the target is neither a path nor a URL")
                    .with_source(why)
            })?
        };
        let base = self.app.endpoint("")?;
        if url.origin() != base.origin() || !url.username().is_empty() || url.password().is_some() {
            let message = "the target is not at the app's base URL";
            return Err(Error::new(Reason::InvalidSetting, message)
                .with_hint("a token goes to X alone: give a path, such as /2/users/me"));
        }
        check_sendable(&url)?;
        Ok(url)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("app", &self.app).finish_non_exhaustive()
    }
}

/// Refuses what a request cannot name: the network is not to blame for it.
fn check_sendable(url: &Url) -> Result<()> {
    let Err(why) = Uri::try_from(url.as_str()) else { return Ok(()) };
    Err(if url.as_str().len() > MAX_URL {
        let message = "the target is longer than the 64 KiB that a request can name";
        Error::new(Reason::InvalidSetting, message)
            .with_hint("ask for less at once, and send what is long in the body")
    } else {
        Error::new(Reason::InvalidSetting, "the target is no address of a request")
    }
    .with_source(why))
}

/// RFC 6750 section 2.1.
fn bearer(token: &AccessToken) -> Result<HeaderValue> {
    let value = Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut value = HeaderValue::from_str(&value).map_err(|_| {
        Error::new(Reason::InvalidSetting, "the access token has a character no header may have")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn cut() -> SendError {
    SendError::MaybeSent("the answer broke off, or is too long".into())
}

/// A send that spends or changes something at X.
fn spending(why: SendError) -> Error {
    failed(why, Reason::OutcomeUnknown, "the request may have reached X, and no answer came")
}

/// Returns whether X has said what is wrong, in its status or in an object that came whole.
fn is_refusal(why: &Error) -> bool {
    !matches!(why.reason(), Reason::OutcomeUnknown | Reason::UnexpectedAnswer)
}

/// A send of a code.
fn redeeming(why: SendError) -> Error {
    let failed = spending(why);
    match failed.reason() {
        Reason::OutcomeUnknown => failed.with_hint(token::CODE_IN_DOUBT),
        _ => failed,
    }
}

const PERHAPS_DONE: &str = "it may have been done: look at X before you send it again";

/// A request of the API that changes something.
fn changing(why: SendError) -> Error {
    let failed = spending(why);
    match failed.reason() {
        Reason::OutcomeUnknown => failed.with_hint(PERHAPS_DONE),
        _ => failed,
    }
}

fn too_long(status: u16, is_safe: bool) -> Error {
    let message = format!("X's answer is longer than {} MiB, which is not read", MAX_BODY >> 20);
    let hint =
        if is_safe { "ask for less at once, by max_results for example" } else { PERHAPS_DONE };
    Error::new(Reason::TooLong, message).with_status(status).with_hint(hint)
}

/// A send that can be repeated without harm.
fn harmless(why: SendError) -> Error {
    failed(why, Reason::Outage, "no answer came from X")
}

fn failed(why: SendError, reason: Reason, message: &'static str) -> Error {
    match why {
        SendError::NotSent(why) => Error::new(Reason::NotSent, "X could not be reached")
            .with_hint("check the network, the proxy and the base URL; then call again")
            .with_source(why),
        SendError::MaybeSent(why) => Error::new(reason, message).with_source(why),
    }
}
