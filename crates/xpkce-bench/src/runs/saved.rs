//! Refreshes from end to end, saved, beside what the store commits by itself.

use std::sync::Arc;

use tempfile::TempDir;
use xpkce::store::{PostgresStore, PostgresUri, SqliteStore, Store};

use super::{Bench, OURS};
use crate::commits;
use crate::contest::{Contest, Outcome};
use crate::cost::Cost;
use crate::crowd::Crowd;
use crate::endpoint::Endpoint;
use crate::postgres::Server;
use crate::report::Report;

/// How many in flight, and what share of what the store commits ungrouped must be reached.
const PROMISES: [(usize, f64); 4] = [(1, 0.5), (8, 0.5), (64, 0.8), (1024, 0.8)];
const ALONE: &str = "the store alone, two commits each";

/// Refreshes saved in a second, on every store that is durable.
pub(super) fn saved(bench: &Bench, endpoint: &Endpoint, report: &mut Report) {
    let count = PROMISES[PROMISES.len() - 1].0;
    let folder = TempDir::new().expect("a folder for the store");
    let sqlite = SqliteStore::open(folder.path().join("logins.db"));
    let store: Arc<dyn Store> = Arc::new(block_on(sqlite).expect("a store"));
    let crowd = Crowd::sign_in(&endpoint.kept, store.clone(), None, count);
    let mut alone = commits::Sqlite::new(folder.path(), crowd.record(store.as_ref()));
    contests(bench, report, "SQLite", &crowd, |_| alone.commit(bench.span(700)));
    drop((crowd, store));

    let Some(server) = Server::start() else {
        eprintln!("   PostgreSQL is not installed: left out");
        return;
    };
    let address = PostgresUri::new(server.address());
    let store = block_on(PostgresStore::open(&address)).expect("a store");
    let store: Arc<dyn Store> = Arc::new(store);
    let crowd = Crowd::sign_in(&endpoint.kept, store.clone(), Some(folder.path()), count);
    let alone = commits::Postgres::new(&server.address(), crowd.record(store.as_ref()));
    contests(bench, report, "PostgreSQL", &crowd, |abreast| {
        alone.commit(abreast, bench.span(200), bench.span(700))
    });
}

fn contests(
    bench: &Bench,
    report: &mut Report,
    store: &str,
    crowd: &Crowd,
    mut alone: impl FnMut(usize) -> Cost,
) {
    for (abreast, share) in PROMISES {
        let outcome = Contest::new(&format!("refreshes saved, {store}, {abreast} in flight"))
            .peer(OURS, || {
                // So many are longer under way.
                let longer = if abreast > 64 { 5 } else { 1 };
                crowd.refresh(abreast, bench.span(300 * longer), bench.span(700 * longer))
            })
            .peer(ALONE, || twice(alone(abreast)))
            .run(if bench.is_short { 1 } else { 3 });
        let what = format!("{}: share of {ALONE}", outcome.title);
        report.floor(&what, share_of(&outcome), share);
        report.rates(&outcome);
    }
}

fn share_of(outcome: &Outcome) -> f64 {
    let rate = |peer| outcome.of(peer).map_or(f64::NAN, Cost::rate);
    rate(OURS) / rate(ALONE)
}

/// What two of them cost.
fn twice(one: Cost) -> Cost {
    Cost { wall: 2.0 * one.wall, cpu: 2.0 * one.cpu, memory: one.memory }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
