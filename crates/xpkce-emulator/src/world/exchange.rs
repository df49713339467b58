//! `grant_type=authorization_code`: a code becomes the first pair of a grant.

use crate::call::Call;
use crate::clock::Timestamp;
use crate::event::{Event, EventKind};
use crate::grant::{Code, Grant, Pair};
use crate::mint::TokenKey;
use crate::oauth_error::OAuthError;
use crate::params::Params;
use crate::rate::Spent;
use crate::world::{Witness, World, seconds};

/// How many grants are kept before the dead ones are thrown out.
const GRANTS: usize = 10_000;

impl World {
    /// Answers a token request of either grant type, and says what is left of the limit, if there is
    /// one (E9) and the request came so far.
    pub(crate) fn token(&mut self, call: &Call) -> (Result<Pair, OAuthError>, Option<Spent>) {
        let mut spent = None;
        (self.granted(call, &mut spent), spent)
    }

    fn granted(&mut self, call: &Call, spent: &mut Option<Spent>) -> Result<Pair, OAuthError> {
        let params = Params::of_body(call).map_err(OAuthError::Repeated)?;
        let witness = Witness::from(call);
        let grant_type = params.required("grant_type")?;
        if !matches!(grant_type, "authorization_code" | "refresh_token") {
            return Err(OAuthError::GrantType);
        }
        let client = self.authenticate(&witness, call, &params).inspect_err(|_| {
            self.burn_if_refusals_consume(&params);
        })?;
        if let Some(limit) = self.quirks.token_limit {
            let now = self.clock.now();
            let of_app = self.windows.spend(&format!("token {client}"), limit, now);
            *spent = Some(of_app);
            if of_app.is_over {
                return Err(OAuthError::TooMany);
            }
        }
        match grant_type {
            "authorization_code" => self.exchange(&witness, &client, &params),
            _ => self.refresh(&witness, &client, &params),
        }
    }

    /// E13: a refused request uses up the code or token that it carried.
    fn burn_if_refusals_consume(&mut self, params: &Params) {
        if !self.quirks.refusal_consumes {
            return;
        }
        if let Some(code) = params.value("code")
            && let Some(code) = self.codes.find_mut(TokenKey::of(code))
        {
            code.is_burnt = true;
        }
        if let Some(token) = params.value("refresh_token") {
            self.put_down(TokenKey::of(token), "used up by a refused request");
        }
    }

    fn exchange(
        &mut self,
        witness: &Witness,
        client: &str,
        params: &Params,
    ) -> Result<Pair, OAuthError> {
        let code = params.required("code")?;
        let redirect_uri = params.required("redirect_uri")?;
        let verifier = params.required("code_verifier")?;
        let key = TokenKey::of(code);
        match self.judge_code(key, client, redirect_uri, verifier) {
            Ok(()) => Ok(self.redeem(witness, key)),
            Err((OAuthError::Code, "redeemed")) => {
                self.redeemed_again(witness, key);
                Err(OAuthError::Code)
            }
            Err((error, reason)) => {
                self.burn_if_refusals_consume(params);
                let event = Event::new(EventKind::ExchangeRefused).client(client).reason(reason);
                self.record(witness, event.token(key.fingerprint()));
                Err(error)
            }
        }
    }

    fn judge_code(
        &self,
        key: TokenKey,
        client: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<(), (OAuthError, &'static str)> {
        let code = self.codes.find(key).ok_or((OAuthError::Code, "unknown"))?;
        if code.client_id != client {
            return Err((OAuthError::Code, "of another app"));
        }
        if code.redeemed.is_some() {
            return Err((OAuthError::Code, "redeemed"));
        }
        if code.is_burnt {
            return Err((OAuthError::Code, "used up by a refused request"));
        }
        if self.is_late(code, self.now()) {
            return Err((OAuthError::Code, "expired"));
        }
        if code.redirect_uri != redirect_uri {
            return Err((OAuthError::Redirect, "redirect differs"));
        }
        let length_is_wrong = self.quirks.strict_verifier && !(43..=128).contains(&verifier.len());
        if length_is_wrong || !code.challenge.is_met_by(verifier) {
            return Err((OAuthError::Verifier, "verifier differs"));
        }
        Ok(())
    }

    fn is_late(&self, code: &Code, now: Timestamp) -> bool {
        now.since(code.approved) >= seconds(self.lifetimes.code)
    }

    fn redeem(&mut self, witness: &Witness, key: TokenKey) -> Pair {
        let (now, id) = (self.now(), self.next_grant);
        self.next_grant += 1;
        let code = self.codes.find_mut(key).expect("judge_code has just found it");
        code.redeemed = Some(id);
        let grant = Grant {
            client_id: code.client_id.clone(),
            user_id: code.user_id.clone(),
            scopes: code.scopes.clone(),
            generation: 1,
            began: now,
            access: Vec::new(),
            refresh: None,
        };
        self.supersede(witness, &grant.client_id, &grant.user_id);
        self.grants.insert(id, grant);
        let pair = self.issue(id, now);
        self.counters.exchanges += 1;
        let event = Event::new(EventKind::Exchanged).token(key.fingerprint());
        self.record_grant(witness, id, event);
        pair
    }

    /// One live grant per (app, user): a new sign-in kills the one before.
    fn supersede(&mut self, witness: &Witness, client_id: &str, user_id: &str) {
        for old in self.live_grants(Some(client_id), Some(user_id)) {
            self.kill(old, "superseded by another sign-in");
            self.record_grant(witness, old, Event::new(EventKind::Superseded));
        }
        // Dead ones are kept to name the owners of dead tokens, as long as there is room.
        if self.grants.len() > GRANTS {
            self.grants.retain(|_, grant| grant.is_live());
        }
    }

    fn redeemed_again(&mut self, witness: &Witness, key: TokenKey) {
        self.counters.double_redeems += 1;
        let grant = self.codes.find(key).and_then(|code| code.redeemed).unwrap_or(0);
        let event = Event::new(EventKind::DoubleRedeem).token(key.fingerprint());
        self.record_grant(witness, grant, event);
        if self.quirks.double_redeem_revokes {
            self.kill_family(witness, grant, "its code was redeemed twice");
        }
    }
}
