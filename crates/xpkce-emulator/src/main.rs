//! The emulator as a program: starts, says where it is, serves until it is told to stop.

mod arguments;

use std::io::Write;
use std::process::ExitCode;

use arguments::{Approval, Arguments, Parsed};
use xpkce_emulator::{Emulator, Summary};

fn main() -> ExitCode {
    // One that is no text is as wrong as any other that is not known.
    let typed = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    match arguments::parse(typed) {
        Parsed::Run(arguments) => run(&arguments).unwrap_or_else(|error| {
            complain(&format!("xpkce-emulator: {error}"));
            ExitCode::FAILURE
        }),
        Parsed::Help => {
            // A closed stdout leaves nobody to help.
            let _ = write!(std::io::stdout(), "{}", arguments::HELP);
            ExitCode::SUCCESS
        }
        Parsed::Wrong(what) => {
            complain(&format!("xpkce-emulator: {what}\n\n{}", arguments::HELP));
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> std::io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let builder = Emulator::builder().port(arguments.port);
    let builder = match &arguments.approval {
        Approval::Page => builder.auto_approve(None),
        Approval::First => builder.auto_approve_first(),
        Approval::By(username) => builder.auto_approve(Some(username)),
    };
    let emulator = builder.start_blocking()?;
    runtime.block_on(async {
        // Listened for before anybody can know that there is something to stop.
        let told_to_stop = told_to_stop()?;
        announce(&emulator.summary(), arguments.json)?;
        told_to_stop.await
    })?;
    Ok(ExitCode::SUCCESS)
}

fn announce(summary: &Summary, json: bool) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut stdout, summary)?;
        writeln!(stdout)?;
    } else {
        writeln!(stdout, "{summary}\nPress Ctrl-C to stop.")?;
    }
    stdout.flush()
}

/// Listens for Ctrl-C and SIGTERM, and returns the wait for either.
#[cfg(unix)]
fn told_to_stop() -> std::io::Result<impl Future<Output = std::io::Result<()>>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        }
    })
}

/// Returns the wait for Ctrl-C.
#[cfg(not(unix))]
fn told_to_stop() -> std::io::Result<impl Future<Output = std::io::Result<()>>> {
    Ok(tokio::signal::ctrl_c())
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
