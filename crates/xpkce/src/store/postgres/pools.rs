//! Where the connections live: a connection is driven by the runtime that opened it, so a runtime
//! that is blocked or gone must not hold one that another needs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::dsn::CONNECT_DEADLINE;
use super::lane::Lane;
use crate::{Error, Reason, Result};

/// How many connections a runtime has open at most.
const CONNECTIONS: usize = 16;

/// How long a call waits for one of them to become free.
const WAIT: Duration = Duration::from_secs(10);

/// How many runtimes have connections at once; the oldest makes room.
const MOST_HOMES: usize = 8;

/// A home for each runtime of each process that asks.
pub(super) struct Pools {
    config: Config,
    tls: MakeRustlsConnect,
    homes: Mutex<VecDeque<(Place, Arc<Home>)>>,
}

type Place = (u32, tokio::runtime::Id);

/// What one runtime has of the store.
pub(super) struct Home {
    pub(super) pool: Pool,
    pub(super) tls: MakeRustlsConnect,
    pub(super) lane: Lane,
}

impl Pools {
    pub(super) fn new(config: Config, tls: MakeRustlsConnect) -> Self {
        Self { config, tls, homes: Mutex::default() }
    }

    /// Returns the home of the runtime that asks.
    pub(super) fn here(&self) -> Result<Arc<Home>> {
        let place = (std::process::id(), tokio::runtime::Handle::current().id());
        let mut homes = self.homes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, home)) = homes.iter().find(|(there, _)| *there == place) {
            return Ok(Arc::clone(home));
        }
        let home =
            Arc::new(Home { pool: self.make()?, tls: self.tls.clone(), lane: Lane::default() });
        if homes.len() == MOST_HOMES {
            homes.pop_front();
        }
        homes.push_back((place, Arc::clone(&home)));
        Ok(home)
    }

    fn make(&self) -> Result<Pool> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        Pool::builder(Manager::from_config(self.config.clone(), self.tls.clone(), recycling))
            .max_size(CONNECTIONS)
            // The one that was used last: behind each is a process of the server's, with caches of its
            // own, and the fewer take turns the more of them are warm.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CONNECT_DEADLINE))
            .build()
            .map_err(|why| {
                Error::new(Reason::Internal, "the store's connections cannot be set up")
                    .with_source(why)
            })
    }
}
