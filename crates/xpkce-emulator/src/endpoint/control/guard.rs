//! Keeps web pages away from the control verbs: no cross-site requests, no DNS rebinding.

use hyper::header::{HOST, HeaderName, ORIGIN};

use crate::call::Call;

/// Checks that a request comes from a program on this machine, or a person typing an address.
///
/// # Errors
///
/// Says why not.
pub(super) fn check(call: &Call) -> Result<(), &'static str> {
    if call.headers.contains_key(ORIGIN) {
        return Err("control refuses requests with an Origin header: no web page may drive it");
    }
    let site = HeaderName::from_static("sec-fetch-site");
    if call.headers.contains_key(&site)
        && !matches!(call.header(&site), Some("none" | "same-origin"))
    {
        return Err("control refuses requests that come from another site");
    }
    if !call.header(&HOST).is_some_and(is_loopback) {
        return Err("control answers only to a loopback Host header");
    }
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    matches!(name, Some("127.0.0.1" | "localhost" | "::1"))
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_loopback_names_pass() {
        for host in ["127.0.0.1", "127.0.0.1:80", "localhost:1", "[::1]:1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["example.com", "127.0.0.1.example.com", "localhost.example.com:1", "", "["] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
