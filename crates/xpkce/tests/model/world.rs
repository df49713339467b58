//! One account, the processes that hold it, and X.

use std::hash::{Hash, Hasher};

use xpkce::grant::Grant;

use super::grants::{self, Token, What};
use super::holder::{Holder, Phase};

/// How much may go wrong, and how long it all lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub ticks: u8,
    /// Rotations that somebody wants.
    pub rotations: u8,
    pub crashes: u8,
    /// Connections that break or time out, before X or after it.
    pub breaks: u8,
    /// Answers that are wrong: "invalid" for a token that is good.
    pub lies: u8,
    /// Answers that spend nothing: 429, or a connection refused.
    pub refusals: u8,
    /// Successes that cannot be read.
    pub garbled: u8,
    /// Commits that land and whose acknowledgement does not.
    pub lost_acknowledgements: u8,
    /// Commits that the store refuses.
    pub failed_saves: u8,
    pub sign_outs: u8,
    pub sign_ins: u8,
    /// Minutes in which one holder's clock stands still, or goes twice as fast.
    pub drifts: u8,
}

/// A change of the protocol that must be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutation {
    None,
    /// A commit counts only from the one who holds the lease.
    CommitFencedByHolder,
    /// The lease is not saved before the send.
    NoJournal,
    /// The verdict is written over whatever is there.
    NoReread,
    /// A dead grant takes no commit.
    DeathIsFinal,
    /// A pair that lost its compare is dropped.
    NoCandidates,
    /// An answer that spends nothing clears every doubt.
    DoubtIsForgotten,
    /// One word is enough.
    OneWordKills,
    /// A second send does not look whether the generation has moved.
    ResendUnread,
    /// A pair that comes after the sign-out is let go.
    NoLateRevoke,
    /// A send begins as long as its lease runs by the holder's own clock.
    NoMargin,
    /// Of two sign-ins the one that is labelled last is current, and the other one's pair is gone.
    LastLabelWins,
}

/// A request on its way to X.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    pub holder: usize,
    pub attempt: u8,
    pub doubted: u8,
    pub token: Token,
}

/// An answer on its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Rotated(Token),
    Rejected,
    Garbled,
    Unspent,
}

#[derive(Clone, Debug)]
pub struct World {
    pub mutation: Mutation,
    pub left: Budget,
    /// By the store's clock.
    pub tick: u8,
    pub record: Grant,
    /// Sign-ins that are saved, and whose user is not known yet.
    pub unlabelled: Vec<Grant>,
    /// The number that the store gave out last.
    pub numbered: u8,
    /// By the store's clock.
    pub lease_ends: Option<u8>,
    pub holders: Vec<Holder>,
    /// Pairs in spill files, and what they were bought with.
    pub spilled: Vec<(What, Token, u8)>,
    pub requests: Vec<Request>,
    pub answers: Vec<(Request, Answer)>,
    /// The token that X would take.
    pub live: Option<Token>,
    pub issued: Token,
    /// Seen by nobody but the properties.
    pub ghost: Ghost,
}

/// What is true and in nobody's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ghost {
    /// Tokens that X issued and that no process has any more.
    pub lost: Vec<Token>,
    /// The number of the sign-in that X redeemed last: the tokens of all others have ended.
    pub redeemed: u8,
    /// Sends of processes that died before they knew the outcome.
    pub died_sending: Vec<What>,
    /// How often X called a token invalid since the last success.
    pub words: u8,
    /// A pair bought with the current token was not made current.
    pub is_refused: bool,
    /// A token was sent once more after its generation had been followed by the next.
    pub is_resent_spent: bool,
    /// A token was sent by a holder whose lease had ended.
    pub is_sent_late: bool,
}

impl World {
    pub fn new(holders: usize, budget: Budget, mutation: Mutation) -> Self {
        Self {
            mutation,
            left: budget,
            tick: 0,
            record: grants::signed_in(1, 1, &grants::attempt(0, 0)),
            unlabelled: Vec::new(),
            numbered: 1,
            lease_ends: None,
            holders: vec![Holder::new(); holders],
            spilled: Vec::new(),
            requests: Vec::new(),
            answers: Vec::new(),
            live: Some(1),
            issued: 1,
            ghost: Ghost { redeemed: 1, ..Ghost::default() },
        }
    }

    /// What the holder's own clock says.
    pub fn now(&self, holder: &Holder) -> u8 {
        self.tick.saturating_add_signed(holder.ahead)
    }

    /// Whether nothing is under way: nobody works, nothing travels.
    pub fn is_quiet(&self) -> bool {
        self.requests.is_empty()
            && self.answers.is_empty()
            && self.unlabelled.is_empty()
            && self.holders.iter().all(|holder| holder.phase == Phase::Idle)
    }

    /// Whether some process, file or wire has the token.
    pub fn has(&self, token: Token) -> bool {
        let records = [&self.record].into_iter().chain(&self.unlabelled);
        records.into_iter().any(|record| grants::tokens(record).contains(&token))
            || self.holders.iter().any(|holder| holder.remembers() == Some(token))
            || self.answers.iter().any(|(_, answer)| *answer == Answer::Rotated(token))
            || self.spilled.iter().any(|(_, new, _)| *new == token)
    }

    pub fn is_lost(&self, token: Token) -> bool {
        self.ghost.lost.contains(&token)
    }

    /// The record without its history, which no transition reads.
    fn record_key(&self) -> impl Hash + Eq + use<> {
        let grant = &self.record;
        let lease = grant.lease.as_ref().map(|lease| grants::attempt_name(&lease.attempt));
        let made_by = grant.made_by.as_ref().map(grants::attempt_name);
        let rejection = grant.rejection.map(|word| (word.at.as_millis(), word.after_doubt));
        let not_before = grant.not_before.map(|at| at.as_millis()).filter(|at| {
            // A back-off that is over is as good as none.
            let earliest = self.holders.iter().map(|holder| self.now(holder)).min();
            *at > grants::instant(earliest.unwrap_or(self.tick)).as_millis()
        });
        (
            (What::of(grant), grants::tokens(grant), grant.state, grant.death, lease, made_by),
            (grant.unresolved_sends, grant.doubt_since.is_some(), rejection),
            (grant.failures, not_before, grant.unread.is_some(), self.lease_ends),
        )
    }

    fn key(&self) -> impl Hash + Eq + use<> {
        let holder = |holder: &Holder| {
            let read = holder
                .snapshot
                .as_ref()
                .map(|it| (What::of(it), grants::tokens(it), it.rejection.is_some()));
            let lease = (holder.ahead, holder.leased_until);
            (holder.phase, holder.begun, holder.attempt, lease, read)
        };
        // Who has made it becomes the record's own when it is labelled.
        let made_by = |record: &Grant| record.made_by.as_ref().map(grants::attempt_name);
        let unlabelled: Vec<_> =
            self.unlabelled.iter().map(|it| (What::of(it), it.sign_in, made_by(it))).collect();
        let holders: Vec<_> = self.holders.iter().map(holder).collect();
        (
            (self.tick, self.left, self.record_key(), holders, self.spilled.clone()),
            (self.requests.clone(), self.answers.clone(), self.live, self.issued),
            (self.ghost.clone(), unlabelled, self.numbered, self.record.sign_in),
        )
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for World {}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}
