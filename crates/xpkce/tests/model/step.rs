//! What may happen next. What then becomes of the record is the transitions' of the library, which
//! `spend.rs`, `sign_in.rs` and `sign_out.rs` here call in the keeper's order.

use xpkce::grant::transition::Attempt;
use xpkce::grant::{History, State};

use super::grants::attempt;
use super::holder::{Holder, Phase};
use super::world::{Answer, Request, World};

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
    pub fn attempt_of(&self, index: usize) -> Attempt {
        let holder = &self.holders[index];
        attempt(holder.attempt.unwrap(), self.now(holder))
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
}
