//! What was dated by a clock that was wrong.

use super::*;

#[test]
fn what_a_wrong_clock_wrote_holds_nobody_up() {
    let far = NOW + Duration::from_secs(86_400);
    let mut grant = Grant { not_before: Some(far), ..grant() };
    assert_eq!(grant.begin(&attempt(1, NOW), true), Begin::Send);
    grant.feedback = Feedback { count: 1, last: Some(far) };
    grant.access = Some(Access {
        token: sealed("access"),
        token_type: "bearer".into(),
        issued_at: NOW,
        expires_at: far,
        is_rejected: true,
    });
    assert_eq!(grant.feedback_held_until(NOW), None);
}

#[test]
fn a_first_word_from_the_future_counts_from_when_the_clock_is_right() {
    let far = attempt(1, NOW + Duration::from_secs(86_400));
    let word = |secs| attempt(2, NOW + Duration::from_secs(secs));
    let (mut grant, spent) = spending(&far);
    assert_eq!(grant.rejected(&spent, &far, 1, true), Verdict::Heard);
    assert_eq!(grant.begin(&word(0), true), Begin::Send);
    assert_eq!(grant.rejected(&spent, &word(0), 0, true), Verdict::Heard);
    assert_eq!(grant.begin(&word(60), true), Begin::Send);
    let dead = Verdict::Dead(Death::AnswerLost);
    assert_eq!(
        grant.rejected(&spent, &word(60), 0, true),
        dead,
        "the doubt stays what explains it"
    );
}
