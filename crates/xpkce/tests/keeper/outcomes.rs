//! What is counted by its outcome: each outcome that the other measures do not bring about.

use std::sync::Arc;
use std::time::Duration;

use metrics_util::debugging::DebugValue;
use xpkce::ManualClock;
use xpkce::grant::{Grant, Lease};
use xpkce::keeper::Tending;
use xpkce::metrics::CLOCK_AHEAD_SECONDS;
use xpkce_emulator::{BodyForm, Endpoint, Fault, FaultRule};

use crate::measures::{TURN, counts, of};
use crate::world::{A_LIFE, Process, World};

#[tokio::test]
async fn an_answer_that_cannot_be_read_and_an_app_that_is_refused_are_counted() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let keeper = world.keeper();
    let sources = [world.sign_in(&keeper).await, world.sign_in_as(&keeper, 1).await];
    counts(&world.silence.measures);
    world.x.fault(world.on_refresh(Fault::HtmlInside200).after_commit());
    sources[0].refresh().await.unwrap_err();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_refreshes_total{outcome=unread}"), 1, "{counted:?}");
    assert_eq!(of(&counted, "xpkce_doubts_total"), 1);

    world.x.fault(world.on_refresh(says(401, "unauthorized_client", "Missing valid header")));
    sources[1].refresh().await.unwrap_err();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_refreshes_total{outcome=misconfigured}"), 1, "{counted:?}");
}

fn says(status: u16, error: &str, description: &str) -> Fault {
    Fault::OauthError { status, error: error.into(), description: description.into() }
}

#[tokio::test]
async fn a_verdict_on_a_candidate_and_on_the_last_token_is_counted() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let keeper = world.keeper();
    world.sign_in(&keeper).await;
    // The pair of the sign-in before is its candidate.
    let source = world.sign_in(&keeper).await;
    world.x.disconnect_app(&world.x.users()[0].username);
    source.refresh().await.unwrap_err();
    for verdict in ["candidate", "token_invalid"] {
        world.advance(Grant::SECOND_WORD);
        counts(&world.silence.measures);
        source.refresh().await.unwrap_err();
        let counted = counts(&world.silence.measures);
        let name = format!("xpkce_verdicts_total{{verdict={verdict}}}");
        assert_eq!(of(&counted, &name), 1, "{counted:?}");
    }
}

#[tokio::test]
async fn a_verdict_on_what_another_holder_has_rotated_is_counted() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let other = world.keeper().token_source(&source.account().user);
    let invalid = says(400, "invalid_request", "Value passed for the token was invalid.");
    world.x.fault(world.on_refresh(invalid).delayed(Duration::from_secs(2)));
    let mut late = Box::pin(source.refresh());
    world.begun(&mut late).await;
    world.advance(Lease::SPAN);
    other.refresh().await.unwrap();
    counts(&world.silence.measures);
    late.await.unwrap();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_verdicts_total{verdict=moved}"), 1, "{counted:?}");
}

#[tokio::test]
async fn a_pair_that_only_memory_took_and_then_the_store_is_counted() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let folder = world.folder.path().join("a file");
    std::fs::write(&folder, "").unwrap();
    let keeper = world.start_in(Process { folder, ..world.process() });
    let source = world.sign_in(&keeper).await;
    world.advance(A_LIFE);
    let mut call = Box::pin(source.access_token());
    world.hold(&mut call).await;
    world.store.fail_writes(true);
    counts(&world.silence.measures);
    world.release(&keeper).await;
    call.await.unwrap();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_spills_total{outcome=kept_in_memory}"), 1, "{counted:?}");
    world.store.fail_writes(false);
    // Its end waits for what goes on in the background.
    drop((source, keeper));
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_spills_total{outcome=saved}"), 1, "{counted:?}");
}

#[tokio::test]
async fn what_the_queue_leaves_rotates_and_signs_out_is_counted() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    source.access_token().await.unwrap();
    world.eventually(async || world.grant(&source).await.used_at.is_some()).await;
    let fast = Arc::new(ManualClock::new(world.now() + A_LIFE));
    let fast = world.start_in(Process { clock: fast, ..world.process() });
    counts(&world.silence.measures);
    fast.keep_once(&Tending::new()).await.unwrap();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_queue_total{outcome=left}"), 1, "{counted:?}");

    world.advance(A_LIFE);
    keeper.keep_once(&Tending::new()).await.unwrap();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_queue_total{outcome=rotated}"), 1, "{counted:?}");

    let refused = Fault::Status { status: 503, body: BodyForm::Empty };
    world.x.fault(FaultRule::new(Endpoint::Revoke, refused));
    source.sign_out().await.unwrap_err();
    world.advance(Lease::SPAN);
    keeper.keep_once(&Tending::new()).await.unwrap();
    let counted = counts(&world.silence.measures);
    assert_eq!(of(&counted, "xpkce_queue_total{outcome=signed_out}"), 1, "{counted:?}");
}

#[tokio::test]
async fn how_far_the_clock_is_from_xs_is_measured() {
    let _turn = TURN.lock().await;
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    for (seconds, ahead) in [(90_001, -90_001.0), (0, 0.0), (-7, 7.0)] {
        world.x.fault(world.on_refresh(Fault::SkewedDate { seconds }));
        source.refresh().await.unwrap();
        let measured = world.silence.measures.take().into_iter();
        let shown: Vec<_> = measured.filter(|(name, _)| name == CLOCK_AHEAD_SECONDS).collect();
        assert_eq!(shown[0].1, DebugValue::Gauge(f64::into(ahead)));
    }
}
