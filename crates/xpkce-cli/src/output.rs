//! Where output goes: results to stdout, messages to stderr, and colour only to a terminal.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use serde::Serialize;
use tokio::sync::oneshot;

use crate::failure::{Failure, Kind, Result};
use crate::table::Table;
use crate::terminal;
use crate::text::escaped;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Green.on_default().bold();

/// What the command says, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    is_json: bool,
    is_watched: bool,
}

impl Output {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json, is_watched: io::IsTerminal::is_terminal(&io::stderr()) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Returns whether somebody looks at stderr.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Writes data to stdout, as it is.
    pub(crate) fn data(&self, data: &[u8]) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(data).and_then(|()| stdout.flush()).map_err(|why| unwritten(&why))
    }

    /// Writes a line of data to stdout.
    pub(crate) fn line(&self, line: &str) -> Result<()> {
        self.data(format!("{line}\n").as_bytes())
    }

    /// Writes one JSON object to stdout, on one line.
    pub(crate) fn json(&self, object: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(object)
            .map_err(|why| Failure::new(Kind::Protocol, "cannot write JSON").why(&why))?;
        self.line(&escaped(line))
    }

    /// Writes a table to stdout.
    pub(crate) fn table<const N: usize>(&self, table: &Table<N>) -> Result<()> {
        self.line(&table.text(terminal::columns()))
    }

    /// Waits until the reader of stdout has gone. Without this only the next write would find out. For
    /// a file it waits for ever.
    pub(crate) async fn unread(&self) -> Failure {
        let (tell, told) = oneshot::channel();
        let watching = move || {
            let stdout = io::stdout();
            let mut ends = [PollFd::new(&stdout, PollFlags::HUP)];
            let told = retry_on_intr(|| poll(&mut ends, None));
            // For a file or a device other events may be reported.
            let has_gone = ends[0].revents().intersects(PollFlags::ERR | PollFlags::HUP);
            (told.is_ok() && has_gone).then(|| tell.send(()))
        };
        let watched = std::thread::Builder::new().name("xpkce-stdout".into()).spawn(watching);
        if watched.is_ok() && told.await.is_ok() {
            return nobody_reads();
        }
        std::future::pending().await
    }

    /// Says something to the person at the terminal. It is no failure if that cannot be written.
    pub(crate) fn say(&self, text: &str) {
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }

    /// Says what is odd, and what to do about it.
    pub(crate) fn warn(&self, text: &str, hint: Option<&str>) {
        self.say(&format!("{WARNING}warning:{WARNING:#} {text}"));
        self.advise(hint);
    }

    /// Tells how it ended, and returns what the process exits with. `typed` is the command line,
    /// for a hint that repeats it.
    pub(crate) fn fail(&self, failure: &Failure, typed: &[String]) -> ExitCode {
        let hint = failure.hint.as_ref().map(|hint| hint.text(typed));
        match failure.kind {
            Kind::Closed => {}
            // If standard output itself fails, standard error is left.
            _ if self.is_json && self.json(&Told::of(failure, hint.as_deref())).is_ok() => {}
            _ => self.complain(failure, hint.as_deref()),
        }
        ExitCode::from(failure.kind.exit_code())
    }

    fn complain(&self, failure: &Failure, hint: Option<&str>) {
        if failure.kind == Kind::Interrupted && self.is_watched {
            // The prompt and its ^C are on this line.
            self.say("");
        }
        self.say(&format!("{ERROR}error:{ERROR:#} {}", failure.message));
        if let Some(why) = &failure.why {
            self.say(&format!("  why:  {why}"));
        }
        self.advise(hint);
    }

    fn advise(&self, hint: Option<&str>) {
        if let Some(hint) = hint {
            self.say(&format!("  {HINT}hint:{HINT:#} {hint}"));
        }
    }

    /// Waits for `work`, and after a while tells the person at the terminal what is waited for.
    pub(crate) async fn waiting<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        const PATIENCE: Duration = Duration::from_millis(1500);
        let mut work = std::pin::pin!(work);
        if !self.is_watched {
            return work.await;
        }
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(PATIENCE) => self.say(&format!("{what} …")),
        }
        work.await
    }
}

#[derive(Serialize)]
struct Told<'a> {
    error: Wrong<'a>,
}

#[derive(Serialize)]
struct Wrong<'a> {
    kind: &'static str,
    message: &'a str,
    why: Option<&'a str>,
    hint: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn of(failure: &'a Failure, hint: Option<&'a str>) -> Self {
        let error = Wrong {
            kind: failure.kind.name(),
            message: &failure.message,
            why: failure.why.as_deref(),
            hint,
        };
        Self { error }
    }
}

/// A reader that has seen enough, such as `head`, is no failure.
fn unwritten(why: &io::Error) -> Failure {
    match why.kind() {
        io::ErrorKind::BrokenPipe => nobody_reads(),
        _ => Failure::new(Kind::Protocol, "cannot write to standard output")
            .why(why)
            .hint("see where the output goes: is the disk full?"),
    }
}

fn nobody_reads() -> Failure {
    Failure::new(Kind::Closed, "nobody reads any more")
}
