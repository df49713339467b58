//! `xpkce import`: takes over a token that another program has.

use clap::Args;
use std::io::IsTerminal as _;
use xpkce::grant::{Account, State};
use xpkce::{Keeper, Reason, SignedIn, Token};

use super::Context;
use super::login::{lifetime, next};
use crate::choose::named;
use crate::config::{ChosenApp, Settings};
use crate::failure::{Failure, Kind, Result};
use crate::hint::{Hint, quoted};
use crate::text::clean;
use crate::vault::Vault;
use crate::view::{SignedInView, Who};

const EXAMPLE: &str = "\
Example:
  xpkce import < token.json";

/// Take over a token that another program saved, from standard input.
///
/// It is JSON as X's Python class keeps it. From then on only xpkce may refresh it: a refresh token
/// works once.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Import {
    /// The app that the token belongs to: its name in `xpkce app list`, or its client id.
    #[arg(long, value_name = "NAME", value_parser = named)]
    app: Option<String>,
}

impl Import {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let chosen = settings.app(self.app.as_deref())?;
        if std::io::stdin().is_terminal() {
            context.output.say("Paste the token's JSON, then press Ctrl-D.");
        }
        let token = Token::from_json(&context.terminal.all().await?).map_err(|why| {
            let flag = chosen.flag().map(|app| format!(" --app {}", quoted(app)));
            Failure::from(why).hint(format!(
                "give the JSON that X's Python class saves: xpkce import{} < token.json",
                flag.unwrap_or_default()
            ))
        })?;
        let vault = Vault::open(&settings).await?;
        let keeper = vault.keeper(chosen.app(&vault.sealer)?)?;
        let importing = context.output.waiting("asking X whose token it is", keeper.import(token));
        let mut taken = importing.await.map_err(|why| chosen.failed(why))?;
        if is_refused(&taken) {
            taken = match revive(context, &keeper, &taken).await {
                Ok(labelled) => labelled,
                Err(why) => {
                    let is_ended = is_ended(&vault, &taken.account).await?;
                    return Err(not_taken(why, is_ended, &settings, &chosen, &taken));
                }
            };
        }
        told(context, &settings, &vault, &taken).await
    }
}

/// Returns whether X was asked and refused the access token.
fn is_refused(taken: &SignedIn) -> bool {
    taken.unlabelled_because.as_ref().is_some_and(|why| why.reason() == Reason::TokenRejected)
}

/// An access token that X refuses may only be old: its refresh token says whether the pair lives.
async fn revive(context: &Context, keeper: &Keeper, taken: &SignedIn) -> xpkce::Result<SignedIn> {
    let user = &taken.account.user;
    let source = keeper.token_source(user);
    let asking = context.output.waiting("asking X for a new token", source.refresh());
    let expires_at = asking.await?.expires_at();
    Ok(keeper.label(user).await.unwrap_or_else(|why| {
        let mut unlabelled = taken.clone();
        unlabelled.expires_at = Some(expires_at);
        unlabelled.unlabelled_because = Some(why);
        unlabelled
    }))
}

/// Returns whether X said that the refresh token is invalid, once or twice.
async fn is_ended(vault: &Vault, account: &Account) -> Result<bool> {
    let stored = vault.store.load(account).await?;
    let ended = [State::Rejected, State::SignInNeeded];
    Ok(stored.is_some_and(|stored| ended.contains(&stored.grant.state)))
}

/// What X does not take is kept all the same: it may be X that is wrong.
fn not_taken(
    why: xpkce::Error,
    is_ended: bool,
    settings: &Settings<'_>,
    chosen: &ChosenApp,
    taken: &SignedIn,
) -> Failure {
    let who = Who::new(settings, &taken.account, taken.username.as_deref());
    let saved = format!("the token is saved as {}, but X does not take it", who.shown());
    let failure = chosen.failed(why);
    if is_ended {
        return Failure::new(Kind::SignIn, saved)
            .why(&"X says that the access token and the refresh token are spent, revoked, expired or unknown")
            .hint(Hint::sign_in())
            .for_app(chosen.flag());
    }
    Failure { message: format!("{saved}: {}", failure.message), ..failure }
}

/// Says whose token it is, as far as X told, and for how long.
async fn told(
    context: &Context,
    settings: &Settings<'_>,
    vault: &Vault,
    taken: &SignedIn,
) -> Result<()> {
    let view = SignedInView::new(settings, taken);
    let (shown, output) = (view.who.shown(), &context.output);
    if taken.has_replaced {
        output.say(&format!("This login of {shown} takes the place of the one before."));
    }
    if let Some(why) = &taken.unlabelled_because {
        output.warn(
            &format!(
                "the token is saved as {shown}; whose it is, and whether X takes it, is not known ({})",
                clean(&why.to_string())
            ),
            Some(&format!("to ask X: xpkce refresh {}", view.who.flags())),
        );
    }
    if output.is_json() {
        return output.json(&view);
    }
    let app = &view.who.app;
    output.say(&match taken.unlabelled_because {
        None => format!("The login of {shown} to the app {app} is taken over."),
        Some(_) => format!("The token is saved as {shown}, of the app {app}."),
    });
    output.say(&lifetime(taken));
    output.say(&next(settings, vault, taken, &view.who).await);
    Ok(())
}
