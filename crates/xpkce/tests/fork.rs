//! What a program does around a fork, as far as it shows in one process: the fork itself is tried by
//! the tests of the Python package.
#![cfg(any(feature = "hyper", feature = "keeper"))]

use std::sync::{Mutex, MutexGuard, PoisonError};

use xpkce::fork::{
    begin, end_in_child, end_in_parent, is_still, runtime, try_work, was_clean, work,
};

/// All of this is the process's, so one test goes after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    end_in_child();
    alone
}

#[test]
fn nobody_begins_to_work_from_the_announcement_of_a_fork_to_its_end() {
    let _alone = alone();
    assert!(try_work().is_some());
    begin();
    assert!(try_work().is_none());
    end_in_parent();
    assert!(try_work().is_some());
}

#[test]
fn nobody_begins_to_work_before_the_last_of_two_forks_is_over() {
    let _alone = alone();
    begin();
    begin();
    end_in_parent();
    assert!(try_work().is_none());
    end_in_parent();
    assert!(try_work().is_some());
}

#[test]
fn the_library_is_still_once_the_last_thread_rests() {
    let _alone = alone();
    let (one, other) = (work(), try_work().unwrap());
    begin();
    assert!(!is_still());
    drop(one);
    assert!(!is_still());
    drop(other);
    assert!(is_still());
    end_in_parent();
}

#[test]
fn a_thread_works_while_its_runtime_runs_and_rests_after() {
    let _alone = alone();
    runtime().unwrap().run(async { assert!(!is_still()) });
    assert!(is_still());
}

#[test]
fn a_child_is_clean_if_nobody_worked_when_its_parent_forked() {
    let _alone = alone();
    begin();
    end_in_child();
    assert!(was_clean());
}

#[test]
fn a_child_is_not_clean_whose_parent_forked_while_a_thread_worked() {
    let _alone = alone();
    let _working = work();
    begin();
    end_in_child();
    assert!(!was_clean());
}

#[test]
fn a_child_begins_with_nobody_at_work_and_no_fork_near() {
    let _alone = alone();
    let _working = work();
    begin();
    end_in_child();
    assert!(is_still() && try_work().is_some());
}
