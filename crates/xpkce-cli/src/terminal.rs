//! Questions to a person, and lines from whoever is at the other end of standard input.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::failure::{Failure, Kind, Result, io as failed};

/// More than any callback, secret or token record has.
const MAX_TEXT: u64 = 1024 * 1024;

/// More than any request of X's API takes at once; media come in parts.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Standard input, and whether a person is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    can_ask: bool,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self { can_ask: io::stdin().is_terminal() && io::stderr().is_terminal() }
    }

    /// Returns whether there is a person to ask.
    pub(crate) fn can_ask(self) -> bool {
        self.can_ask
    }

    /// Reads a line of standard input, after a prompt if a person is there. None when it has ended.
    pub(crate) async fn line(self, prompt: &str) -> Result<Option<Zeroizing<String>>> {
        let line = self.answer(prompt).await?;
        if line.is_none() {
            // Ctrl-D leaves the cursor behind the prompt.
            self.prompt("\n");
        }
        Ok(line)
    }

    /// Reads a line that is not shown while it is typed.
    pub(crate) async fn secret(self, prompt: &str) -> Result<Option<Zeroizing<String>>> {
        let hidden = self.can_ask.then(Hidden::new).flatten();
        let line = self.answer(prompt).await;
        if hidden.is_some() {
            let _ = writeln!(io::stderr());
        }
        line
    }

    async fn answer(self, prompt: &str) -> Result<Option<Zeroizing<String>>> {
        self.prompt(prompt);
        let line = read(MAX_TEXT, |stdin, bytes| stdin.read_until(b'\n', bytes)).await?;
        line.map(text).transpose()
    }

    /// Reads text to the end of standard input.
    pub(crate) async fn all(self) -> Result<Zeroizing<String>> {
        let all = read(MAX_TEXT, |stdin, bytes| stdin.read_to_end(bytes)).await?;
        text(all.unwrap_or_default())
    }

    /// Reads standard input to its end, whatever it is.
    pub(crate) async fn bytes(self) -> Result<Zeroizing<Vec<u8>>> {
        let all = read(MAX_BYTES, |stdin, bytes| stdin.read_to_end(bytes)).await?;
        Ok(all.unwrap_or_default())
    }

    /// Asks a question of yes or no. Only where [`can_ask`](Self::can_ask).
    pub(crate) async fn confirm(self, question: &str, default: bool) -> Result<bool> {
        let choices = if default { "[Y/n]" } else { "[y/N]" };
        loop {
            let answer = self.line(&format!("{question} {choices} ")).await?;
            match answer.as_deref().map(|line| line.trim().to_ascii_lowercase()).as_deref() {
                None => return Ok(false),
                Some("") => return Ok(default),
                Some("y" | "yes") => return Ok(true),
                Some("n" | "no") => return Ok(false),
                Some(_) => {}
            }
        }
    }

    fn prompt(self, prompt: &str) {
        if self.can_ask {
            let mut stderr = io::stderr().lock();
            let _ = stderr.write_all(prompt.as_bytes()).and_then(|()| stderr.flush());
        }
    }
}

/// Returns how wide the terminal on standard output is; none where there is none, or it does not
/// say.
pub(crate) fn columns() -> Option<usize> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Reads on a thread of its own: the caller may be interrupted, and nothing waits for the thread
/// at the end of the process. What is longer than `most` bytes is refused, and not cut.
async fn read(
    most: u64,
    read: fn(&mut io::Take<io::StdinLock<'static>>, &mut Vec<u8>) -> io::Result<usize>,
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let (answer, answered) = oneshot::channel();
    let reading = move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
        let outcome = read(&mut io::stdin().lock().take(most + 1), &mut bytes);
        drop(answer.send(outcome.map(|read| (read > 0).then_some(bytes))));
    };
    let failure = || failed(Kind::Configure, "cannot read standard input");
    std::thread::Builder::new().name("xpkce-stdin".into()).spawn(reading).map_err(failure())?;
    // One that has gone has read nothing.
    let Ok(outcome) = answered.await else { return Ok(None) };
    let read = outcome.map_err(failure())?;
    match &read {
        Some(bytes) if bytes.len() as u64 > most => {
            let message = format!("standard input is longer than {} MiB", most / 1024 / 1024);
            Err(Failure::new(Kind::Usage, message).hint("give less of it; nothing was sent"))
        }
        _ => Ok(read),
    }
}

fn text(mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>> {
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|why| {
        drop(Zeroizing::new(why.into_bytes()));
        Failure::new(Kind::Configure, "cannot read standard input")
            .why(&"it is not text in UTF-8")
            .hint("give it text in UTF-8: iconv -f UTF-16 -t UTF-8, for example")
    })
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn new() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden).ok()?;
        Some(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
