//! What a run of kills came to.

use std::fmt;
use std::time::Duration;

use super::victim::{Found, Who};

/// How one round went; the instants are counted from when X had the request.
#[derive(Debug, Default)]
pub struct Blow {
    /// What the killed had said of themselves.
    pub told: String,
    pub rotated_at: Option<Duration>,
    pub killed_at: Duration,
}

#[derive(Debug, Default)]
pub struct Score {
    pub kills: usize,
    /// X had rotated before the last kill of the round.
    rotated: usize,
    /// The login has ended: X honours nothing that is left on disk.
    pub lost: usize,
    /// Of those: X rotated after the kill.
    too_late: usize,
    /// Of those: the program had the answer in its hands, if it says so.
    in_hand: usize,
    /// Of those: the program had said that the pair is on disk. There must be none.
    pub lost_though_saved: usize,
    /// Of those: what is left says that an answer was lost, and where to end what X issued.
    pub explained: usize,
    /// The longest time from X's rotation to a kill that ended the login.
    longest: Duration,
}

impl Score {
    /// Counts a round, and returns whether the login lives.
    pub fn count(&mut self, who: &Who, blow: &Blow, found: Found) -> bool {
        self.rotated += usize::from(blow.rotated_at.is_some());
        let Found::Ended { is_explained } = found else {
            return true;
        };
        self.lost += 1;
        self.explained += usize::from(is_explained);
        self.in_hand += usize::from(who.has_answer(&blow.told));
        self.lost_though_saved += usize::from(who.has_saved(&blow.told));
        match blow.rotated_at {
            None => self.too_late += 1,
            Some(at) => self.longest = self.longest.max(blow.killed_at.saturating_sub(at)),
        }
        false
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, rotated, lost, too_late, in_hand, explained, longest, .. } = self;
        write!(
            f,
            "{kills} kills, {rotated} after X had rotated; {lost} lost: {too_late} rotated after \
             the kill, {in_hand} with the answer in hand, the last {longest:.1?} after X had \
             rotated; {explained} explained"
        )
    }
}
