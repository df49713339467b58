//! F14: answers that succeed, oddly.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fields::Fields;
use crate::reply::Reply;
use crate::world::World;

/// What is odd about a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OddAnswer {
    /// `refresh_token` is absent though one was issued.
    NoRefreshToken,
    /// `refresh_token` is an empty string.
    EmptyRefreshToken,
    /// `access_token` is absent though one was issued.
    NoAccessToken,
    /// `expires_in` is absent.
    NoExpiresIn,
    /// `expires_in` is `"7200"`.
    ExpiresInString,
    /// `expires_in` is 0.
    ExpiresInZero,
    /// `expires_in` is negative.
    ExpiresInNegative,
    /// `expires_in` is a fraction.
    ExpiresInFraction,
    /// `scope` names one that nobody knows.
    UnknownScope,
    /// `scope` is absent.
    MissingScope,
    /// `scope` has fewer entries than were asked for.
    FewerScopes,
    /// `token_type` is `Bearer`.
    CapitalBearer,
    /// There are fields that nobody knows.
    ExtraFields,
    /// Both tokens are 4 KiB long, and work.
    LongTokens,
    /// `username` is absent from the answer of `/2/users/me`.
    MissingUsername,
}

const LONG: usize = 4096;

/// Makes a successful JSON answer odd; any other answer is left alone.
pub(crate) fn make_odd(reply: &mut Reply, odd: OddAnswer, world: &mut World) {
    if !reply.is_success() {
        return;
    }
    let Some(mut fields) = Fields::parse(&reply.body) else { return };
    match odd {
        OddAnswer::NoRefreshToken => fields.remove("refresh_token"),
        OddAnswer::EmptyRefreshToken => fields.set("refresh_token", ""),
        OddAnswer::NoAccessToken => fields.remove("access_token"),
        OddAnswer::NoExpiresIn => fields.remove("expires_in"),
        OddAnswer::ExpiresInString => fields.set("expires_in", "7200"),
        OddAnswer::ExpiresInZero => fields.set("expires_in", 0),
        OddAnswer::ExpiresInNegative => fields.set("expires_in", -1),
        OddAnswer::ExpiresInFraction => fields.set("expires_in", 7199.5),
        OddAnswer::UnknownScope => {
            let scope = format!("{} holograms.read", text(&fields, "scope"));
            fields.set("scope", scope);
        }
        OddAnswer::MissingScope => fields.remove("scope"),
        OddAnswer::FewerScopes => {
            let first = text(&fields, "scope").split(' ').next().unwrap_or_default().to_owned();
            fields.set("scope", first);
        }
        OddAnswer::CapitalBearer => fields.set("token_type", "Bearer"),
        OddAnswer::ExtraFields => {
            fields.set("id_token", Value::Null);
            fields.set("x_extra", serde_json::json!({"nested": [1, {"deep": true}]}));
        }
        OddAnswer::LongTokens => lengthen(&mut fields, world),
        OddAnswer::MissingUsername => remove_username(&mut fields),
    }
    reply.body = fields.compact();
}

fn text(fields: &Fields, key: &str) -> String {
    fields.value(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn lengthen(fields: &mut Fields, world: &mut World) {
    for key in ["access_token", "refresh_token"] {
        let token = text(fields, key);
        if token.is_empty() {
            continue;
        }
        let longer = format!("{token}{}", crate::mint::random_text(LONG - token.len().min(LONG)));
        world.lengthen(&token, &longer);
        fields.set(key, longer);
    }
}

fn remove_username(fields: &mut Fields) {
    if let Some(Value::Object(mut user)) = fields.value("data").cloned() {
        user.remove("username");
        fields.set("data", user);
    }
}
