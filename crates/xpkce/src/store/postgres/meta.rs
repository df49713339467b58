//! What the store keeps beside the grants: the sign-ins' counter, those that wait for their
//! callback, and the key check.

use tokio_postgres::Row;
use tokio_postgres::types::{FromSqlOwned, Type};

use super::failure::failure;
use super::pools::Pools;
use super::session::{Statement, Value, read, transact};
use crate::seal::{KeyId, Sealed};
use crate::store::PendingLogin;
use crate::{Error, Reason, Result, Timestamp};

pub(super) async fn next_sign_in(pools: &Pools) -> Result<u64> {
    let sql = "UPDATE xpkce_store SET sign_ins = sign_ins + 1 RETURNING sign_ins";
    let row = one(pools, sql, vec![]).await?.ok_or_else(damaged)?;
    u64::try_from(first::<i64>(&row)?).map_err(|_| damaged())
}

pub(super) async fn put_login(pools: &Pools, login: &PendingLogin, now: Timestamp) -> Result<()> {
    let sealed = String::from(login.login.clone());
    let (now, expires_at) = (now.as_millis(), login.expires_at.as_millis());
    let drop_ended = Statement {
        sql: "DELETE FROM xpkce_logins WHERE expires_at <= $1",
        values: vec![(&now, Type::INT8)],
    };
    let put = Statement {
        sql: "INSERT INTO xpkce_logins (key, login, expires_at) VALUES ($1, $2, $3)
            ON CONFLICT (key) DO UPDATE SET login = $2, expires_at = $3",
        values: vec![(&login.key, Type::TEXT), (&sealed, Type::TEXT), (&expires_at, Type::INT8)],
    };
    transact(pools, &[drop_ended, put]).await?;
    Ok(())
}

pub(super) async fn take_login(pools: &Pools, key: &str, now: Timestamp) -> Result<Option<Sealed>> {
    let sql = "DELETE FROM xpkce_logins WHERE key = $1 RETURNING login, expires_at";
    let Some(row) = one(pools, sql, vec![(&key, Type::TEXT)]).await? else {
        return Ok(None);
    };
    let expires_at = Timestamp::from_millis(row.try_get(1).map_err(failure)?);
    if expires_at <= now {
        return Ok(None);
    }
    first::<String>(&row)?.try_into().map(Some)
}

pub(super) async fn login_keys(pools: &Pools) -> Result<Vec<KeyId>> {
    let statement = Statement { sql: "SELECT login FROM xpkce_logins", values: vec![] };
    let rows = read(pools, &statement).await?;
    let key = |row| Ok(*Sealed::try_from(first::<String>(row)?)?.key());
    rows.iter().map(key).collect()
}

pub(super) async fn key_check(pools: &Pools, proposed: Option<&Sealed>) -> Result<Option<Sealed>> {
    let look = Statement { sql: "SELECT key_check FROM xpkce_store", values: vec![] };
    let mut rows = match proposed.cloned().map(String::from) {
        None => read(pools, &look).await?,
        Some(proposed) => {
            let propose = Statement {
                sql: "UPDATE xpkce_store SET key_check = $1 WHERE key_check IS NULL",
                values: vec![(&proposed, Type::TEXT)],
            };
            transact(pools, &[propose, look]).await?.pop().unwrap_or_default()
        }
    };
    let row = rows.pop().ok_or_else(damaged)?;
    first::<Option<String>>(&row)?.map(Sealed::try_from).transpose()
}

pub(super) async fn replace_key_check(
    pools: &Pools,
    expected: &Sealed,
    check: &Sealed,
) -> Result<bool> {
    let (expected, check) = (String::from(expected.clone()), String::from(check.clone()));
    let sql = "UPDATE xpkce_store SET key_check = $2 WHERE key_check = $1 RETURNING id";
    let values: Vec<Value<'_>> = vec![(&expected, Type::TEXT), (&check, Type::TEXT)];
    Ok(one(pools, sql, values).await?.is_some())
}

async fn one(pools: &Pools, sql: &str, values: Vec<Value<'_>>) -> Result<Option<Row>> {
    let rows = transact(pools, &[Statement { sql, values }]).await?;
    Ok(rows.into_iter().flatten().next())
}

fn first<T: FromSqlOwned>(row: &Row) -> Result<T> {
    row.try_get(0).map_err(failure)
}

fn damaged() -> Error {
    Error::new(Reason::StoreDamaged, "the store's tables lack their first row")
}
