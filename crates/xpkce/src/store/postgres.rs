//! The store of many machines: PostgreSQL, or a distributed database that speaks its language. It is
//! tried on PostgreSQL alone, and through a pooler.
//!
//! Plain SQL, one transaction for a call or for updates that come together, nothing that outlives it:
//! it passes through poolers, and any number of programs may share the tables. A server that acknowledges commits before its standby
//! has them can lose one when it fails over; that is the server's setting, not ours.

use std::fmt;

use tokio_postgres::config::SslMode;
use tokio_postgres::types::Type;

use super::{Due, LeaseEnd, PendingLogin, Revision, Store, Stored, Swapped, minute_of};
use crate::grant::{Account, Grant};
use crate::http::Pending;
use crate::seal::{KeyId, Sealed};
use crate::secret::PostgresUri;
use crate::{Error, Result, Timestamp};

mod dsn;
use dsn::Dsn;

mod failure;
use failure::{failure, is_conflict, is_undone};

mod fill;

mod lane;
use lane::Lane;

mod lent;
use lent::Lent;

mod meta;

mod pools;
use pools::Pools;

mod rows;
use rows::{Draft, LeaseColumn, stored};

mod schema;

mod session;
use session::{SETTINGS, Statement, TRIES, Value, bounded, pause, read, transact};

mod tls;

/// Keeps grants in PostgreSQL.
///
/// Each runtime that calls has connections of its own, so that none waits for another to drive them.
pub struct PostgresStore {
    pools: Pools,
}

impl PostgresStore {
    /// Opens the store at a connection URI, and makes its tables where there are none.
    ///
    /// A connection to another machine is encrypted and its certificate checked, by the system's
    /// roots or by `sslrootcert`; `sslmode=disable` turns that off. The server must take writes.
    ///
    /// # Errors
    /// [`Reason::InvalidSetting`](crate::Reason::InvalidSetting) when the URI, the user or the
    /// password is wrong, [`Reason::StoreNewer`](crate::Reason::StoreNewer) when a newer version
    /// made the tables, and [`Reason::Store`](crate::Reason::Store) when the server is out of reach
    /// or takes no writes.
    pub async fn open(uri: &PostgresUri) -> Result<Self> {
        let Dsn { config, roots } = Dsn::parse(uri.expose())?;
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => tls::unused()?,
            _ => tls::connector(roots.as_deref())?,
        };
        let pools = Pools::new(config, tls);
        schema::migrate(&pools).await?;
        Ok(Self { pools })
    }

    async fn swap_now(
        &self,
        grant: &Grant,
        expected: Option<Revision>,
        lease: LeaseColumn,
    ) -> Result<Swapped> {
        let draft = Draft::of(grant, expected, lease)?;
        let revision = draft.revision();
        let is_done = if draft.is_update() {
            let home = self.pools.here()?;
            bounded(Lane::update(&home, draft)).await?
        } else {
            !transact(&self.pools, &[draft.write()]).await?.concat().is_empty()
        };
        if is_done {
            return Ok(Swapped::Done(revision));
        }
        self.moved(&grant.account).await
    }

    async fn moved(&self, account: &Account) -> Result<Swapped> {
        Ok(Swapped::Moved(self.load(account).await?.map(Box::new)))
    }

    async fn relabel_now(
        &self,
        from: (&Account, Revision),
        grant: &Grant,
        expected: Option<Revision>,
    ) -> Result<Option<Revision>> {
        let mut tries = 1;
        loop {
            match self.relabel_once(from, grant, expected).await {
                Err(Failed::Server(why)) if is_conflict(&why) && tries < TRIES => tries += 1,
                Err(Failed::Server(why)) => return Err(failure(why)),
                Err(Failed::Ours(why)) => return Err(why),
                Ok(written) => return Ok(written),
            }
            pause(tries).await;
        }
    }

    async fn relabel_once(
        &self,
        from: (&Account, Revision),
        grant: &Grant,
        expected: Option<Revision>,
    ) -> Result<Option<Revision>, Failed> {
        let home = self.pools.here()?;
        let mut lent = Lent::by(&home).await?;
        let outcome = relabel_on(&mut lent, from, grant, expected).await;
        match &outcome {
            Err(Failed::Server(why)) if !is_undone(why) => lent.end(),
            _ => lent.give_back(),
        }
        outcome
    }
}

/// Takes one record away and writes another, or neither; returns which writing that was.
async fn relabel_on(
    client: &mut Lent<'_>,
    (from, read): (&Account, Revision),
    grant: &Grant,
    expected: Option<Revision>,
) -> Result<Option<Revision>, Failed> {
    let read = rows::signed(read.0)?;
    let tx = client.transaction().await?;
    tx.batch_execute(SETTINGS).await?;
    let from: [Value<'_>; 3] =
        [(&from.app, Type::TEXT), (&from.user, Type::TEXT), (&read, Type::INT8)];
    let Some(taken) = tx.query_typed(rows::DELETE, &from).await?.pop() else {
        return Ok(None);
    };
    let draft = Draft::of(grant, expected, LeaseColumn::At(taken.try_get(0)?))?;
    let Statement { sql, values } = draft.write();
    let is_done = !tx.query_typed(sql, &values).await?.is_empty();
    // What is not committed is rolled back when it is dropped.
    if is_done {
        tx.commit().await?;
    }
    Ok(is_done.then_some(draft.revision()))
}

/// Why a transaction in several steps failed.
enum Failed {
    Server(tokio_postgres::Error),
    Ours(Error),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(why: tokio_postgres::Error) -> Self {
        Self::Server(why)
    }
}

impl From<Error> for Failed {
    fn from(why: Error) -> Self {
        Self::Ours(why)
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresStore")
    }
}

impl Store for PostgresStore {
    fn load<'a>(&'a self, account: &'a Account) -> Pending<'a, Result<Option<Stored>>> {
        Box::pin(async {
            let rows = read(&self.pools, &rows::load(account)).await?;
            rows.first().map(stored).transpose()
        })
    }

    fn swap<'a>(
        &'a self,
        grant: &'a Grant,
        expected: Option<Revision>,
        lease: LeaseEnd,
    ) -> Pending<'a, Result<Swapped>> {
        Box::pin(self.swap_now(grant, expected, lease.into()))
    }

    fn relabel<'a>(
        &'a self,
        from: (&'a Account, Revision),
        grant: &'a Grant,
        expected: Option<Revision>,
    ) -> Pending<'a, Result<Swapped>> {
        Box::pin(async move {
            if *from.0 == grant.account {
                return match expected {
                    Some(read) if read == from.1 => {
                        self.swap_now(grant, expected, LeaseColumn::Keep).await
                    }
                    _ => self.moved(&grant.account).await,
                };
            }
            match bounded(self.relabel_now(from, grant, expected)).await? {
                Some(revision) => Ok(Swapped::Done(revision)),
                None => self.moved(&grant.account).await,
            }
        })
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a Account>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Stored>>> {
        Box::pin(async move {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut values: Vec<Value<'_>> = vec![(&limit, Type::INT8)];
            let sql = match after {
                None => rows::LIST,
                Some(Account { app, user }) => {
                    values.extend([(app as _, Type::TEXT), (user as _, Type::TEXT)]);
                    rows::LIST_AFTER
                }
            };
            let rows = read(&self.pools, &Statement { sql, values }).await?;
            rows.iter().map(stored).collect()
        })
    }

    fn due<'a>(
        &'a self,
        app: &'a str,
        now: Timestamp,
        after: Option<&'a Due>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Due>>> {
        Box::pin(async move {
            let (now, limit) = (minute_of(now), i64::try_from(limit).unwrap_or(i64::MAX));
            let (minute, user) =
                after.map_or((i64::MIN, ""), |after| (after.minute, after.user.as_str()));
            let values: Vec<Value<'_>> = vec![
                (&app, Type::TEXT),
                (&now, Type::INT8),
                (&minute, Type::INT8),
                (&user, Type::TEXT),
                (&limit, Type::INT8),
            ];
            let rows = read(&self.pools, &Statement { sql: rows::DUE, values }).await?;
            rows.iter().map(rows::due).collect()
        })
    }

    fn next_sign_in(&self) -> Pending<'_, Result<u64>> {
        Box::pin(meta::next_sign_in(&self.pools))
    }

    fn put_login<'a>(&'a self, login: &'a PendingLogin, now: Timestamp) -> Pending<'a, Result<()>> {
        Box::pin(meta::put_login(&self.pools, login, now))
    }

    fn take_login<'a>(
        &'a self,
        key: &'a str,
        now: Timestamp,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        Box::pin(meta::take_login(&self.pools, key, now))
    }

    fn key_check<'a>(
        &'a self,
        proposed: Option<&'a Sealed>,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        Box::pin(meta::key_check(&self.pools, proposed))
    }

    fn replace_key_check<'a>(
        &'a self,
        expected: &'a Sealed,
        check: &'a Sealed,
    ) -> Pending<'a, Result<bool>> {
        Box::pin(meta::replace_key_check(&self.pools, expected, check))
    }

    fn login_keys(&self) -> Pending<'_, Result<Vec<KeyId>>> {
        Box::pin(meta::login_keys(&self.pools))
    }
}
