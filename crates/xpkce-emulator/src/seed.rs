//! The apps and users an emulator starts with.

use std::fmt;

use serde::Serialize;

use crate::mint;

/// The redirect URIs that every app seeded by default has registered.
pub const DEFAULT_REDIRECT_URIS: [&str; 2] =
    ["http://127.0.0.1:8080/callback", "http://localhost:8080/callback"];

/// An app as its owner set it up in X's developer console.
///
/// The credentials follow from the name, so the same name is the same app in every run. They are
/// fake and say so (`fake-secret-...`), but have the length and alphabet of real ones.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct AppSeed {
    /// The OAuth 2.0 client id: 34 characters.
    pub client_id: String,
    /// The secret of a confidential app (50 characters); none for a public one.
    pub client_secret: Option<String>,
    /// The name on the consent page.
    pub name: String,
    /// The registered callbacks, compared as exact strings; at most ten.
    pub redirect_uris: Vec<String>,
    /// The numeric id that X shows in `client-not-enrolled` errors.
    pub app_id: String,
    /// The API key, user name of the app-only token endpoint.
    pub api_key: String,
    /// The API secret, password of the app-only token endpoint.
    pub api_secret: String,
    /// Whether the app may call `/2/` endpoints; if not they answer `client-not-enrolled`.
    pub enrolled: bool,
    /// Whether X suspended the app: its tokens are dead and it gets no new ones.
    pub suspended: bool,
    /// Whether the console's email option is on, without which `confirmed_email` is absent.
    pub email: bool,
    /// Whether the app has no credits left.
    pub out_of_credits: bool,
}

impl AppSeed {
    /// Returns a public app (Native App, Single Page App): PKCE only, no secret, no redirect yet.
    pub fn public(name: &str) -> Self {
        Self {
            client_id: mint::client_id_of(name),
            client_secret: None,
            name: name.to_owned(),
            redirect_uris: Vec::new(),
            app_id: "27283493".to_owned(),
            api_key: mint::derived_text("api key", name, 25),
            api_secret: format!("fake-api-secret-{}", mint::derived_text("api secret", name, 34)),
            enrolled: true,
            suspended: false,
            email: true,
            out_of_credits: false,
        }
    }

    /// Returns a confidential app (Web App, Automated App or Bot): must authenticate with Basic.
    pub fn confidential(name: &str) -> Self {
        Self { client_secret: Some(mint::client_secret_of(name)), ..Self::public(name) }
    }

    /// Registers one more redirect URI.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Replaces the client id.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// Replaces the secret, which also makes the app confidential.
    pub fn client_secret(mut self, secret: impl Into<String>) -> Self {
        self.client_secret = Some(secret.into());
        self
    }

    /// Takes away the enrolment: `/2/` endpoints answer 403 `client-not-enrolled`.
    pub fn not_enrolled(mut self) -> Self {
        self.enrolled = false;
        self
    }

    /// Suspends the app from the start.
    pub fn suspended(mut self) -> Self {
        self.suspended = true;
        self
    }

    /// Switches the console's email option off.
    pub fn without_email(mut self) -> Self {
        self.email = false;
        self
    }

    /// Leaves the app without credits.
    pub fn out_of_credits(mut self) -> Self {
        self.out_of_credits = true;
        self
    }

    /// Returns whether the app has a secret and must prove it.
    pub fn is_confidential(&self) -> bool {
        self.client_secret.is_some()
    }

    pub(crate) fn defaults() -> Vec<Self> {
        let mut apps = vec![Self::public("Paper Lantern"), Self::confidential("Harbour Desk")];
        for app in &mut apps {
            app.redirect_uris = DEFAULT_REDIRECT_URIS.map(str::to_owned).to_vec();
        }
        apps[1].app_id = "27283494".to_owned();
        apps
    }
}

impl fmt::Debug for AppSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppSeed")
            .field("client_id", &self.client_id)
            .field("name", &self.name)
            .field("confidential", &self.is_confidential())
            .field("redirect_uris", &self.redirect_uris)
            .finish_non_exhaustive()
    }
}

/// A fictional account of X.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserSeed {
    /// The numeric id, as a string like X writes it. Never changes.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The handle without `@`. May change.
    pub username: String,
    /// The address answered as `confirmed_email`, if it may be.
    pub email: Option<String>,
}

impl UserSeed {
    /// Returns a user with these three fields and an address at `example.com`.
    pub fn new(id: &str, name: &str, username: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            username: username.to_owned(),
            email: Some(format!("{username}@example.com")),
        }
    }

    pub(crate) fn defaults() -> Vec<Self> {
        vec![
            Self::new("1000000000000000001", "Ada Example", "ada_example"),
            Self::new("1000000000000000002", "Bo Sample", "bo_sample"),
            Self::new("1000000000000000003", "Cleo Fiction", "cleo_fiction"),
        ]
    }
}
