//! `xpkce-bench`: runs every contest and prints what came of it. `./bench` starts it.
#![allow(clippy::print_stdout, reason = "a program that measures prints")]

use std::path::PathBuf;

use xpkce_bench::endpoint::{self, Endpoint};
use xpkce_bench::report::Report;
use xpkce_bench::runs::{self, Bench};

fn main() {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some("serve") {
        return endpoint::serve();
    }
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
            other => panic!("no flag {other}"),
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
