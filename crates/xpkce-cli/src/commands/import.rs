//! `xpkce import`: takes over a token that another program has.

use clap::Args;
use std::io::IsTerminal as _;
use xpkce::Token;

use super::Context;
use super::login::report;
use crate::failure::{Failure, Result};
use crate::vault::Vault;

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
    #[arg(long, value_name = "NAME")]
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
            Failure::from(why).hint("xpkce import < token.json, as X's Python class saves it")
        })?;
        let vault = Vault::open(&settings).await?;
        let keeper = vault.keeper(chosen.app(&vault.sealer)?)?;
        let importing = context.output.waiting("asking X whose token it is", keeper.import(token));
        report(context, &settings, &importing.await?, None)
    }
}
