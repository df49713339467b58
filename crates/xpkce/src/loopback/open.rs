//! The listening sockets of this process, by file descriptor. A forked child has a copy of each,
//! and a port is busy while any copy is open.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;

static OPEN: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// The numbers of a listener's sockets. To be dropped before the sockets: a number that is free
/// may be another file's.
#[derive(Debug)]
pub(super) struct Numbers(Vec<RawFd>);

impl Numbers {
    pub(super) fn of(sockets: &[TcpListener]) -> Self {
        let numbers: Vec<_> = sockets.iter().map(AsRawFd::as_raw_fd).collect();
        open().extend(&numbers);
        Self(numbers)
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        open().retain(|number| !self.0.contains(number));
    }
}

/// Takes the numbers of the parent's sockets, in a forked child. None if a thread that is not here
/// was at them when the process was forked.
#[cfg(any(feature = "hyper", feature = "keeper"))]
pub(crate) fn take() -> Vec<RawFd> {
    OPEN.try_lock().map(|mut open| std::mem::take(&mut *open)).unwrap_or_default()
}

fn open() -> MutexGuard<'static, Vec<RawFd>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}
