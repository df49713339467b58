//! Ctrl-C, SIGTERM, and a terminal that is closed.

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Kind, Result, io};

/// Waits for any of them.
pub(crate) async fn told_to_stop() -> Result<()> {
    let catch = |kind| signal(kind).map_err(io(Kind::Protocol, "cannot catch signals"));
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut terminate = catch(SignalKind::terminate())?;
    let mut hangup = catch(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}
