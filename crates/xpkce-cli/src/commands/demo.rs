//! `xpkce demo`: the whole life of a login, against the emulator, with nothing set up.

use clap::Args;

use super::Context;
use crate::failure::{Kind, Result};

mod clock;
mod life;

/// See the whole life of a login, with nothing set up and nothing left behind.
///
/// Starts the emulator in this process, signs in through its consent page, lets a hundred callers
/// ask for a token that has expired, refreshes, sends a request, and signs out. Nothing reaches X.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Approve by itself, without opening a browser. So it does too without a terminal or desktop.
    #[arg(short, long)]
    yes: bool,
}

impl Demo {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let is_seen = context.terminal.can_ask() && context.environment.has_desktop();
        let shown = life::show(context, is_seen && !self.yes).await;
        shown.map_err(|why| if why.kind == Kind::SignIn { why.hint("xpkce demo") } else { why })
    }
}
