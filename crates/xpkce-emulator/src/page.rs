//! The pages a person sees: consent, the one generic error, and the front door.

mod consent;
mod front;

use hyper::header::HOST;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::call::Call;
use crate::mint;
use crate::reply::Reply;

pub(crate) use consent::consent;
pub(crate) use front::front;

const STYLE: &str = include_str!("page/style.css");

/// The one page that X shows for every mistake in an authorize request.
pub(crate) fn wrong() -> Reply {
    let body = html! {
        main.card.quiet {
            h1 { "Something went wrong" }
            p {
                "You weren’t able to give access to the App. "
                "Go back and try logging in again."
            }
        }
        footer.stamp {
            p {
                "Local stand-in for sign-in with X. Like X’s, this page gives no reason; the "
                a href="/control/events" { "event log" } " does."
            }
        }
    };
    sealed(400, "Something went wrong", "'none'", &body)
}

/// Returns whether an `Origin` is the one this request was sent to.
pub(crate) fn is_same_origin(origin: &str, call: &Call) -> bool {
    call.header(&HOST).is_some_and(|host| origin.strip_prefix("http://") == Some(host))
}

/// Wraps a page in its document and its security headers.
fn sealed(status: u16, title: &str, form_action: &str, body: &Markup) -> Reply {
    let nonce = mint::random_text(22);
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // No icon: without this the browser would ask for one.
                link rel="icon" href="data:,";
                title { (title) }
                style nonce=(nonce) { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    let mut reply = Reply::html(status, document.into_string());
    let policy = format!(
        "default-src 'none'; img-src data:; style-src 'nonce-{nonce}'; form-action {form_action}; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    for (name, value) in [
        ("content-security-policy", policy.as_str()),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        reply.set(name, value);
    }
    reply
}
