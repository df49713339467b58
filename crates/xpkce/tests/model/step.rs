//! What may happen next, and what the real transitions make of it. The order of reading, deciding
//! and saving is that of `keeper/spend.rs`, `land.rs` and `sign_out.rs`.

use xpkce::grant::transition::{Attempt, Begin, Landed, SignOut, Unspent, Verdict};
use xpkce::grant::{Grant, History, Rejection, State};

use super::grants::{self, TICK, TOMB, What, attempt};
use super::holder::{Holder, Phase};
use super::world::{Answer, Mutation, Request, World};

/// How many ticks a lease lasts by the store's clock.
const LEASE: u8 = 2;

/// The attempt that labels.
const LABELLING: u8 = 250;

/// One thing that happens. The number is the holder's, or the message's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Tick,
    /// A minute passes, and this holder's clock stands still.
    Lag(usize),
    /// A minute passes, and this holder's clock counts two.
    Lead(usize),
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
    Redeem(usize),
    SaveSignIn(usize),
    /// The user of a saved sign-in is found out.
    Label(usize),
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
            if self.left.drifts > 0 {
                let holders = 0..self.holders.len();
                actions.extend(holders.flat_map(|it| [Action::Lag(it), Action::Lead(it)]));
            }
        }
        actions.extend((0..self.unlabelled.len()).map(Action::Label));
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
            Phase::Numbered { .. } => actions.push(Action::Redeem(index)),
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
        next.record.history = History::default();
        next.requests.sort_unstable_by_key(|it| (it.holder, it.attempt, it.doubted));
        next.answers.sort_unstable_by_key(|(it, _)| (it.holder, it.attempt, it.doubted));
        next.ghost.lost.sort_unstable();
        next.unlabelled.iter_mut().for_each(|record| record.history = History::default());
        happens.then_some(next)
    }

    fn apply(&mut self, action: Action) -> bool {
        match action {
            Action::Tick => self.pass(),
            Action::Lag(index) => self.drift(index, -1),
            Action::Lead(index) => self.drift(index, 1),
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
            Action::Redeem(index) => self.redeem(index),
            Action::SaveSignIn(index) => self.save_sign_in(index),
            Action::Label(at) => return self.label(at),
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

    fn pass(&mut self) {
        self.left.ticks -= 1;
        self.tick += 1;
    }

    fn drift(&mut self, index: usize, by: i8) {
        self.pass();
        self.left.drifts -= 1;
        self.holders[index].ahead += by;
    }

    /// The attempt that a holder is at, by its own clock.
    fn attempt_of(&self, index: usize) -> Attempt {
        let holder = &self.holders[index];
        attempt(holder.attempt.unwrap(), self.now(holder))
    }

    fn begin(&mut self, index: usize) -> bool {
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
        let attempt = self.attempt_of(index);
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

    fn end_unspent(&mut self, index: usize) {
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

    fn keep_unread(&mut self, index: usize) {
        let Phase::Unread { what } = self.holders[index].phase else { unreachable!() };
        let attempt = self.attempt_of(index);
        let kept = grants::unread(&attempt);
        if self.record.unread(&what.spent(), &attempt, kept) {
            self.lease_ends = None;
        }
        self.holders[index].phase = Phase::Idle;
    }

    fn land(&mut self, index: usize) {
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

    fn land_pair(&mut self, what: What, new: u8, attempt: &Attempt) -> Landed {
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

    /// The store numbers a sign-in before its code is redeemed: of two, X may see the later first.
    fn sign_in(&mut self, index: usize) {
        self.left.sign_ins -= 1;
        self.numbered += 1;
        self.holders[index].next_attempt(index);
        self.holders[index].phase = Phase::Numbered { number: self.numbered };
    }

    fn redeem(&mut self, index: usize) {
        let Phase::Numbered { number } = self.holders[index].phase else { unreachable!() };
        let new = self.issue();
        self.ghost.redeemed = number;
        self.holders[index].phase = Phase::SigningIn { number, new };
    }

    fn save_sign_in(&mut self, index: usize) {
        let Phase::SigningIn { number, new } = self.holders[index].phase else { unreachable!() };
        self.unlabelled.push(grants::signed_in(number, new, &self.attempt_of(index)));
        self.unlabelled.sort_unstable_by_key(|record| record.sign_in);
        self.holders[index].phase = Phase::Idle;
    }

    /// What `relabel` and `merge` do, whoever does it: the higher number is current.
    fn label(&mut self, at: usize) -> bool {
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

    fn mark(&mut self, index: usize) -> bool {
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
        let attempt = self.attempt_of(index);
        if self.record.pause_sign_out(&attempt) {
            self.lease_ends = None;
        }
        self.holders[index].phase = Phase::Leaving;
    }

    fn bury(&mut self, index: usize) {
        let attempt = self.attempt_of(index);
        let marked = self.holders[index].snapshot.take().unwrap();
        let is_buried = self.record.signed_out(&marked, grants::pair(TOMB), &attempt);
        if is_buried || self.record.pause_sign_out(&attempt) {
            self.lease_ends = None;
        }
        self.holders[index].phase = if is_buried { Phase::Idle } else { Phase::Leaving };
    }

    fn crash(&mut self, index: usize) {
        self.left.crashes -= 1;
        let Holder { begun, ahead, .. } = self.holders[index];
        let next = Holder { begun, ahead, ..Holder::new() };
        let dead = std::mem::replace(&mut self.holders[index], next);
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
