//! Which login a command works for: one match is used, several are listed.

use clap::Args;
use xpkce::grant::{Account, Grant, State};
use xpkce::store::Stored;

use crate::config::Settings;
use crate::failure::{Failure, Kind, Result, SIGN_IN};
use crate::text::clean;
use crate::vault::Vault;

/// The flags that name a login.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LoginFlags {
    /// The app: its name in `xpkce app list`, or its client id.
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// The account: its handle, X's user id, or the name in `xpkce status`.
    #[arg(long, value_name = "USER")]
    pub(crate) account: Option<String>,
}

impl LoginFlags {
    /// Finds the one login that the flags name, leaving out those that were signed out.
    pub(crate) async fn choose(&self, settings: &Settings<'_>, vault: &Vault) -> Result<Stored> {
        let mut found = self.find(settings, vault).await?;
        let is_live = |stored: &Stored| stored.grant.state != State::SignedOut;
        if found.iter().any(is_live) {
            found.retain(is_live);
        }
        if found.len() > 1 {
            return Err(several(settings, &found));
        }
        found.pop().ok_or_else(|| self.nobody(settings))
    }

    /// Finds every login that the flags name. One that is named whole is not searched for among the
    /// others, of which there may be many.
    pub(crate) async fn find(&self, settings: &Settings<'_>, vault: &Vault) -> Result<Vec<Stored>> {
        let client_id = settings.client_id(self.app.as_deref())?;
        if let (Some(client_id), Some(user)) = (&client_id, &self.account)
            && let Some(named) = vault.store.load(&Account::new(client_id, user)).await?
        {
            return Ok(vec![named]);
        }
        let mut found = vault.logins(client_id.as_deref()).await?;
        if let Some(account) = &self.account {
            found.retain(|stored| is_called(&stored.grant, account));
        }
        Ok(found)
    }

    /// Says that there is no such login.
    pub(crate) fn nobody(&self, settings: &Settings<'_>) -> Failure {
        let who = self.account.as_deref().map(clean);
        let app = self.app.as_deref().map(|app| format!(" to the app {}", clean(app)));
        let message = format!(
            "{} is not signed in{}",
            who.as_deref().unwrap_or("anybody"),
            app.unwrap_or_default()
        );
        let message = match who {
            Some(_) => message,
            None => message.replacen("anybody is not", "nobody is", 1),
        };
        let failure = Failure::new(Kind::SignIn, message);
        let has_no_app = settings.apps().is_empty() && settings.app(None).is_err();
        match has_no_app {
            true => failure.why(&"no app is set up either").hint("xpkce app add NAME"),
            false => failure.hint(SIGN_IN).for_app(self.app.as_deref()),
        }
    }
}

/// Returns how a login is called: by its handle, or else its user id or provisional name.
pub(crate) fn name(grant: &Grant) -> String {
    clean(grant.username.as_deref().unwrap_or(&grant.account.user))
}

/// Returns whether a login goes by this name.
pub(crate) fn is_called(grant: &Grant, name: &str) -> bool {
    let handle = name.strip_prefix('@').unwrap_or(name);
    grant.account.user == name
        || grant.username.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(handle))
}

fn several(settings: &Settings<'_>, found: &[Stored]) -> Failure {
    const SHOWN: usize = 5;
    let shown = found.iter().take(SHOWN).map(|stored| {
        let app = settings.name_of(&stored.grant.account.app);
        format!("--account {} --app {app}", name(&stored.grant))
    });
    let mut list = shown.collect::<Vec<_>>().join(", or ");
    if found.len() > SHOWN {
        list.push_str(&format!(", or {} more in xpkce status", found.len() - SHOWN));
    }
    Failure::new(Kind::Configure, format!("{} logins match", found.len()))
        .hint(format!("add {list}"))
}
