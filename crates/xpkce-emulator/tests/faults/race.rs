//! F7: races whose winner is chosen.

use futures_util::future::join_all;
use xpkce_emulator::{Emulator, Endpoint, EventKind, Fault, FaultRule};

use crate::client::Client;

#[tokio::test]
async fn all_wait_for_the_last_and_the_chosen_one_wins() {
    for winner in [1, 3, 5] {
        let x = Emulator::start().await;
        let app = Client::public(&x);
        let tokens = app.sign_in(&x).await;
        x.fault(FaultRule::new(Endpoint::Refresh, Fault::Gather { count: 5, winner }));
        let answers = join_all((0..5).map(|_| app.refresh(&tokens.refresh))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert_eq!((x.refreshes(), x.replays()), (1, 4));
        let events = x.events();
        let arrivals: Vec<_> =
            events.iter().filter(|event| event.kind == EventKind::FaultStruck).collect();
        let spent = events.iter().find(|event| event.kind == EventKind::Refreshed).unwrap();
        assert_eq!(arrivals[winner - 1].transaction_id, spent.transaction_id);
    }
}

#[tokio::test]
async fn after_a_gathering_requests_pass_again() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    x.fault(FaultRule::new(Endpoint::Refresh, Fault::Gather { count: 2, winner: 2 }));
    join_all((0..2).map(|_| app.refresh(&tokens.refresh))).await;
    assert_eq!(app.refresh(&tokens.refresh).await.status, 400);
    assert_eq!(x.counters().faults, 2);
}
