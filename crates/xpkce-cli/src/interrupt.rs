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

    /// Waits for any of them.
    pub(crate) async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
