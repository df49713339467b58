//! The SQLite store keeps the contract, with two connections to one file.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]
#![allow(unreachable_pub, reason = "shared by several tests")]

#[path = "silence/silence.rs"]
mod silence;

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use xpkce::http::Pending;
use xpkce::store::contract::Subject;
use xpkce::store::{SqliteStore, Store};
use xpkce::{ManualClock, Timestamp};

use self::silence::Silence;

struct Sqlite {
    clock: Arc<ManualClock>,
    folder: TempDir,
    _silence: Silence,
}

async fn sqlite() -> Sqlite {
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_790_000_000)));
    Sqlite { clock, folder: TempDir::new().unwrap(), _silence: Silence::listen() }
}

impl Subject for Sqlite {
    fn open(&self) -> Pending<'_, Arc<dyn Store>> {
        let path = self.folder.path().join("xpkce.db");
        let clock = self.clock.clone();
        Box::pin(async {
            let store = SqliteStore::open_in_boot(path, "this boot", clock).await.unwrap();
            Arc::new(store) as Arc<dyn Store>
        })
    }

    fn pass(&self, span: Duration) -> Pending<'_, ()> {
        self.clock.advance(span);
        Box::pin(async {})
    }
}

xpkce::store_contract!(sqlite);
