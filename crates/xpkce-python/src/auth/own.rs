//! The object's attributes as its class has them: a subclass may have made a property of one, or
//! taken over a method. X's class is written in Python, where that works of itself.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

use super::Auth;
use crate::names::name;

/// What the class had when it was made, by name: somebody may patch it later.
static MADE_WITH: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

/// Returns whether the object is of the class itself, whose attributes nobody has taken over.
pub(super) fn is_plain(auth: &Bound<'_, Auth>) -> bool {
    auth.get_type().is(auth.py().get_type::<Auth>())
}

/// Returns whether the object's class, or somebody who patches classes or objects, has taken a
/// method or an attribute over.
pub(super) fn overrides(auth: &Bound<'_, Auth>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    let made_with = made_with(auth.py())?.get_item(name)?;
    let found = auth.get_type().getattr(name)?;
    if made_with.is_none_or(|made_with| !made_with.is(&found)) {
        return Ok(true);
    }
    let own = auth.getattr(name!(auth.py(), __dict__))?.cast_into::<PyDict>()?;
    own.contains(name)
}

fn made_with(py: Python<'_>) -> PyResult<&Bound<'_, PyDict>> {
    let made_with = MADE_WITH.get_or_try_init(py, || {
        let class: Bound<'_, PyType> = py.get_type::<Auth>();
        let made_with = PyDict::new(py);
        for name in class.getattr("__dict__")?.call_method0("keys")?.try_iter()? {
            let name = name?;
            made_with.set_item(&name, class.getattr(name.cast::<PyString>()?)?)?;
        }
        PyResult::Ok(made_with.unbind())
    })?;
    Ok(made_with.bind(py))
}

/// Does at the import what happens once, behind a lock that a fork must not meet.
pub(crate) fn remember(py: Python<'_>) -> PyResult<()> {
    made_with(py)?;
    let first = Py::new(py, Auth::blank(py))?;
    first.bind(py).getattr(name!(py, __dict__)).map(drop)
}
