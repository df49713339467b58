//! One transaction: sent in one piece, bounded in time, and tried again when another one was in
//! the way. Nothing outlives it, so that it may pass through a pooler that shares connections
//! between transactions: no prepared statement, no setting, no lock of a session.

use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use futures_util::future::{join_all, join3};
use tokio::time::{sleep, timeout};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::failure::{failure, is_conflict, is_undone, no_connection};
use super::pools::Pools;
use crate::{Error, Reason, Result};

/// How often a transaction is tried that others are in the way of.
pub(super) const TRIES: u32 = 6;

/// How long all of a transaction may take, waiting for a connection included. Longer than the
/// server's own deadline, so that the server's word comes first.
const DEADLINE: Duration = Duration::from_secs(20);

macro_rules! settings {
    () => {
        "SET LOCAL statement_timeout = 10000; SET LOCAL synchronous_commit = on"
    };
}

/// Makes the transaction's commit durable and gives each of its statements a deadline.
pub(super) const SETTINGS: &str = settings!();

const BEGIN: &str = concat!("BEGIN ISOLATION LEVEL READ COMMITTED; ", settings!());

/// The value of a parameter, and its type.
pub(super) type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// A statement and the values of its parameters, with their types: the server is not asked.
pub(super) struct Statement<'a> {
    pub(super) sql: &'a str,
    pub(super) values: Vec<Value<'a>>,
}

/// Runs `statements` in one transaction and returns the rows of each.
pub(super) async fn transact(pools: &Pools, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>> {
    bounded(async {
        let mut tries = 1;
        loop {
            let client = connection(pools).await?;
            match transact_once(&client, statements).await {
                Err(why) if is_conflict(&why) && tries < TRIES => tries += 1,
                outcome => return outcome.map_err(failure),
            }
            drop(client);
            pause(tries).await;
        }
    })
    .await
}

/// Runs one statement: it is a transaction by itself, and takes the server a third of the work that
/// [`transact`] does.
pub(super) async fn ask(pools: &Pools, statement: &Statement<'_>) -> Result<Vec<Row>> {
    ask_through(&pools.here()?.pool, statement).await
}

/// As [`ask`], through the pool of the runtime that asks.
pub(super) async fn ask_through(pool: &Pool, statement: &Statement<'_>) -> Result<Vec<Row>> {
    bounded(async {
        let mut tries = 1;
        loop {
            match ask_once(pool, statement).await? {
                Err(Refusal(why)) if is_conflict(&why) && tries < TRIES => tries += 1,
                outcome => return outcome.map_err(|Refusal(why)| failure(why)),
            }
            pause(tries).await;
        }
    })
    .await
}

/// The server's word that it has undone a transaction.
pub(super) struct Refusal(tokio_postgres::Error);

/// Runs one statement, once. Where the connection fails, or the server ends it, what became of the
/// statement is not known: it may have been committed just before.
pub(super) async fn ask_once(
    pool: &Pool,
    Statement { sql, values }: &Statement<'_>,
) -> Result<Result<Vec<Row>, Refusal>> {
    let client = pool.get().await.map_err(no_connection)?;
    match client.query_typed(sql, values).await {
        Ok(rows) => Ok(Ok(rows)),
        Err(why) if is_undone(&why) => Ok(Err(Refusal(why))),
        Err(why) => Err(failure(why)),
    }
}

/// Bounds the wait for a store that does not answer.
pub(super) async fn bounded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(DEADLINE, work).await.unwrap_or_else(|_| {
        Err(Error::new(
            Reason::Store,
            "the store did not answer in time; what was sent may be kept",
        ))
    })
}

pub(super) async fn connection(pools: &Pools) -> Result<Object> {
    pools.here()?.pool.get().await.map_err(no_connection)
}

/// Waits a random while that grows with the tries.
pub(super) async fn pause(tries: u32) {
    let mut random = [0xff; 2];
    let _ = getrandom::fill(&mut random);
    let chance = f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX);
    sleep(Duration::from_millis(5 << tries.min(5)).mul_f64(chance)).await;
}

/// Sends everything at once and then reads: one round trip, and nothing is left open on the
/// server when the caller goes away. After a failure the server takes the commit for a rollback.
async fn transact_once(
    client: &Object,
    statements: &[Statement<'_>],
) -> Result<Vec<Vec<Row>>, tokio_postgres::Error> {
    let (begun, rows, committed) = join3(
        client.batch_execute(BEGIN),
        join_all(
            statements.iter().map(|Statement { sql, values }| client.query_typed(sql, values)),
        ),
        client.batch_execute("COMMIT"),
    )
    .await;
    begun?;
    let rows = rows.into_iter().collect::<Result<_, _>>()?;
    committed?;
    Ok(rows)
}
