//! The PKCE pair of an object whose class makes its own, or keeps it in a place of its own.

use pyo3::prelude::*;
use pyo3::types::{PySlice, PyString};
use xpkce::{CodeVerifier, Pkce};

use super::desk::Desk;
use super::{Auth, own};
use crate::failure::raise;
use crate::names::name;

/// Before a URL: takes over the pair that a subclass keeps, or asks the one that makes its own.
pub(super) fn prepare(auth: &Bound<'_, Auth>) -> PyResult<()> {
    let (py, desk) = (auth.py(), &auth.get().desk);
    take_over(auth)?;
    let (verifier, challenge) =
        (name!(py, _generate_code_verifier), name!(py, _generate_code_challenge));
    let makes_its_own = own::overrides(auth, verifier)? || own::overrides(auth, challenge)?;
    if desk.has_set_pair() || !makes_its_own {
        return Ok(());
    }
    let verifier = auth.call_method0(verifier)?.cast_into::<PyString>()?;
    let challenge = auth.call_method1(challenge, (&verifier,))?.cast_into::<PyString>()?;
    desk.set_pair(&verifier.to_cow()?, Some(&challenge.to_cow()?))
}

/// Takes over the pair that a property of a subclass holds, unless it is the one of the last URL.
pub(super) fn take_over(auth: &Bound<'_, Auth>) -> PyResult<()> {
    let (py, desk) = (auth.py(), &auth.get().desk);
    if own::is_plain(auth) || !own::overrides(auth, name!(py, code_verifier))? {
        return Ok(());
    }
    let Some(verifier) = text(auth, "code_verifier")? else {
        desk.clear_pair();
        return Ok(());
    };
    if is_current(auth, &verifier) {
        return Ok(());
    }
    desk.set_pair(&verifier, text(auth, "code_challenge")?.as_deref())
}

/// Sets the pair that the next URL or exchange uses.
pub(super) fn set(auth: &Bound<'_, Auth>, verifier: &str, challenge: Option<&str>) -> PyResult<()> {
    let make = name!(auth.py(), _generate_code_challenge);
    let made = match challenge {
        None if own::overrides(auth, make)? => {
            Some(auth.call_method1(make, (verifier,))?.extract::<String>()?)
        }
        given => given.map(str::to_owned),
    };
    auth.get().desk.set_pair(verifier, made.as_deref())?;
    tell(auth)
}

/// Sets the verifier as an attribute; none forgets the pair.
pub(super) fn set_verifier(desk: &Desk, value: Option<&str>) -> PyResult<()> {
    let Some(verifier) = value.filter(|verifier| !verifier.is_empty()) else {
        desk.clear_pair();
        return Ok(());
    };
    // That of the last URL, put back, stays that of a sign-in whose state is known.
    let is_there = desk.held().code_verifier().is_some_and(|now| now.matches(verifier));
    if is_there { Ok(()) } else { desk.set_pair(verifier, None) }
}

/// Sets the challenge as an attribute; none forgets the pair. One without a verifier waits for it.
pub(super) fn set_challenge(desk: &Desk, value: Option<&str>) -> PyResult<()> {
    let Some(challenge) = value.filter(|challenge| !challenge.is_empty()) else {
        desk.clear_pair();
        return Ok(());
    };
    let held = desk.held();
    match held.code_verifier() {
        Some(_) if held.code_challenge().is_some_and(|now| now == challenge) => Ok(()),
        Some(verifier) => desk.set_pair(verifier.expose(), Some(challenge)),
        None => {
            desk.set_lone_challenge(challenge);
            Ok(())
        }
    }
}

/// Makes a verifier as the reference does.
pub(super) fn made_verifier(py: Python<'_>, length: isize) -> PyResult<Py<PyAny>> {
    let text = py.import("secrets")?.call_method1("token_urlsafe", (96,))?;
    Ok(text.get_item(PySlice::new(py, 0, length, 1))?.unbind())
}

/// Makes the challenge of a verifier, RFC 7636 section 4.2.
pub(super) fn made_challenge(verifier: &str) -> PyResult<String> {
    let made = Pkce::from_parts(verifier, None).map_err(|why| raise(&why))?;
    Ok(made.challenge().to_owned())
}

/// After a URL: lets a subclass see the pair, as assignments.
pub(super) fn tell(auth: &Bound<'_, Auth>) -> PyResult<()> {
    if own::is_plain(auth) {
        return Ok(());
    }
    let held = auth.get().desk.held();
    auth.setattr("code_verifier", held.code_verifier().map(|it| it.expose().to_owned()))?;
    auth.setattr("code_challenge", held.code_challenge())
}

/// Returns whether a verifier is that of the current pair.
pub(super) fn is_current(auth: &Bound<'_, Auth>, verifier: &str) -> bool {
    auth.get().desk.held().code_verifier().is_some_and(|now| now.matches(verifier))
}

/// Returns the verifier that an exchange without one uses.
pub(super) fn verifier(auth: &Bound<'_, Auth>) -> PyResult<Option<CodeVerifier>> {
    match own::is_plain(auth) {
        true => Ok(auth.get().desk.held().code_verifier()),
        false => Ok(text(auth, "code_verifier")?.map(CodeVerifier::new)),
    }
}

fn text(auth: &Bound<'_, Auth>, name: &str) -> PyResult<Option<String>> {
    let value: Option<String> = auth.getattr(name)?.extract()?;
    Ok(value.filter(|text| !text.is_empty()))
}
