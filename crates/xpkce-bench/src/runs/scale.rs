//! Many at once: refreshes in flight, accounts, processes.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use xpkce::store::MemoryStore;

use super::{Bench, OTHER, OURS, XDK};
use crate::contest::{Contest, median};
use crate::cost;
use crate::crowd::Crowd;
use crate::endpoint::Endpoint;
use crate::million::Pages;
use crate::report::Report;
use crate::wire::{Grant, Other};
use crate::{herd as processes, million as accounts};

/// Thousands in flight against a server that takes as long as X does.
pub(super) fn flight(bench: &Bench, endpoint: &Endpoint, report: &mut Report) {
    let abreast = if bench.is_short { 256 } else { 4096 };
    cost::stay_on(0);
    let mut python = bench.python(endpoint);
    let crowd = Crowd::sign_in(&endpoint.late, Arc::new(MemoryStore::default()), None, abreast);
    let other = Other::new(&endpoint.late);
    let (warm_up, span) = (bench.span(2_000), bench.span(3_000));
    let outcome = Contest::new(&format!("refresh, {abreast} in flight, answered after 200 ms"))
        .peer(OURS, || crowd.refresh(abreast, warm_up, span))
        .peer(OTHER, || other.turn(Grant::Refresh, 8 * abreast, abreast))
        .peer(XDK, || python.turn("refresh-late", 2 * abreast.min(1024), abreast.min(1024)))
        .run(if bench.is_short { 1 } else { 3 });
    let rate = outcome.of(OURS).map_or(f64::NAN, cost::Cost::rate);
    report.floor("4,096 refreshes in flight through the keeper, a second", rate, 14_000.0);
    report.rates(&outcome);
}

/// A million accounts in one keeper.
pub(super) fn million(bench: &Bench, _: &Endpoint, report: &mut Report) {
    eprintln!("   a million accounts ...");
    let (count, reads) = if bench.is_short { (20_000, 100_000) } else { (1_000_000, 5_000_000) };
    let mut table =
        "| memory | accounts | MiB | bytes each | a fresh token of a random one, wall ns | CPU ns | one read of as much memory, CPU ns |\n\
                     |---|---:|---:|---:|---:|---:|---:|\n"
            .to_owned();
    for pages in [Pages::Small, Pages::Huge] {
        let found = accounts::measure(count, reads, pages);
        if pages == Pages::Small {
            report.target("a million accounts known to the keeper, MiB", found.mebibytes, 600.0);
            report.target("fresh token of a random one of them, CPU ns", found.token.cpu, 250.0);
        }
        let each = found.mebibytes * 1024.0 * 1024.0 / count as f64;
        let _ = writeln!(
            table,
            "| {pages} | {count} | {:.0} | {each:.0} | {:.0} | {:.0} | {:.0} |",
            found.mebibytes, found.token.wall, found.token.cpu, found.bare_read,
        );
    }
    report.section("Accounts in one keeper", &table);
}

/// Eighty processes that ask at once.
pub(super) fn herd(bench: &Bench, endpoint: &Endpoint, report: &mut Report) {
    let (count, rounds) = if bench.is_short { (16, 1) } else { (80, 3) };
    let mut table =
        "| X answers | one process, ms | all served, ms | half served, ms | allowed, ms |\n\
                     |---|---:|---:|---:|---:|\n"
            .to_owned();
    for (base_url, after) in [(&endpoint.kept, "at once"), (&endpoint.late, "after 200 ms")] {
        eprintln!("   {count} processes, X answers {after} ...");
        let millis = |herd: usize, at: usize| {
            let spans = (0..rounds).map(|_| processes::ask(base_url, herd)[at]);
            median(spans.map(|span| span.as_secs_f64() * 1e3).collect())
        };
        let (one, all) = (millis(1, 0), millis(count, count - 1));
        let half = millis(count, count / 2);
        let allowed = 1.5 * one + 100.0;
        let what =
            format!("{count} processes ask at once, X answers {after}: ms until all are served");
        report.target(&what, all, allowed);
        let _ = writeln!(table, "| {after} | {one:.1} | {all:.0} | {half:.0} | {allowed:.0} |");
    }
    report.section("One expired token, one SQLite file, many processes", &table);
}

impl Bench {
    pub(super) fn span(&self, millis: u64) -> Duration {
        Duration::from_millis(if self.is_short { millis / 4 } else { millis })
    }
}
