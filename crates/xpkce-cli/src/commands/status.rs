//! `xpkce status`: every login, its state, and what to do. Asks nobody but the store, and changes
//! nothing.

use clap::Args;
use serde::Serialize;
use xpkce::keeper::{LeaseHolder, waiting_pairs};
use xpkce::store::Stored;
use xpkce::{Clock as _, LoginStatus, SystemClock, Timestamp};

use super::Context;
use crate::choose::LoginFlags;
use crate::failure::{Failure, Result};
use crate::table::Table;
use crate::text::{clean, moment, span, until};
use crate::vault::Vault;
use crate::view::{LoginView, WaitingView, advice, event};

/// Show every login: account, app, scopes, when its token expires, state, and what to do.
#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    login: LoginFlags,
    /// Show what happened to each lately instead: when, which generation, what, and by which process.
    #[arg(long)]
    history: bool,
}

#[derive(Serialize)]
struct Logins {
    logins: Vec<LoginView>,
    waiting: Vec<WaitingView>,
}

/// A login, and who is at it.
struct Found {
    login: LoginStatus,
    holder: Option<LeaseHolder>,
    view: LoginView,
}

impl Status {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let now = SystemClock.now();
        let (stored, waiting, vault) = match Vault::open_existing(&settings).await? {
            Some(vault) => {
                let stored = self.login.find(&settings, &vault).await?;
                (stored, waiting_pairs(vault.holders(), now)?, Some(vault))
            }
            None => (Vec::new(), Vec::new(), None),
        };
        let waiting: Vec<_> =
            waiting.iter().map(|pair| WaitingView::new(&settings, pair)).collect();
        if stored.is_empty() && self.login.account.is_some() {
            return Err(self.login.nobody(&settings));
        }
        let look = |stored: &Stored| {
            let login = LoginStatus::of(stored, now);
            let folder = vault.as_ref().map(Vault::holders);
            let holder = folder.and_then(|folder| LeaseHolder::of(stored, folder));
            let view = LoginView::new(&settings, &login, holder.as_ref());
            Found { login, holder, view }
        };
        let found: Vec<_> = stored.iter().map(look).collect();
        let output = &context.output;
        if output.is_json() {
            let logins = found.into_iter().map(|found| found.view).collect();
            return output.json(&Logins { logins, waiting });
        }
        for pair in &waiting {
            output.warn(&pair.told(now), None);
        }
        if found.is_empty() {
            let Failure { message, hint, .. } = self.login.nobody(&settings);
            let next = hint.map(|hint| hint.text(&[])).unwrap_or_default();
            output.say(&format!("{message}\nNext: {next}"));
            return Ok(());
        }
        match self.history {
            true => output.table(&history(&found)),
            false => output.table(&table(&found, now)),
        }
    }
}

fn table(found: &[Found], now: Timestamp) -> Table<8> {
    let header = ["ACCOUNT", "APP", "STATE", "TOKEN ENDS", "GENERATION", "LAST", "SCOPES", "TO DO"];
    let mut table = Table::new(header);
    for Found { login, holder, view } in found {
        table.add_row([
            view.who.shown(),
            view.who.app.clone(),
            state(view, holder.as_ref()),
            login.expires_at.map_or_else(|| "-".to_owned(), |end| until(end, now)),
            view.generation.to_string(),
            last(login, now),
            view.scopes.as_ref().map_or_else(|| "-".to_owned(), |scopes| scopes.join(" ")),
            advice(login, &view.who),
        ]);
    }
    table
}

/// Says what was done last, and how long ago.
fn last(login: &LoginStatus, now: Timestamp) -> String {
    login.history.last().map_or_else(
        || "-".to_owned(),
        |last| format!("{} {} ago", event(last), span(now.since(last.at))),
    )
}

/// Says the state, and of a login that somebody is at, whether he still is.
fn state(view: &LoginView, holder: Option<&LeaseHolder>) -> String {
    let state = view.state.replace('_', " ");
    match holder.and_then(|holder| holder.is_gone) {
        Some(true) => format!("{state}, its process has ended"),
        _ => state,
    }
}

fn history(found: &[Found]) -> Table<6> {
    let mut table = Table::new(["WHEN", "ACCOUNT", "APP", "GENERATION", "WHAT", "BY"]);
    for Found { login, view, .. } in found {
        for past in &login.history {
            table.add_row([
                moment(past.at),
                view.who.shown(),
                view.who.app.clone(),
                past.generation.to_string(),
                event(past),
                clean(&past.holder),
            ]);
        }
    }
    table
}
