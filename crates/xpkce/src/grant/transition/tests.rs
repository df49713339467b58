#![allow(clippy::unwrap_used)]
//! The table, row by row.

use std::time::Duration;

use super::super::*;
use super::*;

mod clocks;
mod feedback;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn sealed(text: &str) -> Sealed {
    Sealed::try_from(format!("00000000000000aa.{text}")).unwrap()
}

fn attempt(name: u8, at: Timestamp) -> Attempt {
    let holder = Holder { boot_id: "boot".into(), pid: name.into(), liveness: None };
    Attempt { id: AttemptId::new([name; 16]), holder: holder.into(), at }
}

fn grant() -> Grant {
    let new = NewGrant {
        account: Account::new("app", "1"),
        username: None,
        grant_id: GrantId::new([1; 16]),
        sign_in: 1,
        pair: PairId::new([1; 16]),
        access: None,
        refresh: Some(sealed("refresh-1")),
        scopes: None,
    };
    Grant::signed_in(new, &attempt(0, NOW))
}

fn pair(name: u8) -> NewPair {
    NewPair {
        pair: PairId::new([name; 16]),
        access: None,
        refresh: sealed("refresh-next"),
        candidate: Some(sealed("candidate")),
        scopes: None,
        received_at: NOW,
    }
}

/// A grant that `attempt` is spending, and what it spends.
fn spending(attempt: &Attempt) -> (Grant, Spent) {
    let mut grant = grant();
    assert_eq!(grant.begin(attempt, true), Begin::Send);
    let spent = grant.spent();
    (grant, spent)
}

#[test]
fn one_holder_at_a_time_may_send() {
    let (mut grant, _) = spending(&attempt(1, NOW));
    assert_eq!(grant.begin(&attempt(2, NOW), true), Begin::Busy);
    assert_eq!(grant.begin(&attempt(1, NOW), true), Begin::Send, "its own attempt is success");
}

#[test]
fn a_holder_that_died_while_sending_leaves_a_doubt() {
    let (mut grant, _) = spending(&attempt(1, NOW));
    assert_eq!(grant.begin(&attempt(2, NOW), false), Begin::Send);
    assert_eq!((grant.unresolved_sends, grant.doubt_since), (1, Some(NOW)));
    assert!(grant.history.iter().any(|event| event.what == What::HolderDied));
}

#[test]
fn a_late_answer_is_accepted_from_whoever_has_it() {
    let first = attempt(1, NOW);
    let (mut grant, spent) = spending(&first);
    grant.begin(&attempt(2, NOW), false);
    assert_eq!(grant.rotated(&spent, &first, pair(2)), Landed::Current);
    assert_eq!((grant.generation.0, grant.state), (2, State::Ready));
    assert_eq!((grant.unresolved_sends, grant.lease.is_none()), (0, true));
}

#[test]
fn a_verdict_of_death_yields_to_a_late_answer() {
    let first = attempt(1, NOW);
    let (mut grant, spent) = spending(&first);
    let later = |secs| attempt(2, NOW + Duration::from_secs(secs));
    grant.begin(&later(0), false);
    assert_eq!(grant.rejected(&spent, &later(0), 0, true), Verdict::Heard);
    grant.begin(&later(61), false);
    let verdict = grant.rejected(&spent, &later(61), 0, true);
    assert_eq!(verdict, Verdict::Dead(Death::AnswerLost));
    assert_eq!(grant.rotated(&spent, &first, pair(2)), Landed::Current);
    assert_eq!((grant.state, grant.death), (State::Ready, None));
}

#[test]
fn a_repeated_commit_of_ones_own_is_success_and_changes_nothing() {
    let own = attempt(1, NOW);
    let (mut grant, spent) = spending(&own);
    grant.rotated(&spent, &own, pair(2));
    let once = format!("{grant:?}");
    assert_eq!(grant.rotated(&spent, &own, pair(2)), Landed::Already);
    assert_eq!(format!("{grant:?}"), once);
}

#[test]
fn a_pair_that_lost_its_compare_is_kept_and_tried_before_death() {
    let first = attempt(1, NOW);
    let (mut grant, spent) = spending(&first);
    grant.begin(&attempt(2, NOW), false);
    assert_eq!(grant.rotated(&spent, &attempt(2, NOW), pair(2)), Landed::Current);
    assert_eq!(grant.rotated(&spent, &first, pair(3)), Landed::Candidate);
    assert_eq!(grant.rotated(&spent, &first, pair(3)), Landed::Already, "once is enough");

    let spent = grant.spent();
    let word = |secs| attempt(4, NOW + Duration::from_secs(secs));
    assert_eq!(grant.rejected(&spent, &word(0), 0, true), Verdict::Heard);
    assert_eq!(grant.rejected(&spent, &word(60), 0, true), Verdict::Candidate);
    assert_eq!(grant.pair, PairId::new([3; 16]));
    assert!(grant.refresh_is_candidate && grant.candidates.is_empty());
    assert_eq!(grant.begin(&word(60), true), Begin::Send, "it is spent at once");
}

#[test]
fn a_pair_that_lost_its_compare_revives_a_grant_that_was_called_dead() {
    let late = attempt(1, NOW);
    let (mut grant, spent) = spending(&late);
    grant.begin(&attempt(2, NOW), false);
    assert_eq!(grant.rotated(&spent, &attempt(2, NOW), pair(2)), Landed::Current);
    let current = grant.spent();
    let word = |secs| attempt(4, NOW + Duration::from_secs(secs));
    assert_eq!(grant.rejected(&current, &word(0), 0, true), Verdict::Heard);
    assert_eq!(grant.rejected(&current, &word(60), 0, true), Verdict::Dead(Death::TokenInvalid));

    assert_eq!(grant.rotated(&spent, &late, pair(3)), Landed::Candidate);
    assert_eq!((grant.state, grant.death), (State::Ready, None));
    assert_eq!((&grant.pair, grant.refresh_is_candidate), (&PairId::new([3; 16]), true));
    assert_eq!(grant.rotated(&spent, &late, pair(3)), Landed::Already, "once is enough");
}

#[test]
fn the_oldest_candidate_makes_room() {
    let own = attempt(1, NOW);
    let (mut grant, spent) = spending(&own);
    grant.rotated(&spent, &own, pair(2));
    for name in 3..=5 {
        grant.rotated(&spent, &attempt(name, NOW), pair(name));
    }
    let kept: Vec<_> = grant.candidates.iter().map(|kept| kept.pair).collect();
    assert_eq!(kept, [PairId::new([4; 16]), PairId::new([5; 16])]);
}

#[test]
fn a_pair_of_another_sign_in_is_never_current() {
    let own = attempt(1, NOW);
    let (mut grant, mut spent) = spending(&own);
    spent.grant_id = GrantId::new([9; 16]);
    assert_eq!(grant.rotated(&spent, &own, pair(2)), Landed::Candidate);
    assert_eq!(grant.generation.0, 1);
}

#[test]
fn a_record_from_a_backup_is_told_apart_by_its_pair() {
    let own = attempt(1, NOW);
    let (mut grant, mut spent) = spending(&own);
    spent.pair = PairId::new([9; 16]);
    assert_eq!(grant.rotated(&spent, &own, pair(2)), Landed::Candidate);
    assert_eq!(grant.rejected(&spent, &own, 0, true), Verdict::Moved);
}

#[test]
fn a_doubt_outlives_every_answer_that_is_not_about_the_token() {
    for why in [Unspent::NotSent, Unspent::Limited(Duration::ZERO), Unspent::Misconfigured] {
        let (mut grant, spent) = spending(&attempt(1, NOW));
        assert!(grant.left_in_doubt(&spent, &attempt(1, NOW), 2));
        let later = attempt(2, NOW + Duration::from_secs(60));
        assert_eq!(grant.begin(&later, true), Begin::Send);
        assert!(grant.unspent(&later, why));
        assert_eq!((grant.state, grant.unresolved_sends), (State::InDoubt, 2), "{why:?}");
    }
}

#[test]
fn an_attempt_ends_its_own_lease_alone() {
    let (mut grant, _) = spending(&attempt(1, NOW));
    assert!(!grant.unspent(&attempt(2, NOW), Unspent::NotSent));
    assert_eq!(grant.state, State::Spending);
}

#[test]
fn doubts_are_asked_about_less_and_less_often() {
    let mut grant = grant();
    let mut at = NOW;
    let mut last = Duration::ZERO;
    for failures in 1..=12 {
        let attempt = Attempt { id: AttemptId::new([255; 16]), ..attempt(1, at) };
        assert_eq!(grant.begin(&attempt, true), Begin::Send);
        let spent = grant.spent();
        grant.left_in_doubt(&spent, &attempt, 1);
        let until = grant.not_before.unwrap();
        assert_eq!(grant.begin(&attempt, true), Begin::Wait(until));
        let pause = until.since(at);
        assert!(pause >= last && pause <= Grant::LONGEST_BACK_OFF, "{failures}: {pause:?}");
        (at, last) = (until, pause);
    }
    assert_eq!(last, Grant::LONGEST_BACK_OFF);
}

#[test]
fn attempts_that_fail_together_do_not_come_back_together() {
    let pause = |name: u8| {
        let own = attempt(name, NOW);
        let (mut grant, spent) = spending(&own);
        grant.left_in_doubt(&spent, &own, 1);
        grant.not_before.unwrap().since(NOW)
    };
    assert_eq!(pause(255), Grant::FIRST_DOUBT_BACK_OFF);
    assert_eq!(pause(0), Grant::FIRST_DOUBT_BACK_OFF / 2);
}

#[test]
fn a_second_word_too_soon_or_with_the_breaker_open_condemns_nobody() {
    let (mut grant, spent) = spending(&attempt(1, NOW));
    let word = |secs| attempt(1, NOW + Duration::from_secs(secs));
    assert_eq!(grant.rejected(&spent, &word(0), 0, true), Verdict::Heard);
    assert_eq!(grant.rejected(&spent, &word(59), 0, true), Verdict::Heard);
    assert_eq!(grant.rejected(&spent, &word(120), 0, false), Verdict::Heard);
    let dead = Verdict::Dead(Death::TokenInvalid);
    assert_eq!(grant.rejected(&spent, &word(121), 0, true), dead);
    assert!(grant.refresh.is_some(), "nothing is deleted");
    let is_doubt = |event: &Event| event.what == What::SendInDoubt;
    assert!(!grant.history.iter().any(is_doubt), "every send was answered");
}

#[test]
fn a_doubt_between_the_two_words_is_why_it_died() {
    let word = |secs| attempt(1, NOW + Duration::from_secs(secs));
    let (mut grant, spent) = spending(&word(0));
    assert_eq!(grant.rejected(&spent, &word(0), 0, true), Verdict::Heard);
    assert_eq!(grant.begin(&word(60), true), Begin::Send);
    grant.left_in_doubt(&spent, &word(60), 2);
    assert_eq!(grant.begin(&word(120), true), Begin::Send);
    let dead = Verdict::Dead(Death::AnswerLost);
    assert_eq!(grant.rejected(&spent, &word(120), 0, true), dead);
}

#[test]
fn a_send_that_was_lost_before_xs_word_is_in_the_history_that_explains_it() {
    let late = attempt(1, NOW);
    let (mut grant, spent) = spending(&late);
    assert_eq!(grant.rejected(&spent, &late, 1, true), Verdict::Heard);
    let told: Vec<_> = grant.history.iter().map(|event| event.what).collect();
    assert_eq!(told, [What::SignedIn, What::SendInDoubt, What::TokenRejected]);
}

#[test]
fn a_sign_out_that_has_begun_hears_no_verdict() {
    let late = attempt(1, NOW);
    let (mut grant, spent) = spending(&late);
    assert_eq!(grant.begin_sign_out(&attempt(2, NOW), false), SignOut::Revoke);
    assert_eq!(grant.rejected(&spent, &late, 0, true), Verdict::Moved);
    grant.ran_out(&late);
    assert_eq!(grant.state, State::SigningOut);
}

#[test]
fn a_sign_out_takes_in_a_late_pair_and_then_revokes_that_one() {
    let late = attempt(1, NOW);
    let (mut grant, spent) = spending(&late);
    let leaving = attempt(2, NOW);
    assert_eq!(grant.begin_sign_out(&leaving, true), SignOut::Busy);
    assert_eq!(grant.begin_sign_out(&leaving, false), SignOut::Revoke);
    let revoked = grant.clone();
    assert_eq!(grant.rotated(&spent, &late, pair(2)), Landed::Current);
    assert_eq!(grant.state, State::SigningOut);
    let tomb = PairId::new([9; 16]);
    assert!(!grant.signed_out(&revoked, tomb, &leaving), "the newer pair still lives");
    let revoked = grant.clone();
    assert!(grant.signed_out(&revoked, tomb, &leaving));
    assert_eq!(grant.rotated(&revoked.spent(), &attempt(3, NOW), pair(3)), Landed::SignedOut);
    assert_eq!(grant.begin(&attempt(3, NOW), true), Begin::SignedOut);
}

#[test]
fn a_sign_out_does_not_bury_a_pair_that_came_while_it_revoked() {
    let late = attempt(1, NOW);
    let (mut grant, mut spent) = spending(&late);
    spent.generation = Generation(9);
    let leaving = attempt(2, NOW);
    assert_eq!(grant.begin_sign_out(&leaving, false), SignOut::Revoke);
    let revoked = grant.clone();
    assert_eq!(grant.rotated(&spent, &late, pair(2)), Landed::Candidate);
    let tomb = PairId::new([9; 16]);
    assert!(!grant.signed_out(&revoked, tomb, &leaving), "the candidate still lives");
    let revoked = grant.clone();
    assert!(grant.signed_out(&revoked, tomb, &leaving));
}

#[test]
fn a_late_pair_that_x_did_not_take_back_makes_the_tombstone_a_sign_out_again() {
    let late = attempt(1, NOW);
    let (mut grant, spent) = spending(&late);
    let leaving = attempt(2, NOW);
    grant.begin_sign_out(&leaving, false);
    let revoked = grant.clone();
    assert!(grant.signed_out(&revoked, PairId::new([9; 16]), &leaving));
    assert_eq!(grant.rotated(&spent, &late, pair(2)), Landed::SignedOut);
    let candidate = |name: u8| Candidate {
        pair: PairId::new([name; 16]),
        grant_id: spent.grant_id,
        generation: spent.generation.next(),
        refresh: sealed("candidate"),
        received_at: NOW,
    };
    assert!(grant.not_revoked(candidate(2), &late));
    assert_eq!((grant.state, grant.candidates.len()), (State::SigningOut, 1));
    assert!(!grant.not_revoked(candidate(3), &late), "decide again on what is there");
    assert_eq!(grant.begin(&attempt(3, NOW), true), Begin::SignedOut);
    assert_eq!(grant.begin_sign_out(&leaving, false), SignOut::Revoke);
    let revoked = grant.clone();
    assert!(grant.signed_out(&revoked, PairId::new([8; 16]), &leaving));
    assert!(grant.candidates.is_empty());
}

#[test]
fn an_unread_answer_is_a_doubt_once_however_often_it_is_saved() {
    let own = attempt(1, NOW);
    let (mut grant, spent) = spending(&own);
    let unread = |attempt: &Attempt| Unread {
        attempt: attempt.id,
        status: 200,
        body: sealed("body"),
        received_at: NOW,
    };
    assert!(grant.unread(&spent, &own, unread(&own)));
    assert_eq!((grant.state, grant.unresolved_sends), (State::InDoubt, 1));
    assert!(!grant.unread(&spent, &own, unread(&own)));
    assert_eq!(grant.unresolved_sends, 1);
    let next = attempt(2, NOW + Duration::from_secs(60));
    assert_eq!(grant.begin(&next, false), Begin::Send);
    assert!(grant.unread(&spent, &next, unread(&next)));
    assert_eq!(grant.unresolved_sends, 2);
}

#[test]
fn the_longest_back_off_is_a_quarter_of_an_hour() {
    let quarter = Duration::from_secs(900);
    let mut grant = Grant { failures: 40, ..grant() };
    let own = Attempt { id: AttemptId::new([255; 16]), ..attempt(1, NOW) };
    assert_eq!(grant.begin(&own, true), Begin::Send);
    let spent = grant.spent();
    grant.left_in_doubt(&spent, &own, 1);
    assert_eq!(grant.not_before, Some(NOW + quarter));

    grant.feedback = Feedback { count: 40, last: Some(NOW) };
    grant.access = Some(Access {
        token: sealed("access"),
        token_type: "bearer".into(),
        issued_at: NOW,
        expires_at: NOW + quarter * 4,
        is_rejected: true,
    });
    assert_eq!(grant.feedback_held_until(NOW), Some(NOW + quarter));
}

#[test]
fn an_older_sign_in_that_is_labelled_late_is_kept_as_a_candidate() {
    let mut grant = grant();
    let older = Candidate {
        pair: PairId::new([5; 16]),
        grant_id: GrantId::new([5; 16]),
        generation: Generation(1),
        refresh: sealed("older"),
        received_at: NOW,
    };
    grant.keep_older(older, &attempt(1, NOW));
    assert_eq!(grant.candidates.len(), 1);
    assert_eq!(grant.history.last().unwrap().what, What::Labelled);
}

#[test]
fn who_takes_a_logins_place_keeps_what_was_told_of_both() {
    let (mut before, mut later) = (grant(), grant());
    before.label(&attempt(1, NOW));
    later.succeed(&before, None, &attempt(2, NOW));
    let told: Vec<_> = later.history.iter().map(|event| event.what).collect();
    let both = [What::SignedIn, What::Labelled, What::SignedIn, What::Labelled];
    assert_eq!(told, both);
}

#[test]
fn history_is_bounded() {
    let mut grant = grant();
    for _ in 0..50 {
        grant.label(&attempt(1, NOW));
    }
    assert_eq!(grant.history.len(), Grant::MAX_HISTORY);
}
