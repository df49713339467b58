//! Kills at random instants of a refresh: the same instants for us and for those who keep a login
//! in other ways.
//!
//! An instant is counted from when X has the request, so that what a program takes to start is no
//! part of it, and nobody is killed before the work has begun.

use std::time::Duration;

use xpkce::{Clock, SystemClock};
use xpkce_emulator::{Endpoint, FaultRule};

use self::score::{Blow, Score};
use self::victim::{Running, Victim, Who};
use super::home::{Home, Kind, is_long};

#[path = "kills/peer.rs"]
mod peer;
#[path = "kills/score.rs"]
mod score;
#[path = "kills/victim.rs"]
mod victim;

/// How long X takes before it rotates.
const ANSWER: Duration = Duration::from_millis(10);
/// The latest instant of a kill: a refresh is over long before.
const LATEST: Duration = Duration::from_millis(40);
/// How many rounds one X and one folder see.
const ONE_HOME: usize = 200;

/// Instants that are random and the same in every run.
struct Instants(u64);

impl Instants {
    fn next(&mut self) -> Duration {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        LATEST.mul_f64((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// Looks until `is_so`, and fails in the end.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = SystemClock.uptime();
    while !is_so() {
        assert!(SystemClock.uptime() - begun < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// Starts as many refreshes as there are instants, and kills each at its own, counted from when X
/// has the first request.
fn strike(victim: &mut Victim, home: &Home, instants: &[Duration]) -> Blow {
    let x = &home.x;
    x.fault(FaultRule::delay(Endpoint::Refresh, ANSWER).always());
    let (asked, rotations) = (x.token_requests(), x.refreshes());
    let mut running = victim.start(&home.place, instants.len());
    until("nothing was sent", || x.token_requests() > asked);
    let begun = SystemClock.uptime();
    let mut blow = Blow::default();
    for (process, instant) in running.iter_mut().zip(instants) {
        loop {
            let now = SystemClock.uptime() - begun;
            if blow.rotated_at.is_none() && x.refreshes() > rotations {
                blow.rotated_at = Some(now);
            }
            if now >= *instant {
                break;
            }
            std::thread::sleep((*instant - now).min(Duration::from_micros(100)));
        }
        process.kill();
        blow.killed_at = SystemClock.uptime() - begun;
    }
    blow.told = running.into_iter().map(Running::hear).collect();
    if blow.rotated_at.is_none() {
        // What was on its way is carried out, or given up, before anybody looks.
        std::thread::sleep(ANSWER * 2);
    }
    x.clear_faults();
    blow
}

/// Kills `processes` refreshes at once, one round after the other, `kills` times in all.
async fn score(who: &Who, processes: usize, kills: usize) -> Score {
    let (mut score, mut instants) = (Score::default(), Instants(2026));
    while score.kills < kills {
        let home = Home::confidential(Kind::Sqlite).await;
        let mut victim = Victim::new(who, &home).await;
        for _ in 0..ONE_HOME {
            if score.kills >= kills {
                break;
            }
            let mut at: Vec<_> = (0..processes).map(|_| instants.next()).collect();
            at.sort_unstable();
            let blow = tokio::task::block_in_place(|| strike(&mut victim, &home, &at));
            score.kills += processes;
            if !score.count(who, &blow, victim.find(&home).await) {
                victim.sign_in(&home).await;
            }
        }
    }
    println!("{}, {processes} at a time: {score}", who.name());
    score
}

/// How many kills: so many in the short form, and 10,000 in the long one unless `XPKCE_PROOFS_KILLS`
/// has another number.
fn how_many(short: usize) -> usize {
    let wanted = std::env::var("XPKCE_PROOFS_KILLS").ok();
    match wanted.map(|number| number.parse().expect("XPKCE_PROOFS_KILLS is a number")) {
        Some(number) if is_long() => number,
        _ if is_long() => 10_000,
        _ => short,
    }
}

/// Those who are compared with us, as far as they are there.
fn peers() -> Vec<Who> {
    let python = std::env::var("XPKCE_TEST_PYTHON")
        .expect("XPKCE_TEST_PYTHON names a Python interpreter with xdk 0.10.6");
    let xdk = |manner| Who::Xdk { python: python.clone(), manner };
    let xr = std::env::var("XPKCE_TEST_XR").ok().map(|program| Who::Xr { program });
    [xdk("plainly"), xdk("carefully")].into_iter().chain(xr).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_random_kill_ends_a_login_that_was_written_down() {
    let kills = how_many(40);
    for (processes, kills) in [(1, kills), (2, kills / 5)] {
        let ours = score(&Who::Xpkce, processes, kills).await;
        assert_eq!(ours.lost_though_saved, 0, "{ours:?}");
        assert_eq!(ours.lost, ours.explained, "{ours:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_kills_are_counted_for_who_keeps_a_login_in_another_way() {
    let kills = how_many(20);
    for who in peers() {
        let theirs = score(&who, 1, kills).await;
        // Else the harness is wrong, and not they.
        assert_eq!(theirs.lost_though_saved, 0, "{theirs:?}");
    }
}

/// What is not killed must go well, or the scoreboard compares nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_is_let_finish_loses_a_login() {
    for who in peers().into_iter().chain([Who::Xpkce]) {
        let home = Home::confidential(Kind::Sqlite).await;
        let mut victim = Victim::new(&who, &home).await;
        for round in 1..=5 {
            let running = victim.start(&home.place, 1).remove(0);
            let told = tokio::task::block_in_place(|| running.finish());
            assert!(who.has_saved(&told), "{}: {told}", who.name());
            assert!(victim.find(&home).await.is_alive(), "{}", who.name());
            assert_eq!((home.x.refreshes(), home.x.replays()), (2 * round, 0), "{}", who.name());
        }
    }
}
