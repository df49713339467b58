//! Which requests a fault strikes.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::fault::Fault;

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /2/oauth2/token` with `grant_type=authorization_code`.
    Exchange,
    /// `POST /2/oauth2/token` with `grant_type=refresh_token`.
    Refresh,
    /// `POST /2/oauth2/token`, whatever the grant type.
    Token,
    /// `POST /2/oauth2/revoke`.
    Revoke,
    /// `GET /2/users/me`.
    Whoami,
    /// Every endpoint under `/2/` that takes a bearer, `/2/users/me` included.
    Resource,
    /// `GET` and `POST /i/oauth2/authorize`.
    Authorize,
    /// The answer carried back by the browser: only [`Fault::Callback`] and [`Fault::Slow`] strike
    /// here.
    Callback,
    /// `POST /oauth2/token` and `/oauth2/invalidate_token`.
    AppOnly,
}

/// On which side of the commit a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Moment {
    /// The request is not carried out: no token is spent, none is issued.
    #[default]
    BeforeCommit,
    /// The request is carried out and its answer replaced: the pair is lost.
    AfterCommit,
}

/// A fault with the requests it strikes: the next one, unless told otherwise.
///
/// ```
/// use xpkce_emulator::{Cut, Endpoint, Fault, FaultRule};
///
/// // The second refresh from now commits, and its answer never arrives.
/// let rule = FaultRule::new(Endpoint::Refresh, Fault::Drop { at: Cut::BeforeHeaders })
///     .after_commit()
///     .nth(2);
/// # let _ = rule;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FaultRule {
    /// Where.
    pub endpoint: Endpoint,
    /// What.
    #[serde(deserialize_with = "with_no_more_fields")]
    pub fault: Fault,
    /// Before or after the commit; some faults change the real answer and always come after.
    #[serde(default)]
    pub moment: Moment,
    /// The first request it strikes, counted from 1 among those of its endpoint from now on.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many requests it strikes; none: all of them.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// For how many milliseconds of virtual time it strikes; none: as long as `times` lasts.
    #[serde(default)]
    pub for_ms: Option<u64>,
    /// How many real milliseconds the request waits, on the side of the commit given by `moment`; at
    /// [`Endpoint::Callback`] it is the redirect that waits, after the commit.
    #[serde(default)]
    pub delay_ms: u64,
    /// Whether a client that hangs up while the request waits leaves it to be carried out all the
    /// same, as a server does that does not look. Without it such a request is given up.
    #[serde(default)]
    pub outlives_client: bool,
}

impl FaultRule {
    /// Strikes the next request at `endpoint`, before the commit.
    pub fn new(endpoint: Endpoint, fault: Fault) -> Self {
        Self {
            endpoint,
            fault,
            moment: Moment::BeforeCommit,
            nth: 1,
            times: Some(1),
            for_ms: None,
            delay_ms: 0,
            outlives_client: false,
        }
    }

    /// Strikes the next callback.
    pub fn callback(callback: crate::fault::CallbackFault) -> Self {
        Self::new(Endpoint::Callback, Fault::Callback { callback })
    }

    /// Delays the next request at `endpoint` by real time, before the commit.
    pub fn delay(endpoint: Endpoint, by: Duration) -> Self {
        Self::new(endpoint, Fault::Slow).delayed(by)
    }

    /// Carries the request out before striking: what was issued is lost.
    pub fn after_commit(mut self) -> Self {
        self.moment = Moment::AfterCommit;
        self
    }

    /// Strikes before the request is carried out. This is the default.
    pub fn before_commit(mut self) -> Self {
        self.moment = Moment::BeforeCommit;
        self
    }

    /// Lets `nth - 1` requests pass first; counted from 1.
    pub fn nth(mut self, nth: u32) -> Self {
        self.nth = nth;
        self
    }

    /// Strikes this many requests in a row.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Strikes every request until the faults are cleared.
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Strikes every request for this long, by the virtual clock.
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.for_ms = Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        self.always()
    }

    /// Also carries the request out when its client hangs up while it waits: too late for the client,
    /// and perhaps after it has asked again.
    pub fn outlives_client(mut self) -> Self {
        self.outlives_client = true;
        self
    }

    /// Returns why it could strike nowhere, if it could not.
    pub(crate) fn misplaced(&self) -> Option<&'static str> {
        match (self.endpoint, &self.fault) {
            (Endpoint::Callback, Fault::Callback { .. } | Fault::Slow) => None,
            (Endpoint::Callback, _) => Some("at the endpoint callback only callback and slow do"),
            (_, Fault::Callback { .. }) => Some("callback does at the endpoint callback only"),
            (Endpoint::Whoami | Endpoint::Resource, Fault::TooYoung { .. }) => None,
            (_, Fault::TooYoung { .. }) => Some("too_young does where a bearer is sent only"),
            _ => None,
        }
    }

    /// Also lets the request wait, by real time.
    pub fn delayed(mut self, by: Duration) -> Self {
        self.delay_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self
    }
}

/// Reads a fault strictly: serde lets fields pass that a fault without any does not know, and a delay
/// that is put there would be none.
fn with_no_more_fields<'de, D: Deserializer<'de>>(from: D) -> Result<Fault, D::Error> {
    let given = Value::deserialize(from)?;
    let fault = Fault::deserialize(&given).map_err(D::Error::custom)?;
    let known = serde_json::to_value(&fault).map_err(D::Error::custom)?;
    let names = given.as_object().into_iter().flat_map(|it| it.keys());
    match names.into_iter().find(|name| known.get(name.as_str()).is_none()) {
        Some(name) => {
            Err(D::Error::custom(format!("unknown field `{name}` of the fault `{}`", fault.name())))
        }
        None => Ok(fault),
    }
}

fn one() -> u32 {
    1
}

// A control request without `times` strikes once; `"times": null` strikes always.
fn once() -> Option<u32> {
    Some(1)
}
