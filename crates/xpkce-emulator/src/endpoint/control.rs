//! The control verbs over HTTP, for tests in other languages and for people.

mod guard;
mod verb;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::call::Call;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::summary::Summary;
use crate::world::OperateError;

/// Every verb: method, path, body, meaning.
const VERBS: [(&str, &str, &str, &str); 21] = [
    ("GET", "/control", "", "this list"),
    ("GET", "/control/summary", "", "addresses, apps with secrets, users"),
    ("GET", "/control/events", "", "the evidence log, oldest first"),
    ("GET", "/control/counters", "", "how often things happened"),
    ("GET", "/control/quirks", "", "the switches E1 to E15"),
    ("POST", "/control/quirks", r#"{"replay_kills_family": true}"#, "change some switches"),
    ("GET", "/control/lifetimes", "", "how long credentials live, in seconds"),
    ("POST", "/control/lifetimes", r#"{"access": 60}"#, "change some lifetimes"),
    ("POST", "/control/advance", r#"{"seconds": 7200}"#, "move the virtual clock forward"),
    (
        "POST",
        "/control/fault",
        r#"{"endpoint": "refresh", "fault": {"kind": "drop", "at": "mid_body"}, "moment": "after_commit", "nth": 1, "times": 1}"#,
        "script a fault",
    ),
    ("GET", "/control/faults", "", "the faults in force"),
    ("DELETE", "/control/faults", "", "remove every fault"),
    (
        "POST",
        "/control/disconnect",
        r#"{"username": "ada_example", "client_id": null}"#,
        "the user removes one app, or all",
    ),
    (
        "POST",
        "/control/suspend",
        r#"{"client_id": "...", "suspended": true}"#,
        "suspend an app, or lift the suspension",
    ),
    ("POST", "/control/rotate-secret", r#"{"client_id": "..."}"#, "replace an app's secret"),
    ("POST", "/control/flip-type", r#"{"client_id": "..."}"#, "public to confidential, or back"),
    (
        "POST",
        "/control/expire",
        r#"{"username": "ada_example", "token": "access"}"#,
        "let live access or refresh tokens expire",
    ),
    (
        "POST",
        "/control/register-redirect",
        r#"{"client_id": "...", "redirect_uri": "http://127.0.0.1:1234/callback"}"#,
        "register a redirect URI",
    ),
    (
        "POST",
        "/control/auto-approve",
        r#"{"username": "ada_example"}"#,
        "approve at once as this user; null: show the consent page",
    ),
    (
        "POST",
        "/control/app",
        r#"{"name": "My app", "confidential": false, "redirect_uris": [], "enrolled": true, "suspended": false, "email": true, "out_of_credits": false}"#,
        "seed another app; client_id and client_secret if they are to be chosen",
    ),
    (
        "POST",
        "/control/user",
        r#"{"id": "1000000000000000004", "name": "Dee Invented", "username": "dee_invented"}"#,
        "seed another user",
    ),
];

/// Why a control request was refused.
enum Refused {
    /// 403: it may come from a web page.
    Guarded(&'static str),
    /// 400: the body is not what the verb takes.
    Body(String),
    /// 404: no such verb.
    Verb,
    /// 422: the emulator cannot do it.
    Operate(OperateError),
}

impl From<OperateError> for Refused {
    fn from(error: OperateError) -> Self {
        Self::Operate(error)
    }
}

pub(crate) fn answer(shared: &Shared, call: &Call) -> Reply {
    let done = guard::check(call).map_err(Refused::Guarded).and_then(|()| dispatch(shared, call));
    let (status, value) = match done {
        Ok(value) => (200, value),
        Err(Refused::Guarded(why)) => (403, json!({ "error": why })),
        Err(Refused::Body(why)) => (400, json!({ "error": why })),
        Err(Refused::Verb) => (404, json!({ "error": "no such verb; GET /control lists them" })),
        Err(Refused::Operate(error)) => (422, json!({ "error": error.to_string() })),
    };
    let mut body = serde_json::to_vec_pretty(&value).unwrap_or_default();
    body.push(b'\n');
    let mut reply = Reply::with_body(status, "application/json", body);
    reply.set("cache-control", "no-store");
    reply.set("x-content-type-options", "nosniff");
    reply
}

fn dispatch(shared: &Shared, call: &Call) -> Result<Value, Refused> {
    match call.route() {
        ("GET", "/control") => Ok(list()),
        ("GET", "/control/summary") => shown(&Summary::of(shared)),
        ("GET", "/control/events") => shown(&shared.world().events()),
        ("GET", "/control/counters") => shown(&shared.world().counters),
        ("GET", "/control/quirks") => shown(&shared.world().quirks),
        ("GET", "/control/lifetimes") => shown(&shared.world().lifetimes),
        ("GET", "/control/faults") => shown(&shared.world().fault_rules()),
        ("DELETE", "/control/faults") => {
            shared.world().faults.clear();
            Ok(json!({}))
        }
        ("POST", "/control/quirks") => verb::quirks(&mut shared.world(), call),
        ("POST", "/control/lifetimes") => verb::lifetimes(&mut shared.world(), call),
        ("POST", "/control/advance") => verb::advance(&mut shared.world(), &read(call)?),
        ("POST", "/control/fault") => verb::fault(&mut shared.world(), read(call)?),
        ("POST", "/control/disconnect") => verb::disconnect(&mut shared.world(), &read(call)?),
        ("POST", "/control/suspend") => verb::suspend(&mut shared.world(), &read(call)?),
        ("POST", "/control/rotate-secret") => {
            verb::rotate_secret(&mut shared.world(), &read(call)?)
        }
        ("POST", "/control/flip-type") => verb::flip_type(&mut shared.world(), &read(call)?),
        ("POST", "/control/expire") => verb::expire(&mut shared.world(), &read(call)?),
        ("POST", "/control/register-redirect") => {
            verb::register_redirect(&mut shared.world(), &read(call)?)
        }
        ("POST", "/control/auto-approve") => verb::auto_approve(&mut shared.world(), &read(call)?),
        ("POST", "/control/app") => verb::app(&mut shared.world(), read(call)?),
        ("POST", "/control/user") => verb::user(&mut shared.world(), read(call)?),
        _ => Err(Refused::Verb),
    }
}

fn list() -> Value {
    let verbs = VERBS.map(|(method, path, body, meaning)| {
        let example = serde_json::from_str::<Value>(body).unwrap_or_default();
        json!({"method": method, "path": path, "body": example, "meaning": meaning})
    });
    json!({ "verbs": verbs })
}

fn shown(value: &impl Serialize) -> Result<Value, Refused> {
    serde_json::to_value(value).map_err(|error| Refused::Body(error.to_string()))
}

/// Reads the body as the verb's own type; an empty body is an empty object.
fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Refused> {
    let body: &[u8] = if call.body.is_empty() { b"{}" } else { &call.body };
    serde_json::from_slice(body).map_err(|error| Refused::Body(error.to_string()))
}
