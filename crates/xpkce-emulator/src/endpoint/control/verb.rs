//! What each control verb takes and does.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Refused, read, shown};
use crate::call::Call;
use crate::fault::FaultRule;
use crate::mint::TokenKind;
use crate::seed::{AppSeed, UserSeed};
use crate::world::World;

type Done = Result<Value, Refused>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    seconds: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disconnect {
    username: String,
    client_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Suspend {
    client_id: String,
    #[serde(default = "yes")]
    suspended: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneApp {
    client_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expire {
    username: String,
    token: TokenKind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterRedirect {
    client_id: String,
    redirect_uri: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AutoApprove {
    username: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApp {
    name: String,
    #[serde(default)]
    confidential: bool,
    #[serde(default)]
    redirect_uris: Vec<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    #[serde(default = "yes")]
    enrolled: bool,
    #[serde(default)]
    suspended: bool,
    #[serde(default = "yes")]
    email: bool,
    #[serde(default)]
    out_of_credits: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    id: String,
    name: String,
    username: String,
    email: Option<String>,
}

fn yes() -> bool {
    true
}

pub(super) fn quirks(world: &mut World, call: &Call) -> Done {
    world.quirks = merged(&world.quirks, read(call)?)?;
    shown(&world.quirks)
}

pub(super) fn lifetimes(world: &mut World, call: &Call) -> Done {
    world.lifetimes = merged(&world.lifetimes, read(call)?)?;
    shown(&world.lifetimes)
}

/// Returns `present` with the given fields changed.
fn merged<T: Serialize + DeserializeOwned>(present: &T, changes: Value) -> Result<T, Refused> {
    let mut whole = shown(present)?;
    let (Value::Object(fields), Value::Object(changes)) = (&mut whole, changes) else {
        return Err(Refused::Body("an object is needed".to_owned()));
    };
    fields.extend(changes);
    serde_json::from_value(whole).map_err(|error| Refused::Body(error.to_string()))
}

pub(super) fn advance(world: &mut World, body: &Advance) -> Done {
    let by = Duration::try_from_secs_f64(body.seconds)
        .map_err(|error| Refused::Body(error.to_string()))?;
    world.advance(by);
    Ok(json!({ "now": world.now().seconds() }))
}

pub(super) fn fault(world: &mut World, rule: FaultRule) -> Done {
    world.arm(rule)?;
    shown(&world.fault_rules())
}

pub(super) fn disconnect(world: &mut World, body: &Disconnect) -> Done {
    world.disconnect(&body.username, body.client_id.as_deref())?;
    Ok(json!({}))
}

pub(super) fn suspend(world: &mut World, body: &Suspend) -> Done {
    world.suspend(&body.client_id, body.suspended)?;
    Ok(json!({}))
}

pub(super) fn rotate_secret(world: &mut World, body: &OneApp) -> Done {
    Ok(json!({ "client_secret": world.rotate_secret(&body.client_id)? }))
}

pub(super) fn flip_type(world: &mut World, body: &OneApp) -> Done {
    Ok(json!({ "client_secret": world.flip_type(&body.client_id)? }))
}

pub(super) fn expire(world: &mut World, body: &Expire) -> Done {
    world.expire(&body.username, body.token)?;
    Ok(json!({}))
}

pub(super) fn register_redirect(world: &mut World, body: &RegisterRedirect) -> Done {
    world.register_redirect(&body.client_id, &body.redirect_uri)?;
    Ok(json!({}))
}

pub(super) fn auto_approve(world: &mut World, body: &AutoApprove) -> Done {
    world.set_auto_approve(body.username.as_deref())?;
    Ok(json!({}))
}

pub(super) fn app(world: &mut World, body: NewApp) -> Done {
    let mut seed = if body.confidential {
        AppSeed::confidential(&body.name)
    } else {
        AppSeed::public(&body.name)
    };
    seed.redirect_uris = body.redirect_uris;
    seed.client_id = body.client_id.unwrap_or(seed.client_id);
    seed.client_secret = body.client_secret.or(seed.client_secret);
    seed.enrolled = body.enrolled;
    seed.suspended = body.suspended;
    seed.email = body.email;
    seed.out_of_credits = body.out_of_credits;
    world.add_app(seed.clone())?;
    shown(&seed)
}

pub(super) fn user(world: &mut World, body: NewUser) -> Done {
    let mut seed = UserSeed::new(&body.id, &body.name, &body.username);
    seed.email = body.email.or(seed.email);
    world.add_user(seed.clone())?;
    shown(&seed)
}
