//! Judges a request to the callback port by its head alone.

use url::Url;

use super::page::Refused;
use crate::State;
use crate::login::Callback;

/// What the one right request looks like.
pub(super) struct Expected {
    origin: String,
    host: String,
    path: String,
    state: State,
}

/// What a request is.
pub(super) enum Verdict {
    /// The callback; its whole URL.
    Callback(String),
    /// Not the callback; what the page says.
    Refused(Refused),
}

impl Expected {
    pub(super) fn new(redirect_uri: &Url, state: State) -> Self {
        let name = redirect_uri.host_str().unwrap_or_default();
        let host = match redirect_uri.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        let origin = format!("{}://{host}", redirect_uri.scheme());
        Self { origin, host, path: redirect_uri.path().to_owned(), state }
    }

    /// Judges a request's head, up to its empty line.
    pub(super) fn judge(&self, head: &str) -> Verdict {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, target, version) = (words.next(), words.next(), words.next());
        let Some(target) = target.filter(|_| version.is_some_and(|v| v.starts_with("HTTP/1.")))
        else {
            return Verdict::Refused(Refused::Malformed);
        };
        let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
        if !self.is_for_us(&headers) {
            return Verdict::Refused(Refused::WrongHost);
        }
        if target.split('?').next() != Some(&self.path) {
            return Verdict::Refused(Refused::WrongPath);
        }
        if method != Some("GET") {
            return Verdict::Refused(Refused::WrongMethod);
        }
        self.judge_callback(target, &headers)
    }

    /// The one `Host` is the redirect URI's: another name that resolves to this machine is a page
    /// on the web in disguise.
    fn is_for_us(&self, headers: &[(&str, &str)]) -> bool {
        let mut hosts = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host"));
        let is_ours =
            hosts.next().is_some_and(|(_, it)| it.trim().eq_ignore_ascii_case(&self.host));
        is_ours && hosts.next().is_none()
    }

    fn judge_callback(&self, target: &str, headers: &[(&str, &str)]) -> Verdict {
        let Some((_, query)) = target.split_once('?') else {
            return Verdict::Refused(Refused::NoCallback);
        };
        let refused = match Callback::parse(query) {
            Err(_) => Refused::Malformed,
            Ok(callback) if callback.is_stateless_error() && is_navigation(headers) => {
                return Verdict::Callback(format!("{}{target}", self.origin));
            }
            Ok(callback) if callback.check_state(&self.state).is_err() => Refused::AnotherSignIn,
            Ok(callback) if callback.is_empty() => Refused::NoCallback,
            Ok(_) => return Verdict::Callback(format!("{}{target}", self.origin)),
        };
        Verdict::Refused(refused)
    }
}

/// A browser says so of what it shows in a window, which is neither a frame within a page nor
/// something that is loaded beforehand; what says nothing is no browser of today.
fn is_navigation(headers: &[(&str, &str)]) -> bool {
    let value = |wanted: &str| {
        let header = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        header.map(|(_, value)| value.trim())
    };
    let says = |name, wanted: &str| value(name).is_none_or(|it| it.eq_ignore_ascii_case(wanted));
    says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
        && value("sec-purpose").is_none()
}
