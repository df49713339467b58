//! What the keeper counts and times. The names are in [`crate::metrics`].

use std::time::Duration;

use super::errand::Tended;
use crate::grant::Death;
use crate::grant::transition::Verdict;
use crate::metrics::{self as to, count, count_by, set, time};
use crate::token::RefreshAnswer;

/// X answered a refresh, or did not. `is_resent` when the same token is sent once more for it.
pub(super) fn answered(answer: &RefreshAnswer, took: Duration, is_resent: bool) {
    time(to::REFRESH_SECONDS, took);
    if matches!(answer, RefreshAnswer::Unknown { .. } | RefreshAnswer::Unreadable(_)) {
        count(to::DOUBTS);
    }
    if is_resent {
        return;
    }
    let outcome = match answer {
        RefreshAnswer::Rotated(_) => "rotated",
        RefreshAnswer::Unreadable(_) => "unread",
        RefreshAnswer::Rejected(_) => "rejected",
        RefreshAnswer::Unknown { .. } => "in_doubt",
        RefreshAnswer::Misconfigured(_) => "misconfigured",
        RefreshAnswer::Limited(_) => "rate_limited",
        RefreshAnswer::NotSent(_) => "not_sent",
    };
    count_by(to::REFRESHES, "outcome", outcome);
}

/// X's word that a token is invalid was weighed.
pub(super) fn weighed(verdict: Verdict) {
    let verdict = match verdict {
        Verdict::Moved => "moved",
        Verdict::Heard => "heard",
        Verdict::Candidate => "candidate",
        Verdict::Dead(Death::AnswerLost) => "answer_lost",
        Verdict::Dead(_) => "token_invalid",
    };
    count_by(to::VERDICTS, "verdict", verdict);
}

/// A token was taken over that another holder had rotated.
pub(super) fn adopted() {
    count(to::ADOPTIONS);
}

/// Another holder was found refreshing.
pub(super) fn found_busy() {
    count(to::LEASE_WAITS);
}

/// A caller waited for another holder.
pub(super) fn waited(span: Duration) {
    time(to::LEASE_WAIT_SECONDS, span);
}

/// A token of this age was handed out after a look at the store.
pub(super) fn handed_out(age: Duration) {
    time(to::TOKEN_AGE_SECONDS, age);
}

/// What became of a pair that the store would not take.
#[derive(Clone, Copy)]
pub(super) enum Spill {
    /// It lies beside the store.
    Spilled,
    /// It lives in memory alone.
    InMemory,
    /// The store has taken it after all.
    Saved,
    /// It was found where another holder had left it, and saved.
    Recovered,
}

pub(super) fn spill(outcome: Spill) {
    let outcome = match outcome {
        Spill::Spilled => "spilled",
        Spill::InMemory => "kept_in_memory",
        Spill::Saved => "saved",
        Spill::Recovered => "recovered",
    };
    count_by(to::SPILLS, "outcome", outcome);
}

/// X was asked to revoke a login's tokens.
pub(super) fn revoked(is_confirmed: bool) {
    count_by(to::SIGN_OUTS, "outcome", if is_confirmed { "revoked" } else { "failed" });
}

/// The queue worked on a login.
pub(super) fn tended(tended: &Tended) {
    let outcome = match tended {
        Tended::Rotated(_) => "rotated",
        Tended::SignedOut => "signed_out",
        Tended::Left => "left",
        Tended::Failed(_) => "failed",
    };
    count_by(to::QUEUE, "outcome", outcome);
}

/// The queue stopped, because X fails for many.
pub(super) fn paused() {
    count(to::QUEUE_PAUSES);
}

/// This machine's clock is so many seconds ahead of X's.
pub(super) fn clock_is_ahead(seconds: f64) {
    set(to::CLOCK_AHEAD_SECONDS, seconds);
}
