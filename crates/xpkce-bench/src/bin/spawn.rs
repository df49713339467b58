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

use wait4::Wait4 as _;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let count: usize = args[1].parse().unwrap();
    let (mut walls, mut cpus, mut memory) = (Vec::new(), Vec::new(), 0);
    for _ in 0..count {
        let mut command = Command::new(&args[2]);
        command.args(&args[3..]).stdin(Stdio::null()).stdout(Stdio::null());
        let begun = Instant::now();
        let ended = command.spawn().unwrap().wait4().unwrap();
        walls.push(begun.elapsed().as_nanos() as f64);
        assert!(ended.status.success(), "{} failed", args[2]);
        cpus.push((ended.rusage.utime + ended.rusage.stime).as_nanos() as f64);
        memory = memory.max(ended.rusage.maxrss / 1024);
    }
    println!("{} {} {memory}", median(walls), median(cpus));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
