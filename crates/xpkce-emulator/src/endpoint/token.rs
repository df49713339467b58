//! `POST /2/oauth2/token` and `POST /2/oauth2/revoke`.

use crate::call::Call;
use crate::fields::Fields;
use crate::grant::Pair;
use crate::mint;
use crate::reply::Reply;
use crate::shared::Shared;

pub(super) fn token(shared: &Shared, call: &Call) -> Reply {
    let mut world = shared.world();
    let (granted, spent) = world.token(call);
    let mut reply = match granted {
        Ok(pair) => success(pair),
        Err(error) => error.reply(),
    };
    if let Some(spent) = spent.filter(|_| world.quirks.token_limit_headers) {
        spent.describe(&mut reply);
    }
    reply
}

pub(super) fn revoke(shared: &Shared, call: &Call) -> Reply {
    match shared.world().revoke(call) {
        Ok(()) => Reply::json(200, &Fields::new().with("revoked", true)),
        Err(error) => error.reply(),
    }
}

/// Section 9: scopes in X's own order, keys in none.
fn success(mut pair: Pair) -> Reply {
    mint::shuffle(&mut pair.scopes);
    let mut fields = Fields::new()
        .with("token_type", "bearer")
        .with("expires_in", pair.expires_in)
        .with("access_token", pair.access)
        .with("scope", pair.scopes.join(" "));
    if let Some(refresh) = pair.refresh {
        fields = fields.with("refresh_token", refresh);
    }
    Reply::json(200, &fields.shuffled())
}
