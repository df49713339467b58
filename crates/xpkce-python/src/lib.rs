//! The native part of the Python package `xpkce`: X's class and the keeper, as faces on the
//! library. What a Python programmer reads is in `python/xpkce`.
//!
//! Every class is frozen: its state is behind a lock of its own that is held for a few loads and
//! stores, never while Python code runs and never while anything waits. Waits release the GIL.

use pyo3::prelude::*;

mod asyncio;
mod auth;
mod emulator;
mod ending;
mod failure;
mod forking;
mod http;
mod keeper;
mod landing;
mod names;
mod runtime;
mod token;

/// The native part of xpkce. Import the classes from `xpkce` instead.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::auth::Auth;
    #[pymodule_export]
    use super::emulator::Emulating;
    #[pymodule_export]
    use super::keeper::{Kept, Listening};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::auth::remember(module.py())?;
        super::forking::register(module)?;
        super::ending::register(module)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
