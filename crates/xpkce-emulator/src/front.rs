//! What happens to every request: faults strike, the endpoint answers, X's headers are added.

use std::sync::Arc;

use crate::call::Call;
use crate::endpoint;
use crate::event::{Event, EventKind};
use crate::fault::{self, Endpoint, Moment, Struck};
use crate::http_date;
use crate::mint;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::world::Witness;

/// Answers one request.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Arc<Call>) -> Reply {
    if call.path == "/control" || call.path.starts_with("/control/") {
        return endpoint::control::answer(shared, call);
    }
    let mut reply = match endpoint::which(call) {
        Some(endpoint) => at_endpoint(shared, call, endpoint).await,
        None => endpoint::answer(shared, call),
    };
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    if let Some(errand) = reply.errand.take() {
        errand.run().await;
    }
    dressed(shared, call, reply)
}

async fn at_endpoint(shared: &Arc<Shared>, call: &Arc<Call>, endpoint: Endpoint) -> Reply {
    let Some(struck) = strike(shared, call, endpoint) else {
        return endpoint::answer(shared, call);
    };
    if !struck.outlives_client {
        return struck_answer(shared, call, endpoint, struck).await;
    }
    let (shared, call) = (shared.clone(), call.clone());
    // A task of its own: the connection's ends with the connection.
    let task = tokio::spawn(async move { struck_answer(&shared, &call, endpoint, struck).await });
    task.await.expect("answering does not panic")
}

async fn struck_answer(
    shared: &Shared,
    call: &Call,
    endpoint: Endpoint,
    mut struck: Struck,
) -> Reply {
    let waits_after = struck.moment == Moment::AfterCommit;
    if !waits_after {
        tokio::time::sleep(struck.delay).await;
    }
    if let Some(turn) = &struck.turn {
        turn.wait().await;
    }
    let is_carried_out = waits_after || struck.fault.needs_answer();
    let reply =
        if is_carried_out { endpoint::answer(shared, call) } else { fault::stand_in(endpoint) };
    drop(struck.turn.take());
    if waits_after {
        tokio::time::sleep(struck.delay).await;
    }
    fault::bend(reply, &struck.fault, endpoint, &mut shared.world())
}

fn strike(shared: &Shared, call: &Call, endpoint: Endpoint) -> Option<Struck> {
    let mut world = shared.world();
    match endpoint {
        Endpoint::Exchange | Endpoint::Refresh | Endpoint::Token => {
            world.counters.token_requests += 1;
        }
        Endpoint::Whoami => world.counters.whoami_calls += 1,
        _ => {}
    }
    let target =
        fault::Target { endpoint, is_reused: call.is_reused, bearer_age: world.bearer_age(call) };
    let now = world.now();
    let struck = world.faults.strike(target, now)?;
    world.counters.faults += 1;
    let event = Event::new(EventKind::FaultStruck).reason(struck.fault.name());
    world.record(&Witness::from(call), event);
    Some(struck)
}

/// Adds the headers that X puts on everything. What a fault has already set stays.
fn dressed(shared: &Shared, call: &Call, mut reply: Reply) -> Reply {
    let now = shared.world().now().seconds();
    for (name, value) in [
        ("date", http_date::format(now)),
        ("server", "tsa_b".to_owned()),
        ("x-transaction-id", call.transaction_id.clone()),
        ("x-connection-hash", mint::random_text(43)),
        ("x-response-time", "7".to_owned()),
        ("api-version", "2.167".to_owned()),
        ("cache-control", "no-cache, no-store, max-age=0".to_owned()),
    ] {
        if !reply.headers.contains_key(name) {
            reply.set(name, &value);
        }
    }
    reply
}
