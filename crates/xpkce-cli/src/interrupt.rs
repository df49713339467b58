//! Ctrl-C, SIGTERM, and a terminal that is closed.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::failure::{Kind, Result, io};

/// The signals that ask the process to end. From its making on they no longer end it by
/// themselves.
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// A file that may not grow any more: a failed write, which says so, and not the end.
    _file_size: Signal,
}

/// `SIGXFSZ`, which has no name in tokio; the same number on Linux and macOS.
const FILE_SIZE: i32 = 25;

impl Stop {
    /// Catches the signals.
    pub(crate) fn catch() -> Result<Self> {
        let catch = |kind| signal(kind).map_err(io(Kind::Protocol, "cannot catch signals"));
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
            hangup: catch(SignalKind::hangup())?,
            _file_size: catch(SignalKind::from_raw(FILE_SIZE))?,
        })
    }

    /// Waits for any of them, and returns which one came.
    pub(crate) async fn told(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::Interrupt,
            _ = self.terminate.recv() => Told::Terminate,
            _ = self.hangup.recv() => Told::Hangup,
        }
    }
}

/// Where a command hears of a signal that it makes something of. There is one listener to the signals
/// themselves: of two, each hears in its own time.
#[derive(Debug)]
pub(crate) struct Heed(watch::Sender<Option<Told>>);

impl Heed {
    /// Nobody heeds yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// From now on, and for as long as what this returns is kept, a signal does not end the command.
    pub(crate) fn begin(&self) -> Heeding {
        Heeding(self.0.subscribe())
    }

    /// Passes a signal on, and returns whether somebody heeds it.
    pub(crate) fn is_taken(&self, told: Told) -> bool {
        self.0.send(Some(told)).is_ok()
    }
}

/// A command that ends by itself when a signal comes.
pub(crate) struct Heeding(watch::Receiver<Option<Told>>);

impl Heeding {
    /// Waits for a signal.
    pub(crate) async fn told(&mut self) -> Told {
        let told = self.0.wait_for(Option::is_some).await.ok().and_then(|told| *told);
        told.unwrap_or(Told::Terminate)
    }
}

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// A person pressed Ctrl-C.
    Interrupt,
    /// A service manager, or somebody with `kill`.
    Terminate,
    /// The terminal was closed.
    Hangup,
}

impl Told {
    /// Returns its name in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupt",
            Self::Terminate => "terminate",
            Self::Hangup => "hangup",
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_command_that_heeds_signals_hears_of_one_at_once_and_others_are_ended_by_it() {
        let heed = Heed::new();
        assert!(!heed.is_taken(Told::Interrupt));
        let mut heeding = heed.begin();
        assert_eq!(heeding.told().now_or_never(), None, "that was for who did not heed it");
        assert!(heed.is_taken(Told::Hangup));
        assert_eq!(heeding.told().now_or_never(), Some(Told::Hangup));
        drop(heeding);
        assert!(!heed.is_taken(Told::Interrupt));
    }
}
