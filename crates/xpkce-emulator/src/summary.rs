//! What a client needs to know about a running emulator.

use std::fmt;

use serde::Serialize;

use crate::seed::{AppSeed, UserSeed};
use crate::shared::Shared;

/// The addresses, apps and users of an emulator: one line of JSON, or a page of text.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The base of token, revoke and resource endpoints.
    pub base_url: String,
    /// The address to which `/oauth2/authorize` is appended.
    pub authorization_base_url: String,
    /// The address of the control verbs.
    pub control_url: String,
    /// The user who approves everything at once; none: the consent page asks.
    pub auto_approve: Option<String>,
    /// The apps.
    pub apps: Vec<AppSummary>,
    /// The users.
    pub users: Vec<UserSummary>,
}

/// An app in a [`Summary`].
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct AppSummary {
    /// The OAuth 2.0 client id.
    pub client_id: String,
    /// The secret, or null for a public app. Fake, and printed on purpose.
    pub client_secret: Option<String>,
    /// The name on the consent page.
    pub name: String,
    /// The registered callbacks.
    pub redirect_uris: Vec<String>,
    /// The API key: the user name at the app-only endpoints.
    pub api_key: String,
    /// The API secret, their password. Fake too.
    pub api_secret: String,
}

/// A user in a [`Summary`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct UserSummary {
    /// The numeric id, as a string.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The handle without `@`.
    pub username: String,
}

impl Summary {
    pub(crate) fn of(shared: &Shared) -> Self {
        let world = shared.world();
        Self {
            base_url: shared.base_url.clone(),
            authorization_base_url: shared.authorization_base_url(),
            control_url: shared.control_url(),
            auto_approve: world.auto_approve.clone(),
            apps: world.apps_in_order().into_iter().map(AppSummary::from).collect(),
            users: world.users.iter().map(UserSummary::from).collect(),
        }
    }
}

impl From<AppSeed> for AppSummary {
    fn from(app: AppSeed) -> Self {
        Self {
            client_id: app.client_id,
            client_secret: app.client_secret,
            name: app.name,
            redirect_uris: app.redirect_uris,
            api_key: app.api_key,
            api_secret: app.api_secret,
        }
    }
}

impl From<&UserSeed> for UserSummary {
    fn from(user: &UserSeed) -> Self {
        Self { id: user.id.clone(), name: user.name.clone(), username: user.username.clone() }
    }
}

impl fmt::Debug for AppSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppSummary").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The summary as a page of text, for people.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "A local stand-in for X. Nothing here reaches X.\n")?;
        writeln!(f, "  base_url                {}", self.base_url)?;
        writeln!(f, "  authorization_base_url  {}", self.authorization_base_url)?;
        writeln!(f, "  control_url             {}", self.control_url)?;
        for app in &self.apps {
            writeln!(f, "\n  app  {}", app.name)?;
            writeln!(f, "    client_id      {}", app.client_id)?;
            match &app.client_secret {
                Some(secret) => writeln!(f, "    client_secret  {secret}")?,
                None => writeln!(f, "    public: no secret")?,
            }
            for uri in &app.redirect_uris {
                writeln!(f, "    redirect_uri   {uri}")?;
            }
        }
        writeln!(f)?;
        for user in &self.users {
            writeln!(f, "  user @{} ({}, id {})", user.username, user.name, user.id)?;
        }
        match &self.auto_approve {
            Some(username) => writeln!(f, "\nEvery sign-in is approved at once by @{username}."),
            None => writeln!(f, "\nThe consent page asks, and offers these users."),
        }
    }
}
