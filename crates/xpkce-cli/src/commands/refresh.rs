//! `xpkce refresh`: one rotation, now.

use clap::Args;
use serde::Serialize;
use xpkce::{Clock as _, Keeper, SystemClock};

use super::Context;
use crate::choose::LoginFlags;
use crate::failure::Result;
use crate::text::until;
use crate::vault::Vault;
use crate::view::Who;

/// Rotate the tokens now, whether or not they are due.
///
/// X probably ends the old access token at once: programs that hold it get a 401 and must ask again.
/// A login whose account is not known yet is named as well.
#[derive(Args, Debug)]
pub(crate) struct Refresh {
    #[command(flatten)]
    login: LoginFlags,
}

#[derive(Serialize)]
struct Refreshed {
    #[serde(flatten)]
    who: Who,
    generation: u64,
    expires_at: i64,
}

impl Refresh {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let Some(vault) = Vault::open_existing(&settings).await? else {
            return Err(self.login.nobody(&settings));
        };
        let grant = self.login.choose(&settings, &vault).await?.grant;
        let chosen = settings.app_of(&grant.account.app)?;
        let keeper = vault.keeper(chosen.app(&vault.sealer)?)?;
        let source = keeper.token_source(&grant.account.user);
        let asking = context.output.waiting("asking X for a new token", source.refresh());
        let (generation, expires_at) = {
            let guard = asking.await.map_err(|why| chosen.failed(why))?;
            (guard.generation().0, guard.expires_at())
        };
        let mut who = Who::new(&settings, &grant.account, grant.username.as_deref());
        if grant.account.is_unlabelled()
            && let Some(labelled) = named(context, &keeper, &grant.account.user).await
        {
            who = Who::new(&settings, &labelled.account, labelled.username.as_deref());
        }
        if context.output.is_json() {
            let expires_at = expires_at.as_secs();
            return context.output.json(&Refreshed { who, generation, expires_at });
        }
        let end = until(expires_at, SystemClock.now());
        context.output.say(&format!(
            "{}: rotated to generation {generation}; the access token lives until {end}",
            who.shown()
        ));
        Ok(())
    }
}

/// Asks X whose an unlabelled login is. Not knowing is no failure of the refresh.
async fn named(context: &Context, keeper: &Keeper, user: &str) -> Option<xpkce::SignedIn> {
    match keeper.label(user).await {
        Ok(labelled) => Some(labelled),
        Err(why) => {
            context.output.warn(&format!("X did not say whose login this is: {why}"), None);
            None
        }
    }
}
