//! A process on its way through a spend or a sign-out: what it remembers, and loses when it dies.

use xpkce::grant::Grant;

use super::grants::{Token, What};

/// Where a holder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    Idle,
    /// The lease is taken since that tick; so many sends went unanswered.
    Leased {
        what: What,
        since: u8,
        doubted: u8,
    },
    /// A request is out.
    Sending {
        what: What,
        since: u8,
        doubted: u8,
    },
    /// X said that the token is invalid.
    Hearing {
        what: What,
        doubted: u8,
    },
    /// X said to wait, or the request never left.
    Unspent {
        what: What,
        doubted: u8,
    },
    /// X sent something that cannot be read.
    Unread {
        what: What,
    },
    /// A pair is in memory.
    Landing {
        what: What,
        new: Token,
    },
    /// A pair that came after the sign-out is in memory.
    RevokingLate {
        new: Token,
    },
    /// A sign-in has its number, and its code is not redeemed.
    Numbered {
        number: u8,
    },
    /// A sign-in's pair is in memory.
    SigningIn {
        number: u8,
        new: Token,
    },
    /// The record says that it is being signed out.
    Marked {
        is_revoked: bool,
    },
    /// A sign-out that must be begun again.
    Leaving,
}

/// One process.
#[derive(Clone, Debug)]
pub struct Holder {
    pub phase: Phase,
    /// How many attempts it has begun, in this life and earlier ones.
    pub begun: u8,
    /// The attempt it is at or was last at; none in a process that has just started.
    pub attempt: Option<u8>,
    /// How many ticks its clock is ahead of the store's, or behind it. The machine's, not the process's.
    pub ahead: i8,
    /// When its last lease ends or has ended, by the store's clock. It does not know.
    pub leased_until: u8,
    /// The record as it was when a sign-out marked it; in the mutation that does not read again,
    /// as it was when the lease was taken.
    pub snapshot: Option<Box<Grant>>,
}

impl Holder {
    pub fn new() -> Self {
        Self {
            phase: Phase::Idle,
            begun: 0,
            attempt: None,
            ahead: 0,
            leased_until: 0,
            snapshot: None,
        }
    }

    /// Names the next attempt. Every holder has names of its own.
    pub fn next_attempt(&mut self, index: usize) -> u8 {
        self.begun += 1;
        let name = u8::try_from(index).unwrap() * 64 + self.begun;
        self.attempt = Some(name);
        name
    }

    /// The pair in its memory.
    pub fn remembers(&self) -> Option<Token> {
        match self.phase {
            Phase::Landing { new, .. }
            | Phase::RevokingLate { new }
            | Phase::SigningIn { new, .. } => Some(new),
            _ => None,
        }
    }

    /// What it has sent without knowing the outcome.
    pub fn unresolved(&self) -> Option<What> {
        match self.phase {
            Phase::Sending { what, .. } | Phase::Landing { what, .. } | Phase::Unread { what } => {
                Some(what)
            }
            Phase::Leased { what, doubted, .. }
            | Phase::Hearing { what, doubted }
            | Phase::Unspent { what, doubted } => (doubted > 0).then_some(what),
            _ => None,
        }
    }
}
