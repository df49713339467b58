//! The tables, and how they become those of this version.

use tokio_postgres::error::SqlState;

use super::failure::failure;
use super::fill;
use super::pools::Pools;
use super::session::{TRIES, bounded, connection, pause};
use crate::steps::around;
use crate::{Error, Reason, Result};

/// One for each version, in order. Never change one that was released.
const MIGRATIONS: [&str; 2] = [
    "
CREATE TABLE xpkce_migrations (
    version     integer PRIMARY KEY
);
CREATE TABLE xpkce_grants (
    app         text COLLATE \"C\" NOT NULL,
    user_id     text COLLATE \"C\" NOT NULL,
    revision    bigint NOT NULL,
    grant_id    text NOT NULL,
    sign_in     bigint NOT NULL,
    generation  bigint NOT NULL,
    state       text NOT NULL,
    expires_at  bigint,             -- of the access token, Unix milliseconds
    lease_ends  bigint,             -- Unix milliseconds by this server's clock
    record      text NOT NULL,      -- the whole grant; the columns above repeat parts of it
    PRIMARY KEY (app, user_id)
);
CREATE TABLE xpkce_logins (
    key         text PRIMARY KEY,
    login       text NOT NULL,
    expires_at  bigint NOT NULL     -- Unix milliseconds
);
CREATE INDEX xpkce_logins_by_end ON xpkce_logins (expires_at);
CREATE TABLE xpkce_store (
    id          integer PRIMARY KEY CHECK (id = 1),
    sign_ins    bigint NOT NULL,
    key_check   text
);
INSERT INTO xpkce_store (id, sign_ins) VALUES (1, 0);
",
    // What was there is due at once, until it is filled in: see `fill.rs`.
    "
ALTER TABLE xpkce_grants ADD COLUMN due bigint DEFAULT 0;   -- minutes since 1970
CREATE INDEX xpkce_grants_by_due ON xpkce_grants (app, due, user_id) WHERE due IS NOT NULL;
",
];

/// The version whose column must be filled in.
const WITH_DUE: usize = 2;

/// Makes the tables those of this version, and refuses those of a newer one.
pub(super) async fn migrate(pools: &Pools) -> Result<()> {
    let found = bounded(step_by_step(pools)).await?;
    if found > 0 && found < WITH_DUE {
        fill::fill_due(pools).await?;
    }
    Ok(())
}

/// Returns the version that was found.
async fn step_by_step(pools: &Pools) -> Result<usize> {
    let found = version(pools).await?;
    let (mut there, mut tries) = (found, 0);
    while let Some(next) = MIGRATIONS.get(there) {
        // Another program may be at the same step: then it fails here, and is there next time.
        if let Err(why) = step(pools, there + 1, next).await {
            tries += 1;
            if tries == TRIES {
                return Err(why);
            }
            pause(tries).await;
        }
        there = version(pools).await?;
    }
    refuse_newer(there).map(|()| found)
}

fn refuse_newer(version: usize) -> Result<()> {
    const OURS: usize = MIGRATIONS.len();
    if version == OURS {
        return Ok(());
    }
    Err(Error::new(
        Reason::StoreNewer,
        format!("the store has version {version}; this program knows version {OURS}"),
    )
    .with_hint("install the newer xpkce"))
}

async fn version(pools: &Pools) -> Result<usize> {
    const HIGHEST: &str = "SELECT max(version) FROM xpkce_migrations";
    match connection(pools).await?.query_typed_one(HIGHEST, &[]).await {
        Ok(row) => {
            let version: Option<i32> = row.try_get(0).map_err(failure)?;
            Ok(version.and_then(|version| usize::try_from(version).ok()).unwrap_or(0))
        }
        Err(why) if why.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(0),
        Err(why) => Err(failure(why)),
    }
}

async fn step(pools: &Pools, version: usize, migration: &str) -> Result<()> {
    let client = connection(pools).await?;
    let mark = format!("INSERT INTO xpkce_migrations (version) VALUES ({version})");
    let migration = format!("BEGIN;{migration}{mark};COMMIT");
    let done = around("making the tables", client.batch_execute(&migration)).await;
    if done.is_err() {
        let _ = client.batch_execute("ROLLBACK").await;
    }
    done.map_err(failure)
}
