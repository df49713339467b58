//! The names that are looked up often, made when the module is imported. PyO3's `intern!` makes
//! each at its first use, behind a lock that another thread may hold when the process is forked.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyModule, PyString};

static NAMES: PyOnceLock<Names> = PyOnceLock::new();

macro_rules! names {
    ($($name:ident)*) => {
        /// The names, and the module whose clock is asked.
        #[allow(non_snake_case, reason = "Python's own")]
        pub(crate) struct Names {
            $(pub(crate) $name: Py<PyString>,)*
            time_module: Py<PyModule>,
        }

        impl Names {
            fn new(py: Python<'_>) -> PyResult<Self> {
                Ok(Self {
                    $($name: PyString::intern(py, stringify!($name)).unbind(),)*
                    time_module: py.import("time")?.unbind(),
                })
            }
        }
    };
}

names! {
    OAuth2Session __dict__ _generate_code_challenge _generate_code_verifier _setup_oauth_session
    access_token client_id code_challenge code_verifier exchange_code expires_at expires_in get
    refresh_token scope time token token_type
}

/// One of the names.
macro_rules! name {
    ($py:expr, $name:ident) => {{
        let py: pyo3::Python<'_> = $py;
        crate::names::names(py)?.$name.bind(py)
    }};
}
pub(crate) use name;

pub(crate) fn names(py: Python<'_>) -> PyResult<&Names> {
    NAMES.get_or_try_init(py, || Names::new(py))
}

/// Asks `time.time()`, as the reference does: tests that move that clock move this one.
pub(crate) fn now(py: Python<'_>) -> PyResult<f64> {
    let names = names(py)?;
    names.time_module.bind(py).getattr(names.time.bind(py))?.call0()?.extract()
}
