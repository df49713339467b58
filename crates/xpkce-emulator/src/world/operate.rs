//! What a test, or a person at the console, does to the world.

use std::fmt;
use std::time::Duration;

use crate::event::{Event, EventKind};
use crate::fault::FaultRule;
use crate::mint::{self, TokenKey, TokenKind};
use crate::redirect_uri;
use crate::seed::{AppSeed, UserSeed};
use crate::world::{Witness, World};

/// Why an operation on the emulator was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperateError {
    /// No app has this client id.
    UnknownApp,
    /// No user has this name.
    UnknownUser,
    /// The app is public: it has no secret.
    NoSecret,
    /// The redirect URI cannot be registered: the reason.
    RedirectUri(&'static str),
    /// The app already has ten redirect URIs.
    TooManyRedirectUris,
    /// Another app or user is there already under the same id.
    Taken,
    /// The fault strikes nothing at this endpoint: what does.
    MisplacedFault(&'static str),
    /// A thousand faults are in force already.
    TooManyFaults,
}

impl fmt::Display for OperateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownApp => f.write_str("no app has this client id"),
            Self::UnknownUser => f.write_str("no user has this name"),
            Self::NoSecret => {
                f.write_str("the app is public and has no secret; flip-type gives it one")
            }
            Self::RedirectUri(why) => write!(f, "the redirect URI cannot be registered: {why}"),
            Self::TooManyRedirectUris => f.write_str("the app already has ten redirect URIs"),
            Self::Taken => f.write_str("the id is taken"),
            Self::TooManyFaults => f.write_str("a thousand faults are in force already"),
            Self::MisplacedFault(why) => write!(f, "the fault strikes nothing there: {why}"),
        }
    }
}

impl std::error::Error for OperateError {}

type Outcome<T = ()> = Result<T, OperateError>;

impl World {
    pub(crate) fn arm(&mut self, rule: FaultRule) -> Outcome {
        if let Some(why) = rule.misplaced() {
            return Err(OperateError::MisplacedFault(why));
        }
        let is_armed = self.faults.arm(rule, self.clock.now());
        is_armed.then_some(()).ok_or(OperateError::TooManyFaults)
    }

    pub(crate) fn add_app(&mut self, seed: AppSeed) -> Outcome {
        if self.apps.contains_key(&seed.client_id) {
            return Err(OperateError::Taken);
        }
        if seed.redirect_uris.len() > redirect_uri::LIMIT {
            return Err(OperateError::TooManyRedirectUris);
        }
        for uri in &seed.redirect_uris {
            self.check_redirect(uri)?;
        }
        self.app_order.push(seed.client_id.clone());
        self.apps.insert(seed.client_id.clone(), seed);
        Ok(())
    }

    pub(crate) fn add_user(&mut self, seed: UserSeed) -> Outcome {
        if self.user(&seed.id).is_some() || self.user_named(&seed.username).is_some() {
            return Err(OperateError::Taken);
        }
        self.users.push(seed);
        Ok(())
    }

    pub(crate) fn apps_in_order(&self) -> Vec<AppSeed> {
        self.app_order.iter().filter_map(|id| self.apps.get(id)).cloned().collect()
    }

    pub(crate) fn register_redirect(&mut self, client_id: &str, uri: &str) -> Outcome {
        self.check_redirect(uri)?;
        let app = self.app_mut(client_id)?;
        if app.redirect_uris.iter().any(|known| known == uri) {
            return Ok(());
        }
        if app.redirect_uris.len() >= redirect_uri::LIMIT {
            return Err(OperateError::TooManyRedirectUris);
        }
        app.redirect_uris.push(uri.to_owned());
        Ok(())
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
        self.record(&Witness::default(), Event::new(EventKind::ClockAdvanced));
    }

    /// The user removes one app, or all, on the connected-apps page.
    pub(crate) fn disconnect(&mut self, username: &str, client_id: Option<&str>) -> Outcome {
        let user = self.user_named(username).ok_or(OperateError::UnknownUser)?.id.clone();
        if client_id.is_some_and(|id| !self.apps.contains_key(id)) {
            return Err(OperateError::UnknownApp);
        }
        for grant in self.live_grants(client_id, Some(&user)) {
            self.kill(grant, "the user disconnected the app");
            self.record_grant(&Witness::default(), grant, Event::new(EventKind::Disconnected));
        }
        Ok(())
    }

    pub(crate) fn suspend(&mut self, client_id: &str, is_suspended: bool) -> Outcome {
        self.app_mut(client_id)?.suspended = is_suspended;
        if is_suspended {
            for grant in self.live_grants(Some(client_id), None) {
                self.kill(grant, "the app was suspended");
            }
            let event = Event::new(EventKind::Suspended).client(client_id);
            self.record(&Witness::default(), event);
        }
        Ok(())
    }

    /// Replaces the secret; the old one is wrong at once.
    pub(crate) fn rotate_secret(&mut self, client_id: &str) -> Outcome<String> {
        let app = self.app_mut(client_id)?;
        if app.client_secret.is_none() {
            return Err(OperateError::NoSecret);
        }
        let secret = mint::client_secret();
        app.client_secret = Some(secret.clone());
        let event = Event::new(EventKind::SecretRotated).client(client_id);
        self.record(&Witness::default(), event);
        Ok(secret)
    }

    /// Makes a public app confidential or the other way round; returns its secret, if any.
    pub(crate) fn flip_type(&mut self, client_id: &str) -> Outcome<Option<String>> {
        let app = self.app_mut(client_id)?;
        app.client_secret = match app.client_secret {
            Some(_) => None,
            None => Some(mint::client_secret_of(&app.name)),
        };
        let secret = app.client_secret.clone();
        let event = Event::new(EventKind::TypeFlipped).client(client_id);
        self.record(&Witness::default(), event);
        Ok(secret)
    }

    /// Lets the user's tokens of one kind expire now.
    pub(crate) fn expire(&mut self, username: &str, kind: TokenKind) -> Outcome {
        let user = self.user_named(username).ok_or(OperateError::UnknownUser)?.id.clone();
        let now = self.now();
        for grant in self.live_grants(None, Some(&user)) {
            for key in self.keys_of(grant, kind) {
                if let Some(token) = self.tokens.find_mut(key) {
                    token.expires = now;
                }
            }
            let event = Event::new(EventKind::Expired).reason(match kind {
                TokenKind::Access => "access",
                TokenKind::Refresh => "refresh",
            });
            self.record_grant(&Witness::default(), grant, event);
        }
        Ok(())
    }

    pub(crate) fn set_auto_approve(&mut self, username: Option<&str>) -> Outcome {
        let known = username
            .map(|name| self.user_named(name).ok_or(OperateError::UnknownUser))
            .transpose()?
            .map(|user| user.username.clone());
        self.auto_approve = known;
        Ok(())
    }

    /// Makes `longer` stand for the live token `token`: an odd answer that is long must still work.
    pub(crate) fn lengthen(&mut self, token: &str, longer: &str) {
        let (old, new) = (TokenKey::of(token), TokenKey::of(longer));
        let Some(id) = self.tokens.find(old).map(|token| token.grant) else { return };
        self.tokens.rename(old, new);
        if let Some(grant) = self.grants.get_mut(&id) {
            let keys = grant.access.iter_mut().chain(grant.refresh.iter_mut());
            keys.filter(|key| **key == old).for_each(|key| *key = new);
        }
    }

    fn keys_of(&self, grant: u64, kind: TokenKind) -> Vec<TokenKey> {
        match (self.grants.get(&grant), kind) {
            (Some(grant), TokenKind::Access) => grant.access.clone(),
            (Some(grant), TokenKind::Refresh) => grant.refresh.into_iter().collect(),
            (None, _) => Vec::new(),
        }
    }

    fn check_redirect(&self, uri: &str) -> Outcome {
        redirect_uri::check(uri, self.quirks.localhost_registrable)
            .map_err(OperateError::RedirectUri)
    }

    fn app_mut(&mut self, client_id: &str) -> Outcome<&mut AppSeed> {
        self.apps.get_mut(client_id).ok_or(OperateError::UnknownApp)
    }
}
