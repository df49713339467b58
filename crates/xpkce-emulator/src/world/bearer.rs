//! Who a bearer token speaks for, and what it may do.

use hyper::header::AUTHORIZATION;

use crate::call::Call;
use crate::event::{Event, EventKind};
use crate::mint::{TokenKey, TokenKind};
use crate::problem::Problem;
use crate::rate::Spent;
use crate::seed::{AppSeed, UserSeed};
use crate::world::{Witness, World};

/// An accepted bearer.
#[derive(Debug)]
pub(crate) struct Bearer {
    pub(crate) user: UserSeed,
    pub(crate) app: AppSeed,
    pub(crate) scopes: Vec<String>,
    /// How long ago the token was issued.
    pub(crate) age: std::time::Duration,
}

/// A refused bearer: the answer, and the app it is about where one is known.
pub(crate) struct Refusal {
    pub(crate) problem: Problem,
    pub(crate) app_id: String,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, app_id: String::new() }
    }
}

impl World {
    /// Judges the bearer of a resource request that needs all of `scopes`.
    pub(crate) fn bearer(&mut self, call: &Call, scopes: &[&str]) -> Result<Bearer, Refusal> {
        let token = bearer_of(call).ok_or(Problem::Unauthorized)?;
        if self.app_bearers.values().any(|known| known == token) {
            return Err(Problem::UnsupportedAuthentication.into());
        }
        let key = TokenKey::of(token);
        let bearer = self.resolve(key).map_err(|why| {
            let event = Event::new(EventKind::BearerRefused).token(key.fingerprint());
            self.record(&Witness::from(call), event.reason(why));
            Problem::Unauthorized
        })?;
        let refuse = |problem| Err(Refusal { problem, app_id: bearer.app.app_id.clone() });
        if !bearer.app.enrolled {
            return refuse(Problem::ClientNotEnrolled);
        }
        if bearer.app.out_of_credits {
            return refuse(Problem::OutOfCredits);
        }
        if !scopes.iter().all(|needed| bearer.scopes.iter().any(|scope| scope == needed)) {
            return refuse(Problem::Forbidden);
        }
        Ok(bearer)
    }

    /// Returns how long ago the call's bearer was issued, if it is alive.
    pub(crate) fn bearer_age(&self, call: &Call) -> Option<std::time::Duration> {
        self.resolve(TokenKey::of(bearer_of(call)?)).ok().map(|bearer| bearer.age)
    }

    fn resolve(&self, key: TokenKey) -> Result<Bearer, &'static str> {
        let token = self.tokens.find(key).ok_or("unknown")?;
        if token.kind != TokenKind::Access {
            return Err("not an access token");
        }
        if let Some(flaw) = token.flaw(self.now()) {
            return Err(flaw);
        }
        let grant = self.grants.get(&token.grant).ok_or("its grant is gone")?;
        let app = self.apps.get(&grant.client_id).ok_or("its app is gone")?;
        let user = self.user(&grant.user_id).ok_or("its user is gone")?;
        if app.suspended {
            return Err("the app is suspended");
        }
        Ok(Bearer {
            user: user.clone(),
            app: app.clone(),
            scopes: grant.scopes.clone(),
            age: self.now().since(token.issued),
        })
    }

    /// Counts a request of this user and app against `limit` per 15 minutes.
    pub(crate) fn spend(&mut self, endpoint: &str, bearer: &Bearer, limit: u32) -> Spent {
        let key = format!("{endpoint} {} {}", bearer.app.client_id, bearer.user.id);
        self.windows.spend(&key, limit, self.clock.now())
    }
}

fn bearer_of(call: &Call) -> Option<&str> {
    let (scheme, token) = call.header(&AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
