//! What a resource server's 401 may cause, and which token is served.

use super::*;

/// A token that ends an hour after `NOW`.
fn access() -> Access {
    Access {
        token: sealed("access"),
        token_type: "bearer".into(),
        issued_at: NOW,
        expires_at: NOW + Duration::from_secs(3600),
        is_rejected: false,
    }
}

#[test]
fn a_401_holds_back_the_rotation_of_a_living_token_that_was_refused_and_no_other() {
    let end = access().expires_at;
    let held = |is_rejected, last: Timestamp, now| {
        let access = Some(Access { is_rejected, ..access() });
        let feedback = Feedback { count: 1, last: Some(last) };
        Grant { access, feedback, ..grant() }.feedback_held_until(now)
    };
    let over = NOW + Grant::FEEDBACK_PAUSE;
    assert_eq!(held(true, NOW, NOW), Some(over));
    assert_eq!(held(true, NOW, over), None, "the pause is over");
    assert_eq!(held(false, NOW, NOW), None, "it was not refused");
    assert_eq!(held(true, end, end), None, "it has ended: it is due anyway");
}

#[test]
fn a_rotation_is_put_down_to_a_401_only_while_the_refused_token_would_have_lived() {
    let end = access().expires_at;
    let counted = |is_rejected, at| {
        let access = Some(Access { is_rejected, ..access() });
        let feedback = Feedback { count: 3, last: Some(NOW) };
        let mut grant = Grant { access, feedback, ..grant() };
        grant.count_feedback(at);
        grant.feedback.count
    };
    assert_eq!(counted(true, NOW), 4);
    assert_eq!(counted(false, NOW), 0, "it was due anyway, and ends the count");
    assert_eq!(counted(true, end), 0, "it had ended");
}

#[test]
fn a_token_is_not_served_from_the_instant_of_its_end() {
    let grant = Grant { access: Some(access()), ..grant() };
    let end = access().expires_at;
    assert!(grant.serves(end - Duration::from_millis(1)));
    assert!(!grant.serves(end));
}

#[test]
fn a_401_holds_back_nothing_of_a_login_that_is_over() {
    for state in [State::SignInNeeded, State::SigningOut, State::SignedOut] {
        let access = Some(Access { is_rejected: true, ..access() });
        let feedback = Feedback { count: 1, last: Some(NOW) };
        let over = Grant { state, access, feedback, ..grant() };
        assert_eq!(over.feedback_held_until(NOW), None, "{state:?}");
    }
}
