//! Leases, and who may end them.

use std::time::Duration;

use xpkce::ErrorKind;
use xpkce::grant::Lease;
use xpkce::store::Store;
use xpkce_emulator::Fault;

use crate::world::World;

#[tokio::test]
async fn a_holder_that_was_overtaken_does_not_end_the_lease_of_the_next_one() {
    let world = World::start().await;
    let (slow, quick) = (world.keeper(), world.keeper());
    let source = world.sign_in(&slow).await;
    let other = quick.token_source(&source.account().user);
    // The first holder's answer is no word on the token, and comes after its lease has run out.
    world.x.fault(world.on_refresh(Fault::EmptyNotFound).delayed(Duration::from_secs(2)));
    let mut overtaken = Box::pin(source.refresh());
    world.begun(&mut overtaken).await;
    world.advance(Lease::SPAN + Duration::from_secs(1));
    let mut next = Box::pin(other.refresh());
    world.hold(&mut next).await;
    assert_eq!(overtaken.await.unwrap_err().kind(), ErrorKind::InDoubt);

    let stored = world.store.load(source.account()).await.unwrap().unwrap();
    assert!(stored.grant.lease.is_some(), "the second holder's lease is in the record");
    assert!(!stored.lease_left.is_zero(), "the first holder has ended the second one's lease");
    world.release(&slow).await;
    assert_eq!(next.await.unwrap().generation().0, 2);
}
