//! `xpkce logout`: revoked at X, then forgotten here.

use clap::Args;
use serde::Serialize;
use xpkce::grant::{Account, State};
use xpkce::keeper::SignedOut;
use xpkce::{ErrorKind, TokenSource};

use super::Context;
use crate::choose::LoginFlags;
use crate::config::ChosenApp;
use crate::failure::{Failure, Kind, Result};
use crate::vault::Vault;
use crate::view::{CONNECTED_APPS, Who};

/// Revoke the refresh token and the access token at X, then delete them here.
///
/// If X cannot be reached nothing is deleted: the login serves no more tokens, and running the same
/// command again tries again.
#[derive(Args, Debug)]
pub(crate) struct Logout {
    #[command(flatten)]
    login: LoginFlags,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Forget the login without asking X. What X issued lives on until its user ends it at
    /// https://x.com/settings/connected_apps.
    #[arg(long)]
    forget: bool,
}

#[derive(Serialize)]
struct LoggedOut {
    #[serde(flatten)]
    who: Who,
    outcome: &'static str,
}

impl Logout {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let Some(vault) = Vault::open_existing(&settings).await? else {
            return Err(self.login.nobody(&settings));
        };
        let grant = self.login.choose(&settings, &vault).await?.grant;
        let who = Who::new(&settings, &grant.account, grant.username.as_deref());
        if grant.state != State::SignedOut && !self.is_meant(context, &who).await? {
            context.output.say("Nothing was changed.");
            return Ok(());
        }
        let chosen = settings.app_of(&grant.account.app);
        let flag = chosen.as_ref().ok().and_then(ChosenApp::flag).map(str::to_owned);
        let source = self.source(chosen, &vault, &grant.account)?;
        let outcome = if self.forget {
            source.forget().await.map_err(Failure::from)
        } else {
            let asking = context.output.waiting("asking X to revoke the tokens", source.sign_out());
            asking.await.map_err(|why| unrevoked(why, &who).for_app(flag.as_deref()))
        };
        told(context, who, outcome?)
    }

    async fn is_meant(&self, context: &Context, who: &Who) -> Result<bool> {
        if self.yes || !context.terminal.can_ask() {
            return Ok(true);
        }
        let question = format!("Sign {} out of the app {}?", who.shown(), who.app);
        context.terminal.confirm(&question, true).await
    }

    /// To forget a login no app is needed.
    fn source(
        &self,
        chosen: Result<ChosenApp>,
        vault: &Vault,
        account: &Account,
    ) -> Result<TokenSource> {
        let app = match chosen {
            Err(_) if self.forget => xpkce::App::public(&account.app),
            chosen => chosen?.app(&vault.sealer)?,
        };
        Ok(vault.keeper(app)?.token_source(&account.user))
    }
}

fn unrevoked(why: xpkce::Error, who: &Who) -> Failure {
    if !matches!(why.kind(), ErrorKind::Retry | ErrorKind::InDoubt) {
        return why.into();
    }
    let mut failure = Failure::from(why);
    failure.message = format!(
        "{}: the refresh token and the access token were not revoked, and still live at X ({})",
        who.shown(),
        failure.message
    );
    failure.hint(format!(
        "run this when X answers again, or with --forget and end it at {CONNECTED_APPS}: xpkce logout {}",
        who.flags()
    ))
}

fn told(context: &Context, who: Who, outcome: SignedOut) -> Result<()> {
    let (outcome, words) = match outcome {
        SignedOut::Revoked => ("revoked", "signed out: X has revoked its tokens".to_owned()),
        SignedOut::Already => ("already", "was signed out already".to_owned()),
        SignedOut::Forgotten => (
            "forgotten",
            format!("forgotten here; what X issued lives on until it is ended at {CONNECTED_APPS}"),
        ),
        _ => return Err(Failure::new(Kind::Protocol, "the sign-out ended in an unknown way")),
    };
    if context.output.is_json() {
        return context.output.json(&LoggedOut { who, outcome });
    }
    context.output.say(&format!("{}: {words}", who.shown()));
    Ok(())
}
