//! A sign-out: the order is that of `keeper/sign_out.rs`.

use xpkce::grant::transition::SignOut;

use super::grants::{self, TOMB};
use super::holder::Phase;
use super::spend::LEASE;
use super::world::World;

impl World {
    pub fn mark(&mut self, index: usize) -> bool {
        let lives = self.lease_lives();
        let is_new = self.holders[index].phase == Phase::Idle;
        self.holders[index].next_attempt(index);
        let attempt = self.attempt_of(index);
        match self.record.begin_sign_out(&attempt, lives) {
            SignOut::Busy => return false,
            SignOut::Already => self.holders[index].phase = Phase::Idle,
            SignOut::Revoke => {
                self.lease_ends = Some(self.tick + LEASE);
                self.holders[index].snapshot = Some(Box::new(self.record.clone()));
                self.holders[index].phase = Phase::Marked { is_revoked: false };
            }
        }
        if is_new {
            self.left.sign_outs -= 1;
        }
        true
    }

    /// What it revokes is what it read when it marked the record.
    pub fn revoke_all(&mut self, index: usize) {
        let marked = self.holders[index].snapshot.as_ref().unwrap();
        let tokens = grants::tokens(marked);
        self.revoke(&tokens);
        self.holders[index].phase = Phase::Marked { is_revoked: true };
    }

    pub fn pause_sign_out(&mut self, index: usize) {
        self.left.breaks -= 1;
        let attempt = self.attempt_of(index);
        if self.record.pause_sign_out(&attempt) {
            self.lease_ends = None;
        }
        self.holders[index].phase = Phase::Leaving;
    }

    pub fn bury(&mut self, index: usize) {
        let attempt = self.attempt_of(index);
        let marked = self.holders[index].snapshot.take().unwrap();
        let is_buried = self.record.signed_out(&marked, grants::pair(TOMB), &attempt);
        if is_buried || self.record.pause_sign_out(&attempt) {
            self.lease_ends = None;
        }
        self.holders[index].phase = if is_buried { Phase::Idle } else { Phase::Leaving };
    }
}
