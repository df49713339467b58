//! Herds: however many ask for one expired token, X is asked once for each generation.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use xpkce::http::HyperClient;
use xpkce::{Clock, SystemClock, TokenSource};
use xpkce_emulator::{Endpoint, FaultRule, Lifetimes};

use super::home::{Home, Kind, Place, asked, is_long};
use super::pooler::pooler;

/// A little more than an access token's life.
const A_LIFE: Duration = Duration::from_secs(7201);

fn elapsed(since: Duration) -> Duration {
    SystemClock.uptime() - since
}

/// Asks at once, `tasks` times on each source, and returns the generations that were handed out.
async fn ask(sources: &[TokenSource], tasks: usize) -> Vec<u64> {
    let callers = sources.iter().flat_map(|source| {
        (0..tasks).map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.access_token().await.unwrap().generation().0 })
        })
    });
    let callers: Vec<_> = callers.collect();
    join_all(callers).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_tasks_spend_each_generation_once() {
    let home = Home::new(Kind::Memory).await;
    let source = home.sign_in(&home.keeper().await).await;
    for round in 1..=3 {
        home.advance(A_LIFE);
        let begun = SystemClock.uptime();
        let generations = ask(std::slice::from_ref(&source), 10_000).await;
        println!("10,000 tasks, round {round}: {:.0?}", elapsed(begun));
        assert!(generations.iter().all(|generation| *generation == round + 1));
        assert_eq!(home.x.refreshes() as u64, round);
    }
    assert_eq!(home.x.replays(), 0);
}

/// Three keepers with 200 tasks each, each on a machine of its own, on one database that is reached
/// at `place`.
async fn three_keepers(home: &Home, place: &Place, name: &str) {
    let first = home.keeper().await;
    let user = home.sign_in(&first).await.account().user.clone();
    let mut sources = Vec::new();
    for machine in ["one", "two", "three"] {
        let place = place.on_machine(machine);
        let store = place.store(home.clock.clone()).await;
        let http = Arc::new(HyperClient::new());
        let keeper = place.keeper(store, http, home.clock.clone()).await;
        sources.push(keeper.token_source(&user));
    }
    for round in 1..=5 {
        home.advance(A_LIFE);
        let begun = SystemClock.uptime();
        let generations = ask(&sources, 200).await;
        println!("3 x 200 tasks on {name}, round {round}: {:.0?}", elapsed(begun));
        assert!(generations.iter().all(|generation| *generation == round + 1));
        assert_eq!(home.x.refreshes() as u64, round);
    }
    assert_eq!((home.x.replays(), home.x.token_requests()), (0, 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_keepers_with_two_hundred_tasks_on_postgres_spend_each_generation_once() {
    let home = Home::new(Kind::Postgres).await;
    three_keepers(&home, &home.place, "PostgreSQL").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_keepers_behind_a_pooler_spend_each_generation_once() {
    let home = Home::new(Kind::Postgres).await;
    let place = home.place.by_port(pooler().port);
    three_keepers(&home, &place, "PostgreSQL behind a pooler").await;
}

/// A process that waits at the barrier, its store open, until a line comes.
struct Waiting {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Waiting {
    fn start(place: &Place, user: &str) -> Self {
        let asked = [("XPKCE_TEST_SUBJECT", user.to_owned())];
        let mut process = place.process("herds::a_process_at_the_barrier", &asked);
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Returns what it says next, after `mark`.
    fn hear(&mut self, mark: &str) -> String {
        loop {
            let line = self.lines.next().expect("the process ended").unwrap();
            if let Some(said) = line.strip_prefix(mark) {
                return said.to_owned();
            }
        }
    }

    fn say_go(&mut self) {
        self.process.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }
}

#[tokio::test]
#[ignore = "run as another process by the test below"]
async fn a_process_at_the_barrier() {
    let place = Place::told();
    let clock = Arc::new(SystemClock);
    let store = place.store(clock.clone()).await;
    let keeper = place.keeper(store.clone(), Arc::new(HyperClient::new()), clock).await;
    let source = keeper.token_source(&asked("XPKCE_TEST_SUBJECT"));
    store.load(source.account()).await.unwrap();
    println!("\nready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let begun = SystemClock.uptime();
    let outcome = source.access_token().await.map(|token| token.generation().0);
    let micros = elapsed(begun).as_micros();
    println!(
        "\nserved {} {micros}",
        outcome.map_or_else(|why| why.to_string(), |it| it.to_string())
    );
    std::io::stdin().read_line(&mut line).unwrap();
}

/// Lets `count` processes ask at once for a token that is over, and returns how long each took.
fn stampede(place: &Place, user: &str, count: usize) -> Vec<Duration> {
    let mut herd: Vec<_> = (0..count).map(|_| Waiting::start(place, user)).collect();
    herd.iter_mut().for_each(|process| drop(process.hear("ready")));
    herd.iter_mut().for_each(Waiting::say_go);
    let mut spans = Vec::new();
    for process in &mut herd {
        let said = process.hear("served ");
        let (generation, micros) = said.rsplit_once(' ').unwrap();
        assert_eq!(generation, "2");
        spans.push(Duration::from_micros(micros.parse().unwrap()));
    }
    for mut process in herd {
        process.say_go();
        assert!(process.process.wait().unwrap().success());
    }
    spans.sort_unstable();
    spans
}

/// Signs in with a token that is over at once, by every process's clock.
async fn expired(home: &Home) -> String {
    home.x.set_lifetimes(Lifetimes { access: 1, ..Lifetimes::default() });
    let source = home.sign_in(&home.keeper().await).await;
    home.x.set_lifetimes(Lifetimes::default());
    tokio::time::sleep(Duration::from_millis(1100)).await;
    source.account().user.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_on_one_sqlite_file_spend_each_generation_once() {
    let count = if is_long() { 80 } else { 16 };
    for answer_after in [0, 200] {
        let mut single = Duration::ZERO;
        for herd in [1, count] {
            let home = Home::new(Kind::Sqlite).await;
            let (place, name) = (home.place.clone(), expired(&home).await);
            let wait = Duration::from_millis(answer_after);
            home.x.fault(FaultRule::delay(Endpoint::Refresh, wait));
            let spans =
                tokio::task::spawn_blocking(move || stampede(&place, &name, herd)).await.unwrap();
            assert_eq!((home.x.refreshes(), home.x.replays()), (1, 0));
            let (middle, last) = (spans[herd / 2], spans[herd - 1]);
            println!(
                "{herd} processes, X answers after {answer_after} ms: half served in {middle:.0?}, all in {last:.0?}"
            );
            if herd == 1 {
                single = last;
            } else {
                let target = single.mul_f64(1.5) + Duration::from_millis(100);
                println!("  the target is 1.5 x {single:.0?} + 100 ms = {target:.0?}");
            }
        }
    }
}
