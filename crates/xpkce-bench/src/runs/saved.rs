//! Refreshes from end to end, saved, beside what the store commits by itself.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use xpkce::grant::Grant;
use xpkce::store::{PostgresStore, PostgresUri, SqliteStore, Store};

use super::{Bench, OURS};
use crate::commits;
use crate::contest::{Contest, Outcome};
use crate::cost::Cost;
use crate::crowd::Crowd;
use crate::endpoint::Endpoint;
use crate::postgres::Server;
use crate::report::Report;
use crate::ungrouped::Ungrouped;

/// How many in flight, and what share must be reached of what our store commits ungrouped; of what the
/// database alone does, it is told.
const PROMISES: [(usize, f64); 4] = [(1, 0.5), (8, 0.5), (64, 0.8), (1024, 0.8)];
const ALONE: &str = "the database alone, two commits each";
const UNGROUPED: &str = "our store alone, ungrouped, two commits each";

/// How many connections to PostgreSQL commit at most: as many as our store has.
const CONNECTIONS: usize = 16;
/// At how many in flight it is measured, too, what a keeper of very many logins does, and one that is
/// not alone on its machine.
const OTHERS_TOO: usize = 64;

/// Refreshes saved in a second, on every store that is durable.
pub(super) fn saved(bench: &Bench, endpoint: &Endpoint, report: &mut Report) {
    let folder = TempDir::new().expect("a folder for the store");
    let open = |name: &str| -> Arc<dyn Store> {
        Arc::new(block_on(SqliteStore::open(folder.path().join(name))).expect("a store"))
    };
    let store = open("logins.db");
    let crowds = Crowds::sign_in(
        endpoint,
        [&store, &open("many/logins.db"), &open("beside/logins.db")],
        [None; 3],
    );
    let record = crowds.known.record(store.as_ref());
    let ungrouped = Ungrouped::new([open("ungrouped.db")], &record);
    let mut alone = commits::Sqlite::new(folder.path(), json(&record));
    contests(bench, report, "SQLite", &crowds, &ungrouped, |_| alone.commit(bench.span(700)));
    drop((crowds, ungrouped, store));

    let Some(server) = Server::start() else {
        eprintln!("   PostgreSQL is not installed: left out");
        return;
    };
    let open = || -> Arc<dyn Store> {
        let address = PostgresUri::new(server.address());
        Arc::new(block_on(PostgresStore::open(&address)).expect("a store"))
    };
    let store = open();
    let folders = ["known", "many", "beside"].map(|name| folder.path().join(name));
    let crowds = Crowds::sign_in(endpoint, [&store; 3], folders.each_ref().map(|it| Some(&**it)));
    let record = crowds.known.record(store.as_ref());
    let ungrouped = Ungrouped::new((0..CONNECTIONS).map(|_| open()), &record);
    let alone = commits::Postgres::new(&server.address(), json(&record), CONNECTIONS);
    contests(bench, report, "PostgreSQL", &crowds, &ungrouped, |abreast| {
        alone.commit(abreast, bench.span(200), bench.span(700))
    });
}

/// As many logins as are ever in flight, of a keeper that remembers their records, some of one that
/// does not, and some of one beside which there is another.
struct Crowds {
    known: Crowd,
    among_many: Crowd,
    beside: Crowd,
    _other: Crowd,
}

impl Crowds {
    /// In folders of their own, as on machines of their own, but for those that are beside each other.
    fn sign_in(
        endpoint: &Endpoint,
        stores: [&Arc<dyn Store>; 3],
        folders: [Option<&Path>; 3],
    ) -> Self {
        let count = PROMISES[PROMISES.len() - 1].0;
        let crowd = |at: usize, count| {
            Crowd::sign_in(&endpoint.kept, Arc::clone(stores[at]), folders[at], count)
        };
        let [among_many, beside] = [1, 2].map(|at| crowd(at, OTHERS_TOO));
        let other = crowd(2, 1);
        // Until then it has not shown itself.
        other.spend(1);
        Self { known: crowd(0, count), among_many: among_many.among_many(), beside, _other: other }
    }
}

fn contests(
    bench: &Bench,
    report: &mut Report,
    store: &str,
    crowds: &Crowds,
    ungrouped: &Ungrouped,
    mut alone: impl FnMut(usize) -> Cost,
) {
    for (abreast, share) in PROMISES {
        // So many are longer under way.
        let longer = if abreast > 64 { 5 } else { 1 };
        let refresh = |crowd: &Crowd| {
            crowd.refresh(abreast, bench.span(300 * longer), bench.span(700 * longer))
        };
        let mut contest = Contest::new(&format!("refreshes saved, {store}, {abreast} in flight"))
            .peer(OURS, || refresh(&crowds.known))
            .peer(ALONE, || twice(alone(abreast)))
            .peer(UNGROUPED, || twice(ungrouped.commit(abreast, bench.span(200), bench.span(700))));
        if abreast == OTHERS_TOO {
            contest = contest
                .peer("xpkce, each record read first", || refresh(&crowds.among_many))
                .peer("xpkce, beside another keeper", || refresh(&crowds.beside));
        }
        let outcome = contest.run(if bench.is_short { 1 } else { 3 });
        let what = |of| format!("{}: share of {of}", outcome.title);
        report.floor(&what(UNGROUPED), share_of(&outcome, UNGROUPED), share);
        report.beyond(&what(ALONE), share_of(&outcome, ALONE), share);
        report.rates(&outcome);
    }
}

fn share_of(outcome: &Outcome, of: &str) -> f64 {
    let rate = |peer| outcome.of(peer).map_or(f64::NAN, Cost::rate);
    rate(OURS) / rate(of)
}

fn json(record: &Grant) -> String {
    serde_json::to_string(record).expect("a record is written as JSON")
}

/// What two of them cost.
fn twice(one: Cost) -> Cost {
    Cost { wall: 2.0 * one.wall, cpu: 2.0 * one.cpu, memory: one.memory }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
