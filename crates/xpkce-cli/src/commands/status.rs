//! `xpkce status`: every login, its state, and what to do. Asks nobody but the store.

use clap::Args;
use serde::Serialize;
use xpkce::{Clock as _, LoginStatus, SystemClock, Timestamp};

use super::Context;
use crate::choose::LoginFlags;
use crate::config::Settings;
use crate::failure::{Failure, Result};
use crate::table::Table;
use crate::text::until;
use crate::vault::Vault;
use crate::view::{LoginView, advice};

/// Show every login: account, app, scopes, token's end, state, and what to do.
#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    login: LoginFlags,
}

#[derive(Serialize)]
struct Logins {
    logins: Vec<LoginView>,
}

impl Status {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let found = match Vault::open_existing(&settings).await? {
            Some(vault) => self.login.find(&settings, &vault).await?,
            None => Vec::new(),
        };
        if found.is_empty() && self.login.account.is_some() {
            return Err(self.login.nobody(&settings));
        }
        let now = SystemClock.now();
        let logins: Vec<_> = found.iter().map(|stored| LoginStatus::of(stored, now)).collect();
        let output = &context.output;
        if output.is_json() {
            let logins = logins.iter().map(|login| LoginView::new(&settings, login)).collect();
            return output.json(&Logins { logins });
        }
        if logins.is_empty() {
            let Failure { message, hint, .. } = self.login.nobody(&settings);
            let next = hint.map(|hint| hint.text(&[])).unwrap_or_default();
            output.say(&format!("{message}\nNext: {next}"));
            return Ok(());
        }
        output.table(&table(&settings, &logins, now))
    }
}

fn table(settings: &Settings<'_>, logins: &[LoginStatus], now: Timestamp) -> Table<7> {
    let header = ["ACCOUNT", "APP", "STATE", "TOKEN ENDS", "GENERATION", "SCOPES", "TO DO"];
    let mut table = Table::new(header);
    for login in logins {
        let view = LoginView::new(settings, login);
        table.add_row([
            view.who.shown(),
            view.who.app.clone(),
            view.state.replace('_', " "),
            login.expires_at.map_or_else(|| "-".to_owned(), |end| until(end, now)),
            view.generation.to_string(),
            view.scopes.as_ref().map_or_else(|| "-".to_owned(), |scopes| scopes.join(" ")),
            advice(login, &view.who),
        ]);
    }
    table
}
