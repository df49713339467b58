//! What the server's thread and the handle have in common.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::world::World;

/// The world behind its lock, and where it is served.
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) base_url: String,
}

impl Shared {
    pub(crate) fn new(world: World, base_url: String) -> Self {
        Self { world: Mutex::new(world), base_url }
    }

    /// Takes the one lock. Never held across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn authorization_base_url(&self) -> String {
        format!("{}/i", self.base_url)
    }

    pub(crate) fn control_url(&self) -> String {
        format!("{}/control", self.base_url)
    }
}
