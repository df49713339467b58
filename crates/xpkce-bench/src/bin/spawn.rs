//! Runs a command several times and prints the median of its wall time and processor time in
//! nanoseconds, and its peak memory in KiB: `spawn COUNT COMMAND [ARGUMENT...]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that measures ends where it cannot go on"
)]

use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let count: usize = args[1].parse().unwrap();
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let mut command = Command::new(&args[2]);
        command.args(&args[3..]).stdin(Stdio::null()).stdout(Stdio::null());
        let (wall, cpu) = (Instant::now(), cpu());
        assert!(command.status().unwrap().success(), "{} failed", args[2]);
        walls.push(wall.elapsed().as_nanos() as f64);
        cpus.push(self::cpu() - cpu);
    }
    let memory = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    println!("{} {} {memory}", median(walls), median(cpus));
}

fn cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    (usage.user_time() + usage.system_time()).num_microseconds() as f64 * 1000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
