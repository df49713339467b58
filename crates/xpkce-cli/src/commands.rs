//! The commands, one file each; the doc comment of its arguments is its help.

use std::process::ExitCode;

use crate::cli::Command;
use crate::config::{Environment, Settings};
use crate::failure::Result;
use crate::hint::{Flag, Hint};
use crate::interrupt::Heed;
use crate::output::Output;
use crate::terminal::Terminal;

pub(crate) mod app;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod emulator;
pub(crate) mod import;
pub(crate) mod keep;
pub(crate) mod key;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod refresh;
pub(crate) mod request;
pub(crate) mod status;
pub(crate) mod token;

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) environment: Environment,
    pub(crate) output: Output,
    pub(crate) terminal: Terminal,
    /// The command line of this process, without the program.
    pub(crate) typed: Vec<String>,
    /// The signals that ask it to end.
    pub(crate) heed: Heed,
}

impl Context {
    /// Finds the home folder and the apps.
    pub(crate) fn settings(&self) -> Result<Settings<'_>> {
        Settings::load(&self.environment)
    }

    /// Returns the command line of this process with these flags in the place of its own.
    pub(crate) fn again(&self, flags: impl Into<Vec<Flag>>) -> String {
        Hint::Again(flags.into()).text(&self.typed)
    }
}

/// Runs a command.
pub(crate) async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    let done = match command {
        Command::Demo(demo) => demo.run(context).await,
        Command::App(app) => app.run(context).await,
        Command::Login(login) => login.run(context).await,
        Command::Token(token) => token.run(context).await,
        Command::Status(status) => status.run(context).await,
        Command::Refresh(refresh) => refresh.run(context).await,
        Command::Request(request) => return request.run(context).await,
        Command::Logout(logout) => logout.run(context).await,
        Command::Import(import) => import.run(context).await,
        Command::Keep(keep) => keep.run(context).await,
        Command::Key(key) => key.run(context).await,
        Command::Emulator(emulator) => emulator.run(context).await,
        Command::Completions(completions) => completions.run(context),
    };
    done.map(|()| ExitCode::SUCCESS)
}
