//! `POST /2/oauth2/revoke`: a client gives a token back.

use crate::call::Call;
use crate::event::{Event, EventKind};
use crate::mint::{TokenKey, TokenKind};
use crate::oauth_error::OAuthError;
use crate::params::Params;
use crate::quirks::RevokeReach;
use crate::world::{Witness, World};

impl World {
    pub(crate) fn revoke(&mut self, call: &Call) -> Result<(), OAuthError> {
        let params = Params::of_body(call).map_err(OAuthError::Repeated)?;
        let witness = Witness::from(call);
        let client = self.authenticate(&witness, call, &params)?;
        let key = TokenKey::of(params.required("token")?);
        let live = self
            .tokens
            .find(key)
            .filter(|token| token.flaw(self.now()).is_none())
            .map(|token| (token.grant, token.kind));
        let Some((grant, kind)) = live else {
            return self.revoke_unknown(&witness, &client, key);
        };
        if self.grants.get(&grant).is_some_and(|grant| grant.client_id != client) {
            self.refused(&witness, EventKind::RevokeRefused, key, "of another app");
            return Err(OAuthError::ClientId);
        }
        self.counters.revocations += 1;
        let event = Event::new(EventKind::Revoked).token(key.fingerprint());
        self.record_grant(&witness, grant, event);
        match (self.quirks.revoke_reach, kind) {
            (RevokeReach::Pair, _) | (RevokeReach::RefreshTakesAccess, TokenKind::Refresh) => {
                self.kill(grant, "revoked");
            }
            _ => self.let_go(grant, key),
        }
        Ok(())
    }

    fn revoke_unknown(
        &mut self,
        witness: &Witness,
        client: &str,
        key: TokenKey,
    ) -> Result<(), OAuthError> {
        let succeeds = self.quirks.revoke_unknown_succeeds;
        let kind = if succeeds { EventKind::Revoked } else { EventKind::RevokeRefused };
        let event = Event::new(kind).client(client).token(key.fingerprint());
        self.record(witness, event.reason("the token was not alive"));
        if !succeeds {
            return Err(OAuthError::Token);
        }
        self.counters.revocations += 1;
        Ok(())
    }

    /// Kills one token of a grant and leaves the others.
    fn let_go(&mut self, grant: u64, key: TokenKey) {
        self.put_down(key, "revoked");
        if let Some(grant) = self.grants.get_mut(&grant) {
            grant.access.retain(|known| *known != key);
            grant.refresh = grant.refresh.filter(|known| *known != key);
        }
    }
}
