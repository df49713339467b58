//! `xpkce app add`.

use clap::Args;
use xpkce::seal::{Place, Sealed};
use xpkce::{App, ClientSecret, Scopes, Severity, lint};

use super::AppView;
use crate::choose::ADD_APP;
use crate::commands::Context;
use crate::config::{AppFlags, Apps, Settings, StoredApp, wrong_url};
use crate::failure::{Failure, Kind, Result};
use crate::hint::{Flag, quoted};
use crate::text::clean;
use crate::vault::Vault;

/// Set up an app, as X's console registers it.
///
/// Native App and Single Page App are public: they have no secret. Web App and Automated App or Bot
/// are confidential: the secret is asked for at the terminal, or read as a line of standard input,
/// and stored sealed.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// How you call it here.
    name: String,
    /// The OAuth 2.0 Client ID of the app's page in X's console. Asked for if it is left out.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The app is public: it has no secret.
    #[arg(long)]
    public: bool,
    /// The app is confidential: its secret is read from the terminal or standard input.
    #[arg(long, conflicts_with = "public")]
    confidential: bool,
    #[command(flatten)]
    flags: AppFlags,
    /// Where the API is. Default: https://api.x.com
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Where the consent page is. Default: https://x.com/i
    #[arg(long, value_name = "URL")]
    authorization_base_url: Option<String>,
    /// Replace the app of that name. Redirect URI, scopes and URLs that are not given stay as they
    /// were.
    #[arg(long)]
    replace: bool,
}

impl Add {
    pub(super) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        self.refuse_name(settings.apps())?;
        let replaced = settings.apps().get(&self.name);
        let draft = self.draft(context, replaced).await?;
        self.refuse_twin(settings.apps(), &draft.client_id)?;
        self.check(context, &draft)?;
        let app = stored(&settings, draft).await?;
        Apps::change(settings.home(), |apps| {
            self.refuse_name(apps)?;
            self.refuse_twin(apps, &app.client_id)?;
            apps.insert(&self.name, app.clone());
            Ok(())
        })?;
        let view = AppView::new(&self.name, &app);
        if context.output.is_json() {
            return context.output.json(&view);
        }
        let Self { name, .. } = &self;
        let say = |text: &str| context.output.say(text);
        say(&format!("The {} app {name} is set up.", view.kind));
        say(&format!("X's console must list this callback, exactly: {}", app.redirect_uri));
        say(&format!("Next: xpkce app check {name}, then xpkce login --app {name}"));
        Ok(())
    }

    fn refuse_name(&self, apps: &Apps) -> Result<()> {
        if !Apps::may_name(&self.name) {
            let message = "an app's name has letters, digits, - _ and . only, and no - first";
            return Err(Failure::new(Kind::Usage, message).hint(ADD_APP));
        }
        if !self.replace && apps.get(&self.name).is_some() {
            let message = format!("there is an app named {} already", self.name);
            return Err(Failure::new(Kind::Configure, message).again([Flag::plain("--replace")]));
        }
        Ok(())
    }

    /// Logins belong to a client id: under two names it would not be known whose secret is meant.
    fn refuse_twin(&self, apps: &Apps, client_id: &str) -> Result<()> {
        match apps.with_client_id(client_id).filter(|(name, _)| *name != self.name) {
            None => Ok(()),
            Some((twin, _)) => {
                let message = format!("this client id is set up already, as the app {twin}");
                let kind = match (self.public, self.confidential) {
                    (true, _) => " --public",
                    (_, true) => " --confidential",
                    _ => "",
                };
                let client_id = quoted(client_id);
                Err(Failure::new(Kind::Configure, message)
                    .hint(format!("xpkce app add {twin} --replace --client-id {client_id}{kind}")))
            }
        }
    }

    async fn draft(&self, context: &Context, replaced: Option<&StoredApp>) -> Result<Draft> {
        let defaults = context.environment.app_defaults(replaced);
        let (client_id, is_set) = match (&self.client_id, defaults.client_id) {
            (Some(id), set) => (id.trim().to_owned(), set.as_ref() == Some(id)),
            (None, Some(set)) => (set, true),
            (None, None) => (asked_client_id(context).await?, false),
        };
        let secret = match defaults.client_secret.filter(|_| is_set && !self.public) {
            Some(secret) => Some(secret),
            None => self.secret(context).await?,
        };
        Ok(Draft {
            client_id,
            secret,
            redirect_uri: self.flags.redirect_uri.clone().unwrap_or(defaults.redirect_uri),
            scope: self.flags.scope.as_deref().map_or(defaults.scope, Scopes::parse),
            base_url: self.base_url.clone().or(defaults.base_url),
            authorization_base_url: self
                .authorization_base_url
                .clone()
                .or(defaults.authorization_base_url),
        })
    }

    /// Refuses what X would refuse, and tells what is odd.
    fn check(&self, context: &Context, draft: &Draft) -> Result<()> {
        let app = match &draft.secret {
            Some(secret) => App::confidential(&draft.client_id, secret.clone()),
            None => App::public(&draft.client_id),
        };
        let mut app = app.with_redirect_uri(&draft.redirect_uri).with_scopes(draft.scope.clone());
        if let Some(url) = &draft.base_url {
            let given = self.base_url.as_ref().map_or("XPKCE_BASE_URL", |_| "--base-url");
            app = app.with_base_url(url).map_err(|why| wrong_url(why, given))?;
        }
        if let Some(url) = &draft.authorization_base_url {
            let given = self.authorization_base_url.as_ref();
            let given =
                given.map_or("XPKCE_AUTHORIZATION_BASE_URL", |_| "--authorization-base-url");
            app = app.with_authorization_base_url(url).map_err(|why| wrong_url(why, given))?;
        }
        for finding in lint(&app) {
            let message = clean(&finding.message);
            if finding.severity == Severity::Error {
                return Err(Failure::new(Kind::Configure, message).hint(finding.hint));
            }
            context.output.warn(&message, Some(finding.hint));
        }
        Ok(())
    }

    async fn secret(&self, context: &Context) -> Result<Option<ClientSecret>> {
        if self.public {
            return Ok(None);
        }
        if !self.confidential && !context.terminal.can_ask() {
            return Err(Failure::new(Kind::Usage, "is the app public or confidential?")
                .why(&"there is no terminal to ask at")
                .hint("add --public, or --confidential with the secret on standard input"));
        }
        let prompt = match self.confidential {
            true => "Client secret (not shown): ",
            false => "Client secret (not shown; leave it empty for a public app): ",
        };
        let line = context.terminal.secret(prompt).await?;
        match (line.as_deref().map(|line| line.trim()), self.confidential) {
            (Some(secret), _) if !secret.is_empty() => Ok(Some(ClientSecret::new(secret))),
            (Some(_), false) => Ok(None),
            _ => Err(Failure::new(Kind::Configure, "no client secret came")
                .hint("give the secret on standard input, or use --public")),
        }
    }
}

/// An app before its secret is sealed.
struct Draft {
    client_id: String,
    secret: Option<ClientSecret>,
    redirect_uri: String,
    scope: Scopes,
    base_url: Option<String>,
    authorization_base_url: Option<String>,
}

async fn asked_client_id(context: &Context) -> Result<String> {
    let missing = || {
        Failure::new(Kind::Configure, "no client id was given")
            .hint("add --client-id ID, the OAuth 2.0 Client ID of X's console")
    };
    if !context.terminal.can_ask() {
        return Err(missing());
    }
    let line = context.terminal.line("OAuth 2.0 Client ID: ").await?;
    line.map(|line| line.trim().to_owned()).filter(|id| !id.is_empty()).ok_or_else(missing)
}

async fn stored(settings: &Settings<'_>, draft: Draft) -> Result<StoredApp> {
    let sealed = match &draft.secret {
        Some(secret) => Some(seal(settings, &draft.client_id, secret).await?),
        None => None,
    };
    Ok(StoredApp {
        client_id: draft.client_id,
        client_secret: sealed,
        redirect_uri: draft.redirect_uri.trim().to_owned(),
        scope: draft.scope,
        base_url: draft.base_url,
        authorization_base_url: draft.authorization_base_url,
    })
}

async fn seal(settings: &Settings<'_>, client_id: &str, secret: &ClientSecret) -> Result<Sealed> {
    let vault = Vault::open(settings).await?;
    Ok(vault.sealer.seal(Place::ClientSecret(client_id), secret.expose().as_bytes())?)
}
