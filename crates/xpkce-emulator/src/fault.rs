//! Scripted faults: what goes wrong, where, when, and on which side of the commit.

mod bend;
mod body;
mod odd;
mod rule;
mod strike;

pub(crate) use bend::{bend, stand_in};
pub use odd::OddAnswer;
pub use rule::{Endpoint, FaultRule, Moment};
pub(crate) use strike::{Faults, Struck, Target};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// What goes wrong. The numbers F1 to F20 are those of the README.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// F1: the connection ends early.
    Drop {
        /// How much of the answer gets through.
        at: Cut,
    },
    /// F4: the connection is reset (RST) without an answer.
    Reset,
    /// F4: as [`Fault::Reset`], but only on a connection that has carried a request before.
    ResetReused,
    /// F2: nothing but the rule's delay.
    Slow,
    /// F2: the body arrives in small pieces.
    Trickle {
        /// Bytes per piece.
        bytes: usize,
        /// Milliseconds before each piece.
        pause_ms: u64,
    },
    /// F3: a status with a body of the given form: 500, 502, 503, 504, or any other.
    Status {
        /// The status code, 200 to 599.
        status: u16,
        /// HTML, JSON or nothing.
        body: BodyForm,
    },
    /// F5: Cloudflare's "Attention Required!" page, status 403.
    Cloudflare,
    /// F5: 404 without a body.
    EmptyNotFound,
    /// F5: 404 as plain text.
    PlainNotFound,
    /// F5: the right answer, cut in the middle of the JSON but complete as HTTP.
    TruncatedJson,
    /// F5: `content-encoding: gzip` on bytes that are not.
    BrokenGzip,
    /// F5: 200 carrying an OAuth error.
    ErrorInside200,
    /// F5: 200 with an HTML page.
    HtmlInside200,
    /// 200 without a body.
    Empty200,
    /// A body of a little more than 1 MiB that starts like the right answer.
    HugeBody,
    /// F6: 429.
    RateLimited {
        /// What `x-rate-limit-reset` says, in seconds from now (negative: past); none: absent.
        reset_in: Option<i64>,
        /// What `Retry-After` says, in seconds; none: absent.
        retry_after: Option<u64>,
    },
    /// F14: a success with something odd about it.
    Odd {
        /// What is odd.
        answer: OddAnswer,
    },
    /// F15: the `Date` header is off by this many seconds.
    SkewedDate {
        /// Positive: ahead.
        seconds: i64,
    },
    /// F12: 401 for an access token younger than this.
    TooYoung {
        /// Milliseconds of virtual time since it was issued.
        for_ms: u64,
    },
    /// F11, F20: a problem document of the resource API.
    Problem {
        /// Which.
        problem: Problem,
    },
    /// An OAuth error of your own making, status 400 unless given.
    OauthError {
        /// The status code.
        #[serde(default = "bad_request")]
        status: u16,
        /// The `error`.
        error: String,
        /// The `error_description`.
        description: String,
    },
    /// F7: the requests it strikes wait for each other; when `count` have arrived the chosen one
    /// goes first and the others follow in order.
    Gather {
        /// How many requests to wait for.
        count: usize,
        /// Which of them, by arrival from 1, wins.
        winner: usize,
    },
    /// F18, F19: something is wrong with the answer that the browser carries to the app.
    Callback {
        /// What.
        callback: CallbackFault,
    },
}

/// How much of an answer gets through before the connection ends (F1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cut {
    /// Nothing.
    BeforeHeaders,
    /// The headers, which announce a body that never comes.
    AfterHeaders,
    /// The headers and half of the body.
    MidBody,
}

/// The form of an error's body (F3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BodyForm {
    /// A gateway's page.
    Html,
    /// A problem document.
    Json,
    /// No body.
    Empty,
}

/// What is wrong with the callback (F18, F19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallbackFault {
    /// `error=invalid_request` without `state`, as X does for an oversize one.
    ErrorWithoutState,
    /// Quotes and commas of the state are dropped; a state without any loses its last character.
    AlteredState,
    /// The state is absent.
    MissingState,
    /// The code is absent.
    MissingCode,
    /// The code comes twice in one query.
    RepeatedCode,
    /// The whole callback is delivered to a loopback app once more, just before the browser does.
    DeliveredTwice,
    /// A request for `/favicon.ico` reaches a loopback app just before the browser does.
    StrayRequest,
    /// The clock has moved past the code's lifetime when the callback arrives.
    Late,
    /// The person cancels.
    Denied,
    /// F19: the person was signed in as another user.
    OtherUser,
}

impl Fault {
    /// Returns the fault's name, as in the control requests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Drop { .. } => "drop",
            Self::Reset => "reset",
            Self::ResetReused => "reset_reused",
            Self::Slow => "slow",
            Self::Trickle { .. } => "trickle",
            Self::Status { .. } => "status",
            Self::Cloudflare => "cloudflare",
            Self::EmptyNotFound => "empty_not_found",
            Self::PlainNotFound => "plain_not_found",
            Self::TruncatedJson => "truncated_json",
            Self::BrokenGzip => "broken_gzip",
            Self::ErrorInside200 => "error_inside200",
            Self::HtmlInside200 => "html_inside200",
            Self::Empty200 => "empty200",
            Self::HugeBody => "huge_body",
            Self::RateLimited { .. } => "rate_limited",
            Self::Odd { .. } => "odd",
            Self::SkewedDate { .. } => "skewed_date",
            Self::TooYoung { .. } => "too_young",
            Self::Problem { .. } => "problem",
            Self::OauthError { .. } => "oauth_error",
            Self::Gather { .. } => "gather",
            Self::Callback { .. } => "callback",
        }
    }

    /// Returns whether the fault changes the real answer rather than standing in for it, so that
    /// the request must be carried out on either side of the commit.
    pub(crate) fn needs_answer(&self) -> bool {
        matches!(
            self,
            Self::Slow
                | Self::Trickle { .. }
                | Self::TruncatedJson
                | Self::HugeBody
                | Self::Odd { .. }
                | Self::SkewedDate { .. }
                | Self::Gather { .. }
        )
    }

    pub(crate) fn as_callback(&self) -> Option<CallbackFault> {
        match self {
            Self::Callback { callback } => Some(*callback),
            _ => None,
        }
    }

    pub(crate) fn young(&self) -> Option<Duration> {
        match self {
            Self::TooYoung { for_ms } => Some(Duration::from_millis(*for_ms)),
            _ => None,
        }
    }
}

fn bad_request() -> u16 {
    400
}
