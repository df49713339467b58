//! The emulator of X's authorization server, for `python -m xpkce.emulator`.

use std::io;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use xpkce_emulator::Emulator;

/// An emulator that runs until it is let go.
#[pyclass(frozen, module = "xpkce._native")]
pub(crate) struct Emulating(Emulator);

#[pymethods]
impl Emulating {
    /// Starts it on a port of 127.0.0.1. With no `auto_approve` the consent page asks; with an empty
    /// one the first user approves.
    #[new]
    fn new(port: u16, auto_approve: Option<&str>) -> PyResult<Self> {
        let builder = Emulator::builder().port(port);
        let builder = match auto_approve {
            Some("") => builder.auto_approve_first(),
            named => builder.auto_approve(named),
        };
        builder.start_blocking().map(Self).map_err(|why| match why.kind() {
            io::ErrorKind::InvalidInput => PyValueError::new_err(why.to_string()),
            _ => why.into(),
        })
    }

    /// Where it is and what is in it, as JSON.
    fn json(&self) -> PyResult<String> {
        serde_json::to_string(&self.0.summary())
            .map_err(|why| PyValueError::new_err(why.to_string()))
    }

    /// The same for people.
    fn text(&self) -> String {
        self.0.summary().to_string()
    }
}
