//! Refresh tokens that never left: nobody listens where X should be.

use std::time::Duration;

use xpkce::grant::State;
use xpkce::keeper::TokenSource;
use xpkce::{ErrorKind, Reason};

use crate::way::Way;
use crate::world::{A_LIFE, Process, World};

/// Longer than the pause after the first send that failed.
const A_PAUSE: Duration = Duration::from_secs(2);

/// Signs a user in, whose token has ended and whose keeper does not reach X until the way is opened.
async fn out_of_reach(world: &World) -> (Way, TokenSource) {
    let user = world.sign_in(&world.keeper()).await.account().user.clone();
    let way = Way::closed();
    let keeper = world.start_in(Process { base_url: way.base_url(), ..world.process() });
    world.advance(A_LIFE);
    (way, keeper.token_source(&user))
}

#[tokio::test]
async fn a_token_that_was_not_sent_is_as_it_was_and_goes_out_once_when_x_is_there() {
    let world = World::start().await;
    let (way, source) = out_of_reach(&world).await;
    let (before, asked) = (world.grant(&source).await, world.x.token_requests());
    let why = source.access_token().await.unwrap_err();
    assert_eq!((why.kind(), why.reason()), (ErrorKind::Retry, Reason::NotSent));

    let grant = world.grant(&source).await;
    assert_eq!((grant.state, grant.generation.0, grant.lease), (State::Ready, 1, None));
    assert_eq!((grant.unresolved_sends, grant.doubt_since), (0, None), "it counts as a doubt");
    assert_eq!((grant.pair, grant.history), (before.pair, before.history));
    assert!(grant.not_before.is_some(), "it is tried again without a pause");

    way.open(world.x.base_url());
    world.advance(A_PAUSE);
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
    assert_eq!((world.x.token_requests() - asked, world.x.replays()), (1, 0));
}

#[tokio::test]
async fn a_token_that_is_not_sent_again_and_again_ends_no_login() {
    let world = World::start().await;
    let (way, source) = out_of_reach(&world).await;
    for _ in 0..10 {
        assert_eq!(source.access_token().await.unwrap_err().reason(), Reason::NotSent);
        world.advance(A_PAUSE * 30);
    }
    assert_eq!(world.state(&source).await, State::Ready);
    way.open(world.x.base_url());
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
}
