//! `xpkce emulator`: the local stand-in for X, for people and scripts.

use clap::Args;
use xpkce_emulator::Emulator;

use super::Context;
use crate::failure::{Failure, Kind, Result};

/// Run a local stand-in for X's authorization server, on 127.0.0.1 only and in memory.
///
/// It says where it is and which apps and users it has, and runs until Ctrl-C. With --json the
/// first line on standard output is an object with base_url, authorization_base_url, control_url,
/// apps (client_id, client_secret or null, redirect_uris) and users.
#[derive(Args, Debug)]
pub(crate) struct Emulate {
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Approve every sign-in at once, as this user or the first. Without it the consent page asks.
    #[arg(long, value_name = "USERNAME", num_args = 0..=1, default_missing_value = "")]
    auto_approve: Option<String>,
}

impl Emulate {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let mut stop = context.heed.begin();
        let emulator = self.start()?;
        if context.output.is_json() {
            context.output.json(&emulator.summary())?;
        } else {
            context.output.line(&emulator.summary().to_string())?;
            context.output.say("Press Ctrl-C to stop.");
        }
        stop.told().await;
        Ok(())
    }

    fn start(&self) -> Result<Emulator> {
        let builder = Emulator::builder().port(self.port);
        let builder = match self.auto_approve.as_deref() {
            None => builder.auto_approve(None),
            Some("") => builder.auto_approve_first(),
            Some(username) => builder.auto_approve(Some(username)),
        };
        builder.start_blocking().map_err(|why| {
            let (message, hint) = match why.kind() {
                std::io::ErrorKind::AddrInUse => (
                    format!("port {} is taken by another program", self.port),
                    "leave --port out to take a free one",
                ),
                std::io::ErrorKind::InvalidInput => (
                    "the emulator cannot start so".to_owned(),
                    "xpkce emulator --auto-approve ada_example",
                ),
                _ => ("the emulator cannot start".to_owned(), "xpkce emulator --port 0"),
            };
            Failure::new(Kind::Configure, message).why(&why).hint(hint)
        })
    }
}
