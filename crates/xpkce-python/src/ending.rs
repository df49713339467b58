//! The end of the interpreter, and threads of ours that want the GIL at that moment.
//!
//! CPython may crash when a thread that waits for the GIL meets the end of the interpreter, and
//! who asks first whether it ends may be answered a moment too early. So the end waits for those
//! who are on their way, and nobody sets out after it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

const PAUSE: Duration = Duration::from_millis(1);
/// Who is on the way waits for nothing but the GIL, and the end does not hold it.
const LONGEST: Duration = Duration::from_secs(10);

const HAS_ENDED: u32 = 1 << 31;

/// The process, whether the interpreter ends, and how many threads are on their way; in one word,
/// because a fork must not meet a lock that a thread without the GIL holds.
static HERE: AtomicU64 = AtomicU64::new(0);

/// In a fork none of the parent's threads is there.
fn state(word: u64) -> u32 {
    if (word >> 32) as u32 == std::process::id() { word as u32 } else { 0 }
}

fn change(change: impl Fn(u32) -> Option<u32>) -> bool {
    let process = u64::from(std::process::id()) << 32;
    let changed = |word| Some(process | u64::from(change(state(word))?));
    HERE.fetch_update(SeqCst, SeqCst, changed).is_ok()
}

/// Does something with the GIL in a thread that Python did not make; none when the interpreter
/// ends.
pub(crate) fn try_attach<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    if !change(|state| (state & HAS_ENDED == 0).then_some(state + 1)) {
        return None;
    }
    let done = Python::try_attach(work);
    change(|state| (state & !HAS_ENDED > 0).then_some(state.wrapping_sub(1)));
    done
}

/// Returns whether no thread of ours comes to the interpreter any more. `atexit` may have more to do:
/// what was registered before us is done after us.
pub(crate) fn has_ended() -> bool {
    state(HERE.load(SeqCst)) & HAS_ENDED != 0
}

/// Lets no thread of ours come to the interpreter any more.
#[pyfunction]
fn end(py: Python<'_>) {
    change(|state| Some(state | HAS_ENDED));
    let is_near = || state(HERE.load(SeqCst)) & !HAS_ENDED > 0;
    py.detach(|| {
        let pauses = LONGEST.as_millis() / PAUSE.as_millis();
        (0..pauses).take_while(|_| is_near()).for_each(|_| thread::sleep(PAUSE));
    });
}

/// Among what Python does at its end, before it lets no thread in.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let end = pyo3::wrap_pyfunction!(end, module)?;
    module.py().import("atexit")?.call_method1("register", (end,)).map(drop)
}
