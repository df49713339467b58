//! `xpkce-bench`: runs every contest and prints what came of it. `./bench` starts it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a program that measures prints"
)]

use std::path::PathBuf;

use xpkce_bench::endpoint::{self, Endpoint};
use xpkce_bench::report::Report;
use xpkce_bench::runs::{self, Bench};
use xpkce_bench::{cost, herd, million};

const FLAGS: &str = "--short, --only NAME, --python FILE, --xpkce FILE, --xr FILE, --write FILE";

fn main() {
    let all: Vec<String> = std::env::args().skip(1).collect();
    // The roles in which it starts itself.
    match &all.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => return endpoint::serve(),
        ["million", count, reads] => {
            return million::run(count.parse().unwrap(), reads.parse().unwrap());
        }
        ["herd", folder, base_url, user] => return herd::join(folder.as_ref(), base_url, user),
        _ => cost::open_many_files(),
    }
    let mut args = all.into_iter().skip(1);
    let (mut bench, mut write) = (Bench::default(), None);
    while let Some(flag) = args.next() {
        let mut path = || PathBuf::from(args.next().expect("a flag has a value"));
        match flag.as_str() {
            "--short" => bench.is_short = true,
            "--python" => bench.python = path(),
            "--xpkce" => bench.xpkce = path(),
            "--xr" => bench.xr = Some(path()),
            "--write" => write = Some(path()),
            "--only" => bench.only = args.next(),
            other => {
                eprintln!("no flag {other}; there are:\n  {FLAGS}");
                std::process::exit(2);
            }
        }
    }
    let report = measure(&bench);
    println!("{report}");
    if let Some(file) = write {
        std::fs::write(file, report.to_string()).expect("the report can be written");
    }
    std::process::exit(i32::from(report.has_failed()));
}

/// Processes before the rest: they are not to inherit what the client's own threads are pinned to.
fn measure(bench: &Bench) -> Report {
    let endpoint = Endpoint::start();
    let mut report = Report::new(bench.is_short);
    for (name, run) in runs::ALL {
        if bench.only.as_deref().is_none_or(|only| only == name) {
            run(bench, &endpoint, &mut report);
        }
    }
    report
}
