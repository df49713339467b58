//! Which login a command works for: one match is used, several are listed.

use clap::Args;
use xpkce::grant::{Account, Grant, State};
use xpkce::store::{SqliteReading, Stored};

use crate::config::Settings;
use crate::failure::{Failure, Kind, Result};
use crate::hint::{Flag, Hint, quoted};
use crate::text::clean;
use crate::vault::Vault;

/// Takes a name as it is typed. An empty one is a variable of a script that was not set.
pub(crate) fn named(text: &str) -> std::result::Result<String, &'static str> {
    if text.trim().is_empty() { Err("it names nothing") } else { Ok(text.to_owned()) }
}

/// The flags that name a login.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LoginFlags {
    /// The app: its name in `xpkce app list`, or its client id.
    #[arg(long, value_name = "NAME", value_parser = named)]
    pub(crate) app: Option<String>,
    /// The account: its handle, X's user id, or the name in `xpkce status`.
    #[arg(long, value_name = "USER", value_parser = named)]
    pub(crate) account: Option<String>,
}

impl LoginFlags {
    /// Finds the one login that the flags name, leaving out those that were signed out, and imported
    /// tokens that X refused before it said whose they are, unless it is the only one.
    pub(crate) async fn choose(&self, settings: &Settings<'_>, vault: &Vault) -> Result<Stored> {
        let mut found = self.find(settings, vault).await?;
        if found.len() > 1 {
            found.retain(|stored| stored.grant.state != State::SignedOut);
        }
        if found.iter().filter(|stored| !is_nobodys(&stored.grant)).count() == 1 {
            found.retain(|stored| !is_nobodys(&stored.grant));
        }
        if found.len() > 1 {
            return Err(several(settings, &found));
        }
        found.pop().ok_or_else(|| self.nobody(settings))
    }

    /// Finds the one login that the flags name, if there is no doubt which, with one look.
    pub(crate) fn choose_in(
        &self,
        settings: &Settings<'_>,
        store: &SqliteReading,
    ) -> Option<Grant> {
        const MOST: usize = 500;
        let client_id = settings.client_id(self.app.as_deref()).ok()?;
        if let (Some(client_id), Some(user)) = (&client_id, &self.account)
            && let Some(named) = store.grant(&Account::new(client_id, user)).ok()?
        {
            return Some(named);
        }
        let mut found = store.grants(MOST).ok().filter(|found| found.len() < MOST)?;
        found.retain(|grant| {
            let is_apps = client_id.as_ref().is_none_or(|id| grant.account.app == *id);
            let is_called = self.account.as_ref().is_none_or(|name| is_called(grant, name));
            is_apps && is_called && grant.state != State::SignedOut
        });
        found.pop().filter(|_| found.is_empty())
    }

    /// Finds every login that the flags name. One that is named whole is not searched for among the
    /// others, of which there may be many.
    pub(crate) async fn find(&self, settings: &Settings<'_>, vault: &Vault) -> Result<Vec<Stored>> {
        let client_id = match settings.client_id(self.app.as_deref()) {
            Ok(client_id) => client_id,
            // An app that was removed may have left logins behind.
            Err(why) => match self.app.clone() {
                Some(id) if !vault.logins(Some(&id)).await?.is_empty() => Some(id),
                _ => return Err(why),
            },
        };
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
        let to_app = self.app.as_deref().map(|app| format!(" to the app {}", clean(app)));
        let to_app = to_app.unwrap_or_default();
        let message = match self.account.as_deref().map(clean) {
            Some(who) => format!("{who} is not signed in{to_app}"),
            None => format!("nobody is signed in{to_app}"),
        };
        let failure = Failure::new(Kind::SignIn, message);
        if settings.has_no_app() {
            return failure.why(&"no app is set up either").hint(ADD_APP);
        }
        failure.hint(Hint::sign_in()).for_app(self.app.as_deref().or(settings.any_flag()))
    }
}

/// What to do where there is no app.
pub(crate) const ADD_APP: &str = "xpkce app add my-app";

/// Returns the flags that name one login among all, as they are typed.
pub(crate) fn login_flags(account: &str, app: &str) -> String {
    format!("--account {} --app {}", quoted(account), quoted(app))
}

/// Returns how a login is called: by its handle, or else its user id or provisional name.
pub(crate) fn name(grant: &Grant) -> String {
    clean(grant.username.as_deref().unwrap_or(&grant.account.user))
}

/// Returns whether a login goes by this name.
pub(crate) fn is_called(grant: &Grant, name: &str) -> bool {
    let handle = name.strip_prefix('@').unwrap_or(name);
    grant.account.user == name
        || grant.provisional_user() == name
        || grant.username.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(handle))
}

/// Returns whether it is a token that X refuses, and nobody knows whose it was. Any other login that has
/// ended is still a choice: a script must not go on as somebody else because one of two has ended.
fn is_nobodys(grant: &Grant) -> bool {
    let is_refused = matches!(grant.state, State::Rejected | State::SignInNeeded);
    grant.account.is_unlabelled() && is_refused
}

fn several(settings: &Settings<'_>, found: &[Stored]) -> Failure {
    const SHOWN: usize = 5;
    let app_of = |stored: &Stored| clean(settings.name_of(&stored.grant.account.app));
    let shown = found.iter().take(SHOWN);
    let shown = shown.map(|stored| login_flags(&name(&stored.grant), &app_of(stored)));
    let mut list = shown.collect::<Vec<_>>().join(", or ");
    if found.len() > SHOWN {
        list.push_str(&format!(", or {} more in xpkce status", found.len() - SHOWN));
    }
    let failure = Failure::new(Kind::Configure, format!("{} logins match: {list}", found.len()));
    match found.first() {
        Some(first) => failure.again([
            Flag::with("--account", &name(&first.grant)),
            Flag::with("--app", &app_of(first)),
        ]),
        None => failure,
    }
}
