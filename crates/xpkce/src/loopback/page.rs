//! The pages of the callback port: small, without scripts, never cached, and without anything from
//! the request.

use crate::{Error, Reason};

/// Why a request was not the callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Malformed,
    TooLong,
    WrongHost,
    WrongPath,
    WrongMethod,
    NoCallback,
    AnotherSignIn,
}

pub(super) fn signed_in() -> String {
    page("200 OK", "Signed in", "You can close this window.")
}

pub(super) fn failed(error: &Error) -> String {
    if error.reason() == Reason::Denied {
        return page("200 OK", "Not signed in", "You did not approve. You can close this window.");
    }
    let text = format!("{error}. You can close this window and go back to the program.");
    page("200 OK", "Not signed in", &text)
}

/// For a program that took the callback and said nothing of how it went.
pub(super) fn look_there() -> String {
    page("200 OK", "Received", "Go back to the program. You can close this window.")
}

pub(super) fn refused(why: Refused) -> String {
    let (status, text) = match why {
        Refused::Malformed => ("400 Bad Request", "This request cannot be read."),
        Refused::TooLong => ("431 Request Header Fields Too Large", "This request is too long."),
        Refused::WrongHost => ("421 Misdirected Request", "This is not the address to call."),
        Refused::WrongPath => ("404 Not Found", "There is nothing here."),
        Refused::WrongMethod => ("405 Method Not Allowed", "Only GET is answered here."),
        Refused::NoCallback => ("400 Bad Request", "This is no callback of a sign-in."),
        Refused::AnotherSignIn => (
            "400 Bad Request",
            "This callback belongs to another sign-in. Use the page that was opened last.",
        ),
    };
    page(status, "Not the callback", text)
}

/// A card in the middle, in the colours that the user's browser prefers.
const STYLE: &str = "\
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--line:#dfe3e8;--soft:#57606a}\
@media(prefers-color-scheme:dark){:root{--page:#0d1117;--card:#161b22;--line:#30363d;--soft:#9da7b3}}\
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--page);\
font:1.05rem/1.55 system-ui,sans-serif}\
main{box-sizing:border-box;width:min(30rem,calc(100vw - 2rem));padding:2rem 2.25rem;\
background:var(--card);border:1px solid var(--line);border-radius:1rem}\
h1{margin:0 0 .5rem;font-size:1.4rem}p{margin:0;color:var(--soft);overflow-wrap:anywhere}";

fn page(status: &str, title: &str, text: &str) -> String {
    let allow = if status.starts_with("405") { "Allow: GET\r\n" } else { "" };
    let (title, text) = (escaped(title), escaped(text));
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style>\
         <main><h1>{title}</h1><p>{text}</p></main></html>\n"
    );
    format!(
        "HTTP/1.1 {status}\r\n{allow}\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Length: {}\r\n\
         Connection: close\r\n\
         Cache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n\r\n{body}",
        body.len()
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
