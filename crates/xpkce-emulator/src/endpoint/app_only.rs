//! The app-only pair of endpoints: `POST /oauth2/token` and `POST /oauth2/invalidate_token`.

use crate::call::Call;
use crate::fields::Fields;
use crate::mint;
use crate::params::Params;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::world::{Basic, World};

pub(super) fn token(shared: &Shared, call: &Call) -> Reply {
    let mut world = shared.world();
    let params = Params::of_body(call).unwrap_or_default();
    let Some(app) = app_of(&world, call) else {
        return legacy(403, 99, "Unable to verify your credentials", true);
    };
    if params.value("grant_type") != Some("client_credentials") {
        return legacy(403, 170, "Missing required parameter: grant_type", false);
    }
    let bearer = world.app_bearers.entry(app).or_insert_with(mint::app_bearer).clone();
    Reply::json(200, &Fields::new().with("token_type", "bearer").with("access_token", bearer))
}

pub(super) fn invalidate(shared: &Shared, call: &Call) -> Reply {
    let mut world = shared.world();
    let Some(app) = app_of(&world, call) else {
        return legacy(403, 220, "Your credentials do not allow access to this resource", false);
    };
    let params = Params::of_body(call).unwrap_or_default();
    let presented = params.value("access_token").unwrap_or_default();
    match world.app_bearers.get(&app) {
        // The value is handed out percent-encoded; a form may bring it back decoded once.
        Some(known) if known == presented || decoded(known) == presented => {
            let known = world.app_bearers.remove(&app).unwrap_or_default();
            Reply::json(200, &Fields::new().with("access_token", known))
        }
        _ => legacy(401, 89, "Invalid or expired token", false),
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn app_of(world: &World, call: &Call) -> Option<String> {
    let basic = Basic::of(call)?;
    let app = world.apps.values().find(|app| basic.matches(&app.api_key, &app.api_secret))?;
    (!app.suspended).then(|| app.client_id.clone())
}

fn legacy(status: u16, code: u16, message: &str, is_labelled: bool) -> Reply {
    let mut error = serde_json::json!({"code": code, "message": message});
    if is_labelled {
        error["label"] = "authenticity_token_error".into();
    }
    Reply::json(status, &Fields::new().with("errors", serde_json::json!([error])))
}
