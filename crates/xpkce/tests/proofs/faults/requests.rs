//! The faults of a request to a resource, and what each comes to: what the caller got, how many token requests went out
//! for it, the state then, and what came of the login once X was well again.

use super::rows::{Row, row};
use super::{Act, Deed};

pub static REQUESTS: [Row; 4] = [
    row(
        "F6 429 on a resource",
        Deed::Request,
        Act::None,
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"rate_limited","reset_in":30,"retry_after":null},"times":1}"#,
        ],
        "429; 0 sent; ready; alive",
    ),
    row(
        "F11 an outage says 401",
        Deed::Request,
        Act::None,
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"unauthorized"},"times":null}"#,
        ],
        "401; 1 sent; ready; alive",
    ),
    row(
        "F11 an outage says 401 for 30 s, then X is well",
        Deed::RequestUntilWell,
        Act::None,
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"unauthorized"},"times":null,"for_ms":30000}"#,
        ],
        "401, then says Retry, then 200; 2 sent; ready; alive",
    ),
    row(
        "F13 the access token ends early",
        Deed::Request,
        Act::EndAccessTokenEarly,
        &[],
        "200; 1 sent; ready; alive",
    ),
];
