//! `xpkce app remove`.

use clap::Args;
use serde::Serialize;
use xpkce::grant::State;

use crate::choose::{login_flags, name};
use crate::commands::Context;
use crate::config::{Apps, Settings};
use crate::failure::{Failure, Kind, Result};
use crate::vault::Vault;

/// Remove an app. Its logins stay in the store: sign them out first.
#[derive(Args, Debug)]
pub(crate) struct Remove {
    /// The app's name.
    name: String,
    /// Remove it though somebody is signed in to it.
    #[arg(short, long)]
    yes: bool,
}

#[derive(Serialize)]
struct Removed<'a> {
    removed: &'a str,
}

impl Remove {
    pub(super) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let Some(app) = settings.apps().get(&self.name) else {
            return Err(Failure::new(
                Kind::Configure,
                format!("there is no app named {}", self.name),
            )
            .hint("xpkce app list"));
        };
        if !self.yes {
            refuse_while_used(&settings, &app.client_id, &self.name).await?;
        }
        Apps::change(settings.home(), |apps| {
            apps.remove(&self.name);
            Ok(())
        })?;
        if context.output.is_json() {
            return context.output.json(&Removed { removed: &self.name });
        }
        context.output.say(&format!("The app {} is removed.", self.name));
        Ok(())
    }
}

async fn refuse_while_used(settings: &Settings<'_>, client_id: &str, app: &str) -> Result<()> {
    let Some(vault) = Vault::open_existing(settings).await? else {
        return Ok(());
    };
    let logins = vault.logins(Some(client_id)).await?;
    let live = logins.iter().filter(|stored| stored.grant.state != State::SignedOut);
    let names: Vec<_> = live.map(|stored| name(&stored.grant)).collect();
    let Some(first) = names.first() else {
        return Ok(());
    };
    let message = format!("the app {app} has logins: {}", names.join(", "));
    Err(Failure::new(Kind::Configure, message).hint(format!(
        "sign out first, or give --yes to keep the logins: xpkce logout {}",
        login_flags(first, app)
    )))
}
