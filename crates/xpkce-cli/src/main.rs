//! The command `xpkce`, over the library. This file starts and ends the process; what each command
//! does is in [`commands`].

mod choose;
mod cli;
mod commands;
mod config;
mod failure;
mod hint;
mod interrupt;
mod log;
mod output;
mod table;
mod terminal;
mod text;
mod vault;
mod view;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;

use crate::cli::{Cli, Command};
use crate::commands::Context;
use crate::config::Environment;
use crate::failure::{Failure, Kind, Result, io};
use crate::interrupt::{Heed, Stop};
use crate::output::Output;
use crate::terminal::Terminal;

fn main() -> ExitCode {
    leave_no_image();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::understand(&arguments) {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error, &arguments),
    };
    let output = Output::new(cli.json);
    match run(cli, output, &arguments) {
        Ok(code) => code,
        Err(failure) => output.fail(&failure, &typed(&arguments)),
    }
}

/// Memory has keys and tokens in the clear: what ends by `SIGQUIT` or crashes must not leave it in a
/// file. What this process starts, such as the browser, is not concerned.
fn leave_no_image() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // A system that forbids it is no reason to do nothing.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// The command line without the program, for a hint that repeats it.
fn typed(arguments: &[OsString]) -> Vec<String> {
    arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

fn run(cli: Cli, output: Output, arguments: &[OsString]) -> Result<ExitCode> {
    let environment = Environment::read()?;
    let is_logged = environment.log().is_some() || cli.verbose > 0;
    if let Command::Token(token) = &cli.command
        && !is_logged
        && let Some(done) = token.at_once(&environment, output)
    {
        return done.map(|()| ExitCode::SUCCESS);
    }
    let (terminal, typed, heed) = (Terminal::new(), typed(arguments), Heed::new());
    run_whole(cli, &Context { environment, output, terminal, typed, heed })
}

/// A function of its own, so that printing a fresh token does not reserve the stack space that the
/// futures of all commands take.
#[inline(never)]
fn run_whole(cli: Cli, context: &Context) -> Result<ExitCode> {
    log::start(context.environment.log(), cli.verbose)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(io(Kind::Retry, "cannot start"))
        .map_err(|failed| failed.hint("see how many files it may open: ulimit -n"))?;
    runtime.block_on(async {
        // Before the command begins: it may change the terminal, and must change it back.
        let mut stop = Stop::catch()?;
        let mut command = Box::pin(commands::run(cli.command, context));
        tokio::select! {
            biased;
            done = &mut command => done,
            told = stop.told() => {
                if context.heed.is_taken(told) {
                    return command.await;
                }
                // Dropping it waits for what was sent to X, so that no pair is lost.
                tell_of_a_long_wait(context.output);
                drop(command);
                Err(Failure::interrupted())
            }
        }
    })
}

fn tell_of_a_long_wait(output: Output) {
    let telling = move || {
        std::thread::sleep(Duration::from_millis(500));
        output.say("waiting for X's answer, so that the login is not lost …");
    };
    // If there is no thread to be had, only this message is lost.
    drop(std::thread::Builder::new().spawn(telling));
}

/// Help is data; a wrong command line is a failure, in JSON where that was asked for.
fn not_understood(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let is_help = !error.use_stderr();
    if is_help || !arguments.iter().any(|argument| argument == "--json") {
        // A reader that has gone cannot be told.
        let _ = error.print();
        return ExitCode::from(if is_help { 0 } else { Kind::Usage.exit_code() });
    }
    let text = error.to_string();
    let message = match error.kind() {
        // What clap has to say is the help itself.
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "a command is missing".to_owned()
        }
        _ => {
            let mut paragraphs = text.split("\n\n").map(str::trim).filter(|it| !it.is_empty());
            let message = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
            message.replace('\n', " ")
        }
    };
    let failure = Failure::new(Kind::Usage, message).hint(format!("{} --help", named_in(&text)));
    Output::new(true).fail(&failure, &[])
}

/// Returns the command whose usage a text of clap shows.
fn named_in(text: &str) -> String {
    let usage = text.lines().find_map(|line| line.trim().strip_prefix("Usage: "));
    let is_name = |word: &&str| !word.starts_with(['[', '<', '-']);
    let words = usage.unwrap_or("xpkce").split_whitespace().take_while(is_name);
    words.collect::<Vec<_>>().join(" ")
}
