//! Which redirect URIs an app may register.

use url::Url;

/// At most this many per app.
pub(crate) const LIMIT: usize = 10;

/// The schemes X refuses.
const BLOCKED: [&str; 34] = [
    "vbscript",
    "javascript",
    "vbs",
    "data",
    "mocha",
    "keyword",
    "livescript",
    "ftp",
    "file",
    "gopher",
    "acrobat",
    "callto",
    "daap",
    "itpc",
    "itms",
    "firefoxurl",
    "hcp",
    "ldap",
    "mailto",
    "mmst",
    "mmsu",
    "msbd",
    "rtsp",
    "mso-offdap",
    "snews",
    "news",
    "nntp",
    "outlook",
    "stssync",
    "rlogin",
    "telnet",
    "tn3270",
    "shell",
    "sip",
];

/// Checks `uri` for registration.
///
/// # Errors
///
/// Says what is wrong with it.
pub(crate) fn check(uri: &str, localhost_registrable: bool) -> Result<(), &'static str> {
    let parsed = Url::parse(uri).map_err(|_| "not an absolute URI")?;
    // RFC 3986 has no other characters, and a Location header cannot carry them.
    if uri.len() > 2000 || !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("too long, or has characters that a URI must percent-encode");
    }
    if BLOCKED.contains(&parsed.scheme()) {
        return Err("the scheme is blocked");
    }
    if parsed.fragment().is_some() {
        return Err("a fragment is not allowed");
    }
    match parsed.host_str() {
        None | Some("") => Err("a host is needed, as in twitter://callback/path"),
        Some("localhost") if !localhost_registrable => Err("localhost is refused: use 127.0.0.1"),
        Some(_) => Ok(()),
    }
}

/// Appends the answer's parameters to a registered URI.
pub(crate) fn with_answer(uri: &str, answer: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(answer);
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dangerous_schemes_relative_forms_and_raw_characters_are_refused() {
        let too_long = format!("https://a/{}", "b".repeat(2000));
        for uri in [
            "javascript:alert(1)",
            "data:text/html,x",
            "/callback",
            "",
            "https://a/#f",
            "https://a/b c",
            "https://a/é",
            &too_long,
        ] {
            assert!(check(uri, true).is_err(), "{uri}");
        }
    }

    #[test]
    fn loopback_https_and_deep_links_are_accepted() {
        for uri in ["http://127.0.0.1:1/cb", "https://example.com/", "twitter://callback/path"] {
            assert!(check(uri, true).is_ok(), "{uri}");
        }
    }

    #[test]
    fn localhost_follows_the_switch() {
        assert!(check("http://localhost:8080/callback", true).is_ok());
        assert!(check("http://localhost:8080/callback", false).is_err());
    }
}
