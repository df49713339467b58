//! `xpkce app check`: whether X knows the app, with nobody's login touched.

use clap::Args;
use serde::Serialize;
use xpkce::{Client, Probe, Severity, lint};

use crate::choose::named;
use crate::commands::Context;
use crate::config::{ChosenApp, Settings};
use crate::failure::{Failure, Kind, Result};
use crate::hint::quoted;
use crate::text::clean;
use crate::vault::Vault;

/// Ask X whether it knows the app: its client id, secret and type. Touches nobody's login.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The app: its name in `xpkce app list`, or its client id.
    name: Option<String>,
    #[arg(long, value_name = "NAME", value_parser = named, hide = true, conflicts_with = "name")]
    app: Option<String>,
}

#[derive(Serialize)]
struct Checked {
    app: String,
    client_id: String,
    result: &'static str,
    warnings: Vec<String>,
}

impl Check {
    pub(super) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let chosen = settings.app(self.name.as_deref().or(self.app.as_deref()))?;
        let app = make_app(&settings, &chosen).await?;
        let output = &context.output;
        let mut warnings = Vec::new();
        for finding in lint(&app) {
            let message = clean(&finding.message);
            if finding.severity == Severity::Error {
                return Err(Failure::new(Kind::Configure, message).hint(finding.hint));
            }
            output.warn(&message, Some(finding.hint));
            warnings.push(message);
        }
        let right = match app.secret() {
            Some(_) => "client id, secret and app type are right",
            None => "the client id is right, and it is a public client",
        };
        let (client, shown) = (Client::with_hyper(app), chosen.shown().to_owned());
        let probe = output.waiting("asking X", client.probe()).await;
        let probe = probe.map_err(|why| chosen.failed(why))?;
        refuse(probe, &chosen)?;
        if output.is_json() {
            let client_id = chosen.client_id;
            return output.json(&Checked { app: shown, client_id, result: "good", warnings });
        }
        output.say(&format!("X knows the app {shown}: {right}."));
        output.say("Whether the redirect URI is registered shows when you sign in.");
        Ok(())
    }
}

/// A public app needs no key, and none is made for it.
async fn make_app(settings: &Settings<'_>, chosen: &ChosenApp) -> Result<xpkce::App> {
    if let Some(app) = chosen.unsealed_app()? {
        return Ok(app);
    }
    chosen.app(&Vault::open(settings).await?.sealer)
}

fn refuse(probe: Probe, chosen: &ChosenApp) -> Result<()> {
    let (message, hint) = match probe {
        Probe::Good => return Ok(()),
        Probe::WrongClientId => ("X does not know the client id", wrong_client_id(chosen)),
        _ => (
            "X refuses the app's credentials: the secret is wrong, or the app is of the other type",
            wrong_secret(chosen),
        ),
    };
    Err(Failure::new(Kind::Configure, message).hint(hint))
}

fn wrong_client_id(chosen: &ChosenApp) -> String {
    const WHERE: &str = "copy the OAuth 2.0 Client ID, not the API key, from X's console";
    match &chosen.name {
        None => format!("{WHERE}, and set XPKCE_CLIENT_ID to it"),
        Some(name) => format!("{WHERE}, and run: xpkce app add {name} --replace"),
    }
}

fn wrong_secret(chosen: &ChosenApp) -> String {
    const WHERE: &str =
        "copy the OAuth 2.0 Client Secret again (none for a Native App or Single Page App)";
    let client_id = quoted(&chosen.client_id);
    match &chosen.name {
        Some(name) if !chosen.has_secret_of_environment() => {
            format!("{WHERE}, and run: xpkce app add {name} --replace --client-id {client_id}")
        }
        _ => format!("{WHERE}, and set XPKCE_CLIENT_SECRET to it, or unset it"),
    }
}
