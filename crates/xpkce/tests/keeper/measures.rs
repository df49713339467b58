//! What is counted and timed, and that it tells nothing of anybody.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use metrics_util::debugging::DebugValue;
use tokio::sync::Mutex;
use xpkce::keeper::Tending;
use xpkce::metrics::{COUNTERS, Counting};
use xpkce_emulator::{BodyForm, Endpoint, Fault, FaultRule};

use crate::silence::Measures;
use crate::way::Way;
use crate::world::{A_LIFE, Process, World};

/// Held by whoever measures.
pub static TURN: Mutex<()> = Mutex::const_new(());

pub type Counts = BTreeMap<String, u64>;

/// Returns what was counted since the last look, as `name{label=value}`, and how often each
/// histogram was recorded.
pub fn counts(measures: &Measures) -> Counts {
    let measured = measures.take().into_iter();
    let is_known = |name: &str| {
        COUNTERS.iter().any(|Counting { name: known, label, values, .. }| {
            match name.strip_prefix(known) {
                Some("") => values.is_empty(),
                Some(labelled) => {
                    values.iter().any(|value| labelled == format!("{{{label}={value}}}"))
                }
                None => false,
            }
        })
    };
    measured
        .inspect(|(name, value)| {
            assert!(!matches!(value, DebugValue::Counter(_)) || is_known(name), "{name}");
        })
        .map(|(name, value)| match value {
            DebugValue::Counter(count) => (name, count),
            DebugValue::Histogram(times) => (name, times.len() as u64),
            DebugValue::Gauge(_) => (name, 0),
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}

pub fn of(counts: &Counts, name: &str) -> u64 {
    counts.get(name).copied().unwrap_or(0)
}

#[tokio::test]
async fn each_refresh_is_counted_and_timed_once() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    counts(&world.silence.measures);
    let tokens = join_all((0..50).map(|_| source.access_token())).await;
    assert!(tokens.iter().all(Result::is_ok));
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_refreshes_total{outcome=rotated}"), 1, "{counted:?}");
    assert_eq!(of(&counted, "xpkce_refresh_seconds"), 1);
    assert!(of(&counted, "xpkce_token_age_seconds") > 0);
    for _ in 0..50 {
        source.access_token().await.unwrap();
    }
    assert_eq!(counts(&world.silence.measures), Counts::new(), "a token from memory is measured");
}

#[tokio::test]
async fn what_x_said_is_counted_by_what_it_came_to() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    world.advance(A_LIFE);
    counts(&world.silence.measures);

    let status = Fault::Status { status: 503, body: BodyForm::Html };
    world.x.fault(world.on_refresh(status).times(2));
    source.access_token().await.unwrap_err();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_refreshes_total{outcome=in_doubt}"), 1, "{counted:?}");
    assert_eq!(of(&counted, "xpkce_doubts_total"), 2);

    world.advance(A_LIFE);
    world.x.fault(FaultRule::new(
        Endpoint::Refresh,
        Fault::RateLimited { reset_in: Some(60), retry_after: None },
    ));
    source.access_token().await.unwrap_err();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_refreshes_total{outcome=rate_limited}"), 1, "{counted:?}");

    world.advance(A_LIFE);
    world.x.disconnect_app(&world.x.users()[0].username);
    source.access_token().await.unwrap_err();
    world.advance(A_LIFE);
    source.access_token().await.unwrap_err();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_refreshes_total{outcome=rejected}"), 2, "{counted:?}");
    assert_eq!(of(&counted, "xpkce_verdicts_total{verdict=heard}"), 1);
    assert_eq!(of(&counted, "xpkce_verdicts_total{verdict=answer_lost}"), 1);
}

#[tokio::test]
async fn a_refresh_that_was_not_sent_is_counted_as_that_and_as_no_doubt() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let user = world.sign_in(&world.keeper()).await.account().user.clone();
    world.advance(A_LIFE);
    let way = Way::closed();
    let keeper = world.start_in(Process { base_url: way.base_url(), ..world.process() });
    counts(&world.silence.measures);
    keeper.token_source(&user).access_token().await.unwrap_err();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_refreshes_total{outcome=not_sent}"), 1, "{counted:?}");
    assert_eq!(of(&counted, "xpkce_refreshes_total{outcome=in_doubt}"), 0);
    assert_eq!(of(&counted, "xpkce_doubts_total"), 0);
}

#[tokio::test]
async fn a_token_that_another_process_rotated_is_an_adoption() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let (one, two) = (world.keeper(), world.keeper());
    let source = world.sign_in(&one).await;
    let other = two.token_source(&source.account().user);
    source.access_token().await.unwrap();
    other.access_token().await.unwrap();
    world.advance(A_LIFE);
    source.access_token().await.unwrap();
    counts(&world.silence.measures);
    other.access_token().await.unwrap();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_adoptions_total"), 1, "{counted:?}");
    assert_eq!(of(&counted, "xpkce_refreshes_total{outcome=rotated}"), 0);
}

#[tokio::test]
async fn a_token_that_another_process_makes_while_it_is_waited_for_is_an_adoption() {
    let _turn = TURN.lock().await;
    for is_forced in [false, true] {
        let world = World::start().await;
        let (one, two) = (world.keeper(), world.keeper());
        let source = world.sign_in(&one).await;
        let other = two.token_source(&source.account().user);
        other.access_token().await.unwrap();
        world.advance(A_LIFE);
        let mut theirs = Box::pin(source.access_token());
        world.hold(&mut theirs).await;
        counts(&world.silence.measures);
        let ours = async {
            match is_forced {
                true => other.refresh().await.unwrap().generation(),
                false => other.access_token().await.unwrap().generation(),
            }
        };
        let mut ours = std::pin::pin!(ours);
        let waits = tokio::time::timeout(Duration::from_millis(100), ours.as_mut()).await;
        assert!(waits.is_err(), "{waits:?}");
        world.release(&one).await;
        assert_eq!((theirs.await.unwrap().generation().0, ours.await.0), (2, 2));
        let counted = counts(&world.silence.measures);
        assert_eq!(of(&counted, "xpkce_adoptions_total"), 1, "forced: {is_forced}, {counted:?}");
    }
}

#[tokio::test]
async fn a_wait_for_another_holder_is_counted_and_timed() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let (one, two) = (world.keeper(), world.keeper());
    let source = world.sign_in(&one).await;
    let other = two.token_source(&source.account().user);
    world.advance(A_LIFE);
    let mut first = Box::pin(source.access_token());
    world.hold(&mut first).await;
    counts(&world.silence.measures);
    let mut waits = Box::pin(other.access_token());
    let waiting = async {
        let mut seen = 0;
        while seen == 0 {
            tokio::task::yield_now().await;
            seen = of(&counts(&world.silence.measures), "xpkce_lease_waits_total");
        }
    };
    tokio::select! {
        _ = &mut waits => panic!("it did not wait"),
        () = waiting => {}
    }
    world.release(&world.keeper()).await;
    first.await.unwrap();
    waits.await.unwrap();
    assert_eq!(of(&counts(&world.silence.measures), "xpkce_lease_wait_seconds"), 1);
}

#[tokio::test]
async fn what_the_store_would_not_take_is_counted() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    let mut call = Box::pin(source.access_token());
    world.hold(&mut call).await;
    world.store.fail_writes(true);
    counts(&world.silence.measures);
    world.release(&world.keeper()).await;
    call.await.unwrap();
    drop(source);
    world.store.fail_writes(false);
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_spills_total{outcome=spilled}"), 1, "{counted:?}");
    world.keeper().keep_once(&Tending::new()).await.unwrap();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_spills_total{outcome=recovered}"), 1, "{counted:?}");
}

/// Everything that any label may say.
const VALUES: [&str; 20] = [
    "rotated",
    "unread",
    "rejected",
    "in_doubt",
    "not_sent",
    "rate_limited",
    "misconfigured",
    "heard",
    "candidate",
    "token_invalid",
    "answer_lost",
    "spilled",
    "saved",
    "recovered",
    "failed",
    "revoked",
    "signed_out",
    "left",
    "kept_in_memory",
    "moved",
];

#[tokio::test]
async fn no_name_and_no_label_tells_anything_of_a_login() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    world.advance(A_LIFE);
    source.access_token().await.unwrap();
    world.x.fault(world.on_refresh(Fault::ErrorInside200));
    source.refresh().await.unwrap_err();
    world.advance(A_LIFE);
    keeper.keep_once(&Tending::new()).await.unwrap();
    source.sign_out().await.unwrap();
    let measured = world.silence.measures.take();
    assert!(measured.len() > 5, "{measured:?}");
    for (name, _) in measured {
        let (name, label) = name.split_once('{').unwrap_or((&name, ""));
        assert!(name.starts_with("xpkce_"), "{name}");
        for pair in label.trim_end_matches('}').split(',').filter(|pair| !pair.is_empty()) {
            let value = pair.split_once('=').unwrap().1;
            assert!(VALUES.contains(&value), "{name}: {pair}");
        }
    }
}

#[tokio::test]
async fn sign_outs_and_what_the_queue_does_are_counted() {
    let _turn = TURN.lock().await;
    let world = World::with_users(8).await;
    let keeper = world.keeper();
    for nth in 0..8 {
        world.sign_in_as(&keeper, nth).await.access_token().await.unwrap();
    }
    let source = keeper.token_source(&world.x.users()[7].id);
    let refused = Fault::Status { status: 503, body: BodyForm::Empty };
    world.x.fault(FaultRule::new(Endpoint::Revoke, refused).times(1));
    counts(&world.silence.measures);
    source.sign_out().await.unwrap_err();
    source.sign_out().await.unwrap();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_sign_outs_total{outcome=failed}"), 1, "{counted:?}");
    assert_eq!(of(&counted, "xpkce_sign_outs_total{outcome=revoked}"), 1);

    world.advance(Duration::from_secs(7000));
    let down = Fault::Status { status: 503, body: BodyForm::Html };
    world.x.fault(world.on_refresh(down).always());
    keeper.keep_once(&Tending::new().with_concurrency(1)).await.unwrap();
    let counted = counts(&world.silence.measures);
    assert!(of(&counted, "xpkce_queue_total{outcome=failed}") >= 5, "{counted:?}");
    assert_eq!(of(&counted, "xpkce_queue_pauses_total"), 1);
}
