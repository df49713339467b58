//! F7: requests that wait for each other, so that a race has a chosen winner.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// After this long a gathering that never fills lets everybody go.
const PATIENCE: Duration = Duration::from_secs(10);

/// A meeting of `count` requests, of which one goes first.
#[derive(Debug)]
pub(crate) struct Gathering {
    count: usize,
    winner: usize,
    arrived: Mutex<usize>,
    /// How many may have gone: 0 until all have arrived, then one more with each that is done.
    turn: watch::Sender<usize>,
}

impl Gathering {
    pub(crate) fn new(count: usize, winner: usize) -> Self {
        let count = count.clamp(1, 1000);
        let winner = winner.clamp(1, count);
        Self { count, winner, arrived: Mutex::new(0), turn: watch::Sender::new(0) }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Waits for one's turn.
    pub(crate) async fn wait(&self) {
        let place = {
            let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
            *arrived += 1;
            self.place(*arrived)
        };
        if self.arrived() >= self.count {
            self.turn.send_modify(|turn| *turn = (*turn).max(1));
        }
        let mut turn = self.turn.subscribe();
        let _ = tokio::time::timeout(PATIENCE, turn.wait_for(|turn| *turn >= place)).await;
    }

    /// Lets the next one go.
    pub(crate) fn done(&self) {
        self.turn.send_modify(|turn| *turn += 1);
    }

    /// The winner is first; those that arrived before it move back by one.
    fn place(&self, arrival: usize) -> usize {
        match arrival {
            a if a == self.winner => 1,
            a if a < self.winner => a + 1,
            a => a,
        }
    }

    fn arrived(&self) -> usize {
        *self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
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
