//! Tells a story in many orders: half of them by chance at every turn, half by chance at few (PCT),
//! where one task is left behind for long.
//!
//! To have a schedule that failed again, give what was printed between the quotes:
//!
//! ```console
//! $ XPKCE_SCHEDULE=91… cargo test -p xpkce --all-features --lib the_story
//! ```

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};

use shuttle::scheduler::{
    DfsScheduler, PctScheduler, RandomScheduler, ReplayScheduler, Schedule, Scheduler, Task,
    TaskId, UncontrolledNondeterminismCheckScheduler,
};
use shuttle::{Config, MaxSteps, Runner};

use super::world::World;
use crate::ManualClock;
use crate::turns::given::{Time, explore_by};

/// The short form: it takes a second or two.
const SHORT: usize = 100;
/// How many times as many the long form has.
const LONGER: usize = 100;
/// The same schedules in every run, so that what fails fails again.
const SEED: u64 = 0x0078_706b_6365;
/// How often a task is left behind by PCT, and one more.
const DEPTH: usize = 4;
const MOST_STEPS: usize = 50_000;

/// Whether time passes while somebody has something to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// It waits for all.
    Even,
    /// At one turn in so many it does not: whoever is at work is held up.
    Stalls(u64),
}

/// Tells the story in many schedules.
pub(super) fn explore<F: Future<Output = ()>>(
    pace: Pace,
    story: impl Fn(Arc<World>) -> F + Send + Sync + Copy + 'static,
) {
    explore_from(pace, how_many(SHORT), move |clock| story(World::begin(clock)));
}

/// Tells it in so many, from a beginning of its own.
pub(super) fn explore_from<F: Future<Output = ()>>(
    pace: Pace,
    schedules: usize,
    story: impl Fn(Arc<ManualClock>) -> F + Send + Sync + Copy + 'static,
) {
    let once = move || begin(story);
    let _hint = Hint;
    if is_replayed(once) {
        return;
    }
    let half = schedules / 2;
    let told = Arc::new(Mutex::new(Told::default()));
    let by_chance = RandomScheduler::new_from_seed(SEED, half);
    Runner::new(Paced::new(by_chance, pace, &told), config()).run(once);
    let by_priority = PctScheduler::new_from_seed(SEED, DEPTH, half);
    Runner::new(Paced::new(by_priority, pace, &told), config()).run(once);
    told.lock().unwrap().end();
}

/// Tells it twice in each of a few schedules, and fails where the second time differs.
pub(super) fn repeat<F: Future<Output = ()>>(
    pace: Pace,
    story: impl Fn(Arc<World>) -> F + Send + Sync + Copy + 'static,
) {
    let told = Arc::default();
    let scheduler = Paced::new(RandomScheduler::new_from_seed(SEED, SHORT / 8), pace, &told);
    let scheduler = UncontrolledNondeterminismCheckScheduler::new(scheduler);
    Runner::new(scheduler, config()).run(move || begin(|clock| story(World::begin(clock))));
}

/// Tells a short story in every order there is.
pub(super) fn exhaust(story: impl Fn() + Send + Sync + Copy + 'static) {
    let once = move || {
        explore_by(Time::new(World::clock()));
        story();
    };
    let _hint = Hint;
    if is_replayed(once) {
        return;
    }
    let orders = Runner::new(DfsScheduler::new(None, false), config()).run(once);
    eprintln!("{}: every one of {orders} orders", test());
}

/// Tells the story in the schedule that was asked for, if one was.
fn is_replayed(once: impl Fn() + Send + Sync + 'static) -> bool {
    let Ok(schedule) = std::env::var("XPKCE_SCHEDULE") else {
        return false;
    };
    let mut replay = ReplayScheduler::new_from_encoded(schedule.trim());
    replay.set_allow_incomplete();
    Runner::new(replay, config()).run(once);
    true
}

fn begin<F: Future<Output = ()>>(story: impl Fn(Arc<ManualClock>) -> F) {
    let clock = World::clock();
    let time = Time::new(Arc::clone(&clock));
    explore_by(Arc::clone(&time));
    // The first task of all: the scheduler knows it by that.
    drop(shuttle::future::spawn(time.pass()));
    shuttle::future::block_on(story(clock));
}

/// How many schedules, where the short form has so many.
pub(super) fn how_many(short: usize) -> usize {
    let is_long = std::env::var("XPKCE_PROOFS").is_ok_and(|size| size == "long");
    let wanted = std::env::var("XPKCE_PROOFS_SCHEDULES").ok();
    match wanted.map(|number| number.parse().expect("XPKCE_PROOFS_SCHEDULES is a number")) {
        Some(wanted) => wanted,
        None if is_long => LONGER * short,
        None => short,
    }
}

fn config() -> Config {
    let mut config = Config::new();
    // A debug build's futures are large.
    config.stack_size = 512 * 1024;
    config.max_steps = MaxSteps::FailAfter(MOST_STEPS);
    config.silence_warnings = true;
    config
}

/// Returns the name of the test that runs.
fn test() -> String {
    std::thread::current().name().unwrap_or("keeper::schedules").to_owned()
}

/// Says how to have a failure again.
struct Hint;

impl Drop for Hint {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "to have it again: XPKCE_SCHEDULE='the schedule above, without its quotes' \
                 cargo test -p xpkce --all-features --lib {} -- --exact --nocapture",
                test()
            );
        }
    }
}

/// What was told.
#[derive(Default)]
struct Told {
    schedules: usize,
    steps: usize,
    orders: HashSet<u64>,
}

impl Told {
    fn end(&self) {
        let Self { schedules, steps, orders } = self;
        let (steps, differ) = (steps / schedules, orders.len());
        let test = test();
        eprintln!("{test}: {schedules} schedules, {differ} of them different, {steps} turns each");
        assert!(differ > schedules / 2, "one schedule is like the other");
    }
}

/// Another's schedules, with time going by in them.
struct Paced<S> {
    inner: S,
    pace: Pace,
    chance: u64,
    order: DefaultHasher,
    steps: usize,
    told: Arc<Mutex<Told>>,
}

impl<S> Paced<S> {
    fn new(inner: S, pace: Pace, told: &Arc<Mutex<Told>>) -> Self {
        let (order, told) = (DefaultHasher::new(), Arc::clone(told));
        Self { inner, pace, chance: SEED, order, steps: 0, told }
    }

    /// splitmix64.
    fn is_held_up(&mut self) -> bool {
        let Pace::Stalls(one_in) = self.pace else { return false };
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).is_multiple_of(one_in)
    }

    fn is_over(&mut self) {
        let order = std::mem::take(&mut self.order).finish();
        let steps = std::mem::take(&mut self.steps);
        if steps > 0 {
            let mut told = self.told.lock().unwrap();
            told.schedules += 1;
            told.steps += steps;
            told.orders.insert(order);
        }
    }
}

impl<S: Scheduler> Scheduler for Paced<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.is_over();
        self.inner.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let time = TaskId::from(1);
        let others: Vec<&Task> =
            runnable.iter().filter(|task| task.id() != time).copied().collect();
        let time_may = others.len() < runnable.len();
        let next = match time_may && (others.is_empty() || self.is_held_up()) {
            true => Some(time),
            false => self.inner.next_task(&others, current, is_yielding),
        };
        next.hash(&mut self.order);
        self.steps += 1;
        next
    }

    fn next_u64(&mut self) -> u64 {
        self.inner.next_u64()
    }
}
