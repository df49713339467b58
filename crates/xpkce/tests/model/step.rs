//! What may happen next, and what the real transitions make of it. The order of reading, deciding
//! and saving is that of `keeper/spend.rs`, `land.rs` and `sign_out.rs`.

use xpkce::grant::transition::{Begin, Landed, SignOut, Unspent, Verdict};
use xpkce::grant::{Grant, Rejection, State};

use super::grants::{self, TICK, TOMB, What, attempt};
use super::holder::{Holder, Phase};
use super::world::{Answer, Mutation, Request, World};

/// One thing that happens. The number is the holder's, or the message's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Tick,
    Begin(usize),
    Send(usize),
    /// The connection breaks or the deadline passes; the request may still arrive.
    Break(usize),
    Receive(usize),
    Hear(usize),
    EndUnspent(usize),
    KeepUnread(usize),
    Land(usize),
    LandUnacknowledged(usize),
    FailToLand(usize),
    RevokeLate(usize),
    SignIn(usize),
    SaveSignIn(usize),
    Mark(usize),
    Revoke(usize),
    FailToRevoke(usize),
    Bury(usize),
    Crash(usize),
    Serve(usize),
    Lie(usize),
    Refuse(usize),
    Garble(usize),
    LoseRequest(usize),
}

impl World {
    pub fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.left.ticks > 0 {
            actions.push(Action::Tick);
        }
        for (index, holder) in self.holders.iter().enumerate() {
            self.actions_of(index, holder, &mut actions);
        }
        for index in 0..self.requests.len() {
            actions.push(Action::Serve(index));
            let may = [
                (self.left.lies, Action::Lie(index)),
                (self.left.refusals, Action::Refuse(index)),
                (self.left.garbled, Action::Garble(index)),
                (self.left.breaks, Action::LoseRequest(index)),
            ];
            actions.extend(may.iter().filter(|(left, _)| *left > 0).map(|(_, action)| *action));
        }
        actions
    }

    fn actions_of(&self, index: usize, holder: &Holder, actions: &mut Vec<Action>) {
        let left = &self.left;
        match holder.phase {
            Phase::Idle => {
                let wants = left.rotations > 0 || self.record.unresolved_sends > 0;
                let may = [
                    (wants || self.record.state == State::Rejected, Action::Begin(index)),
                    (left.sign_outs > 0, Action::Mark(index)),
                    (left.sign_ins > 0, Action::SignIn(index)),
                ];
                actions.extend(may.iter().filter(|(may, _)| *may).map(|(_, action)| *action));
            }
            Phase::Leased { .. } => actions.push(Action::Send(index)),
            Phase::Sending { .. } => {
                if self.answer_of(index).is_some() {
                    actions.push(Action::Receive(index));
                }
                if left.breaks > 0 || self.is_orphan(index) {
                    actions.push(Action::Break(index));
                }
            }
            Phase::Hearing { .. } => actions.push(Action::Hear(index)),
            Phase::Unspent { .. } => actions.push(Action::EndUnspent(index)),
            Phase::Unread { .. } => actions.push(Action::KeepUnread(index)),
            Phase::Landing { .. } => {
                actions.push(Action::Land(index));
                if left.lost_acknowledgements > 0 {
                    actions.push(Action::LandUnacknowledged(index));
                }
                if left.failed_saves > 0 {
                    actions.push(Action::FailToLand(index));
                }
            }
            Phase::RevokingLate { .. } => actions.push(Action::RevokeLate(index)),
            Phase::SigningIn { .. } => actions.push(Action::SaveSignIn(index)),
            Phase::Marked { is_revoked: true } => actions.push(Action::Bury(index)),
            Phase::Marked { is_revoked: false } => {
                actions.push(Action::Revoke(index));
                if left.breaks > 0 {
                    actions.push(Action::FailToRevoke(index));
                }
            }
            Phase::Leaving => actions.push(Action::Mark(index)),
        }
        if left.crashes > 0 && holder.phase != Phase::Idle {
            actions.push(Action::Crash(index));
        }
    }

    /// The world after `action`; none when it changes nothing.
    pub fn after(&self, action: Action) -> Option<Self> {
        let mut next = self.clone();
        let happens = next.apply(action);
        next.record.history.clear();
        next.requests.sort_unstable_by_key(|it| (it.holder, it.attempt, it.doubted));
        next.answers.sort_unstable_by_key(|(it, _)| (it.holder, it.attempt, it.doubted));
        next.ghost.lost.sort_unstable();
        happens.then_some(next)
    }

    fn apply(&mut self, action: Action) -> bool {
        match action {
            Action::Tick => {
                self.left.ticks -= 1;
                self.tick += 1;
            }
            Action::Begin(index) => return self.begin(index),
            Action::Send(index) => self.send(index),
            Action::Break(index) => self.break_off(index),
            Action::Receive(index) => self.receive(index),
            Action::Hear(index) => self.hear(index),
            Action::EndUnspent(index) => self.end_unspent(index),
            Action::KeepUnread(index) => self.keep_unread(index),
            Action::Land(index) => self.land(index),
            Action::LandUnacknowledged(index) => {
                self.left.lost_acknowledgements -= 1;
                let phase = self.holders[index].phase;
                self.land(index);
                if self.holders[index].phase == Phase::Idle {
                    self.holders[index].phase = phase;
                }
            }
            Action::FailToLand(index) => self.spill(index),
            Action::RevokeLate(index) => {
                self.revoke(&[self.holders[index].remembers().unwrap()]);
                self.holders[index].phase = Phase::Idle;
            }
            Action::SignIn(index) => self.sign_in(index),
            Action::SaveSignIn(index) => self.save_sign_in(index),
            Action::Mark(index) => return self.mark(index),
            Action::Revoke(index) => self.revoke_all(index),
            Action::FailToRevoke(index) => self.pause_sign_out(index),
            Action::Bury(index) => self.bury(index),
            Action::Crash(index) => self.crash(index),
            Action::Serve(index) => self.serve(index),
            Action::Lie(index) => {
                self.left.lies -= 1;
                self.answer(index, Answer::Rejected);
            }
            Action::Refuse(index) => {
                self.left.refusals -= 1;
                self.answer(index, Answer::Unspent);
            }
            Action::Garble(index) => return self.garble(index),
            Action::LoseRequest(index) => {
                self.left.breaks -= 1;
                self.requests.remove(index);
            }
        }
        true
    }

    fn begin(&mut self, index: usize) -> bool {
        if let Some((what, new, name)) = self.recoverable(index) {
            self.land_pair(what, new, name);
            self.spilled.retain(|(_, kept, _)| *kept != new);
            return true;
        }
        let lives = self.lease_lives();
        let mut holder = self.holders[index].clone();
        let name = holder.next_attempt(index);
        let mut record = self.record.clone();
        if record.begin(&attempt(name, self.tick), lives) != Begin::Send {
            return false;
        }
        self.left.rotations = self.left.rotations.saturating_sub(1);
        let what = What::of(&record);
        holder.phase = Phase::Leased { what, since: self.tick, doubted: 0 };
        let is_mutated = self.mutation == Mutation::NoReread;
        holder.snapshot = is_mutated.then(|| Box::new(record.clone()));
        self.holders[index] = holder;
        if self.mutation != Mutation::NoJournal {
            self.record = record;
            self.lease_ends = Some(self.tick + 2);
        }
        true
    }

    /// A pair that a dead process, or a living one of this generation, has spilled.
    fn recoverable(&self, index: usize) -> Option<(What, u8, u8)> {
        let is_own = |new| self.holders[index].remembers() == Some(new);
        let lives = |name| self.holders.iter().any(|holder| holder.attempt == Some(name));
        let found = |(what, new, name): &&(What, u8, u8)| {
            !is_own(*new) && (!lives(*name) || self.record.is_at(&what.spent()))
        };
        self.spilled.iter().find(found).copied()
    }

    /// What `Desk::holder_lives` finds: the lease runs, and nobody can show its holder dead.
    fn lease_lives(&self) -> bool {
        let Some(lease) = &self.record.lease else { return false };
        let name = grants::attempt_name(&lease.attempt);
        let is_dead = self.holders.iter().all(|holder| holder.attempt != Some(name));
        self.lease_ends.is_some_and(|end| end > self.tick) && !is_dead
    }

    fn send(&mut self, index: usize) {
        let Phase::Leased { what, since, doubted } = self.holders[index].phase else {
            unreachable!()
        };
        // Forty seconds must be left of ninety: within the tick of the lease alone.
        if self.tick > since {
            self.holders[index].phase = Phase::Unspent { what, doubted };
            return;
        }
        let is_resent_spent = doubted > 0 && !self.record.is_at(&what.spent());
        if is_resent_spent && self.mutation != Mutation::ResendUnread {
            self.holders[index].phase = Phase::Idle;
            return;
        }
        self.ghost.is_resent_spent |= is_resent_spent;
        self.holders[index].phase = Phase::Sending { what, since, doubted };
        let attempt = self.holders[index].attempt.unwrap();
        self.requests.push(Request { holder: index, attempt, doubted, token: what.token });
    }

    fn answer_of(&self, index: usize) -> Option<usize> {
        let Phase::Sending { doubted, .. } = self.holders[index].phase else { return None };
        let attempt = self.holders[index].attempt;
        self.answers.iter().position(|(request, _)| {
            request.holder == index
                && Some(request.attempt) == attempt
                && request.doubted == doubted
        })
    }

    /// Whether nothing more can come: the request was lost on the way.
    fn is_orphan(&self, index: usize) -> bool {
        let attempt = self.holders[index].attempt;
        self.answer_of(index).is_none()
            && !self
                .requests
                .iter()
                .any(|request| request.holder == index && Some(request.attempt) == attempt)
    }

    fn break_off(&mut self, index: usize) {
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

    fn leave_in_doubt(&mut self, index: usize, what: What, sends: u32) {
        let attempt = attempt(self.holders[index].attempt.unwrap(), self.tick);
        if self.record.left_in_doubt(&what.spent(), &attempt, sends) {
            self.lease_ends = None;
        }
        self.holders[index].phase = Phase::Idle;
    }

    fn receive(&mut self, index: usize) {
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

    fn hear(&mut self, index: usize) {
        let Phase::Hearing { what, doubted } = self.holders[index].phase else { unreachable!() };
        let attempt = attempt(self.holders[index].attempt.unwrap(), self.tick);
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

    fn end_unspent(&mut self, index: usize) {
        let Phase::Unspent { what, doubted } = self.holders[index].phase else { unreachable!() };
        if doubted > 0 && self.mutation != Mutation::DoubtIsForgotten {
            return self.leave_in_doubt(index, what, doubted.into());
        }
        let attempt = attempt(self.holders[index].attempt.unwrap(), self.tick);
        if self.record.unspent(&attempt, Unspent::NotSent) {
            self.lease_ends = None;
        }
        self.holders[index].phase = Phase::Idle;
    }

    fn keep_unread(&mut self, index: usize) {
        let Phase::Unread { what } = self.holders[index].phase else { unreachable!() };
        let attempt = attempt(self.holders[index].attempt.unwrap(), self.tick);
        let kept = grants::unread(&attempt);
        if self.record.unread(&what.spent(), &attempt, kept) {
            self.lease_ends = None;
        }
        self.holders[index].phase = Phase::Idle;
    }

    fn land(&mut self, index: usize) {
        let Phase::Landing { what, new } = self.holders[index].phase else { unreachable!() };
        let landed = self.land_pair(what, new, self.holders[index].attempt.unwrap());
        self.spilled.retain(|(_, kept, _)| *kept != new);
        self.holders[index].phase = match landed {
            Landed::SignedOut if self.mutation != Mutation::NoLateRevoke => {
                Phase::RevokingLate { new }
            }
            _ => Phase::Idle,
        };
    }

    fn land_pair(&mut self, what: What, new: u8, name: u8) -> Landed {
        let (spent, attempt) = (what.spent(), attempt(name, self.tick));
        let was_current = self.record.is_at(&spent);
        if self.is_commit_mutated_away(name) {
            self.ghost.is_refused |= was_current;
            return Landed::Already;
        }
        let mut record: Grant = self.record.clone();
        let landed = record.rotated(&spent, &attempt, grants::new_pair(new, self.tick));
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

    fn is_commit_mutated_away(&self, name: u8) -> bool {
        match self.mutation {
            Mutation::CommitFencedByHolder => {
                let lease = self.record.lease.as_ref();
                lease.is_none_or(|lease| grants::attempt_name(&lease.attempt) != name)
            }
            Mutation::DeathIsFinal => self.record.state == State::SignInNeeded,
            _ => false,
        }
    }

    fn spill(&mut self, index: usize) {
        self.left.failed_saves -= 1;
        let Phase::Landing { what, new } = self.holders[index].phase else { unreachable!() };
        self.spilled.push((what, new, self.holders[index].attempt.unwrap()));
    }

    fn sign_in(&mut self, index: usize) {
        self.left.sign_ins -= 1;
        let new = self.issue();
        self.ghost.signed_in = Some(new);
        self.holders[index].next_attempt(index);
        self.holders[index].phase = Phase::SigningIn { new };
    }

    /// The provisional record is saved and labelled at once: between the two it is in the store.
    fn save_sign_in(&mut self, index: usize) {
        let Phase::SigningIn { new } = self.holders[index].phase else { unreachable!() };
        let attempt = attempt(self.holders[index].attempt.unwrap(), self.tick);
        let mut grant = grants::signed_in(2, new, &attempt);
        let lived = !matches!(self.record.state, State::SignInNeeded | State::SignedOut);
        let candidate = lived.then(|| grants::demoted(&self.record, self.tick));
        grant.succeed(&self.record, candidate, &attempt);
        self.record = grant;
        self.lease_ends = None;
        self.ghost.words = 0;
        self.holders[index].phase = Phase::Idle;
    }

    fn mark(&mut self, index: usize) -> bool {
        let lives = self.lease_lives();
        let is_new = self.holders[index].phase == Phase::Idle;
        let name = self.holders[index].next_attempt(index);
        match self.record.begin_sign_out(&attempt(name, self.tick), lives) {
            SignOut::Busy => return false,
            SignOut::Already => self.holders[index].phase = Phase::Idle,
            SignOut::Revoke => {
                self.lease_ends = Some(self.tick + 2);
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
    fn revoke_all(&mut self, index: usize) {
        let marked = self.holders[index].snapshot.as_ref().unwrap();
        let tokens = grants::tokens(marked);
        self.revoke(&tokens);
        self.holders[index].phase = Phase::Marked { is_revoked: true };
    }

    fn revoke(&mut self, tokens: &[u8]) {
        if self.live.is_some_and(|live| tokens.contains(&live)) {
            self.live = None;
        }
    }

    fn pause_sign_out(&mut self, index: usize) {
        self.left.breaks -= 1;
        let attempt = attempt(self.holders[index].attempt.unwrap(), self.tick);
        if self.record.pause_sign_out(&attempt) {
            self.lease_ends = None;
        }
        self.holders[index].phase = Phase::Leaving;
    }

    fn bury(&mut self, index: usize) {
        let attempt = attempt(self.holders[index].attempt.unwrap(), self.tick);
        let marked = self.holders[index].snapshot.take().unwrap();
        let is_buried = self.record.signed_out(&marked, grants::pair(TOMB), &attempt);
        if is_buried || self.record.pause_sign_out(&attempt) {
            self.lease_ends = None;
        }
        self.holders[index].phase = if is_buried { Phase::Idle } else { Phase::Leaving };
    }

    fn crash(&mut self, index: usize) {
        self.left.crashes -= 1;
        let begun = self.holders[index].begun;
        let dead = std::mem::replace(&mut self.holders[index], Holder { begun, ..Holder::new() });
        if let Some(what) = dead.unresolved() {
            self.ghost.died_sending.push(what);
        }
        let (answered, answers) =
            self.answers.drain(..).partition(|(request, _)| request.holder == index);
        self.answers = answers;
        let answered: Vec<(Request, Answer)> = answered;
        for (_, answer) in answered {
            self.lose(answer);
        }
        if let Some(new) = dead.remembers().filter(|new| !self.has(*new)) {
            self.ghost.lost.push(new);
        }
    }

    fn serve(&mut self, index: usize) {
        let is_good = self.live == Some(self.requests[index].token);
        let answer = if is_good { Answer::Rotated(self.issue()) } else { Answer::Rejected };
        self.answer(index, answer);
    }

    fn garble(&mut self, index: usize) -> bool {
        if self.live != Some(self.requests[index].token) {
            return false;
        }
        self.left.garbled -= 1;
        let new = self.issue();
        self.ghost.lost.push(new);
        self.answer(index, Answer::Garbled);
        true
    }

    fn issue(&mut self) -> u8 {
        self.issued += 1;
        self.live = Some(self.issued);
        self.issued
    }

    fn answer(&mut self, index: usize, answer: Answer) {
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

    fn lose(&mut self, answer: Answer) {
        if let Answer::Rotated(new) = answer {
            self.ghost.lost.push(new);
        }
    }
}
