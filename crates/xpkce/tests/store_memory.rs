//! The memory store keeps the contract.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]
#![allow(unreachable_pub, reason = "shared by several tests")]

#[path = "silence/silence.rs"]
mod silence;

use std::sync::Arc;
use std::time::Duration;

use xpkce::http::Pending;
use xpkce::store::contract::Subject;
use xpkce::store::{MemoryStore, Store};
use xpkce::{ManualClock, Timestamp};

use self::silence::Silence;

struct Memory {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    _silence: Silence,
}

async fn memory() -> Memory {
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_790_000_000)));
    Memory {
        clock: Arc::clone(&clock),
        store: Arc::new(MemoryStore::new(clock)),
        _silence: Silence::listen(),
    }
}

impl Subject for Memory {
    fn open(&self) -> Pending<'_, Arc<dyn Store>> {
        let store: Arc<dyn Store> = self.store.clone();
        Box::pin(async { store })
    }

    fn pass(&self, span: Duration) -> Pending<'_, ()> {
        self.clock.advance(span);
        Box::pin(async {})
    }
}

xpkce::store_contract!(memory);
