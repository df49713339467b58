//! A sign-in in two processes: one prints the URL, another takes the callback.

use clap::Args;
use xpkce::Clock as _;
use xpkce::keeper::{park_login, take_login};
use xpkce::{Approval, Keeper, Login, Reason, SystemClock};

use super::paste::{Waiting, callback};
use super::{Begin, report};
use crate::choose::named;
use crate::commands::Context;
use crate::config::{ChosenApp, Settings};
use crate::failure::{Failure, Kind, Result};
use crate::hint::Hint;
use crate::vault::Vault;

/// Begin a sign-in and print {"url","state"}; it waits ten minutes for `login finish`.
#[derive(Args, Debug)]
pub(super) struct Start {
    #[command(flatten)]
    begin: Begin,
}

/// Finish the sign-in that a callback belongs to; its URL, or the URL's query, is read from standard
/// input.
#[derive(Args, Debug)]
pub(super) struct Finish {
    /// Fail with 3 if somebody else signs in than this user (a handle, or X's user id).
    #[arg(long, value_name = "USER", value_parser = named)]
    expect: Option<String>,
}

impl Start {
    pub(super) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let begun = self.begin.begin(context, &settings, None).await?;
        context.output.json(&Waiting::of(&begun.login))?;
        context.output.say(
            "When X has called back: xpkce login finish, with the callback URL on standard input",
        );
        Ok(())
    }
}

impl Finish {
    pub(super) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let callback = callback(context).await?;
        let Some(vault) = Vault::open_existing(&settings).await? else {
            let failure = Failure::new(Kind::SignIn, "no sign-in waits for a callback here");
            return Err(failure.hint(Hint::sign_in()).for_app(settings.any_flag()));
        };
        let now = SystemClock.now();
        let login = take_login(vault.store.as_ref(), &vault.sealer, &callback, now)
            .await
            .map_err(|why| Failure::from(why).for_app(settings.any_flag()))?;
        let (chosen, keeper) = match keeper_of(&settings, &vault, &login) {
            Ok(found) => found,
            Err(failure) => {
                let parking = park_login(vault.store.as_ref(), &vault.sealer, &login, now).await;
                if let Err(lost) = parking {
                    tracing::warn!(error = %lost, "the sign-in no longer waits");
                }
                return Err(failure);
            }
        };
        let finishing = keeper.finish_taken_login(login, &callback);
        let finishing = context.output.waiting("waiting for X's answer", finishing).await;
        let signed_in = finishing.map_err(|why| failed(why).for_app(chosen.flag()))?;
        report(context, &settings, &vault, &signed_in, self.expect.as_deref()).await
    }
}

/// A slip of the hand ends no sign-in, nor does what X did not hear, nor a wait that its code outlives;
/// whatever else went wrong does, but for what `ends_sign_in` keeps the advice of.
fn failed(why: xpkce::Error) -> Failure {
    let is_short = why.retry_after().is_some_and(|wait| wait <= Approval::LIFETIME);
    match why.reason() {
        Reason::MalformedCallback | Reason::NotSent => Failure::from(why),
        Reason::RateLimited if is_short => Failure::from(why),
        Reason::RateLimited | Reason::OutcomeUnknown => Failure::from(why).hint(Hint::sign_in()),
        _ => Failure::from(why).ends_sign_in(),
    }
}

/// Finds the app that a sign-in began with, and makes a keeper of it.
fn keeper_of(settings: &Settings<'_>, vault: &Vault, login: &Login) -> Result<(ChosenApp, Keeper)> {
    let chosen = settings.app_of(login.client_id())?;
    let keeper = vault.keeper(chosen.app(&vault.sealer)?)?;
    Ok((chosen, keeper))
}
