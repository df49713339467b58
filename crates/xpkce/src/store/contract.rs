//! What every store must do, as plain async functions, for ours and for those that others bring.
//!
//! [`store_contract!`](crate::store_contract) makes one test of each. A case gets a store of its
//! own and panics when the store breaks its promise.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::{LeaseEnd, Revision, Store, Stored, Swapped};
use crate::grant::{Account, Grant};
use crate::http::Pending;

mod leases;
pub use leases::*;

mod logins;
pub use logins::*;

mod queue;
pub use queue::*;

mod records;
pub use records::*;

mod relabels;
pub use relabels::*;

mod sample;
pub use sample::{big_grant, grant};

mod swaps;
pub use swaps::*;

/// One store under test, empty at first.
pub trait Subject: Sync {
    /// Opens the store once more, as another process would; or returns the same handle, where
    /// there is only one.
    fn open(&self) -> Pending<'_, Arc<dyn Store>>;

    /// Moves the clock of its leases on, or their ends back.
    fn pass(&self, span: Duration) -> Pending<'_, ()>;
}

/// Makes one test of every case of the contract, each with a new subject; or one test of all of
/// them, where a process of its own for each costs too much.
///
/// It needs this crate's feature `testing` among the dev-dependencies, and `tokio` with the features
/// `macros` and `rt-multi-thread`.
///
/// ```no_run
/// use std::sync::Arc;
/// use std::time::Duration;
/// use xpkce::http::Pending;
/// use xpkce::store::contract::Subject;
/// use xpkce::store::{MemoryStore, Store};
/// use xpkce::{ManualClock, Timestamp};
///
/// struct Memory(Arc<ManualClock>, Arc<MemoryStore>);
///
/// impl Subject for Memory {
///     fn open(&self) -> Pending<'_, Arc<dyn Store>> {
///         let store: Arc<dyn Store> = self.1.clone();
///         Box::pin(async { store })
///     }
///
///     fn pass(&self, span: Duration) -> Pending<'_, ()> {
///         self.0.advance(span);
///         Box::pin(async {})
///     }
/// }
///
/// async fn memory() -> Memory {
///     let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_790_000_000)));
///     Memory(Arc::clone(&clock), Arc::new(MemoryStore::new(clock)))
/// }
///
/// xpkce::store_contract!(memory); // or, in one test: store_contract!(in one test: memory)
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! store_contract {
    (in one test: $subject:path) => {
        $crate::store_contract!(@cases one $subject);
    };
    (@one $subject:path: $($case:ident)+) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn every_case_of_the_contract_holds() {
            $(
                println!("{}", stringify!($case));
                $crate::store::contract::$case(&$subject().await).await;
            )+
        }
    };
    (@each $subject:path: $($case:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::store::contract::$case(&$subject().await).await;
            }
        )+
    };
    (@cases $how:ident $subject:path) => {
        $crate::store_contract!(@$how $subject:
            a_record_is_read_as_it_was_written
            a_record_that_was_never_written_is_none
            a_big_record_is_read_as_it_was_written
            odd_names_are_kept_apart
            a_write_is_seen_by_every_handle
            records_are_listed_in_the_order_of_their_accounts
            a_list_goes_on_after_the_last_one
            a_swap_that_expects_no_record_loses_to_one
            a_swap_that_expects_a_record_loses_to_none
            a_stale_swap_changes_nothing
            a_revision_grows_with_every_swap
            no_two_swaps_are_sure_to_take_a_revision_as_far
            of_many_swaps_of_one_revision_one_wins
            of_many_first_swaps_one_wins
            a_loser_fails_alone
            swaps_of_many_records_all_land
            a_lease_counts_down_and_runs_out
            a_lease_is_kept_where_a_swap_keeps_it
            a_lease_ends_where_a_swap_ends_it
            a_lease_is_seen_by_every_handle
            a_lost_swap_leaves_the_lease
            what_is_read_says_when_by_the_stores_clock
            a_relabelled_record_is_under_its_new_name_alone
            a_relabelled_record_replaces_the_one_it_expects
            a_relabelling_of_a_stale_record_changes_nothing
            a_relabelling_to_a_moved_record_changes_nothing
            a_relabelling_of_no_record_changes_nothing
            a_relabelling_to_the_same_name_is_a_swap
            of_many_relabellings_one_wins
            a_name_that_is_given_again_begins_at_another_revision
            a_lease_moves_with_its_record
            a_record_is_due_when_its_minute_has_passed
            due_records_come_by_their_minutes
            the_queue_goes_on_after_the_last_one
            a_queue_holds_its_own_apps_records_alone
            a_record_that_needs_nobody_is_never_due
            a_record_moves_in_the_queue_as_it_is_written
            sign_ins_are_numbered_upwards
            no_two_sign_ins_have_one_number
            a_login_is_taken_once
            of_many_takers_of_a_login_one_gets_it
            a_login_that_ended_is_none
            logins_that_ended_are_dropped_with_the_next_one
            a_login_is_replaced_by_one_of_the_same_key
            the_keys_of_waiting_logins_are_named
            the_key_check_is_set_once
            of_many_key_checks_all_read_one
            a_key_check_is_replaced_by_who_knows_it
        );
    };
    ($subject:path) => {
        $crate::store_contract!(@cases each $subject);
    };
}

async fn load(store: &dyn Store, account: &Account) -> Option<Stored> {
    store.load(account).await.expect("the store reads")
}

async fn swap(
    store: &dyn Store,
    grant: &Grant,
    expected: Option<Revision>,
    lease: LeaseEnd,
) -> Swapped {
    store.swap(grant, expected, lease).await.expect("the store writes")
}

/// Writes a first record and returns its revision.
async fn create(store: &dyn Store, grant: &Grant) -> Revision {
    done(swap(store, grant, None, LeaseEnd::Keep).await)
}

#[track_caller]
fn done(swapped: Swapped) -> Revision {
    match swapped {
        Swapped::Done(revision) => revision,
        Swapped::Moved(there) => panic!("the swap lost to {there:?}"),
    }
}

#[track_caller]
fn moved(swapped: Swapped) -> Option<Stored> {
    match swapped {
        Swapped::Done(revision) => panic!("the swap won with {revision:?}"),
        Swapped::Moved(there) => there.map(|there| *there),
    }
}

#[track_caller]
fn assert_same(there: &Grant, written: &Grant) {
    let json = |grant| serde_json::to_string_pretty(grant).expect("a grant is JSON");
    assert_eq!(json(there), json(written));
}

/// Two handles of one store.
async fn two(subject: &dyn Subject) -> [Arc<dyn Store>; 2] {
    [subject.open().await, subject.open().await]
}

/// Runs `act` many times at once, over two handles.
async fn at_once<T, F>(subject: &dyn Subject, times: usize, act: F) -> Vec<T>
where
    T: Send + 'static,
    F: Fn(usize, Arc<dyn Store>) -> Pending<'static, T>,
{
    let stores = two(subject).await;
    join_all((0..times).map(|at| act(at, Arc::clone(&stores[at % 2])))).await
}
