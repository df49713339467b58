//! Worlds small enough to be searched whole, and the mutations that must not survive it.

use stateright::{Checker, Model, Property};

use super::promises::PROMISES;
use super::step::Action;
use super::world::{Budget, Mutation, World};

/// Where a search begins.
struct Start {
    holders: usize,
    budget: Budget,
    mutation: Mutation,
}

impl Model for Start {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.holders, self.budget, self.mutation)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(world.actions());
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        world.after(action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(PROMISES[0].0, |_, world| PROMISES[0].1(world)),
            Property::always(PROMISES[1].0, |_, world| PROMISES[1].1(world)),
            Property::always(PROMISES[2].0, |_, world| PROMISES[2].1(world)),
            Property::always(PROMISES[3].0, |_, world| PROMISES[3].1(world)),
            Property::always(PROMISES[4].0, |_, world| PROMISES[4].1(world)),
            Property::always(PROMISES[5].0, |_, world| PROMISES[5].1(world)),
            Property::always(PROMISES[6].0, |_, world| PROMISES[6].1(world)),
            Property::always(PROMISES[7].0, |_, world| PROMISES[7].1(world)),
            Property::always(PROMISES[8].0, |_, world| PROMISES[8].1(world)),
        ]
    }
}

/// Searches the whole world, and shows the way to what breaks a promise.
fn holds(name: &str, holders: usize, budget: Budget) {
    let start = Start { holders, budget, mutation: Mutation::None };
    let checker = start.checker().threads(2).spawn_bfs().join();
    if let Some((promise, path)) = checker.discoveries().into_iter().next() {
        let actions = path.clone().into_actions();
        let last = path.into_states().pop().unwrap();
        panic!("{name}: {promise}: broken after {actions:?}\n{last:#?}");
    }
    let (worlds, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{name}: {worlds} worlds, {depth} steps deep");
}

/// Searches until the mutation breaks a promise.
fn fails(mutation: Mutation, promise: &str, budget: Budget) {
    let start = Start { holders: 2, budget, mutation };
    let checker = start.checker().threads(2).spawn_bfs().join();
    let broken: Vec<_> = checker.discoveries().into_keys().collect();
    assert!(broken.contains(&promise), "{mutation:?} broke {broken:?} alone");
    println!(
        "{mutation:?}: {} in {} steps",
        promise,
        checker.discoveries()[promise].clone().into_actions().len()
    );
}

fn is_long() -> bool {
    std::env::var("XPKCE_PROOFS").is_ok_and(|size| size == "long")
}

const CALM: Budget = Budget {
    ticks: 3,
    rotations: 2,
    crashes: 0,
    breaks: 0,
    lies: 0,
    refusals: 0,
    garbled: 0,
    lost_acknowledgements: 0,
    failed_saves: 0,
    sign_outs: 0,
    sign_ins: 0,
    drifts: 0,
};

#[test]
fn every_promise_holds_through_a_crash_and_a_broken_connection() {
    holds("crash, break", 2, Budget { crashes: 1, breaks: 1, ..CALM });
}

#[test]
fn every_promise_holds_through_a_lie_a_refusal_and_a_break() {
    holds("lie, refusal, break", 2, Budget { lies: 1, refusals: 1, breaks: 1, ..CALM });
}

#[test]
fn every_promise_holds_when_the_store_fails_and_its_holder_dies() {
    let budget = Budget { failed_saves: 1, lost_acknowledgements: 1, crashes: 1, ..CALM };
    holds("failed save, lost acknowledgement, crash", 2, budget);
}

#[test]
fn every_promise_holds_through_answers_that_cannot_be_read() {
    holds("garbled, crash, lie", 2, Budget { garbled: 1, crashes: 1, lies: 1, ..CALM });
}

#[test]
fn every_promise_holds_through_a_sign_out() {
    let budget = Budget { sign_outs: 1, crashes: 1, breaks: 1, ..CALM };
    holds("sign-out, crash, break", 2, budget);
}

#[test]
fn every_promise_holds_through_a_second_sign_in() {
    holds("sign-in, break", 2, Budget { sign_ins: 1, breaks: 1, ..CALM });
}

#[test]
fn every_promise_holds_though_a_clock_loses_or_gains_a_minute() {
    holds("drift, break", 2, Budget { drifts: 1, breaks: 1, ..CALM });
}

#[test]
fn every_promise_holds_though_sign_ins_are_labelled_out_of_order() {
    holds("two sign-ins", 2, Budget { sign_ins: 2, ticks: 2, rotations: 1, ..CALM });
}

/// Were two worlds taken for one that go on differently, what is left of them would hang on which of
/// them is found first.
#[test]
fn a_world_is_as_large_in_whatever_order_it_is_searched() {
    let two_sign_ins = Budget { sign_ins: 2, ticks: 2, rotations: 1, ..CALM };
    let sign_out = Budget { sign_outs: 1, crashes: 1, breaks: 1, ..CALM };
    let sign_in = Budget { sign_ins: 1, breaks: 1, ..CALM };
    for budget in [two_sign_ins, sign_out, sign_in] {
        let start = || Start { holders: 2, budget, mutation: Mutation::None }.checker();
        let by_breadth = start().spawn_bfs().join().unique_state_count();
        assert_eq!(start().spawn_dfs().join().unique_state_count(), by_breadth);
    }
}

#[test]
fn every_promise_holds_in_a_larger_world() {
    if !is_long() {
        return holds("three holders", 3, CALM);
    }
    let all = Budget { crashes: 1, breaks: 1, lies: 1, refusals: 1, ..CALM };
    holds("three holders: crash, break, lie, refusal", 3, all);
    let store = Budget { failed_saves: 1, crashes: 2, breaks: 2, lost_acknowledgements: 1, ..CALM };
    holds("two holders: failed save, two crashes, two breaks", 2, store);
    let ends = Budget { sign_outs: 1, sign_ins: 1, crashes: 1, breaks: 1, ..CALM };
    holds("two holders: sign-out, sign-in, crash, break", 2, ends);
    let clocks = Budget { drifts: 1, crashes: 1, breaks: 1, lies: 1, ..CALM };
    holds("two holders: drift, crash, break, lie", 2, clocks);
    let labels = Budget { sign_ins: 2, crashes: 1, breaks: 1, ..CALM };
    holds("two holders: two sign-ins, crash, break", 2, labels);
}

#[test]
fn a_commit_fenced_by_its_holder_loses_a_pair() {
    fails(Mutation::CommitFencedByHolder, PROMISES[0].0, CALM);
}

#[test]
fn a_spend_without_a_journal_is_sent_twice() {
    fails(Mutation::NoJournal, PROMISES[1].0, CALM);
}

#[test]
fn a_spend_without_a_journal_dies_unnoticed() {
    fails(Mutation::NoJournal, PROMISES[5].0, Budget { crashes: 1, ..CALM });
}

#[test]
fn a_verdict_without_a_reread_loses_a_pair() {
    fails(Mutation::NoReread, PROMISES[0].0, CALM);
}

#[test]
fn a_verdict_of_death_that_is_final_refuses_a_late_commit() {
    fails(Mutation::DeathIsFinal, PROMISES[4].0, CALM);
}

#[test]
fn a_pair_that_loses_its_compare_is_lost_without_candidates() {
    fails(Mutation::NoCandidates, PROMISES[0].0, Budget { sign_ins: 1, ..CALM });
}

#[test]
fn a_doubt_that_is_forgotten_hides_why_a_login_died() {
    let budget = Budget { breaks: 2, refusals: 1, ..CALM };
    fails(Mutation::DoubtIsForgotten, PROMISES[6].0, budget);
}

#[test]
fn one_word_that_kills_is_too_few() {
    fails(Mutation::OneWordKills, PROMISES[3].0, Budget { lies: 1, ..CALM });
}

#[test]
fn a_second_send_without_a_look_at_the_record_sends_a_spent_token() {
    fails(Mutation::ResendUnread, PROMISES[2].0, Budget { breaks: 1, ..CALM });
}

#[test]
fn a_pair_that_is_not_revoked_after_the_sign_out_lives_on() {
    fails(Mutation::NoLateRevoke, PROMISES[7].0, Budget { sign_outs: 1, ..CALM });
}

#[test]
fn a_send_without_a_margin_is_too_late_by_a_slow_clock() {
    fails(Mutation::NoMargin, PROMISES[8].0, Budget { drifts: 1, ..CALM });
}

/// What is promised of clocks has a bound: a minute, and not two, may be lost in one lease.
#[test]
fn a_clock_that_loses_two_minutes_in_one_lease_sends_too_late() {
    fails(Mutation::None, PROMISES[8].0, Budget { drifts: 2, ..CALM });
}

#[test]
fn a_label_that_comes_last_and_wins_loses_a_pair() {
    let budget = Budget { sign_ins: 2, ticks: 0, rotations: 0, ..CALM };
    fails(Mutation::LastLabelWins, PROMISES[0].0, budget);
}
