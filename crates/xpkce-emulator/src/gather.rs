//! F7: requests that wait for each other, so that a race has a chosen winner.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// After this long a gathering that never fills lets everybody go.
const PATIENCE: Duration = Duration::from_secs(10);

/// A meeting of `count` requests, of which one goes first.
#[derive(Debug)]
pub(crate) struct Gathering {
    count: usize,
    winner: usize,
    present: watch::Sender<Present>,
}

#[derive(Debug, Default)]
struct Present {
    arrived: usize,
    /// The places whose turn is over.
    finished: BTreeSet<usize>,
}

/// One's turn. Dropping it lets the next one go, also when the client has hung up in the queue.
#[derive(Debug)]
pub(crate) struct Turn {
    gathering: Arc<Gathering>,
    place: usize,
}

impl Gathering {
    pub(crate) fn new(count: usize, winner: usize) -> Self {
        let count = count.clamp(1, 1000);
        let winner = winner.clamp(1, count);
        Self { count, winner, present: watch::Sender::new(Present::default()) }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Counts one more as arrived.
    pub(crate) fn arrive(self: &Arc<Self>) -> Turn {
        let mut place = 0;
        self.present.send_modify(|present| {
            present.arrived += 1;
            place = self.place(present.arrived);
        });
        Turn { gathering: self.clone(), place }
    }

    /// The winner is first; those that arrived before it move back by one.
    fn place(&self, arrival: usize) -> usize {
        match arrival {
            a if a == self.winner => 1,
            a if a < self.winner => a + 1,
            a => a,
        }
    }
}

impl Turn {
    /// Waits until all have arrived and those before are done.
    pub(crate) async fn wait(&self) {
        let is_next = |present: &Present| {
            present.arrived >= self.gathering.count
                && (1..self.place).all(|before| present.finished.contains(&before))
        };
        let mut present = self.gathering.present.subscribe();
        let _ = tokio::time::timeout(PATIENCE, present.wait_for(is_next)).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.gathering.present.send_modify(|present| {
            present.finished.insert(self.place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_winner_is_first_and_nobody_shares_a_place() {
        let gathering = Gathering::new(4, 3);
        let places: Vec<_> = (1..=4).map(|arrival| gathering.place(arrival)).collect();
        assert_eq!(places, [2, 3, 1, 4]);
    }
}
