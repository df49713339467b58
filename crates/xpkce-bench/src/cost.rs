//! What an operation costs: time on the wall and on the processor.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The cost of one operation, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Time that passed.
    pub wall: f64,
    /// Time that this process ran, all threads together.
    pub cpu: f64,
    /// Peak memory in KiB, where it was measured.
    pub memory: f64,
}

/// Runs `work`, which does `count` operations, and returns the cost of one.
pub fn of(count: usize, work: impl FnOnce()) -> Cost {
    let (wall, cpu) = (Instant::now(), cpu_time());
    work();
    let (wall, cpu) = (wall.elapsed(), cpu_time() - cpu);
    let each = |span: Duration| span.as_nanos() as f64 / count as f64;
    Cost { wall: each(wall), cpu: each(cpu), memory: 0.0 }
}

/// Keeps this process, and the threads it will start, on one processor. Does nothing where there
/// is no such processor.
pub fn stay_on(processor: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(processor);
    let _ = rustix::thread::sched_setaffinity(None, &set);
}

/// Lets this process, and those that it starts, have as many files open as the system allows:
/// thousands of connections are thousands of files.
pub fn open_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Runs `count_done`, which tells how many operations are done so far, before and after `span`, and
/// returns the cost of one in between: what goes on around it has neither begun nor ended.
pub async fn between(span: Duration, mut count_done: impl FnMut() -> u64) -> Cost {
    let (wall, cpu, done) = (Instant::now(), cpu_time(), count_done());
    tokio::time::sleep(span).await;
    let (wall, cpu, done) = (wall.elapsed(), cpu_time() - cpu, count_done() - done);
    let each = |span: Duration| span.as_nanos() as f64 / done as f64;
    Cost { wall: each(wall), cpu: each(cpu), memory: 0.0 }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Cost {
    /// Returns how many operations a second that is.
    pub fn rate(self) -> f64 {
        1e9 / self.wall
    }
}
