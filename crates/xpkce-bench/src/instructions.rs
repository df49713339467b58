//! Instructions, counted by valgrind: the same on every run, whatever else the machine does.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::sibling;

/// Returns the instructions of one operation: the difference between many and twice as many, so
/// that starting up does not count.
pub fn of(operation: &str, base_url: &str, folder: &Path) -> f64 {
    const COUNT: u64 = 1000;
    let total = |count: u64| count_run(operation, base_url, folder, count);
    (total(2 * COUNT) - total(COUNT)) as f64 / COUNT as f64
}

fn count_run(operation: &str, base_url: &str, folder: &Path, count: u64) -> i64 {
    let file = folder.join(format!("{operation}.{count}"));
    let status = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(sibling("count"))
        .args([operation, base_url, &count.to_string()])
        .stdout(Stdio::null())
        .status()
        .expect("valgrind can be started");
    assert!(status.success(), "valgrind could not count {operation}");
    let text = std::fs::read_to_string(file).unwrap();
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a total");
    totals.trim().parse().unwrap()
}
