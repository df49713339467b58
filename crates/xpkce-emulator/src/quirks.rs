//! Switches for what X leaves undocumented: E1 to E15 of the README.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the emulator settles each open question about X.
///
/// [`Quirks::default`] is the recorded default of each; change what a test is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// E1: does the old access token live on after a refresh? Default: no, it dies at once.
    pub old_access_survives_refresh: bool,
    /// E2: does the replay of a spent refresh token kill the live pair? Default: no.
    pub replay_kills_family: bool,
    /// E3: for how many milliseconds does a spent refresh token answer with the pair it already
    /// bought? Default: 0.
    pub reuse_grace_ms: u64,
    /// E4: do the six months of a refresh token start again with each rotation? Default: yes.
    pub refresh_lifetime_slides: bool,
    /// E5: what else dies with a revoked token? Default: a refresh token takes the access token
    /// along, as RFC 7009 section 2.1 asks, and an access token dies alone.
    pub revoke_reach: RevokeReach,
    /// E6: is a verifier outside RFC 7636's 43 to 128 characters refused? Default: no.
    pub strict_verifier: bool,
    /// E7: does redeeming a code twice revoke what the first redeem issued? Default: no.
    pub double_redeem_revokes: bool,
    /// E8: the `error` of a denied consent. Default: `access_denied`.
    pub denial_error: String,
    /// E8: is `state` echoed when consent is denied? Default: yes.
    pub denial_echoes_state: bool,
    /// E9: how many token requests an app has in 15 minutes. Default: no limit.
    pub token_limit: Option<u32>,
    /// E9: does the token endpoint answer with `x-rate-limit-*` headers when it has a limit?
    /// Default: yes.
    pub token_limit_headers: bool,
    /// E10: is a Basic header from a public app accepted? Default: yes, unless its secret is empty.
    pub public_basic_accepted: bool,
    /// E11: may an app register a `localhost` callback? Default: yes.
    pub localhost_registrable: bool,
    /// E12: does `scope` in a refresh narrow the grant? Default: no, it is ignored.
    pub refresh_narrows_scope: bool,
    /// E13: does a refused exchange or refresh (wrong verifier, redirect or secret) use up the code
    /// or token it carried? Default: no.
    pub refusal_consumes: bool,
    /// E14: the status of a resource request without credits. Default: 402.
    pub out_of_credits_status: u16,
    /// E15: is revoking an unknown token answered as success? Default: yes, as RFC 7009
    /// section 2.2 asks; otherwise with the `token was invalid` row.
    pub revoke_unknown_succeeds: bool,
    /// Is an authorize request without `state` refused? Default: yes, as X's documentation asks for
    /// one. An empty one passes.
    pub state_required: bool,
    /// Is an authorize request without `code_challenge_method` refused? Default: yes, as X's
    /// documentation asks for one; otherwise the challenge is plain, as RFC 7636
    /// section 4.3 says.
    pub challenge_method_required: bool,
    /// Does a JSON-looking `state` lose its quotes and commas? Default: yes.
    pub mangles_json_state: bool,
    /// The origin of problem `type` URIs. Default: `https://api.twitter.com`.
    pub problem_origin: String,
}

impl Quirks {
    pub(crate) fn reuse_grace(&self) -> Duration {
        Duration::from_millis(self.reuse_grace_ms)
    }
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            old_access_survives_refresh: false,
            replay_kills_family: false,
            reuse_grace_ms: 0,
            refresh_lifetime_slides: true,
            revoke_reach: RevokeReach::RefreshTakesAccess,
            strict_verifier: false,
            double_redeem_revokes: false,
            denial_error: "access_denied".to_owned(),
            denial_echoes_state: true,
            token_limit: None,
            token_limit_headers: true,
            public_basic_accepted: true,
            localhost_registrable: true,
            refresh_narrows_scope: false,
            refusal_consumes: false,
            out_of_credits_status: 402,
            revoke_unknown_succeeds: true,
            state_required: true,
            challenge_method_required: true,
            mangles_json_state: true,
            problem_origin: "https://api.twitter.com".to_owned(),
        }
    }
}

/// What a revocation kills besides the token it names (E5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RevokeReach {
    /// Only the token itself.
    TokenOnly,
    /// A refresh token takes its access token along; an access token dies alone.
    RefreshTakesAccess,
    /// Either token takes the other along.
    Pair,
}

/// How long credentials live, in virtual seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// An authorization code, counted from approval. Default: 30.
    pub code: u64,
    /// What `expires_in` says. Default: 7200.
    pub access: u64,
    /// When an access token really dies, if not when it said (F13). Default: none.
    pub access_in_truth: Option<u64>,
    /// A refresh token. Default: 180 days.
    pub refresh: u64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { code: 30, access: 7200, access_in_truth: None, refresh: 180 * 86_400 }
    }
}
