//! Which app a command works for, and with which settings.

use clap::Args;
use xpkce::seal::{Place, Sealed, Sealer};
use xpkce::{App, ClientSecret, DEFAULT_REDIRECT_URI, Scopes};

use super::{Apps, Environment, Settings, StoredApp};
use crate::choose::ADD_APP;
use crate::failure::{Failure, Kind, Result};
use crate::hint::{Flag, quoted};
use crate::text::clean;

/// The settings of an app that a flag can give.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AppFlags {
    /// Where X sends the browser back to, exactly as it is registered in X's console.
    /// Default: http://127.0.0.1:8080/callback
    #[arg(long, value_name = "URI")]
    pub(crate) redirect_uri: Option<String>,
    /// The scopes to ask for, with spaces between them.
    /// Default: "tweet.read users.read offline.access"
    #[arg(long, value_name = "SCOPES")]
    pub(crate) scope: Option<String>,
}

/// The app that a command works for.
#[derive(Debug)]
pub(crate) struct ChosenApp {
    /// Its name, if it is stored.
    pub(crate) name: Option<String>,
    pub(crate) client_id: String,
    secret: Secret,
    redirect_uri: String,
    scope: Scopes,
    base_url: Option<String>,
    authorization_base_url: Option<String>,
    /// What `--app` has to say for this app to be chosen again; none where it needs to say nothing.
    flag: Option<String>,
}

#[derive(Debug)]
enum Secret {
    None,
    Given(ClientSecret),
    Sealed(Sealed),
}

impl ChosenApp {
    /// Returns how `--app` and the lists call it.
    pub(crate) fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.client_id)
    }

    /// Returns whether a keeper of this app need not be another one for `other`.
    pub(crate) fn is_kept_like(&self, other: &Self) -> bool {
        let is_same_secret = match (&self.secret, &other.secret) {
            (Secret::None, Secret::None) => true,
            (Secret::Given(one), Secret::Given(other)) => one.matches(other.expose()),
            (Secret::Sealed(one), Secret::Sealed(other)) => one == other,
            _ => false,
        };
        is_same_secret && self.client_id == other.client_id && self.base_url == other.base_url
    }

    /// Returns what `--app` has to say for this app to be chosen again, if anything.
    pub(crate) fn flag(&self) -> Option<&str> {
        self.flag.as_deref()
    }

    /// Returns whether its secret, or its having none, is said by the environment.
    pub(crate) fn has_secret_of_environment(&self) -> bool {
        self.name.is_none() || matches!(self.secret, Secret::Given(_))
    }

    /// Makes a failure of what went wrong with this app or its logins.
    pub(crate) fn failed(&self, why: xpkce::Error) -> Failure {
        Failure::from(why).for_app(self.flag())
    }

    /// Returns the app with flags in the place of its settings.
    #[must_use]
    pub(crate) fn with(mut self, flags: &AppFlags) -> Self {
        if let Some(uri) = &flags.redirect_uri {
            self.redirect_uri.clone_from(uri);
        }
        if let Some(scope) = &flags.scope {
            self.scope = Scopes::parse(scope);
        }
        self
    }

    /// Opens the secret and makes the library's app of it.
    pub(crate) fn app(&self, sealer: &Sealer) -> Result<App> {
        let secret = match &self.secret {
            Secret::None => None,
            Secret::Given(secret) => Some(secret.clone()),
            Secret::Sealed(sealed) => Some(opened(sealer, &self.client_id, sealed)?),
        };
        self.with_secret(secret)
    }

    /// Makes the library's app, unless there is a sealed secret to open.
    pub(crate) fn unsealed_app(&self) -> Result<Option<App>> {
        match &self.secret {
            Secret::None => self.with_secret(None).map(Some),
            Secret::Given(secret) => self.with_secret(Some(secret.clone())).map(Some),
            Secret::Sealed(_) => Ok(None),
        }
    }

    fn with_secret(&self, secret: Option<ClientSecret>) -> Result<App> {
        let app = match secret {
            None => App::public(&self.client_id),
            Some(secret) => App::confidential(&self.client_id, secret),
        };
        let mut app = app.with_redirect_uri(&self.redirect_uri).with_scopes(self.scope.clone());
        if let Some(url) = &self.base_url {
            app = app.with_base_url(url).map_err(|why| wrong_url(why, "XPKCE_BASE_URL"))?;
        }
        if let Some(url) = &self.authorization_base_url {
            app = app
                .with_authorization_base_url(url)
                .map_err(|why| wrong_url(why, "XPKCE_AUTHORIZATION_BASE_URL"))?;
        }
        Ok(app)
    }
}

/// Says what a URL has to be like, and what gave this one.
pub(crate) fn wrong_url(why: xpkce::Error, name: &str) -> Failure {
    Failure::from(why)
        .hint(format!("give https://…, or http://127.0.0.1:PORT for the emulator; see {name}"))
}

fn opened(sealer: &Sealer, client_id: &str, sealed: &Sealed) -> Result<ClientSecret> {
    let opened = sealer.open(Place::ClientSecret(client_id), sealed)?;
    let secret = std::str::from_utf8(&opened).map_err(|why| {
        Failure::new(Kind::Store, "the app's client secret is not text").why(&why)
    })?;
    Ok(ClientSecret::new(secret))
}

impl Settings<'_> {
    /// Returns the app that `--app`, the environment, or there being only one, names.
    pub(crate) fn app(&self, flag: Option<&str>) -> Result<ChosenApp> {
        if let Some(name) = flag {
            return self.named(name);
        }
        if let Some(client_id) = &self.environment.client_id {
            return Ok(self.chosen(self.apps.with_client_id(client_id), client_id));
        }
        let mut apps = self.apps.iter();
        match (apps.next(), apps.next()) {
            (None, _) => Err(no_app()),
            (Some((name, app)), None) => Ok(self.chosen(Some((name, app)), &app.client_id)),
            (Some((first, _)), _) => Err(Failure::new(
                Kind::Configure,
                format!("there are several apps: {}", self.apps.names()),
            )
            .again([Flag::with("--app", first)])),
        }
    }

    /// Returns whether there is no app, neither stored nor in the environment.
    pub(crate) fn has_no_app(&self) -> bool {
        self.apps.is_empty() && self.environment.client_id.is_none()
    }

    /// Returns an app that `--app` can name, where it has to name one.
    pub(crate) fn any_flag(&self) -> Option<&str> {
        match self.unnamed() {
            Some(_) => None,
            None => self.apps.iter().next().map(|(name, _)| name),
        }
    }

    /// Returns the app that `--app` names, or else every app there is: those that are stored, and
    /// the environment's.
    pub(crate) fn apps_to_keep(&self, flag: Option<&str>) -> Result<Vec<ChosenApp>> {
        if let Some(name) = flag {
            return Ok(vec![self.named(name)?]);
        }
        let stored = self.apps.iter();
        let mut all: Vec<_> =
            stored.map(|(name, app)| self.chosen(Some((name, app)), &app.client_id)).collect();
        if let Some(client_id) = &self.environment.client_id
            && self.apps.with_client_id(client_id).is_none()
        {
            all.push(self.chosen(None, client_id));
        }
        if all.is_empty() { Err(no_app()) } else { Ok(all) }
    }

    /// Returns the app with a client id: of the environment, or stored.
    pub(crate) fn app_of(&self, client_id: &str) -> Result<ChosenApp> {
        let is_set = self.environment.client_id.as_deref() == Some(client_id);
        let stored = self.apps.with_client_id(client_id);
        if stored.is_none() && !is_set {
            let message =
                format!("this login belongs to client id {client_id}, which is no app here");
            return Err(Failure::new(Kind::Configure, message)
                .hint(format!("{ADD_APP} --client-id {}", quoted(client_id))));
        }
        Ok(self.chosen(stored, client_id))
    }

    /// Returns the client id that narrows a search for logins: that of `--app` or of the
    /// environment.
    pub(crate) fn client_id(&self, flag: Option<&str>) -> Result<Option<String>> {
        match flag {
            Some(name) => self.named(name).map(|app| Some(app.client_id)),
            None => Ok(self.environment.client_id.clone()),
        }
    }

    /// Returns how an app is called: by its name, or else its client id.
    pub(crate) fn name_of<'a>(&'a self, client_id: &'a str) -> &'a str {
        self.apps.with_client_id(client_id).map_or(client_id, |(name, _)| name)
    }

    /// Returns the client id of the app that is chosen where `--app` says nothing.
    fn unnamed(&self) -> Option<&str> {
        let mut apps = self.apps.iter();
        match (self.environment.client_id.as_deref(), apps.next(), apps.next()) {
            (Some(client_id), ..) => Some(client_id),
            (None, Some((_, app)), None) => Some(&app.client_id),
            _ => None,
        }
    }

    /// Finds an app by its name, or by its client id.
    fn named(&self, name: &str) -> Result<ChosenApp> {
        if let Some(app) = self.apps.get(name) {
            return Ok(self.chosen(Some((name, app)), &app.client_id));
        }
        if self.environment.client_id.as_deref() == Some(name)
            || self.apps.with_client_id(name).is_some()
        {
            return self.app_of(name);
        }
        let failure =
            Failure::new(Kind::Configure, format!("there is no app named {}", clean(name)));
        Err(match self.apps.is_empty() {
            true if Apps::may_name(name) => failure.hint(format!("xpkce app add {name}")),
            true => failure.hint(ADD_APP),
            false => {
                failure.why(&format!("there are: {}", self.apps.names())).hint("xpkce app list")
            }
        })
    }

    /// Puts the environment over what is stored. A secret belongs to its client id: the stored one
    /// is that of `stored` alone, and the environment's that of the environment's client id.
    fn chosen(&self, stored: Option<(&str, &StoredApp)>, client_id: &str) -> ChosenApp {
        let environment = self.environment;
        let (name, app) = stored.unzip();
        let is_ours = environment.client_id.as_deref().is_none_or(|id| id == client_id);
        let given = environment.client_secret.clone().filter(|_| is_ours);
        let sealed = app.and_then(|app| app.client_secret.clone());
        let secret = given.map(Secret::Given).or(sealed.map(Secret::Sealed));
        let is_found = self.unnamed() == Some(client_id);
        ChosenApp {
            flag: (!is_found).then(|| name.unwrap_or(client_id).to_owned()),
            name: name.map(str::to_owned),
            client_id: client_id.to_owned(),
            secret: secret.unwrap_or(Secret::None),
            redirect_uri: environment.redirect_uri_or(app),
            scope: environment.scope_or(app),
            base_url: environment.base_url_or(app),
            authorization_base_url: environment.authorization_base_url_or(app),
        }
    }
}

impl Environment {
    fn redirect_uri_or(&self, stored: Option<&StoredApp>) -> String {
        let stored = stored.map(|app| app.redirect_uri.clone());
        let set = self.redirect_uri.as_deref().map(|uri| uri.trim().to_owned());
        set.or(stored).unwrap_or_else(|| DEFAULT_REDIRECT_URI.to_owned())
    }

    fn scope_or(&self, stored: Option<&StoredApp>) -> Scopes {
        let set = self.scope.as_deref().map(Scopes::parse);
        set.or(stored.map(|app| app.scope.clone()))
            .unwrap_or_else(|| Scopes::parse(Scopes::DEFAULT))
    }

    fn base_url_or(&self, stored: Option<&StoredApp>) -> Option<String> {
        self.base_url.clone().or_else(|| stored.and_then(|app| app.base_url.clone()))
    }

    fn authorization_base_url_or(&self, stored: Option<&StoredApp>) -> Option<String> {
        let stored = || stored.and_then(|app| app.authorization_base_url.clone());
        self.authorization_base_url.clone().or_else(stored)
    }

    /// Returns what a new app is made of where no flag says it. One that it replaces is asked last.
    pub(crate) fn app_defaults(&self, replaced: Option<&StoredApp>) -> NewApp {
        NewApp {
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            redirect_uri: self.redirect_uri_or(replaced),
            scope: self.scope_or(replaced),
            base_url: self.base_url_or(replaced),
            authorization_base_url: self.authorization_base_url_or(replaced),
        }
    }
}

/// What a new app is made of.
pub(crate) struct NewApp {
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<ClientSecret>,
    pub(crate) redirect_uri: String,
    pub(crate) scope: Scopes,
    pub(crate) base_url: Option<String>,
    pub(crate) authorization_base_url: Option<String>,
}

fn no_app() -> Failure {
    Failure::new(Kind::Configure, "no app is set up")
        .why(&"xpkce needs the OAuth 2.0 Client ID from your app's page in X's console")
        .hint(ADD_APP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Apps;

    fn sealed() -> Sealed {
        Sealed::try_from("0123456789abcdef.AAAA".to_owned()).unwrap()
    }

    fn settings(environment: &Environment) -> Settings<'_> {
        let mut apps = Apps::default();
        let app = |id: &str| StoredApp {
            client_id: id.to_owned(),
            client_secret: Some(sealed()),
            redirect_uri: "http://127.0.0.1:1/a".to_owned(),
            scope: Scopes::parse("tweet.read"),
            base_url: None,
            authorization_base_url: None,
        };
        apps.insert("one", app("id-one"));
        Settings { environment, home: "/nowhere".into(), apps }
    }

    #[test]
    fn the_environments_client_id_does_not_get_another_apps_secret() {
        let environment =
            Environment { client_id: Some("id-two".to_owned()), ..Environment::default() };
        let chosen = settings(&environment).app(None).unwrap();
        assert!(matches!(chosen.secret, Secret::None));
        assert_eq!(chosen.redirect_uri, DEFAULT_REDIRECT_URI);
    }

    #[test]
    fn a_named_app_does_not_get_the_secret_of_the_environments_client_id() {
        let environment = Environment {
            client_id: Some("id-two".to_owned()),
            client_secret: Some(ClientSecret::new("two")),
            ..Environment::default()
        };
        let chosen = settings(&environment).app(Some("one")).unwrap();
        assert!(matches!(chosen.secret, Secret::Sealed(_)));
    }

    #[test]
    fn the_environment_goes_before_what_is_stored_and_a_flag_before_both() {
        let environment =
            Environment { scope: Some("dm.read".to_owned()), ..Environment::default() };
        let chosen = settings(&environment).app(None).unwrap();
        assert_eq!(chosen.scope, Scopes::parse("dm.read"));
        assert_eq!(chosen.redirect_uri, "http://127.0.0.1:1/a");
        let flags = AppFlags { redirect_uri: Some("http://127.0.0.1:2/b".into()), scope: None };
        assert_eq!(chosen.with(&flags).redirect_uri, "http://127.0.0.1:2/b");
    }
}
