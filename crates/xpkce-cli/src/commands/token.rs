//! `xpkce token`: the command that scripts call all the time. A token that is fresh is read from
//! the store and printed; no thread, no runtime, no HTTP client and no keeper is started for it.
//! Once an hour it is noted, after the token is out, that the login is in use.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use xpkce::grant::Grant;
use xpkce::keeper::{fresh_token, note_use, wants_note};
use xpkce::seal::open_check;
use xpkce::store::{SqliteReading, SqliteStore, Store as _, StoreAddress, Stored};
use xpkce::{AccessToken, Clock as _, SystemClock, Timestamp};

use super::Context;
use crate::choose::LoginFlags;
use crate::config::{Environment, Settings};
use crate::failure::Result;
use crate::output::Output;
use crate::vault::Vault;
use crate::view::{Who, names};

/// An argument of curl would be seen by everybody who lists the processes; printf is the shell's own.
const EXAMPLE: &str = "\
Example:
  printf 'Authorization: Bearer %s' \"$(xpkce token)\" | curl -H @- https://api.x.com/2/users/me";

/// Print a valid access token and nothing else, after refreshing it if it is due.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Token {
    #[command(flatten)]
    login: LoginFlags,
}

#[derive(Serialize)]
struct TokenView<'a> {
    #[serde(flatten)]
    who: Who,
    access_token: &'a str,
    token_type: &'a str,
    expires_at: i64,
    generation: u64,
    scopes: Option<Vec<String>>,
}

impl Token {
    /// Prints the token if it is fresh and in a file. None leaves everything else to
    /// [`run`](Self::run), which also says what is wrong.
    pub(crate) fn at_once(&self, environment: &Environment, output: Output) -> Option<Result<()>> {
        let settings = Settings::load(environment).ok()?;
        let StoreAddress::File(path) = settings.store().ok()? else { return None };
        let store = SqliteReading::open(path).ok()??;
        let check = store.key_check().ok()??;
        let sealer = open_check(&settings.key_source(), &check).ok()?;
        let grant = self.login.choose_in(&settings, &store)?;
        let now = SystemClock.now();
        let token = fresh_token(&sealer, &grant, now).ok()??;
        // Somebody may open it again as soon as the token is out.
        drop(store);
        let printed = print(output, &settings, &grant, &token, ends(&grant));
        if printed.is_ok() && wants_note(&grant, now) {
            note(&settings, &grant);
        }
        Some(printed)
    }

    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let Some(vault) = Vault::open_existing(&settings).await? else {
            return Err(self.login.nobody(&settings));
        };
        let stored = self.login.choose(&settings, &vault).await?;
        let now = SystemClock.now();
        if let Some(token) = fresh_token(&vault.sealer, &stored.grant, now)? {
            print(context.output, &settings, &stored.grant, &token, ends(&stored.grant))?;
            note_use(vault.store.as_ref(), &stored, now).await;
            return Ok(());
        }
        let (stored, token, ends) = refreshed(context, &settings, &vault, stored).await?;
        print(context.output, &settings, &stored.grant, &token, ends)
    }
}

/// Notes that the login is in use. Its own function, because it is needed once an hour; not a failure
/// where the store does not take it, for the token is out.
#[inline(never)]
fn note(settings: &Settings<'_>, grant: &Grant) {
    let Ok(StoreAddress::File(path)) = settings.store() else { return };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    runtime.block_on(async {
        let Ok(store) = SqliteStore::open(path).await else { return };
        // Read anew, for its revision.
        if let Ok(Some(stored)) = store.load(&grant.account).await {
            note_use(&store, &stored, SystemClock.now()).await;
        }
    });
}

/// Has a keeper bring the login up to date, and reads it again.
async fn refreshed(
    context: &Context,
    settings: &Settings<'_>,
    vault: &Vault,
    mut stored: Stored,
) -> Result<(Stored, AccessToken, Timestamp)> {
    let account = stored.grant.account.clone();
    let chosen = settings.app_of(&account.app)?;
    let keeper = vault.keeper(chosen.app(&vault.sealer)?)?;
    let source = keeper.token_source(&account.user);
    let asking = context.output.waiting("asking X for a new token", source.access_token());
    let (token, generation, ends) = {
        let guard = asking.await.map_err(|why| chosen.failed(why))?;
        (AccessToken::clone(&guard), guard.generation(), guard.expires_at())
    };
    Arc::make_mut(&mut stored.grant).generation = generation;
    Ok((stored, token, ends))
}

fn ends(grant: &Grant) -> Timestamp {
    grant.access.as_ref().map_or_else(Timestamp::default, |access| access.expires_at)
}

fn print(
    output: Output,
    settings: &Settings<'_>,
    grant: &Grant,
    token: &AccessToken,
    ends: Timestamp,
) -> Result<()> {
    if !output.is_json() {
        return output.line(token.expose());
    }
    output.json(&TokenView {
        who: Who::new(settings, &grant.account, grant.username.as_deref()),
        access_token: token.expose(),
        token_type: grant.access.as_ref().map_or("bearer", |access| &access.token_type),
        expires_at: ends.as_secs(),
        generation: grant.generation.0,
        scopes: grant.scopes.as_ref().map(names),
    })
}
