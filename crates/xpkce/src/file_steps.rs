//! The steps in which files are written that are behind no seam: a holder's file, and the key file. A
//! test is told of each, before and after, and may end the process there.

#[cfg(feature = "testing")]
use std::sync::OnceLock;

#[cfg(feature = "testing")]
type Watcher = dyn Fn(&str) + Send + Sync;

#[cfg(feature = "testing")]
static WATCHER: OnceLock<Box<Watcher>> = OnceLock::new();

/// Has `watcher` told of every step in which this process writes a holder's file or a key file, as
/// `before …` and as `after …`. There is one watcher, the first.
#[cfg(feature = "testing")]
pub fn watch_file_steps(watcher: impl Fn(&str) + Send + Sync + 'static) {
    let _ = WATCHER.set(Box::new(watcher));
}

/// Does one step.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> T) -> T {
    tell("before", name);
    let done = work();
    tell("after", name);
    done
}

#[cfg(feature = "testing")]
fn tell(when: &str, name: &str) {
    if let Some(watcher) = WATCHER.get() {
        watcher(&format!("{when} {name}"));
    }
}

#[cfg(not(feature = "testing"))]
fn tell(_: &str, _: &str) {}
