//! `xpkce app`: the apps that are set up here.

use clap::{Args, Subcommand};
use serde::Serialize;
use xpkce::{DEFAULT_AUTHORIZATION_BASE_URL, DEFAULT_BASE_URL};

use super::Context;
use crate::choose::ADD_APP;
use crate::config::StoredApp;
use crate::failure::Result;
use crate::table::Table;
use crate::text::clean;

mod add;
mod check;
mod remove;

/// Set up, list, remove and check apps.
#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    Add(add::Add),
    List(List),
    Remove(remove::Remove),
    Check(check::Check),
}

/// List the apps.
#[derive(Args, Debug)]
pub(crate) struct List {}

impl AppCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Add(add) => add.run(context).await,
            Self::List(list) => list.run(context),
            Self::Remove(remove) => remove.run(context).await,
            Self::Check(check) => check.run(context).await,
        }
    }
}

/// An app as it is shown. Holds no secret.
#[derive(Debug, Serialize)]
struct AppView<'a> {
    name: &'a str,
    client_id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    redirect_uri: &'a str,
    scopes: Vec<&'a str>,
    base_url: &'a str,
    authorization_base_url: &'a str,
}

impl<'a> AppView<'a> {
    fn new(name: &'a str, app: &'a StoredApp) -> Self {
        Self {
            name,
            client_id: &app.client_id,
            kind: if app.client_secret.is_some() { "confidential" } else { "public" },
            redirect_uri: &app.redirect_uri,
            scopes: app.scope.iter().collect(),
            base_url: app.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL),
            authorization_base_url: app
                .authorization_base_url
                .as_deref()
                .unwrap_or(DEFAULT_AUTHORIZATION_BASE_URL),
        }
    }
}

#[derive(Serialize)]
struct AppList<'a> {
    apps: Vec<AppView<'a>>,
}

impl List {
    fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let apps: Vec<_> =
            settings.apps().iter().map(|(name, app)| AppView::new(name, app)).collect();
        if context.output.is_json() {
            return context.output.json(&AppList { apps });
        }
        if apps.is_empty() {
            context.output.say(&format!("No app is set up. Next: {ADD_APP}"));
            return Ok(());
        }
        let mut table = Table::new(["NAME", "CLIENT ID", "TYPE", "REDIRECT URI", "SCOPES", "API"]);
        for app in &apps {
            table.add_row([
                clean(app.name),
                clean(app.client_id),
                app.kind.to_owned(),
                clean(app.redirect_uri),
                clean(&app.scopes.join(" ")),
                clean(app.base_url),
            ]);
        }
        context.output.table(&table)
    }
}
