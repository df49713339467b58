//! A few resource endpoints, so that a signed-in client has something to call.

use serde_json::Value;

use crate::call::Call;
use crate::fields::Fields;
use crate::problem::Problem;
use crate::rate::Spent;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::world::{Refusal, World};

/// X's limit for one app and user.
const CREATE_LIMIT: u32 = 100;
const READ_LIMIT: u32 = 900;
/// X's limit for one app.
const APP_READ_LIMIT: u32 = 450;
const TEXT_LIMIT: usize = 280;

/// `POST /2/tweets`.
pub(super) fn create(shared: &Shared, call: &Call) -> Reply {
    let mut world = shared.world();
    let bearer = match world.bearer(call, &["tweet.read", "tweet.write", "users.read"]) {
        Ok(bearer) => bearer,
        Err(refusal) => return refusal.problem.reply(&world.quirks, &refusal.app_id),
    };
    let spent = world.spend("create post", &bearer, CREATE_LIMIT);
    let mut reply = match text_of(&call.body) {
        _ if spent.is_over => Problem::TooManyRequests.reply(&world.quirks, ""),
        Some(text) => {
            let id = world.posts.write(&text);
            let post = Fields::new().with("id", id.to_string()).with("text", text);
            Reply::json(201, &Fields::new().with_fields("data", post))
        }
        None => Problem::InvalidRequest.reply(&world.quirks, ""),
    };
    spent.describe(&mut reply);
    reply
}

/// `GET /2/tweets/:id`.
pub(super) fn read(shared: &Shared, call: &Call) -> Reply {
    let mut world = shared.world();
    let spent = match spend_reading(&mut world, call) {
        Ok(spent) => spent,
        Err(refusal) => return refusal.problem.reply(&world.quirks, &refusal.app_id),
    };
    let id = call.path.strip_prefix("/2/tweets/").unwrap_or_default();
    let found = id.parse().ok().and_then(|id| world.posts.read(id));
    let mut reply = match found {
        _ if spent.is_over => Problem::TooManyRequests.reply(&world.quirks, ""),
        Some(text) => {
            let post = Fields::new().with("id", id).with("text", text);
            Reply::json(200, &Fields::new().with_fields("data", post))
        }
        None => Problem::NotFound.reply(&world.quirks, ""),
    };
    spent.describe(&mut reply);
    reply
}

/// A post can be read without a user as well: X's endpoint takes app-only tokens.
fn spend_reading(world: &mut World, call: &Call) -> Result<Spent, Refusal> {
    const ENDPOINT: &str = "read post";
    match world.app_only(call) {
        Some(app) => Ok(world.spend_app_only(ENDPOINT, &app?, APP_READ_LIMIT)),
        None => {
            let bearer = world.bearer(call, &["tweet.read", "users.read"])?;
            Ok(world.spend(ENDPOINT, &bearer, READ_LIMIT))
        }
    }
}

fn text_of(body: &[u8]) -> Option<String> {
    let text = Fields::parse(body)?.value("text").and_then(Value::as_str)?.to_owned();
    (!text.is_empty() && text.chars().count() <= TEXT_LIMIT).then_some(text)
}
