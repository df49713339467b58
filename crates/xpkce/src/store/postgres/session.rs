//! One transaction: sent in one piece, bounded in time, and tried again when another one was in
//! the way. Nothing outlives it, so that it may pass through a pooler that shares connections
//! between transactions: no prepared statement, no setting, no lock of a session.

use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::future::{join_all, join3};
use tokio::time::{sleep, timeout};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::failure::{failure, is_conflict, is_undone, no_connection};
use super::lent::{Lent, STATEMENT};
use super::pools::{Home, Pools};
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

/// Makes the transaction's commit durable and gives each of its statements a deadline, and each pause
/// between them: a client that is gone in the midst of it, without a word, would keep its rows locked
/// for as long as the server's system takes to notice. Shorter than a lock is waited for.
pub(super) const SETTINGS: &str =
    concat!(settings!(), "; SET LOCAL idle_in_transaction_session_timeout = 5000");

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
            let home = pools.here()?;
            let lent = Lent::by(&home).await?;
            let outcome = transact_once(&lent, statements).await;
            match &outcome {
                Err(why) if !is_undone(why) => lent.end(),
                _ => lent.give_back(),
            }
            match outcome {
                Err(why) if is_conflict(&why) && tries < TRIES => tries += 1,
                outcome => return outcome.map_err(failure),
            }
            pause(tries).await;
        }
    })
    .await
}

/// Reads with one statement: it is a transaction by itself, and takes the server a third of the work
/// that [`transact`] does. A connection that lay idle may have been ended meanwhile, which the first
/// statement on it finds out: it is asked once more, on a new one. Nothing that changes anything may
/// be asked so.
pub(super) async fn read(pools: &Pools, statement: &Statement<'_>) -> Result<Vec<Row>> {
    let asking = async {
        let home = pools.here()?;
        match unless_in_the_way(&home, statement).await {
            Err(Unanswered::Lost(_)) => unless_in_the_way(&home, statement).await,
            outcome => outcome,
        }
    };
    Ok(bounded(asking).await?)
}

/// Writes with one statement, which is a transaction by itself.
pub(super) async fn write(home: &Home, statement: &Statement<'_>) -> Result<Vec<Row>> {
    Ok(bounded(unless_in_the_way(home, statement)).await?)
}

/// Runs one statement, again for as long as other transactions are in the way.
async fn unless_in_the_way(home: &Home, statement: &Statement<'_>) -> Result<Vec<Row>, Unanswered> {
    let mut tries = 1;
    loop {
        match ask_once(home, statement).await {
            Err(Unanswered::Undone(why)) if is_conflict(&why) && tries < TRIES => tries += 1,
            outcome => return outcome,
        }
        pause(tries).await;
    }
}

/// Why a statement has no answer.
pub(super) enum Unanswered {
    /// It was not sent, or not answered in time.
    Ours(Error),
    /// The server's word that it has undone the transaction.
    Undone(tokio_postgres::Error),
    /// The connection failed, or the server ended it. What became of the statement is not known: it
    /// may have been committed just before.
    Lost(tokio_postgres::Error),
}

impl Unanswered {
    fn of(why: tokio_postgres::Error) -> Self {
        if is_undone(&why) { Self::Undone(why) } else { Self::Lost(why) }
    }
}

impl From<Error> for Unanswered {
    fn from(why: Error) -> Self {
        Self::Ours(why)
    }
}

impl From<Unanswered> for Error {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Ours(why) => why,
            Unanswered::Undone(why) | Unanswered::Lost(why) => failure(why),
        }
    }
}

/// Runs one statement, once. The server is told to stop one that takes it too long.
pub(super) async fn ask_once(
    home: &Home,
    Statement { sql, values }: &Statement<'_>,
) -> Result<Vec<Row>, Unanswered> {
    let lent = Lent::by(home).await?;
    let answer = {
        let mut asking = pin!(lent.query_typed(sql, values));
        match timeout(STATEMENT, asking.as_mut()).await {
            Ok(answer) => answer,
            Err(_) => {
                lent.stop().await;
                return asking.await.map_err(Unanswered::of);
            }
        }
    };
    let answer = answer.map_err(Unanswered::of);
    match answer {
        Err(Unanswered::Lost(_)) => lent.end(),
        _ => lent.give_back(),
    }
    answer
}

/// Bounds the wait for a store that does not answer.
pub(super) async fn bounded<T, E: From<Error>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(DEADLINE, work).await.unwrap_or_else(|_| {
        let message = "the store did not answer in time; what was sent may be kept";
        Err(Error::new(Reason::Store, message).into())
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
    client: &Lent<'_>,
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
