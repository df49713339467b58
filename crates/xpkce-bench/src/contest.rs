//! Peers that take turns at the same operation.

use crate::cost::Cost;

/// One operation, and those who do it. The first peer is ours; ratios are against the second.
pub struct Contest<'a> {
    /// What is measured.
    pub title: String,
    peers: Vec<(String, Box<dyn FnMut() -> Cost + 'a>)>,
}

/// A contest's outcome: the median of every peer's turns.
#[derive(Clone)]
pub struct Outcome {
    /// What was measured.
    pub title: String,
    /// Each peer and its median.
    pub peers: Vec<(String, Cost)>,
}

impl<'a> Contest<'a> {
    /// Names a contest.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), peers: Vec::new() }
    }

    /// Adds a peer: each call of `turn` is one turn.
    #[must_use]
    pub fn peer(mut self, name: &str, turn: impl FnMut() -> Cost + 'a) -> Self {
        self.peers.push((name.to_owned(), Box::new(turn)));
        self
    }

    /// Lets every peer take `rounds` turns, after one that does not count.
    pub fn run(mut self, rounds: usize) -> Outcome {
        eprintln!("   {} ...", self.title);
        let mut turns = vec![Vec::with_capacity(rounds); self.peers.len()];
        for round in 0..=rounds {
            for (peer, turns) in self.peers.iter_mut().zip(&mut turns) {
                let cost = (peer.1)();
                if round > 0 {
                    turns.push(cost);
                }
            }
        }
        let names = self.peers.into_iter().map(|(name, _)| name);
        let peers = names.zip(turns.iter().map(|turns| median_cost(turns))).collect();
        Outcome { title: self.title, peers }
    }
}

impl Outcome {
    /// Returns a peer's cost, if it took part.
    pub fn of(&self, name: &str) -> Option<Cost> {
        self.peers.iter().find(|(peer, _)| peer == name).map(|(_, cost)| *cost)
    }
}

fn median_cost(turns: &[Cost]) -> Cost {
    let of = |field: fn(&Cost) -> f64| median(turns.iter().map(field).collect());
    Cost { wall: of(|it| it.wall), cpu: of(|it| it.cpu), memory: of(|it| it.memory) }
}

/// Returns the middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
