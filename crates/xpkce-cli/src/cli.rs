//! The command line. Every command's own arguments, and its help, are in its file.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::commands::{
    app, completions, demo, emulator, import, keep, key, login, logout, refresh, request, status,
    token,
};

/// Sign in to X once, and never lose the login.
///
/// See it all with nothing set up: xpkce demo
#[derive(Debug, Parser)]
#[command(name = "xpkce", version, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_long_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli<C: Subcommand = Command> {
    /// Answer in JSON on standard output, errors too.
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,

    /// Log more to standard error: -v what is done, -vv every step. Or set XPKCE_LOG.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub(crate) verbose: u8,

    #[command(subcommand)]
    pub(crate) command: C,
}

/// The command that scripts call all the time, alone: a tree with one branch is built in less time
/// than the whole.
#[derive(Debug, Subcommand)]
enum Only {
    Token(token::Token),
}

impl Cli {
    /// Understands a command line.
    ///
    /// # Errors
    /// Help that was asked for, and a command line that is wrong.
    pub(crate) fn understand(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let is_token = arguments.get(1).is_some_and(|command| command == "token");
        // What the short tree does not take, the whole one explains.
        if let Some(Ok(brief)) = is_token.then(|| Cli::<Only>::try_parse_from(arguments)) {
            let Cli { json, verbose, command: Only::Token(token) } = brief;
            return Ok(Self { json, verbose, command: Command::Token(token) });
        }
        Self::try_parse_from(arguments)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    #[command(subcommand)]
    App(app::AppCommand),
    Login(login::LoginCommand),
    Token(token::Token),
    Status(status::Status),
    Refresh(refresh::Refresh),
    Request(request::Request),
    Logout(logout::Logout),
    Import(import::Import),
    Keep(keep::Keep),
    #[command(subcommand)]
    Key(key::KeyCommand),
    Emulator(emulator::Emulate),
    Completions(completions::Completions),
}

const AFTER_HELP: &str = "\
Settings are taken from flags, then the environment, then the stored app:
  XPKCE_CLIENT_ID, XPKCE_CLIENT_SECRET   the app; with a secret it is confidential
  XPKCE_REDIRECT_URI, XPKCE_SCOPE        as registered in X's console; the scopes to ask for
  XPKCE_BASE_URL                         the API: https://api.x.com
  XPKCE_AUTHORIZATION_BASE_URL           the consent page: https://x.com/i
  XPKCE_HOME                             the folder of apps, key and store
  XPKCE_STORE                            the store: a path, sqlite:PATH or postgres://…
  XPKCE_KEY, XPKCE_KEY_FILE              the key that seals the store, or where it is; else
                                         $CREDENTIALS_DIRECTORY/xpkce.key, else the home's
  XPKCE_LOG                              what to log, such as debug or xpkce=debug

Exit codes:
  0    done
  1    X or xpkce misbehaved: report it; from `request`: X answered 400 or more
  2    fix the command line, a setting, or the app's registration at X
  3    the user must sign in
  4    in doubt: a request was sent and no answer came
  5    not now: run it again later
  6    the store could not be read or written
  130  interrupted

With --json an error is one line on standard output:
  {\"error\":{\"kind\",\"message\",\"why\",\"hint\"}}
kind is protocol, usage, configure, sign_in, in_doubt, retry, store or interrupted.";
