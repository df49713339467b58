//! What X does, row by row, over real HTTP.
#![allow(clippy::unwrap_used)]

#[path = "semantics/authenticate.rs"]
mod authenticate;
#[path = "semantics/authorize.rs"]
mod authorize;
#[path = "semantics/client.rs"]
mod client;
#[path = "semantics/evidence.rs"]
mod evidence;
#[path = "semantics/exchange.rs"]
mod exchange;
#[path = "semantics/flow.rs"]
mod flow;
#[path = "semantics/refresh.rs"]
mod refresh;
#[path = "semantics/resource.rs"]
mod resource;
#[path = "semantics/revoke.rs"]
mod revoke;
#[path = "../../xpkce/tests/silence/said.rs"]
mod said;
