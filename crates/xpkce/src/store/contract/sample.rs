//! Grants to write.

use std::iter::repeat_n;
use std::sync::Arc;

use crate::Timestamp;
use crate::grant::{
    Access, Account, AttemptId, Candidate, Death, Event, Feedback, Generation, Grant, GrantId,
    Holder, Lease, Liveness, PairId, Rejection, State, Unread, What,
};
use crate::scope::Scopes;
use crate::seal::Sealed;

/// Makes a grant that has something in every field.
pub fn grant(account: Account) -> Grant {
    Grant {
        account,
        username: Some("ünïcode ✓".to_owned()),
        grant_id: GrantId::new([1; 16]),
        sign_in: 7,
        generation: Generation(41),
        pair: PairId::new([2; 16]),
        state: State::Spending,
        death: Some(Death::AnswerLost),
        lease: Some(lease()),
        access: Some(Access {
            token: sealed("YWNjZXNz"),
            token_type: "bearer".to_owned(),
            issued_at: Timestamp::from_millis(1_700_000_000_123),
            expires_at: Timestamp::from_millis(1_700_007_200_123),
            is_rejected: true,
        }),
        refresh: Some(sealed("cmVmcmVzaA")),
        refresh_is_candidate: true,
        scopes: Some(Scopes::default()),
        unresolved_sends: 3,
        doubt_since: Some(Timestamp::from_millis(-1)),
        rejection: Some(Rejection { at: Timestamp::from_millis(0), after_doubt: true }),
        made_by: Some(AttemptId::new([6; 16])),
        failures: u32::MAX,
        not_before: Some(Timestamp::from_millis(i64::MAX)),
        feedback: Feedback { count: 2, last: Some(Timestamp::from_millis(5)) },
        candidates: vec![candidate(3, "Y2FuZGlkYXRl")],
        unread: Some(unread("dW5yZWFk")),
        used_at: Some(Timestamp::from_millis(6)),
        history: vec![event()].into(),
    }
}

/// Makes a grant as big as they get: an unread body of 64 KiB, and candidates and history full.
pub fn big_grant(account: Account) -> Grant {
    let token = "A".repeat(4096);
    Grant {
        refresh: Some(sealed(&token)),
        candidates: (3..).take(Grant::MAX_CANDIDATES).map(|n| candidate(n, &token)).collect(),
        unread: Some(unread(&"B".repeat((64 * 1024 + 40) * 4 / 3))),
        history: repeat_n(event(), Grant::MAX_HISTORY).collect(),
        ..grant(account)
    }
}

/// Makes a sealed secret; it opens nowhere.
pub(super) fn sealed(text: &str) -> Sealed {
    sealed_by("0123456789abcdef", text)
}

pub(super) fn sealed_by(key: &str, text: &str) -> Sealed {
    Sealed { key: key.parse().expect("16 hexadecimal digits"), text: text.to_owned() }
}

fn lease() -> Lease {
    Lease {
        attempt: AttemptId::new([4; 16]),
        holder: Arc::new(Holder {
            boot_id: "b0071d00-0000-4000-8000-000000000000".to_owned(),
            pid: 4711,
            liveness: Some(Liveness { file: "4711".to_owned(), device: 8, inode: u64::MAX }),
        }),
        since: Timestamp::from_millis(1_700_000_000_000),
    }
}

fn candidate(number: u8, token: &str) -> Candidate {
    Candidate {
        pair: PairId::new([number; 16]),
        grant_id: GrantId::new([1; 16]),
        generation: Generation(42),
        refresh: sealed(token),
        received_at: Timestamp::from_millis(1_700_000_000_456),
    }
}

fn unread(body: &str) -> Unread {
    Unread {
        attempt: AttemptId::new([5; 16]),
        status: 200,
        body: sealed(body),
        received_at: Timestamp::from_millis(1_700_000_000_789),
    }
}

fn event() -> Event {
    Event {
        at: Timestamp::from_millis(1_700_000_000_000),
        generation: Generation(40),
        what: What::SendInDoubt,
        holder: "process 4711 on boot b0071d00".into(),
    }
}
