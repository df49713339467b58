//! For programs that fork while threads of this library run.
//!
//! A child process has one thread and a copy of every lock. A lock that another thread held at the
//! moment of the fork stays locked in the child for ever, and SQLite believes that the child holds
//! file locks that only the parent holds. So a program pauses the library around a fork: after
//! [`begin`] no thread of the library begins new work, and [`is_still`] says when all of them rest
//! and no store is open. A request that is under way goes on in the kernel meanwhile, and its
//! answer is read after the fork.
//!
//! The library waits for a fork for at most [`LONGEST`], so that it cannot deadlock with a program
//! that itself waits for the library before it forks.
//!
//! ```no_run
//! xpkce::fork::begin();
//! for _ in 0..2000 {
//!     if xpkce::fork::is_still() {
//!         break;
//!     }
//!     std::thread::sleep(std::time::Duration::from_millis(1));
//! }
//! let is_child = false; // fork here
//! if is_child { xpkce::fork::end_in_child() } else { xpkce::fork::end_in_parent() }
//! ```
//!
//! After a fork without these calls the library works in the child too, except for what was in use
//! at that moment: the child's process id tells it apart, and it leaves what it inherited alone. If
//! the parent had a store open, the child cannot open one.

use std::process;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use crate::{Clock as _, SystemClock};

/// How long after [`begin`] the threads work again if the fork has not ended: longer than a fork
/// takes after the two seconds of waiting in the example above.
pub const LONGEST: Duration = Duration::from_secs(5);
/// How often a waiting thread looks whether the fork is over.
const PAUSE: Duration = Duration::from_millis(1);

static HERE: AtomicU64 = AtomicU64::new(0);
/// Since when a fork is near, in milliseconds of the clock that never goes back.
static SINCE: AtomicU64 = AtomicU64::new(0);

/// How many threads work, and in which process. It is one word, because a fork may come between the
/// writes of any two, and has no lock, because a fork could find that locked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Word {
    process: u32,
    /// Whether nobody worked when this process was forked.
    is_clean: bool,
    /// How many forks are near.
    forks: u8,
    /// How many threads work.
    threads: u16,
}

impl Word {
    /// Reads a word. In any process but the one that wrote it, no thread works yet.
    fn of(word: u64, process: u32) -> Self {
        if (word >> 32) as u32 != process {
            return Self { process, ..Self::default() };
        }
        let (is_clean, forks, threads) = (word >> 24 & 1 == 1, (word >> 16) as u8, word as u16);
        Self { process, is_clean, forks, threads }
    }

    fn to_bits(self) -> u64 {
        let Self { process, is_clean, forks, threads } = self;
        let [process, is_clean] = [u64::from(process), u64::from(is_clean)];
        process << 32 | is_clean << 24 | u64::from(forks) << 16 | u64::from(threads)
    }

    fn with_one_more(self, is_overdue: impl Fn() -> bool) -> Option<Self> {
        let may_work = self.forks == 0 || is_overdue();
        let threads = self.threads.checked_add(1).filter(|_| may_work)?;
        Some(Self { threads, ..self })
    }
}

fn change(word: impl Fn(Word) -> Option<Word>) -> bool {
    let me = process::id();
    let changed = |bits| Some(word(Word::of(bits, me))?.to_bits());
    HERE.fetch_update(SeqCst, SeqCst, changed).is_ok()
}

fn uptime() -> u64 {
    u64::try_from(SystemClock.uptime().as_millis()).unwrap_or(u64::MAX)
}

fn is_overdue() -> bool {
    u128::from(uptime().saturating_sub(SINCE.load(SeqCst))) > LONGEST.as_millis()
}

/// Announces a fork: no thread begins new work until the fork is over or [`LONGEST`] has passed.
/// Every call must be followed by [`end_in_parent`].
pub fn begin() {
    if Word::of(HERE.load(SeqCst), process::id()).forks == 0 {
        SINCE.store(uptime(), SeqCst);
    }
    change(|word| Some(Word { forks: word.forks.saturating_add(1), ..word }));
}

/// Returns whether no thread works and no store is open. Tells open stores to close.
pub fn is_still() -> bool {
    if Word::of(HERE.load(SeqCst), process::id()).threads > 0 {
        return false;
    }
    #[cfg(feature = "sqlite")]
    if crate::store::SqliteStore::is_open_here() {
        crate::store::SqliteStore::close_for_fork();
        return false;
    }
    true
}

/// Ends what [`begin`] began, in the process that forked; also when the fork failed.
pub fn end_in_parent() {
    change(|word| Some(Word { forks: word.forks.saturating_sub(1), ..word }));
}

/// Resets the library in the child. What was under way goes on in the parent, and not here.
pub fn end_in_child() {
    let parents = HERE.load(SeqCst);
    let is_clean = Word::of(parents, (parents >> 32) as u32).threads == 0;
    let (process, word) = (process::id(), Word::default());
    HERE.store(Word { process, is_clean, ..word }.to_bits(), SeqCst);
    #[cfg(feature = "keeper")]
    crate::keeper::leave_to_parent();
}

/// Returns, once, the file descriptors of the sockets that the parent listens on, for the child to
/// put something else in their place, as with `dup2`: their ports are busy while the child has
/// them. It cannot close them by itself: what waits at them would be gone in the parent too.
#[cfg(feature = "loopback")]
pub fn sockets_of_parent() -> Vec<std::os::fd::RawFd> {
    crate::loopback::take_sockets_of_parent()
}

/// Returns whether no thread worked when this child was forked. Then none of its locks is held by a
/// thread that only the parent has. False in a process that is no child, or whose parent did not
/// call [`begin`].
pub fn was_clean() -> bool {
    Word::of(HERE.load(SeqCst), process::id()).is_clean
}

/// Marks the calling thread as working, until this is dropped.
#[derive(Debug)]
#[must_use = "a fork waits for it until it is dropped"]
pub struct Working(());

/// Marks the calling thread as working, after waiting for a fork that was announced. A thread that
/// is marked already must not call this.
pub fn work() -> Working {
    come_in();
    Working(())
}

/// As [`work`], but returns none instead of waiting.
pub fn try_work() -> Option<Working> {
    change(|word| word.with_one_more(is_overdue)).then_some(Working(()))
}

impl Drop for Working {
    fn drop(&mut self) {
        rest();
    }
}

/// As [`work`], for a thread that calls [`rest`] itself.
pub(crate) fn come_in() {
    while !change(|word| word.with_one_more(is_overdue)) {
        thread::sleep(PAUSE);
    }
}

pub(crate) fn rest() {
    change(|word| Some(Word { threads: word.threads.saturating_sub(1), ..word }));
}

/// Makes a runtime for one thread, which counts as working except while it waits.
///
/// # Errors
///
/// When the system gives no resources for it.
pub fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(rest)
        .on_thread_unpark(come_in)
        .build()
        .map(Runtime)
}

/// See [`runtime`].
#[derive(Debug)]
pub struct Runtime(tokio::runtime::Runtime);

impl Runtime {
    /// Runs a future to its end on the calling thread. Then shuts the runtime down, without waiting
    /// for other tasks.
    pub fn run<T>(self, main: impl Future<Output = T>) -> T {
        let ended = {
            let _working = work();
            self.0.block_on(main)
        };
        self.0.shutdown_background();
        ended
    }

    /// Returns a handle that spawns tasks on it from other threads.
    pub fn handle(&self) -> tokio::runtime::Handle {
        self.0.handle().clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_it_was_written() {
        let word = Word { process: 0xdead_beef, is_clean: true, forks: 3, threads: 0xfedc };
        assert_eq!(Word::of(word.to_bits(), word.process), word);
    }

    #[test]
    fn in_another_process_nobody_works() {
        let word = Word { process: 1, is_clean: true, forks: 3, threads: 7 };
        assert_eq!(Word::of(word.to_bits(), 2), Word { process: 2, ..Word::default() });
    }

    #[test]
    fn nobody_begins_to_work_while_a_fork_is_near() {
        let word = Word { forks: 1, ..Word::default() };
        assert_eq!(word.with_one_more(|| false), None);
        assert_eq!(Word::default().with_one_more(|| false).unwrap().threads, 1);
    }

    #[test]
    fn nobody_waits_for_ever_for_a_fork_that_does_not_come() {
        let word = Word { forks: 1, ..Word::default() };
        assert_eq!(word.with_one_more(|| true).unwrap().threads, 1);
    }
    #[test]
    fn a_fork_that_has_been_near_for_longer_than_anybody_waits_is_overdue() {
        let longest = u64::try_from(LONGEST.as_millis()).unwrap();
        SINCE.store(uptime() - longest - 1, SeqCst);
        assert!(is_overdue());
    }
}
