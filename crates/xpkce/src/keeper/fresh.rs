//! A fresh token straight from its record, without a keeper: for short-lived programs that need one
//! token.

use super::pair;
use crate::grant::Grant;
use crate::seal::Sealer;
use crate::{AccessToken, Result, Timestamp};

/// Opens a record's access token if it needs no refresh at `now`: what a keeper that just read the
/// record would hand out without asking X. None leaves it to a keeper.
///
/// # Errors
/// [`Reason::Key`](crate::Reason::Key) when the key is not the one that sealed it.
pub fn fresh_token(sealer: &Sealer, grant: &Grant, now: Timestamp) -> Result<Option<AccessToken>> {
    let early = |access: &&crate::grant::Access| now < access.refresh_at();
    if !grant.serves(now) || grant.access.as_ref().filter(early).is_none() {
        return Ok(None);
    }
    pair::open_access(sealer, grant)
}
