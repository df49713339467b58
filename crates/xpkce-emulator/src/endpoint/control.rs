//! The control verbs over HTTP, for tests in other languages and for people.

use crate::call::Call;
use crate::reply::Reply;
use crate::shared::Shared;

pub(crate) fn answer(_shared: &Shared, _call: &Call) -> Reply {
    Reply::empty(404)
}
