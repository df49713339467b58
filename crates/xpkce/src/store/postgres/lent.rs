//! A connection that is lent by the pool: given back when what was sent on it is answered, and ended
//! when it is not, so that nobody else waits behind it.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};

use super::failure::no_connection;
use super::pools::Home;
use crate::Result;

/// How long the server may work on one statement before it is told to stop. Longer than a lock is
/// waited for, so that the server's own word comes first.
pub(super) const STATEMENT: Duration = Duration::from_secs(12);

pub(super) struct Lent<'h> {
    home: &'h Home,
    client: Option<Object>,
}

impl<'h> Lent<'h> {
    /// Takes a connection that is not known to have ended, or makes one.
    pub(super) async fn by(home: &'h Home) -> Result<Self> {
        let client = home.pool.get().await.map_err(no_connection)?;
        Ok(Self { home, client: Some(client) })
    }

    /// Tells the server to stop what it works on, as its `statement_timeout` would. A statement that
    /// is a transaction by itself cannot set that for itself: the time it may take is measured from
    /// before it has set anything. Whoever holds a table locked is past `lock_timeout` for the same reason.
    /// Best effort; what became of the statement is the server's to say.
    pub(super) async fn stop(&self) {
        let stopping = self.cancel_token();
        if let Err(why) = stopping.cancel_query(self.home.tls.clone()).await {
            tracing::debug!(error = %why, "the store's server could not be told to stop");
        }
    }

    /// Gives it back. Not where the server was told to stop: that may come late, and meet what
    /// another sends.
    pub(super) fn give_back(mut self) {
        drop(self.client.take());
    }

    /// Ends it, and those that lie idle with it: what ended one of them may have ended all.
    pub(super) fn end(self) {
        self.home.pool.retain(|_, _| false);
    }
}

impl Deref for Lent<'_> {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        self.client.as_ref().expect("it is here until it is given back or dropped")
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        self.client.as_mut().expect("it is here until it is given back or dropped")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}
