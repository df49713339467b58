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
        let witness = Witness::from(call);
        let Some(token) = bearer_of(call) else {
            let event = Event::new(EventKind::BearerRefused).reason("there is none");
            self.record(&witness, event);
            return Err(Problem::Unauthorized.into());
        };
        let key = TokenKey::of(token);
        let judged = self.judge_bearer(token, scopes);
        judged.map_err(|(refusal, why)| {
            self.refused(&witness, EventKind::BearerRefused, key, why);
            refusal
        })
    }

    fn judge_bearer(
        &self,
        token: &str,
        scopes: &[&str],
    ) -> Result<Bearer, (Refusal, &'static str)> {
        if self.app_bearers.values().any(|known| known == token) {
            return Err((Problem::UnsupportedAuthentication.into(), "app-only"));
        }
        let bearer =
            self.resolve(TokenKey::of(token)).map_err(|why| (Problem::Unauthorized.into(), why))?;
        judge_app(&bearer.app)?;
        let is_missing = |needed: &&&str| !bearer.scopes.iter().any(|scope| scope == **needed);
        match scopes.iter().find(is_missing) {
            Some(missing) => Err((Problem::Forbidden.into(), lack_of(missing))),
            None => Ok(bearer),
        }
    }

    /// Judges a request that needs no user, if it brings an app-only token: returns the app.
    pub(crate) fn app_only(&mut self, call: &Call) -> Option<Result<String, Refusal>> {
        let token = bearer_of(call)?;
        let (client_id, _) = self.app_bearers.iter().find(|(_, known)| *known == token)?;
        let app = self.apps.get(client_id)?;
        let judged = judge_app(app).map(|()| app.client_id.clone());
        Some(judged.map_err(|(refusal, why)| {
            let key = TokenKey::of(token);
            self.refused(&Witness::from(call), EventKind::BearerRefused, key, why);
            refusal
        }))
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

    /// Counts an app-only request of this app against `limit` per 15 minutes.
    pub(crate) fn spend_app_only(&mut self, endpoint: &str, client_id: &str, limit: u32) -> Spent {
        let key = format!("{endpoint} app-only {client_id}");
        self.windows.spend(&key, limit, self.clock.now())
    }
}

/// Judges what concerns an app whoever the token speaks for.
fn judge_app(app: &AppSeed) -> Result<(), (Refusal, &'static str)> {
    let (problem, why) = if app.suspended {
        (Problem::Unauthorized, "the app is suspended")
    } else if !app.enrolled {
        (Problem::ClientNotEnrolled, "the app is not enrolled")
    } else if app.out_of_credits {
        (Problem::OutOfCredits, "the app has no credits")
    } else {
        return Ok(());
    };
    Err((Refusal { problem, app_id: app.app_id.clone() }, why))
}

/// Says what the bare 403 does not.
fn lack_of(scope: &str) -> &'static str {
    match scope {
        "tweet.read" => "tweet.read is missing",
        "tweet.write" => "tweet.write is missing",
        "users.read" => "users.read is missing",
        _ => "a scope is missing",
    }
}

fn bearer_of(call: &Call) -> Option<&str> {
    let (scheme, token) = call.header(&AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
