//! The evidence log: what happened, to which token, by whom. Never a whole token.

use std::collections::VecDeque;

use serde::Serialize;

use crate::clock::Timestamp;

/// How many events are kept; older ones are forgotten, the counters are not.
const CAPACITY: usize = 10_000;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// The position in the log, from 1, without gaps.
    pub number: u64,
    /// Virtual time, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What happened.
    pub kind: EventKind,
    /// The app concerned.
    pub client_id: Option<String>,
    /// The user concerned.
    pub username: Option<String>,
    /// The fingerprint (eight hex digits) of the code or token that was presented.
    pub token: Option<String>,
    /// The generation of the grant after the event: 1 when the code is exchanged, one more with
    /// each rotation.
    pub generation: Option<u64>,
    /// Why, where the answer on the wire does not say.
    pub reason: Option<&'static str>,
    /// The `x-transaction-id` of the answer.
    pub transaction_id: Option<String>,
    /// The client's address and port: who did it.
    pub peer: Option<String>,
}

/// What an [`Event`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The consent page was shown.
    ConsentShown,
    /// The authorize request was refused with the generic page.
    AuthorizeRefused,
    /// The user allowed the app.
    Approved,
    /// The user refused the app.
    Denied,
    /// A code was exchanged for a pair: generation 1 of a grant.
    Exchanged,
    /// A code was presented a second time.
    DoubleRedeem,
    /// A code was refused for another reason.
    ExchangeRefused,
    /// A refresh token was spent and a new pair issued.
    Refreshed,
    /// A spent refresh token was presented again.
    Replayed,
    /// A spent refresh token was presented again within the grace and got the same pair.
    GraceUsed,
    /// A refresh token was refused for another reason.
    RefreshRefused,
    /// The client was not authenticated or not known.
    ClientRefused,
    /// A new sign-in killed the live pair of the same app and user.
    Superseded,
    /// A replay killed the live pair (E2), or a double redeem did (E7).
    FamilyKilled,
    /// A token was revoked by its client.
    Revoked,
    /// A revocation was refused to an authenticated client.
    RevokeRefused,
    /// A bearer was refused by the resource API.
    BearerRefused,
    /// A scripted fault struck.
    FaultStruck,
    /// The user disconnected an app.
    Disconnected,
    /// An app was suspended.
    Suspended,
    /// An app's secret was replaced.
    SecretRotated,
    /// An app was made public, or confidential.
    TypeFlipped,
    /// A token was made to expire.
    Expired,
    /// The virtual clock was moved.
    ClockAdvanced,
}

impl Event {
    pub(crate) fn new(kind: EventKind) -> Self {
        Self {
            number: 0,
            at_ms: 0,
            kind,
            client_id: None,
            username: None,
            token: None,
            generation: None,
            reason: None,
            transaction_id: None,
            peer: None,
        }
    }

    pub(crate) fn client(mut self, client_id: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self
    }

    pub(crate) fn user(mut self, username: &str) -> Self {
        self.username = Some(username.to_owned());
        self
    }

    pub(crate) fn token(mut self, fingerprint: String) -> Self {
        self.token = Some(fingerprint);
        self
    }

    pub(crate) fn generation(mut self, generation: u64) -> Self {
        self.generation = Some(generation);
        self
    }

    pub(crate) fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }
}

/// The newest events, numbered.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    kept: VecDeque<Event>,
    written: u64,
}

impl EventLog {
    pub(crate) fn write(&mut self, at: Timestamp, mut event: Event) {
        self.written += 1;
        event.number = self.written;
        event.at_ms = at.millis();
        if self.kept.len() == CAPACITY {
            self.kept.pop_front();
        }
        self.kept.push_back(event);
    }

    pub(crate) fn to_vec(&self) -> Vec<Event> {
        self.kept.iter().cloned().collect()
    }
}

/// How often things happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counters {
    /// Requests at `/2/oauth2/token`, faulted ones included.
    pub token_requests: usize,
    /// Codes exchanged for a pair.
    pub exchanges: usize,
    /// Refresh tokens rotated.
    pub refreshes: usize,
    /// Spent refresh tokens presented again.
    pub replays: usize,
    /// Codes presented again.
    pub double_redeems: usize,
    /// Requests at `/2/users/me`, faulted ones included.
    pub whoami_calls: usize,
    /// Revocations that were accepted.
    pub revocations: usize,
    /// Scripted faults that struck.
    pub faults: usize,
    /// Authorize requests that were refused with the generic page.
    pub authorize_refusals: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_full_log_forgets_the_oldest_and_goes_on_numbering() {
        let mut log = EventLog::default();
        for _ in 0..CAPACITY + 5 {
            log.write(Clock::frozen().now(), Event::new(EventKind::Approved));
        }
        let kept = log.to_vec();
        assert_eq!(kept.len(), CAPACITY);
        assert_eq!(kept[0].number, 6);
    }
}
