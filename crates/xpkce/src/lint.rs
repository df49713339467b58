//! Finds what is wrong with an authorize URL before a browser opens it, because X shows the same
//! page, without a reason, for every mistake.

use url::{Host, Url};

use crate::http::{authority, is_loopback};
use crate::{App, Error, Reason, Result, Scopes};

/// How serious a finding is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// X would refuse it, so no sign-in is begun.
    Error,
    /// It is unusual, or works but does less than was probably meant.
    Warning,
}

/// One finding. Its texts hold no secret.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// How serious it is.
    pub severity: Severity,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
}

/// How many characters a `state` may have at X.
pub const MAX_STATE: usize = 500;

/// With the longest code and state in it, a callback to such a URI is still read.
const MAX_REDIRECT_URI: usize = 2048;

/// Redirect schemes that X's console refuses.
const BLOCKED_SCHEMES: &[&str] = &[
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

/// What X puts into a callback, and what tells its consent page's address from one.
const CALLBACK_PARAMETERS: [&str; 5] = ["state", "code", "error", "iss", "code_challenge"];

/// Returns everything about an app that X would refuse, and then what is unusual. The rules are
/// those of X's documentation of its authorize URL and callbacks, and of RFC 6749 sections 3.1.2
/// and 3.3.
#[must_use]
pub fn lint(app: &App) -> Vec<Lint> {
    let mut found = Vec::new();
    look_for_errors(app, &mut found);
    look_for_warnings(app, &mut found);
    found
}

/// Refuses an app that X would refuse, with the first thing that is wrong. Looks once at an app.
pub(crate) fn check(app: &App) -> Result<()> {
    if app.is_checked().get().is_none() {
        let mut found = Vec::new();
        look_for_errors(app, &mut found);
        refuse(found)?;
        app.is_checked().get_or_init(|| ());
    }
    Ok(())
}

/// Refuses a client that X would refuse, whatever it asks for.
pub(crate) fn check_client(app: &App) -> Result<()> {
    let mut found = Vec::new();
    look_at_client(app, &mut found);
    refuse(found)
}

fn refuse(found: Vec<Lint>) -> Result<()> {
    match found.into_iter().next() {
        None => Ok(()),
        Some(lint) => Err(Error::new(Reason::InvalidSetting, lint.message).with_hint(lint.hint)),
    }
}

/// Refuses a state that X refuses, or that no URL of its own can carry.
pub(crate) fn check_state(state: &str) -> Result<()> {
    if (1..=MAX_STATE).contains(&state.len()) && is_visible_ascii(state) {
        return Ok(());
    }
    Err(Error::new(
        Reason::InvalidSetting,
        format!("the state is empty, over {MAX_STATE} characters, or has other than visible ASCII"),
    )
    .with_hint("leave it out: a random state is made for every sign-in"))
}

fn look_for_errors(app: &App, found: &mut Vec<Lint>) {
    look_at_client(app, found);
    look_at_redirect_uri(app, found);
    for scope in app.scopes().into_iter().flat_map(Scopes::iter) {
        if !is_scope_token(scope) {
            error(
                found,
                "a scope has a character that no scope may have",
                "write scopes as in X's documentation, with spaces between them",
            );
        }
    }
}

fn look_at_client(app: &App, found: &mut Vec<Lint>) {
    const WHERE: &str = "copy the OAuth 2.0 Client ID from the app's page in X's console";
    if app.client_id().is_empty() {
        error(found, "the client id is empty", WHERE);
    } else if !is_vschars(app.client_id()) {
        error(found, "the client id has a control or a non-ASCII character", WHERE);
    }
    if app.secret().is_some_and(|secret| !is_vschars(secret.expose())) {
        error(
            found,
            "the client secret is empty, or has a control or a non-ASCII character",
            "copy the OAuth 2.0 Client Secret from X's console, or leave it out for a public app",
        );
    }
}

fn look_at_redirect_uri(app: &App, found: &mut Vec<Lint>) {
    const WHERE: &str = "use a callback URL exactly as it is registered in X's console";
    let redirect_uri = app.redirect_uri();
    let Some(url) = app.redirect_url() else {
        return error(found, "the redirect URI is not an absolute URL", WHERE);
    };
    if !is_visible_ascii(redirect_uri) || redirect_uri.contains('\\') {
        let message =
            "the redirect URI has a space, a control, a non-ASCII character or a backslash";
        error(found, message, WHERE);
    }
    if redirect_uri.len() > MAX_REDIRECT_URI {
        let message = format!("the redirect URI is longer than {MAX_REDIRECT_URI} bytes");
        error(found, message, "register a shorter callback URL in X's console, and use that");
    }
    if redirect_uri.contains('#') {
        error(found, "the redirect URI has a fragment", WHERE);
    }
    if ["http", "https"].contains(&url.scheme()) && authority(redirect_uri).is_none() {
        error(found, "the redirect URI is not written as http://host or https://host", WHERE);
    }
    if url.port() == Some(0) {
        error(found, "the redirect URI has port 0, which is no port", WHERE);
    }
    if BLOCKED_SCHEMES.contains(&url.scheme()) {
        error(found, "the redirect URI has a scheme that X refuses", WHERE);
    }
    if url.query_pairs().any(|(name, _)| CALLBACK_PARAMETERS.contains(&name.as_ref())) {
        error(found, "the redirect URI has a parameter of the sign-in in its query", WHERE);
    }
}

fn look_for_warnings(app: &App, found: &mut Vec<Lint>) {
    warn_of_client_id(app.client_id(), found);
    if app.secret().is_some_and(|secret| secret.expose().contains(' ')) {
        warning(
            found,
            "the client secret has a space in it",
            "copy the OAuth 2.0 Client Secret again: those of X have none",
        );
    }
    if let Some(url) = app.redirect_url() {
        warn_of_redirect_uri(url, found);
    }
    match app.scopes() {
        None => {
            warning(found, "no scope is asked for", "ask for tweet.read users.read offline.access");
        }
        Some(scopes) => warn_of_scopes(scopes, found),
    }
}

fn warn_of_client_id(id: &str, found: &mut Vec<Lint>) {
    const WHERE: &str = "use the OAuth 2.0 Client ID, 34 characters, from \"Keys and tokens\"";
    let is_number = id.bytes().all(|b| b.is_ascii_digit());
    let is_alphanumeric = id.bytes().all(|b| b.is_ascii_alphanumeric());
    let message = match id.len() {
        0 => return,
        34 if !id.contains(' ') => return,
        _ if is_number => "the client id looks like X's numeric app id",
        _ if id.contains(' ') => "the client id has a space in it",
        25 if is_alphanumeric => "the client id looks like an API key of OAuth 1.0a",
        _ => "the client id does not have the 34 characters of X's",
    };
    warning(found, message, WHERE);
}

fn warn_of_redirect_uri(url: &Url, found: &mut Vec<Lint>) {
    if url.scheme() == "http" && !is_loopback(url) {
        warning(
            found,
            "the redirect URI sends the code over plain HTTP to another machine",
            "use https://, or http://127.0.0.1 on this machine",
        );
    }
    if !url.has_host() {
        warning(
            found,
            "the redirect URI names no host, which X's console asks for",
            "use a form such as myapp://callback/path, exactly as it is registered in X's console",
        );
    }
    if url.host() == Some(Host::Domain("localhost")) {
        warning(
            found,
            "the redirect URI names localhost, which X's console may refuse",
            "register and use http://127.0.0.1 with the same port and path: X compares them exactly",
        );
    }
}

fn warn_of_scopes(scopes: &Scopes, found: &mut Vec<Lint>) {
    if !scopes.contains(Scopes::OFFLINE_ACCESS) {
        warning(
            found,
            "without offline.access X sends no refresh token: the login ends after two hours",
            "add offline.access to the scopes",
        );
    }
    if !(scopes.contains("tweet.read") && scopes.contains("users.read")) {
        warning(
            found,
            "without tweet.read and users.read X does not say who signed in",
            "add tweet.read and users.read to the scopes",
        );
    }
    for scope in scopes.iter().filter(|scope| is_scope_token(scope)) {
        if !Scopes::KNOWN.contains(&scope) {
            warning(
                found,
                format!("the scope {scope} is not among those that X documents"),
                "check its spelling: X refuses a sign-in that asks for an unknown scope",
            );
        }
    }
}

fn error(found: &mut Vec<Lint>, message: impl Into<String>, hint: &'static str) {
    found.push(Lint { severity: Severity::Error, message: message.into(), hint });
}

fn warning(found: &mut Vec<Lint>, message: impl Into<String>, hint: &'static str) {
    found.push(Lint { severity: Severity::Warning, message: message.into(), hint });
}

fn is_visible_ascii(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

/// RFC 6749 appendices A.1 and A.2: a client id and a secret are of visible characters and spaces.
fn is_vschars(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| (0x20..=0x7e).contains(&b))
}

/// RFC 6749 section 3.3.
fn is_scope_token(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}
