//! `grant_type=refresh_token`: a refresh token is spent and the next pair issued.

use crate::event::{Event, EventKind};
use crate::grant::{Pair, Standing};
use crate::mint::{TokenKey, TokenKind};
use crate::oauth_error::OAuthError;
use crate::params::Params;
use crate::scope;
use crate::world::{Witness, World};

impl World {
    pub(super) fn refresh(
        &mut self,
        witness: &Witness,
        client: &str,
        params: &Params,
    ) -> Result<Pair, OAuthError> {
        let key = TokenKey::of(params.required("refresh_token")?);
        let Some(token) = self.tokens.find(key) else {
            let event = Event::new(EventKind::RefreshRefused).client(client).reason("unknown");
            self.record(witness, event.token(key.fingerprint()));
            return Err(OAuthError::Token);
        };
        let grant = token.grant;
        if token.kind != TokenKind::Refresh {
            self.refused(witness, EventKind::RefreshRefused, key, "not a refresh token");
            return Err(OAuthError::Token);
        }
        if self.grants.get(&grant).is_some_and(|grant| grant.client_id != client) {
            self.refused(witness, EventKind::RefreshRefused, key, "of another app");
            return Err(OAuthError::ClientId);
        }
        match token.flaw(self.now()) {
            None => Ok(self.rotate(witness, key, params.value("scope"))),
            Some("spent") => self.replayed(witness, key),
            Some(why) => {
                self.refused(witness, EventKind::RefreshRefused, key, why);
                Err(OAuthError::Token)
            }
        }
    }

    fn rotate(&mut self, witness: &Witness, key: TokenKey, scope: Option<&str>) -> Pair {
        let now = self.now();
        let id = self.tokens.find(key).expect("refresh has just found it").grant;
        let grant = self.grants.get_mut(&id).expect("a live token has a grant");
        grant.generation += 1;
        if let Some(scope) = scope
            && self.quirks.refresh_narrows_scope
        {
            let wanted = scope::split(scope);
            grant.scopes.retain(|scope| wanted.contains(scope));
        }
        let began = grant.began;
        let old_access = if self.quirks.old_access_survives_refresh {
            Vec::new()
        } else {
            std::mem::take(&mut grant.access)
        };
        for old in old_access {
            self.put_down(old, "replaced by a refresh");
        }
        let pair = self.issue(id, began);
        let bought = (self.quirks.reuse_grace_ms > 0).then(|| pair.clone());
        let token = self.tokens.find_mut(key).expect("refresh has just found it");
        token.standing = Standing::Spent { at: now, bought };
        self.counters.refreshes += 1;
        let event = Event::new(EventKind::Refreshed).token(key.fingerprint());
        self.record_grant(witness, id, event);
        pair
    }

    fn replayed(&mut self, witness: &Witness, key: TokenKey) -> Result<Pair, OAuthError> {
        self.counters.replays += 1;
        let now = self.now();
        let token = self.tokens.find(key).expect("refresh has just found it");
        let grant = token.grant;
        if let Standing::Spent { at, bought: Some(pair) } = &token.standing
            && now.since(*at) < self.quirks.reuse_grace()
            && self.leads_on(pair)
        {
            let pair = pair.clone();
            self.refused(witness, EventKind::GraceUsed, key, "within the grace");
            return Ok(pair);
        }
        self.refused(witness, EventKind::Replayed, key, "spent");
        if self.quirks.replay_kills_family {
            self.kill_family(witness, grant, "a spent token of its family was replayed");
        }
        Err(OAuthError::Token)
    }

    /// Returns whether a pair is still of use: its refresh token is live or, when it has bought the
    /// next pair itself, has a grace of its own. A pair without one lives by its access token.
    fn leads_on(&self, pair: &Pair) -> bool {
        let token = pair.refresh.as_ref().unwrap_or(&pair.access);
        let flaw = self.tokens.find(TokenKey::of(token)).map(|token| token.flaw(self.now()));
        matches!(flaw, Some(None | Some("spent")))
    }
}
