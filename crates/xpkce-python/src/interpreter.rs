//! The interpreter that this package works in: the main one of the process.
//!
//! What is made once for the process, such as its classes and names, belongs to the interpreter that
//! made it, and is broken when that one ends. And a thread that Python did not make comes to the
//! main one alone.

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// The number that CPython gives to the main interpreter.
const MAIN: i64 = 0;

/// Refuses to be imported in a subinterpreter, before anything is made in it.
pub(crate) fn check(_: Python<'_>) -> PyResult<()> {
    #[expect(unsafe_code, reason = "PyO3 has no safe call for it; Python is attached here")]
    let here = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if here == MAIN {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "xpkce works in the main interpreter alone, and this is a subinterpreter; under mod_wsgi, \
         set WSGIApplicationGroup %{GLOBAL}",
    ))
}
