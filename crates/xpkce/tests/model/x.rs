//! X: what it issues, answers and revokes, and the answers that nobody hears.

use super::holder::Phase;
use super::world::{Answer, World};

impl World {
    pub fn serve(&mut self, index: usize) {
        let is_good = self.live == Some(self.requests[index].token);
        let answer = if is_good { Answer::Rotated(self.issue()) } else { Answer::Rejected };
        self.answer(index, answer);
    }

    pub fn garble(&mut self, index: usize) -> bool {
        if self.live != Some(self.requests[index].token) {
            return false;
        }
        self.left.garbled -= 1;
        let new = self.issue();
        self.ghost.lost.push(new);
        self.answer(index, Answer::Garbled);
        true
    }

    pub fn issue(&mut self) -> u8 {
        self.issued += 1;
        self.live = Some(self.issued);
        self.issued
    }

    pub fn answer(&mut self, index: usize, answer: Answer) {
        let request = self.requests.remove(index);
        let holder = &self.holders[request.holder];
        let listens = matches!(
            holder.phase,
            Phase::Sending { doubted, .. } if doubted == request.doubted
        ) && holder.attempt == Some(request.attempt);
        match listens {
            true => self.answers.push((request, answer)),
            false => self.lose(answer),
        }
    }

    pub fn lose(&mut self, answer: Answer) {
        if let Answer::Rotated(new) = answer {
            self.ghost.lost.push(new);
        }
    }

    pub fn revoke(&mut self, tokens: &[u8]) {
        if self.live.is_some_and(|live| tokens.contains(&live)) {
            self.live = None;
        }
    }
}
