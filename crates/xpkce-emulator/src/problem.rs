//! The errors of the resource API: pretty-printed problem documents.

use serde::{Deserialize, Serialize};

use crate::fields::Fields;
use crate::quirks::Quirks;
use crate::reply::Reply;

/// An answer by which the resource API refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Problem {
    /// 401: the bearer is expired, revoked or unknown, or X has an outage.
    Unauthorized,
    /// 403 without a hint: a scope is missing.
    Forbidden,
    /// 403: an app-only token where a user's is needed (note the two spaces).
    UnsupportedAuthentication,
    /// 403: the app is not enrolled.
    ClientNotEnrolled,
    /// 402 by default (E14): no credits left.
    OutOfCredits,
    /// 400: the request itself is wrong.
    InvalidRequest,
    /// 404: nothing by that id.
    NotFound,
    /// 429.
    TooManyRequests,
    /// 503.
    ServiceUnavailable,
}

const UNSUPPORTED: &str = "Authenticating with OAuth 2.0 Application-Only is forbidden for this \
endpoint.  Supported authentication types are [OAuth 1.0a User Context, OAuth 2.0 User Context].";

const NOT_ENROLLED: &str = "When authenticating requests to the Twitter API v2 endpoints, you must \
use keys and tokens from a Twitter developer App that is attached to a Project. You can create a \
project via the developer portal.";

const NO_CREDITS: &str = "Your enrolled account does not have any credits to fulfill this request.";

impl Problem {
    /// Returns the answer. `app_id` is the app's numeric id, where one is shown.
    pub(crate) fn reply(self, quirks: &Quirks, app_id: &str) -> Reply {
        let uri = |last: &str| format!("{}/2/problems/{last}", quirks.problem_origin);
        match self {
            Self::Unauthorized => blank(401, "Unauthorized"),
            Self::Forbidden => blank(403, "Forbidden"),
            Self::UnsupportedAuthentication => typed(
                403,
                "Unsupported Authentication",
                UNSUPPORTED,
                &uri("unsupported-authentication"),
            ),
            Self::ClientNotEnrolled => not_enrolled(app_id, &uri("client-forbidden")),
            Self::OutOfCredits => {
                let status = quirks.out_of_credits_status.clamp(400, 599);
                typed(status, "CreditsDepleted", NO_CREDITS, &uri("credits"))
            }
            Self::InvalidRequest => typed(
                400,
                "Invalid Request",
                "One or more parameters to your request was invalid.",
                &uri("invalid-request"),
            ),
            Self::NotFound => {
                typed(404, "Not Found Error", "Could not find it.", &uri("resource-not-found"))
            }
            Self::TooManyRequests => {
                typed(429, "Too Many Requests", "Too Many Requests", "about:blank")
            }
            Self::ServiceUnavailable => {
                typed(503, "Service Unavailable", "Service Unavailable", "about:blank")
            }
        }
    }
}

fn blank(status: u16, title: &str) -> Reply {
    let fields = Fields::new()
        .with("title", title)
        .with("type", "about:blank")
        .with("status", status)
        .with("detail", title);
    Reply::problem(status, &fields)
}

fn typed(status: u16, title: &str, detail: &str, kind: &str) -> Reply {
    let fields = Fields::new()
        .with("title", title)
        .with("detail", detail)
        .with("type", kind)
        .with("status", status);
    Reply::problem(status, &fields)
}

fn not_enrolled(app_id: &str, kind: &str) -> Reply {
    let fields = Fields::new()
        .with("client_id", app_id)
        .with("detail", NOT_ENROLLED)
        .with("registration_url", "https://developer.twitter.com/en/docs/projects/overview")
        .with("title", "Client Forbidden")
        .with("required_enrollment", "Appropriate Level of API Access")
        .with("reason", "client-not-enrolled")
        .with("type", kind);
    Reply::problem(403, &fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_403_is_93_bytes_like_the_captured_one() {
        let reply = Problem::Forbidden.reply(&Quirks::default(), "1");
        assert_eq!(reply.body.len(), 93);
    }
}
