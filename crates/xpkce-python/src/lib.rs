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
mod interpreter;
mod keeper;
mod landing;
mod names;
mod runtime;
mod token;

/// The native part of xpkce. Import the classes from `xpkce` instead.
///
/// A build of CPython without the GIL turns it on for this module: what is between two looks at a
/// lock, and what a fork must not meet, goes by it.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    interpreter::check(module.py())?;
    module.add_class::<auth::Auth>()?;
    module.add_class::<emulator::Emulating>()?;
    module.add_class::<keeper::Kept>()?;
    module.add_class::<keeper::Listening>()?;
    auth::remember(module.py())?;
    forking::register(module)?;
    ending::register(module)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
