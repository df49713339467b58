//! The steps in which something durable is written that no seam is told of: a holder's file, a login's
//! door, the key file, and a store as it is made. A test is told of each, before and after, and may end
//! the process there.

#[cfg(feature = "testing")]
use std::sync::OnceLock;

#[cfg(feature = "testing")]
type Watcher = dyn Fn(&str) + Send + Sync;

#[cfg(feature = "testing")]
static WATCHER: OnceLock<Box<Watcher>> = OnceLock::new();

/// Has `watcher` told of every step in which this process writes what is neither a record of a store
/// nor a request, as `before …` and as `after …`. There is one watcher, the first.
#[cfg(feature = "testing")]
pub fn watch_steps(watcher: impl Fn(&str) + Send + Sync + 'static) {
    let _ = WATCHER.set(Box::new(watcher));
}

/// Does one step.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> T) -> T {
    tell("before", name);
    let done = work();
    tell("after", name);
    done
}

/// Does one step that is waited for.
#[cfg(feature = "postgres")]
pub(crate) async fn around<T>(name: &str, work: impl Future<Output = T>) -> T {
    tell("before", name);
    let done = work.await;
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
