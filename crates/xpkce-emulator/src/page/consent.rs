//! The consent page: which app, which account, which permissions, Allow or Cancel.

use maud::{Markup, html};
use url::{Host, Url};

use crate::approval::AuthorizeRequest;
use crate::page::sealed;
use crate::reply::Reply;
use crate::scope;
use crate::seed::{AppSeed, UserSeed};

/// Returns the page. `token` goes into the form: without it the form is not accepted.
pub(crate) fn consent(
    app: &AppSeed,
    users: &[UserSeed],
    request: &AuthorizeRequest,
    token: &str,
) -> Reply {
    let title = format!("{} wants to access your account", app.name);
    let body = html! {
        main.card {
            header {
                div.mark aria-hidden="true" { (initial(&app.name)) }
                h1 { b { (app.name) } " wants to access your account" }
            }
            form method="post" action="/i/oauth2/authorize" autocomplete="off" {
                input type="hidden" name="page" value=(token);
                (accounts(users))
                (permissions(&app.name, &request.scopes))
                div.actions {
                    button.allow type="submit" name="decision" value="allow" { "Allow" }
                    button.cancel type="submit" name="decision" value="cancel" { "Cancel" }
                }
            }
            footer {
                p { "You will go back to " strong { (destination(&request.redirect_uri)) } "." }
                p { "You can disconnect an app at any time. "
                    "Only continue if you trust it." }
            }
        }
        footer.stamp { p { "Local stand-in for sign-in with X. Nothing here reaches X." } }
    };
    sealed(200, &title, &form_action(&request.redirect_uri), &body)
}

fn accounts(users: &[UserSeed]) -> Markup {
    html! {
        fieldset.accounts {
            legend { "Continue as" }
            @for (place, user) in users.iter().enumerate() {
                label.account {
                    input type="radio" name="username" value=(user.username)
                        checked[place == 0] required;
                    span.face aria-hidden="true" { (initial(&user.name)) }
                    span.who {
                        span.name { (user.name) }
                        span.handle { "@" (user.username) }
                    }
                    span.tick aria-hidden="true" {}
                }
            }
        }
    }
}

fn permissions(app: &str, scopes: &[String]) -> Markup {
    let (sees, does): (Vec<_>, Vec<_>) = scopes.iter().partition(|scope| is_seen(scope));
    html! {
        section.permissions aria-label="Permissions" {
            @if !sees.is_empty() {
                h2 { (app) " will be able to see" }
                (listed(&sees, "sees"))
            }
            @if !does.is_empty() {
                h2 { (app) " will be able to" }
                (listed(&does, "does"))
            }
        }
    }
}

/// Returns whether a scope lets the app see something rather than do something.
fn is_seen(scope: &str) -> bool {
    !scope.ends_with(".write") && scope != scope::OFFLINE_ACCESS
}

fn listed(scopes: &[&String], class: &str) -> Markup {
    html! {
        ul class=(class) {
            @for scope in scopes {
                li title=(scope) { (words(scope)) }
            }
        }
    }
}

/// Under a heading that already says "see", the sentence starts with what is seen.
fn words(scope: &str) -> String {
    let words = scope::in_words(scope).unwrap_or(scope);
    match words.strip_prefix("See ") {
        Some(rest) => capital(rest),
        None => words.to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn initial(name: &str) -> String {
    name.chars().next().map_or_else(|| "?".to_owned(), |first| first.to_uppercase().collect())
}

/// Returns where the browser goes next: the host, or the scheme of a deep link.
fn destination(redirect_uri: &str) -> String {
    match Url::parse(redirect_uri) {
        Ok(uri) if matches!(uri.scheme(), "http" | "https") => uri.authority().to_owned(),
        Ok(uri) => format!("the {} app", uri.scheme()),
        Err(_) => String::new(),
    }
}

/// Browsers apply `form-action` to the redirect that follows a form as well. A policy cannot name an
/// IPv6 address: there only the scheme is named.
fn form_action(redirect_uri: &str) -> String {
    match Url::parse(redirect_uri) {
        Ok(uri)
            if matches!(uri.scheme(), "http" | "https")
                && !matches!(uri.host(), Some(Host::Ipv6(_))) =>
        {
            format!("'self' {}", uri.origin().ascii_serialization())
        }
        Ok(uri) => format!("'self' {}:", uri.scheme()),
        Err(_) => "'self'".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_under_a_heading_that_sees_is_something_to_be_seen() {
        for (scope, words) in scope::KNOWN.iter().filter(|(scope, _)| is_seen(scope)) {
            assert!(words.starts_with("See "), "{scope}: {words}");
        }
    }
}
