//! Ctrl-C and SIGTERM.

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Kind, Result, io};

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn told_to_stop() -> Result<()> {
    let catch = |kind| signal(kind).map_err(io(Kind::Protocol, "cannot catch signals"));
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut terminate = catch(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
