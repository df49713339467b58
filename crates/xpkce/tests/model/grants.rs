//! Real records with names short enough to count: a token, its pair and an attempt are one byte.

use std::time::Duration;

use xpkce::Timestamp;
use xpkce::grant::transition::{Attempt, NewGrant, NewPair, Spent};
use xpkce::grant::{
    Account, AttemptId, Candidate, Generation, Grant, GrantId, Holder, PairId, Unread,
};
use xpkce::seal::Sealed;

/// A refresh token, and the pair it came in.
pub type Token = u8;

/// The pair that a tombstone is named by.
pub const TOMB: Token = 255;

/// The span of one tick: a lease outlives one and not two, a second word takes one.
pub const TICK: Duration = Duration::from_secs(60);

pub fn instant(tick: u8) -> Timestamp {
    Timestamp::from_secs(1_790_000_000) + TICK * u32::from(tick)
}

pub fn attempt(name: u8, tick: u8) -> Attempt {
    let holder = Holder { boot_id: "boot".into(), pid: name.into(), liveness: None };
    Attempt { id: AttemptId::new([name; 16]), holder: holder.into(), at: instant(tick) }
}

pub fn pair(token: Token) -> PairId {
    PairId::new([token; 16])
}

pub fn token(pair: &PairId) -> Token {
    byte(pair.as_str())
}

pub fn attempt_name(id: &AttemptId) -> u8 {
    byte(id.as_str())
}

pub fn grant_name(id: &GrantId) -> u8 {
    byte(id.as_str())
}

fn byte(hex: &str) -> u8 {
    u8::from_str_radix(&hex[..2], 16).unwrap()
}

fn sealed() -> Sealed {
    Sealed::try_from("00000000000000aa.token".to_owned()).unwrap()
}

/// The record of a sign-in that brought `token`.
pub fn signed_in(sign_in: u8, token: Token, attempt: &Attempt) -> Grant {
    let new = NewGrant {
        account: Account::new("app", "1"),
        username: None,
        grant_id: GrantId::new([sign_in; 16]),
        sign_in: sign_in.into(),
        pair: pair(token),
        access: None,
        refresh: Some(sealed()),
        scopes: None,
    };
    Grant::signed_in(new, attempt)
}

pub fn new_pair(token: Token, tick: u8) -> NewPair {
    NewPair {
        pair: pair(token),
        access: None,
        refresh: sealed(),
        candidate: Some(sealed()),
        scopes: None,
        received_at: instant(tick),
    }
}

pub fn unread(attempt: &Attempt) -> Unread {
    Unread { attempt: attempt.id, status: 200, body: sealed(), received_at: attempt.at }
}

/// What a newer sign-in keeps of the record before it.
pub fn demoted(before: &Grant, tick: u8) -> Candidate {
    Candidate {
        pair: before.pair,
        grant_id: before.grant_id,
        generation: before.generation,
        refresh: sealed(),
        received_at: instant(tick),
    }
}

/// The tokens that a record holds, the current one first.
pub fn tokens(grant: &Grant) -> Vec<Token> {
    let current = grant.refresh.iter().map(|_| token(&grant.pair));
    current.chain(grant.candidates.iter().map(|kept| token(&kept.pair))).collect()
}

/// A [`Spent`] that can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct What {
    pub sign_in: u8,
    pub generation: u8,
    pub token: Token,
}

impl What {
    pub fn of(grant: &Grant) -> Self {
        Self {
            sign_in: grant_name(&grant.grant_id),
            generation: u8::try_from(grant.generation.0).unwrap(),
            token: token(&grant.pair),
        }
    }

    pub fn spent(self) -> Spent {
        Spent {
            grant_id: GrantId::new([self.sign_in; 16]),
            generation: Generation(self.generation.into()),
            pair: pair(self.token),
        }
    }
}
