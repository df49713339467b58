//! A sign-in, and the label it gets: the order is that of `keeper/sign_in.rs` and `label.rs`.

use xpkce::grant::State;

use super::grants::{self, attempt};
use super::holder::Phase;
use super::world::{Mutation, World};

/// The attempt that labels.
const LABELLING: u8 = 250;

impl World {
    /// The store numbers a sign-in before its code is redeemed: of two, X may see the later first.
    pub fn sign_in(&mut self, index: usize) {
        self.left.sign_ins -= 1;
        self.numbered += 1;
        self.holders[index].next_attempt(index);
        self.holders[index].phase = Phase::Numbered { number: self.numbered };
    }

    pub fn redeem(&mut self, index: usize) {
        let Phase::Numbered { number } = self.holders[index].phase else { unreachable!() };
        let new = self.issue();
        self.ghost.redeemed = number;
        self.holders[index].phase = Phase::SigningIn { number, new };
    }

    pub fn save_sign_in(&mut self, index: usize) {
        let Phase::SigningIn { number, new } = self.holders[index].phase else { unreachable!() };
        self.unlabelled.push(grants::signed_in(number, new, &self.attempt_of(index)));
        self.unlabelled.sort_unstable_by_key(|record| record.sign_in);
        self.holders[index].phase = Phase::Idle;
    }

    /// What `relabel` and `merge` do, whoever does it: the higher number is current.
    pub fn label(&mut self, at: usize) -> bool {
        let labelling = attempt(LABELLING, self.tick);
        let (mut new, there) = (self.unlabelled[at].clone(), &self.record);
        let is_older = new.sign_in < there.sign_in && self.mutation != Mutation::LastLabelWins;
        if is_older && self.lease_lives() {
            return false;
        }
        if is_older && there.state != State::SignedOut {
            self.record.keep_older(grants::demoted(&new, self.tick), &labelling);
        } else {
            let ended = [State::SignInNeeded, State::SigningOut, State::SignedOut];
            let lived = !ended.contains(&there.state) && self.mutation != Mutation::LastLabelWins;
            let candidate = lived.then(|| grants::demoted(there, self.tick));
            new.succeed(there, candidate, &labelling);
            self.record = new;
            self.lease_ends = None;
            self.ghost.words = 0;
        }
        self.unlabelled.remove(at);
        true
    }
}
