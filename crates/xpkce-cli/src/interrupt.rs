//! Ctrl-C, SIGTERM, and a terminal that is closed.

use tokio::signal::unix::{Signal, SignalKind, signal};

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
