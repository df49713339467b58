//! The contests: who takes part, how often, and what we promise.

use std::path::{Path, PathBuf};

use tempfile::tempdir;

use crate::contest::{Contest, Outcome};
use crate::cost;
use crate::endpoint::Endpoint;
use crate::process::{self, Program};
use crate::python::Python;
use crate::report::Report;
use crate::wire::{Grant, Other, Ours};
use crate::{flow, hot as keeper, instructions as callgrind};

/// The names of the peers, as they are printed.
pub const OURS: &str = "xpkce";
/// The `oauth2` crate.
pub const OTHER: &str = "oauth2 5";
/// X's own Python class.
pub const XDK: &str = "xdk 0.10.6";
/// The program that reads one row.
pub const BARE: &str = "bare SQLite read";
/// A command line for X's API in Rust.
pub const XR: &str = "xurl-rs 4.5.1";

mod saved;
mod scale;

type Run = fn(&Bench, &Endpoint, &mut Report);

/// Every run, by name.
pub const ALL: [(&str, Run); 9] = [
    ("instructions", instructions),
    ("processes", processes),
    ("hot", hot),
    ("flow", flow),
    ("million", scale::million),
    ("herd", scale::herd),
    ("saved", saved::saved),
    ("wire", wire),
    ("flight", scale::flight),
];

/// What to measure with.
#[derive(Default)]
pub struct Bench {
    /// A run that shows that everything runs; its figures mean little.
    pub is_short: bool,
    /// The one run that is wanted, if not all.
    pub only: Option<String>,
    /// A Python that has `xdk`.
    pub python: PathBuf,
    /// The command.
    pub xpkce: PathBuf,
    /// The command of `xurl-rs`, if it is here.
    pub xr: Option<PathBuf>,
}

impl Bench {
    fn rounds(&self) -> usize {
        if self.is_short { 1 } else { 7 }
    }

    fn count(&self, full: usize) -> usize {
        if self.is_short { (full / 50).max(64) } else { full }
    }

    fn python(&self, endpoint: &Endpoint) -> Python {
        Python::start(self.python.to_str().expect("a path in Unicode"), endpoint)
    }
}

/// Instructions of the work without a network. These are gates: nothing moves them but the code.
pub fn instructions(_: &Bench, endpoint: &Endpoint, report: &mut Report) {
    eprintln!("   instructions ...");
    let folder = tempdir().expect("a folder for valgrind");
    let count = |operation: &str| callgrind::of(operation, &endpoint.kept, folder.path());
    let (ours, other) = (count("begin"), count("begin-other"));
    report.instructions("pair + authorize URL", Some(other), ours, other);
    let by_class = count("begin-by-class");
    report.instructions("the same by X's class", Some(other), by_class, other);
    let (ours, other) = (count("judge"), count("judge-other"));
    report.instructions("judge a token answer", Some(other), ours, other);
    let (ours, other) = (count("refresh"), count("refresh-other"));
    report.instructions("refresh, there and back", Some(other), ours, other);
    // The clock is a call to the system under valgrind, and is not counted.
    report.instructions("fresh token from the keeper", None, count("hot"), 250.0);
}

/// Whole processes.
pub fn processes(bench: &Bench, endpoint: &Endpoint, report: &mut Report) {
    let home = tempdir().expect("a folder for the stores");
    let programs = tempdir().expect("a folder for the programs");
    let installed = |binary: &Path| process::installed(binary, programs.path());
    let xpkce = installed(&bench.xpkce);
    let xpkce = process::xpkce(&xpkce, &home.path().join("xpkce"), &endpoint.kept);
    let bare = process::bare(&installed(&process::sibling("bare")), home.path());
    let xr = bench.xr.as_ref().map(|path| process::xr(&installed(path), home.path()));
    let turn = |program: &Program| program.turn(5);
    let mut contest = Contest::new("print a valid token: a whole process")
        .peer(OURS, || turn(&xpkce))
        .peer(BARE, || turn(&bare));
    if let Some(xr) = &xr {
        contest = contest.peer(XR, || turn(xr));
    }
    let outcome = contest.run(if bench.is_short { 2 } else { 21 });
    report.target("`xpkce token`, wall, of the bare read", ratio(&outcome, BARE, wall), 1.25);
    report.target("`xpkce token`, CPU, of the bare read", ratio(&outcome, BARE, cpu), 1.25);
    let memory = outcome.of(OURS).map_or(f64::NAN, |cost| cost.memory / 1024.0);
    report.target("`xpkce token`, peak memory, MiB", memory, 8.0);
    report.processes(&outcome);
}

/// A fresh token, read from the keeper on one thread and on two.
pub fn hot(bench: &Bench, endpoint: &Endpoint, report: &mut Report) {
    let source = keeper::fresh_source(&endpoint.kept);
    let mut python = bench.python(endpoint);
    let count = bench.count(5_000_000);
    let outcome = Contest::new("a fresh token")
        .peer(OURS, || keeper::read_on(1, &source, count))
        .peer(XDK, || python.turn("hot", count / 20, 1))
        .peer("xpkce, on two threads", || keeper::read_on(2, &source, count))
        .run(bench.rounds());
    // Processor time is wall time where no neighbour takes turns, and the same where one does.
    let two = outcome.of("xpkce, on two threads").map_or(f64::NAN, cpu) / 2.0;
    report.target("fresh token, CPU ns", outcome.of(OURS).map_or(f64::NAN, cpu), 30.0);
    report.target("fresh token, two threads, CPU ns on each", two, 45.0);
    report.nanoseconds(&outcome);
}

/// The work without a network.
pub fn flow(bench: &Bench, endpoint: &Endpoint, report: &mut Report) {
    let (app, other) = (flow::app(&endpoint.kept), flow::other(&endpoint.kept));
    let python = std::cell::RefCell::new(bench.python(endpoint));
    let count = bench.count(100_000);
    let outcome = Contest::new("PKCE pair, state and authorize URL")
        .peer(OURS, || cost::of(count, || flow::begin(&app, count)))
        .peer(OTHER, || cost::of(count, || flow::begin_other(&other, count)))
        .peer(XDK, || python.borrow_mut().turn("begin", count / 50, 1))
        .run(bench.rounds());
    report.target("pair + authorize URL, of oauth2", ratio(&outcome, OTHER, cpu), 1.0);
    report.nanoseconds(&outcome);
    let outcome = Contest::new("reading a token answer")
        .peer(OURS, || cost::of(count, || flow::judge(count)))
        .peer(OTHER, || cost::of(count, || flow::judge_other(count)))
        .peer(XDK, || python.borrow_mut().turn("parse", count / 10, 1))
        .run(bench.rounds());
    report.target("token answer, of oauth2", ratio(&outcome, OTHER, cpu), 1.0);
    report.nanoseconds(&outcome);
}

/// Round trips to the stand-in: client on one processor, server on the other.
pub fn wire(bench: &Bench, endpoint: &Endpoint, report: &mut Report) {
    cost::stay_on(0);
    let mut python = bench.python(endpoint);
    for (connections, base_url) in [("kept", &endpoint.kept), ("fresh", &endpoint.fresh)] {
        let (ours, other) = (Ours::new(base_url), Other::new(base_url));
        for (grant, name) in [(Grant::Code, "exchange"), (Grant::Refresh, "refresh")] {
            for abreast in [1, 64] {
                let count = bench.count(if abreast == 1 { 3_200 } else { 12_800 });
                let title = format!("{name}, {connections} connections, {abreast} in flight");
                let operation = format!("{name}-{connections}");
                let outcome = Contest::new(&title)
                    .peer(OURS, || ours.turn(grant, count, abreast))
                    .peer(OTHER, || other.turn(grant, count, abreast))
                    .peer(XDK, || python.turn(&operation, (count / 20).max(abreast), abreast))
                    .run(bench.rounds());
                if grant == Grant::Refresh {
                    let what = format!("{title}: client CPU, of oauth2 + reqwest");
                    report.target(&what, ratio(&outcome, OTHER, cpu), 1.0);
                }
                report.round_trips(&outcome);
            }
        }
    }
}

fn wall(cost: cost::Cost) -> f64 {
    cost.wall
}

fn cpu(cost: cost::Cost) -> f64 {
    cost.cpu
}

fn ratio(outcome: &Outcome, peer: &str, field: fn(cost::Cost) -> f64) -> f64 {
    let of = |name| outcome.of(name).map_or(f64::NAN, field);
    of(OURS) / of(peer)
}
