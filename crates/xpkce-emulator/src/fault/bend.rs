//! What a fault does to an answer.

use std::time::Duration;

use hyper::header::{CONTENT_ENCODING, HeaderValue};

use crate::fault::{Cut, Endpoint, Fault, body, odd};
use crate::fields::Fields;
use crate::oauth_error::{OAuthError, oauth_error};
use crate::problem::Problem;
use crate::reply::{Delivery, Reply};
use crate::world::World;

/// More than the 1 MiB that a careful client reads.
const HUGE: usize = (1 << 20) + 4096;

/// Returns an answer to bend when the request was not carried out.
pub(crate) fn stand_in(endpoint: Endpoint) -> Reply {
    let fields = match endpoint {
        Endpoint::Revoke => Fields::new().with("revoked", true),
        Endpoint::Whoami | Endpoint::Resource => Fields::new().with("data", serde_json::json!({})),
        _ => Fields::new().with("token_type", "bearer").with("expires_in", 7200),
    };
    Reply::json(200, &fields)
}

/// Bends `reply` as `fault` says.
pub(crate) fn bend(reply: Reply, fault: &Fault, endpoint: Endpoint, world: &mut World) -> Reply {
    match fault {
        Fault::Drop { at } => cut(reply, *at),
        Fault::Reset | Fault::ResetReused => Reply { delivery: Delivery::Reset, ..reply },
        Fault::Trickle { bytes, pause_ms } => {
            let pause = Duration::from_millis(*pause_ms);
            Reply { delivery: Delivery::Trickle { bytes: (*bytes).max(1), pause }, ..reply }
        }
        Fault::Status { status, body } => body::status(*status, *body),
        Fault::Cloudflare => body::cloudflare(),
        Fault::EmptyNotFound => Reply::empty(404),
        Fault::PlainNotFound => Reply::text(404, "404 page not found\n"),
        Fault::TruncatedJson => truncated(reply),
        Fault::BrokenGzip => reply.header(CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        Fault::ErrorInside200 => Reply { status: 200, ..OAuthError::Token.reply() },
        Fault::HtmlInside200 => Reply::html(200, "<!DOCTYPE html><title>X</title>".to_owned()),
        Fault::Empty200 => Reply::empty(200),
        Fault::HugeBody => huge(reply),
        Fault::RateLimited { reset_in, retry_after } => {
            rate_limited(*reset_in, *retry_after, endpoint, world)
        }
        Fault::Odd { answer } => odd_answer(reply, *answer, world),
        Fault::SkewedDate { seconds } => skewed(reply, *seconds, world),
        Fault::TooYoung { .. } => Problem::Unauthorized.reply(&world.quirks, ""),
        Fault::Problem { problem } => problem.reply(&world.quirks, "27283493"),
        Fault::OauthError { status, error, description } => {
            oauth_error((*status).clamp(200, 599), error, description)
        }
        Fault::Slow | Fault::Gather { .. } | Fault::Callback { .. } => reply,
    }
}

fn cut(reply: Reply, at: Cut) -> Reply {
    let delivery = match at {
        Cut::BeforeHeaders => Delivery::Nothing,
        Cut::AfterHeaders => Delivery::Cut(0),
        Cut::MidBody => Delivery::Cut(reply.body.len() / 2),
    };
    Reply { delivery, ..reply }
}

fn truncated(mut reply: Reply) -> Reply {
    reply.body.truncate(reply.body.len() / 2);
    reply
}

fn huge(mut reply: Reply) -> Reply {
    // White space after a JSON value is legal: only its length is wrong.
    reply.body.resize(reply.body.len() + HUGE, b' ');
    reply
}

fn odd_answer(mut reply: Reply, answer: odd::OddAnswer, world: &mut World) -> Reply {
    odd::make_odd(&mut reply, answer, world);
    reply
}

fn rate_limited(
    reset_in: Option<i64>,
    retry_after: Option<u64>,
    endpoint: Endpoint,
    world: &World,
) -> Reply {
    let mut reply = if endpoint == Endpoint::Authorize {
        Reply::html(429, "<!DOCTYPE html><title>X</title><h1>Too many requests</h1>".to_owned())
    } else {
        Problem::TooManyRequests.reply(&world.quirks, "")
    };
    if let Some(seconds) = reset_in {
        let reset = world.now().seconds().saturating_add_signed(seconds);
        reply.set("x-rate-limit-limit", "75");
        reply.set("x-rate-limit-remaining", "0");
        reply.set("x-rate-limit-reset", &reset.to_string());
    }
    if let Some(seconds) = retry_after {
        reply.set("retry-after", &seconds.to_string());
    }
    reply
}

fn skewed(mut reply: Reply, seconds: i64, world: &World) -> Reply {
    let date = world.now().seconds().saturating_add_signed(seconds);
    reply.set("date", &crate::http_date::format(date));
    reply
}
