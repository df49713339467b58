//! A spend, step by step: the order of reading, deciding and saving is that of `keeper/spend.rs` and
//! `land.rs`.

use xpkce::grant::transition::{Attempt, Begin, Landed, Unspent, Verdict};
use xpkce::grant::{Grant, Rejection, State};

use super::grants::{self, TICK, What, attempt};
use super::holder::Phase;
use super::world::{Answer, Mutation, Request, World};

/// How many ticks a lease lasts by the store's clock.
pub const LEASE: u8 = 2;

impl World {
    pub fn begin(&mut self, index: usize) -> bool {
        if let Some((what, new, name)) = self.recoverable(index) {
            self.land_pair(what, new, &attempt(name, self.now(&self.holders[index])));
            self.spilled.retain(|(_, kept, _)| *kept != new);
            return true;
        }
        let lives = self.lease_lives();
        let mut holder = self.holders[index].clone();
        let name = holder.next_attempt(index);
        let mut record = self.record.clone();
        let since = self.now(&holder);
        if record.begin(&attempt(name, since), lives) != Begin::Send {
            return false;
        }
        self.left.rotations = self.left.rotations.saturating_sub(1);
        let what = What::of(&record);
        holder.phase = Phase::Leased { what, since, doubted: 0 };
        holder.leased_until = self.tick + LEASE;
        let is_mutated = self.mutation == Mutation::NoReread;
        holder.snapshot = is_mutated.then(|| Box::new(record.clone()));
        self.holders[index] = holder;
        if self.mutation != Mutation::NoJournal {
            self.record = record;
            self.lease_ends = Some(self.tick + LEASE);
        }
        true
    }

    /// A pair that a dead process, or a living one of this generation, has spilled.
    pub fn recoverable(&self, index: usize) -> Option<(What, u8, u8)> {
        let is_own = |new| self.holders[index].remembers() == Some(new);
        let lives = |name| self.holders.iter().any(|holder| holder.attempt == Some(name));
        let found = |(what, new, name): &&(What, u8, u8)| {
            !is_own(*new) && (!lives(*name) || self.record.is_at(&what.spent()))
        };
        self.spilled.iter().find(found).copied()
    }

    /// What `Desk::holder_lives` finds: the lease runs, and nobody can show its holder dead.
    pub fn lease_lives(&self) -> bool {
        let Some(lease) = &self.record.lease else { return false };
        let name = grants::attempt_name(&lease.attempt);
        let is_dead = self.holders.iter().all(|holder| holder.attempt != Some(name));
        self.lease_ends.is_some_and(|end| end > self.tick) && !is_dead
    }

    pub fn send(&mut self, index: usize) {
        let Phase::Leased { what, since, doubted } = self.holders[index].phase else {
            unreachable!()
        };
        // Forty seconds must be left of ninety: within the tick of the lease alone.
        let latest = since + u8::from(self.mutation == Mutation::NoMargin);
        if self.now(&self.holders[index]) > latest {
            self.holders[index].phase = Phase::Unspent { what, doubted };
            return;
        }
        let is_resent_spent = doubted > 0 && !self.record.is_at(&what.spent());
        if is_resent_spent && self.mutation != Mutation::ResendUnread {
            self.holders[index].phase = Phase::Idle;
            return;
        }
        self.ghost.is_resent_spent |= is_resent_spent;
        self.ghost.is_sent_late |= self.tick >= self.holders[index].leased_until;
        self.holders[index].phase = Phase::Sending { what, since, doubted };
        let attempt = self.holders[index].attempt.unwrap();
        self.requests.push(Request { holder: index, attempt, doubted, token: what.token });
    }

    pub fn answer_of(&self, index: usize) -> Option<usize> {
        let Phase::Sending { doubted, .. } = self.holders[index].phase else { return None };
        let attempt = self.holders[index].attempt;
        self.answers.iter().position(|(request, _)| {
            request.holder == index
                && Some(request.attempt) == attempt
                && request.doubted == doubted
        })
    }

    /// Whether nothing more can come: the request was lost on the way.
    pub fn is_orphan(&self, index: usize) -> bool {
        let attempt = self.holders[index].attempt;
        self.answer_of(index).is_none()
            && !self
                .requests
                .iter()
                .any(|request| request.holder == index && Some(request.attempt) == attempt)
    }

    pub fn break_off(&mut self, index: usize) {
        if !self.is_orphan(index) {
            self.left.breaks -= 1;
        }
        if let Some(at) = self.answer_of(index) {
            let (_, answer) = self.answers.remove(at);
            self.lose(answer);
        }
        let Phase::Sending { what, since, doubted } = self.holders[index].phase else {
            unreachable!()
        };
        if doubted == 0 {
            self.holders[index].phase = Phase::Leased { what, since, doubted: 1 };
            return;
        }
        self.leave_in_doubt(index, what, 2);
    }

    pub fn leave_in_doubt(&mut self, index: usize, what: What, sends: u32) {
        let attempt = self.attempt_of(index);
        if self.record.left_in_doubt(&what.spent(), &attempt, sends) {
            self.lease_ends = None;
        }
        self.holders[index].phase = Phase::Idle;
    }

    pub fn receive(&mut self, index: usize) {
        let at = self.answer_of(index).unwrap();
        let (_, answer) = self.answers.remove(at);
        let Phase::Sending { what, doubted, .. } = self.holders[index].phase else {
            unreachable!()
        };
        self.holders[index].phase = match answer {
            Answer::Rotated(new) => Phase::Landing { what, new },
            Answer::Rejected => Phase::Hearing { what, doubted },
            Answer::Unspent => Phase::Unspent { what, doubted },
            Answer::Garbled => Phase::Unread { what },
        };
    }

    pub fn hear(&mut self, index: usize) {
        let Phase::Hearing { what, doubted } = self.holders[index].phase else { unreachable!() };
        let attempt = self.attempt_of(index);
        if let Some(snapshot) = self.holders[index].snapshot.take() {
            self.record = *snapshot;
        }
        if self.mutation == Mutation::OneWordKills {
            let long_ago = attempt.at - TICK;
            self.record.rejection = Some(Rejection { at: long_ago, after_doubt: false });
        }
        let verdict = self.record.rejected(&what.spent(), &attempt, doubted.into(), true);
        if verdict != Verdict::Moved {
            self.ghost.words += 1;
            self.lease_ends = None;
        }
        self.holders[index].phase = Phase::Idle;
    }

    pub fn end_unspent(&mut self, index: usize) {
        let Phase::Unspent { what, doubted } = self.holders[index].phase else { unreachable!() };
        if doubted > 0 && self.mutation != Mutation::DoubtIsForgotten {
            return self.leave_in_doubt(index, what, doubted.into());
        }
        let attempt = self.attempt_of(index);
        if self.record.unspent(&attempt, Unspent::NotSent) {
            self.lease_ends = None;
        }
        self.holders[index].phase = Phase::Idle;
    }

    pub fn keep_unread(&mut self, index: usize) {
        let Phase::Unread { what } = self.holders[index].phase else { unreachable!() };
        let attempt = self.attempt_of(index);
        let kept = grants::unread(&attempt);
        if self.record.unread(&what.spent(), &attempt, kept) {
            self.lease_ends = None;
        }
        self.holders[index].phase = Phase::Idle;
    }

    pub fn land(&mut self, index: usize) {
        let Phase::Landing { what, new } = self.holders[index].phase else { unreachable!() };
        let landed = self.land_pair(what, new, &self.attempt_of(index));
        self.spilled.retain(|(_, kept, _)| *kept != new);
        self.holders[index].phase = match landed {
            Landed::SignedOut if self.mutation != Mutation::NoLateRevoke => {
                Phase::RevokingLate { new }
            }
            _ => Phase::Idle,
        };
    }

    pub fn land_pair(&mut self, what: What, new: u8, attempt: &Attempt) -> Landed {
        let spent = what.spent();
        let was_current = self.record.is_at(&spent);
        if self.is_commit_mutated_away(grants::attempt_name(&attempt.id)) {
            self.ghost.is_refused |= was_current;
            return Landed::Already;
        }
        let mut record: Grant = self.record.clone();
        let landed = record.rotated(&spent, attempt, grants::new_pair(new, self.tick));
        if landed == Landed::Candidate && self.mutation == Mutation::NoCandidates {
            return Landed::Already;
        }
        self.ghost.is_refused |= was_current
            && (landed != Landed::Current
                || !matches!(record.state, State::Ready | State::SigningOut));
        if landed == Landed::Current {
            self.ghost.words = 0;
            self.lease_ends = None;
        }
        self.record = record;
        landed
    }

    pub fn is_commit_mutated_away(&self, name: u8) -> bool {
        match self.mutation {
            Mutation::CommitFencedByHolder => {
                let lease = self.record.lease.as_ref();
                lease.is_none_or(|lease| grants::attempt_name(&lease.attempt) != name)
            }
            Mutation::DeathIsFinal => self.record.state == State::SignInNeeded,
            _ => false,
        }
    }

    pub fn spill(&mut self, index: usize) {
        self.left.failed_saves -= 1;
        let Phase::Landing { what, new } = self.holders[index].phase else { unreachable!() };
        self.spilled.push((what, new, self.holders[index].attempt.unwrap()));
    }
}
