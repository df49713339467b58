//! The clock that counts suspension, on a machine that has slept.
//!
//! No test can put the machine to sleep. A process that runs in a time namespace of its own (`unshare
//! --time`, of util-linux) sees the boot's clock ahead of the monotonic one all the same, as it is
//! after a sleep. Where that is not permitted the test fails.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]

use std::process::Command;
use std::time::Duration;

use xpkce::{Clock as _, SystemClock};

const ASLEEP: Duration = Duration::from_secs(100_000);

#[test]
fn the_clock_goes_on_while_the_machine_sleeps() {
    let before = SystemClock.uptime();
    let woken = in_a_process_that_has_slept();
    let after = SystemClock.uptime();
    assert!(before + ASLEEP <= woken && woken <= after + ASLEEP, "{before:?} {woken:?} {after:?}");
}

#[test]
#[ignore = "run by another test"]
#[allow(clippy::print_stdout, reason = "another process reads it")]
fn tells_its_clock() {
    println!("\nuptime={}", SystemClock.uptime().as_nanos());
}

/// Starts this binary again, to run the test above, and returns what it tells.
fn in_a_process_that_has_slept() -> Duration {
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--time", "--fork", "--boottime"])
        .arg(ASLEEP.as_secs().to_string())
        .arg(std::env::current_exe().unwrap())
        .args(["tells_its_clock", "--exact", "--ignored", "--nocapture"])
        .output()
        .expect("unshare, of util-linux");
    let told = String::from_utf8_lossy(&output.stdout);
    let nanos = told.lines().find_map(|line| line.strip_prefix("uptime="));
    let failed = || panic!("{told}{}", String::from_utf8_lossy(&output.stderr));
    Duration::from_nanos(nanos.unwrap_or_else(failed).parse().unwrap())
}
