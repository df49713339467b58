//! What happened to a grant lately, for those who ask why it is as it is.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::{Generation, Grant};
use crate::Timestamp;

/// The last events of a grant, the newest last; at most [`Grant::MAX_HISTORY`] after one was added.
///
/// Copies share them: a record is copied at every step of a spend, and one step adds an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<Event>")]
pub struct History(Arc<Vec<Event>>);

impl History {
    /// Adds an event, and lets the oldest go where there are too many.
    pub fn push(&mut self, event: Event) {
        let events = Arc::make_mut(&mut self.0);
        events.push(event);
        let surplus = events.len().saturating_sub(Grant::MAX_HISTORY);
        events.drain(..surplus);
    }
}

impl Deref for History {
    type Target = [Event];

    fn deref(&self) -> &[Event] {
        &self.0
    }
}

impl From<Vec<Event>> for History {
    fn from(events: Vec<Event>) -> Self {
        Self(Arc::new(events))
    }
}

impl FromIterator<Event> for History {
    fn from_iter<I: IntoIterator<Item = Event>>(events: I) -> Self {
        Self::from(Vec::from_iter(events))
    }
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_slice().serialize(serializer)
    }
}

/// What once happened to a grant. Holds no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the store's clock; a sign-in's by its holder's wall clock.
    pub at: Timestamp,
    /// The generation it happened to.
    pub generation: Generation,
    /// What happened.
    pub what: What,
    /// Who did it.
    pub holder: Arc<str>,
}

/// The kinds of [`Event`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The user approved and the pair was saved.
    SignedIn,
    /// The user behind a sign-in became known.
    Labelled,
    /// X rotated the pair and it was saved.
    Rotated,
    /// A send's outcome is not known.
    SendInDoubt,
    /// A holder ended while it was sending.
    HolderDied,
    /// X answered success without a token that could be read.
    AnswerUnread,
    /// X said that the token is invalid.
    TokenRejected,
    /// The grant was called dead.
    CalledDead,
    /// A pair that had lost its compare was put in the place of a rejected one.
    CandidateTried,
    /// A resource server refused the access token.
    AccessRejected,
    /// A sign-out began.
    SignOutBegan,
    /// X confirmed the sign-out, or it was forgotten on request.
    SignedOut,
    /// A pair came after the sign-out, and X did not take it back.
    NotRevoked,
}
