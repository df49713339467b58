//! What sends for every object of the process: certificates are read once.

use std::sync::{Arc, OnceLock};

use xpkce::http::{HttpClient, HyperClient};

pub(crate) fn shared() -> Arc<dyn HttpClient> {
    static SHARED: OnceLock<Arc<HyperClient>> = OnceLock::new();
    SHARED.get_or_init(Arc::default).clone()
}
