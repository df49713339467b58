//! Playing the browser: a test approves or cancels without a page.

use std::fmt;
use std::sync::Arc;

use hyper::Method;
use hyper::header::HeaderMap;

use crate::approval::Decision;
use crate::call::Call;
use crate::emulator::Emulator;
use crate::front;
use crate::mint;

/// The authorize page refused: X would show its generic page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizeRefused {
    /// The status of the answer; 400 for the generic page.
    pub status: u16,
    /// Why, from the evidence log. X never says.
    pub reason: Option<&'static str>,
}

impl fmt::Display for AuthorizeRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason.unwrap_or("no reason recorded");
        write!(f, "the authorize page answered {}: {reason}", self.status)
    }
}

impl std::error::Error for AuthorizeRefused {}

impl Emulator {
    /// Plays the browser: opens `authorize_url` and allows the app, as the auto-approving user or
    /// else the first. Returns the callback URL.
    ///
    /// # Panics
    ///
    /// If the page refuses; [`Emulator::try_approve`] returns that as an error.
    pub async fn approve(&self, authorize_url: &str) -> String {
        self.try_approve(authorize_url).await.unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// [`Emulator::approve`], signed in as `username`.
    ///
    /// # Panics
    ///
    /// As [`Emulator::approve`], and if there is no such user.
    pub async fn approve_as(&self, authorize_url: &str, username: &str) -> String {
        let decision = Decision::Allow(username.to_owned());
        self.decide(authorize_url, decision).await.unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// Plays the browser and cancels. Returns the callback URL.
    ///
    /// # Panics
    ///
    /// As [`Emulator::approve`].
    pub async fn deny(&self, authorize_url: &str) -> String {
        let denied = self.decide(authorize_url, Decision::Cancel).await;
        denied.unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// [`Emulator::approve`] for requests that may be refused.
    ///
    /// # Errors
    ///
    /// [`AuthorizeRefused`] if the page is not the consent page.
    pub async fn try_approve(&self, authorize_url: &str) -> Result<String, AuthorizeRefused> {
        let username = {
            let world = self.shared.world();
            let first = world.users.first().map(|user| user.username.clone());
            world.auto_approve.clone().or(first).unwrap_or_default()
        };
        self.decide(authorize_url, Decision::Allow(username)).await
    }

    async fn decide(&self, url: &str, decision: Decision) -> Result<String, AuthorizeRefused> {
        let page = format!("{}/oauth2/authorize", self.authorization_base_url);
        let query = match url.strip_prefix(&page) {
            Some(rest) if rest.starts_with('?') => rest[1..].to_owned(),
            _ => {
                let reason = Some("the URL is not the emulator's authorize page");
                return Err(AuthorizeRefused { status: 404, reason });
            }
        };
        let call = Arc::new(Call {
            method: Method::GET,
            path: "/i/oauth2/authorize".to_owned(),
            query: query.split('#').next().unwrap_or_default().to_owned(),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            transaction_id: mint::transaction_id(),
            peer: None,
            is_reused: false,
            decision: Some(decision),
        });
        let transaction = call.transaction_id.clone();
        let shared = self.shared.clone();
        // On the emulator's own runtime: the caller's may be any, or none that has timers.
        let task = self.runtime.spawn(async move { front::answer(&shared, &call).await });
        let reply = task.await.expect("answering does not panic");
        reply.location().map(str::to_owned).ok_or_else(|| AuthorizeRefused {
            status: reply.status,
            reason: self.reason_of(&transaction),
        })
    }

    fn reason_of(&self, transaction: &str) -> Option<&'static str> {
        let events = self.events();
        let event =
            events.iter().rev().find(|e| e.transaction_id.as_deref() == Some(transaction))?;
        event.reason
    }
}
