//! A resource server says 401 to many at once.

use std::sync::Arc;

use futures_util::future::join_all;

use super::explore::{Pace, explore};
use super::world::World;
use super::x::USER;
use crate::grant::Generation;
use crate::keeper::Keeper;
use crate::turns::{self, JoinHandle};
use crate::{AccessToken, Reason};

/// Reports the token, and asks for another.
fn report(world: &Arc<World>, keeper: &Keeper, token: &AccessToken) -> JoinHandle<Generation> {
    let (world, source, token) = (Arc::clone(world), keeper.token_source(USER), token.clone());
    turns::spawn(async move {
        source.rejected(&token).await.unwrap();
        let (generation, now) = world.ask(&source).await.unwrap();
        assert!(!now.matches(token.expose()), "a refused token is handed out again");
        generation
    })
}

#[test]
fn a_token_that_many_report_is_rotated_once() {
    explore(Pace::Even, |world| async move {
        let keepers = [world.keeper(), world.keeper()];
        let (_, token) = world.ask(&keepers[0].token_source(USER)).await.unwrap();
        world.age_token();
        let reports: Vec<_> =
            [0, 0, 1].into_iter().map(|nth| report(&world, &keepers[nth], &token)).collect();
        for generation in join_all(reports).await {
            assert_eq!(generation.unwrap(), Generation(2));
        }
        drop(keepers);
        assert_eq!(world.x.rotations(), 1);
        world.is_well();
    });
}

#[test]
fn a_report_during_a_refresh_costs_no_token_and_serves_no_old_one() {
    explore(Pace::Even, |world| async move {
        let keeper = world.keeper();
        let (_, token) = world.ask(&keeper.token_source(USER)).await.unwrap();
        world.age_token();
        let forced = {
            let source = keeper.token_source(USER);
            turns::spawn(async move { source.refresh().await.map(drop) })
        };
        let reports = [report(&world, &keeper, &token), report(&world, &keeper, &token)];
        for report in reports {
            report.await.unwrap();
        }
        let forced = forced.await.unwrap();
        let is_fine = |why: &crate::Error| why.reason() != Reason::Internal;
        assert!(forced.as_ref().err().is_none_or(is_fine), "{forced:?}");
        let rotations = world.x.rotations();
        assert!((1..=2).contains(&rotations), "{rotations} rotations");
        let (generation, _) = world.ask(&keeper.token_source(USER)).await.unwrap();
        assert_eq!(generation, world.record().generation, "what is served is not what was made");
        drop(keeper);
        world.is_well();
    });
}
