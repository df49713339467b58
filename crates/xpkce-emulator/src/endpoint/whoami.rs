//! `GET /2/users/me`.

use crate::call::Call;
use crate::fields::Fields;
use crate::params::Params;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::world::Bearer;

/// Requests per 15 minutes, for each app and user.
const LIMIT: u32 = 75;
const SCOPES: [&str; 2] = ["tweet.read", "users.read"];
/// The fields that may be asked for (OpenAPI 2.167).
const KNOWN: [&str; 24] = [
    "confirmed_email",
    "connection_status",
    "created_at",
    "description",
    "entities",
    "id",
    "is_identity_verified",
    "location",
    "name",
    "parody",
    "profile_banner_url",
    "profile_image_url",
    "protected",
    "public_metrics",
    "receives_your_dm",
    "subscribes_to_you",
    "subscription",
    "subscription_type",
    "url",
    "username",
    "verified",
    "verified_followers_count",
    "verified_type",
    "withheld",
];

pub(super) fn answer(shared: &Shared, call: &Call) -> Reply {
    let mut world = shared.world();
    let bearer = match world.bearer(call, &SCOPES) {
        Ok(bearer) => bearer,
        Err(refusal) => return refusal.problem.reply(&world.quirks, &refusal.app_id),
    };
    let spent = world.spend("whoami", &bearer, LIMIT);
    let mut reply = match asked_for(call) {
        _ if spent.is_over => Problem::TooManyRequests.reply(&world.quirks, ""),
        Some(asked) => Reply::json(200, &described(&bearer, &asked)),
        None => Problem::InvalidRequest.reply(&world.quirks, ""),
    };
    spent.describe(&mut reply);
    reply.set("x-access-level", "read-write");
    reply
}

/// Returns the fields asked for; none if one of them does not exist.
fn asked_for(call: &Call) -> Option<Vec<String>> {
    let params = Params::of_form(call.query.as_bytes()).ok()?;
    let list = params.value("user.fields").unwrap_or_default();
    let asked: Vec<String> =
        list.split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect();
    asked.iter().all(|field| KNOWN.contains(&field.as_str())).then_some(asked)
}

fn described(bearer: &Bearer, asked: &[String]) -> Fields {
    let user = &bearer.user;
    let mut shown = Fields::new()
        .with("id", user.id.as_str())
        .with("name", user.name.as_str())
        .with("username", user.username.as_str());
    for field in asked {
        match field.as_str() {
            "created_at" => shown.set("created_at", "2020-01-01T00:00:00.000Z"),
            "verified" | "protected" => shown.set(field, false),
            "description" => shown.set("description", "A fictional account."),
            "confirmed_email" => {
                let is_allowed = bearer.scopes.iter().any(|scope| scope == "users.email");
                if let (true, true, Some(email)) = (is_allowed, bearer.app.email, &user.email) {
                    shown.set("confirmed_email", email.as_str());
                }
            }
            _ => {}
        }
    }
    Fields::new().with_fields("data", shown)
}
