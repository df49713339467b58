//! The front door: what this server is, for whoever opens it in a browser.

use maud::html;

use crate::page::sealed;
use crate::reply::Reply;
use crate::shared::Shared;

pub(crate) fn front(shared: &Shared) -> Reply {
    let (apps, users) = {
        let world = shared.world();
        (world.apps_in_order(), world.users.clone())
    };
    let body = html! {
        main.card.quiet {
            h1 { "xpkce emulator" }
            p { "A strict local stand-in for X’s authorization server. Nothing here reaches X." }
            h2 { "Addresses" }
            dl {
                dt { "Base URL" } dd { code { (shared.base_url) } }
                dt { "Authorization base URL" } dd { code { (shared.authorization_base_url()) } }
                dt { "Control" } dd { a href="/control" { code { (shared.control_url()) } } }
            }
            h2 { "Apps" }
            dl {
                @for app in &apps {
                    dt { (app.name) @if app.is_confidential() { " (confidential)" } @else { " (public)" } }
                    dd { code { (app.client_id) } }
                }
            }
            h2 { "Users" }
            dl { @for user in &users { dt { (user.name) } dd { "@" (user.username) } } }
        }
    };
    sealed(200, "xpkce emulator", "'none'", &body)
}
