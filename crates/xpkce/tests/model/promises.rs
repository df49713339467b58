//! What must hold in every world, whatever happened.

use xpkce::grant::transition::{Begin, Landed, Verdict};
use xpkce::grant::{Death, Grant, State};

use super::grants::{self, TICK, What, attempt};
use super::holder::Phase;
use super::world::World;

/// The name of a promise, and whether a world keeps it.
type Promise = (&'static str, fn(&World) -> bool);

pub const PROMISES: [Promise; 9] = [
    ("a pair that X sent and somebody received is not dropped", live_token_is_kept),
    ("only a doubted generation is sent by two at once", sends_are_single),
    ("a spent generation is not sent once more", resends_are_current),
    ("nobody is called dead before X's second word", death_is_spoken_twice),
    ("a verdict yields to a later commit of its generation", commits_win),
    ("a send that died with its holder is on record", deaths_are_noted),
    ("who asks next, when X answers, gets a token or the reason", asking_again_ends_well),
    ("a login that is signed out lives nowhere", sign_outs_are_whole),
    ("nobody sends whose lease has ended", sends_are_in_time),
];

fn live_token_is_kept(world: &World) -> bool {
    world.live.is_none_or(|live| world.has(live) || world.is_lost(live))
}

fn sends_are_single(world: &World) -> bool {
    let current = What::of(&world.record);
    let is_sending = |phase| matches!(phase, Phase::Sending { what, .. } if what == current);
    let sending = world.holders.iter().filter(|holder| is_sending(holder.phase)).count();
    // After X's word on the token, sending it once more can change nothing.
    let is_doubted = world.record.unresolved_sends > 0 || world.record.rejection.is_some();
    sending <= 1 || is_doubted || is_dead(&world.record)
}

fn resends_are_current(world: &World) -> bool {
    !world.ghost.is_resent_spent
}

fn sends_are_in_time(world: &World) -> bool {
    !world.ghost.is_sent_late
}

fn death_is_spoken_twice(world: &World) -> bool {
    !is_dead(&world.record) || world.ghost.words >= 2
}

fn commits_win(world: &World) -> bool {
    !world.ghost.is_refused
}

fn deaths_are_noted(world: &World) -> bool {
    world.ghost.died_sending.iter().all(|what| {
        let grant = &world.record;
        !grant.is_at(&what.spent())
            || matches!(grant.state, State::Spending | State::SigningOut)
            || grant.unresolved_sends > 0
            || grant.rejection.is_some()
    })
}

/// Goes on from a quiet world with one holder and an honest X.
fn asking_again_ends_well(world: &World) -> bool {
    let is_leaving = matches!(world.record.state, State::SigningOut | State::SignedOut);
    if !world.is_quiet() || is_leaving || !world.spilled.is_empty() {
        return true;
    }
    let before = world.record.generation;
    let (grant, live) = ask_again(world);
    let is_lost = world.live.is_none_or(|live| world.is_lost(live));
    match grant.state {
        State::Ready => live && grant.generation > before,
        State::SignInNeeded => is_lost && explains(world, grant.death),
        _ => false,
    }
}

/// Whether the reason is true, for somebody who knows everything. A sign-in that X redeemed later,
/// and that was lost with its process, looks to the grant like one on another machine.
fn explains(world: &World, death: Option<Death>) -> bool {
    let is_of_last = world.record.sign_in == u64::from(world.ghost.redeemed);
    match world.live {
        Some(_) if is_of_last => death == Some(Death::AnswerLost),
        _ => death.is_some(),
    }
}

/// Asks hour after hour, as long as there is hope; returns whether X rotated the live token.
fn ask_again(world: &World) -> (Grant, bool) {
    let mut grant = world.record.clone();
    for hour in 1..=8 {
        let mut own = attempt(240 + hour, world.tick);
        own.at = own.at + TICK * 60 * u32::from(hour);
        if grant.begin(&own, false) != Begin::Send {
            break;
        }
        let what = What::of(&grant);
        if world.live == Some(what.token) {
            let new = grants::new_pair(TOKEN, world.tick);
            let landed = grant.rotated(&what.spent(), &own, new);
            return (grant, landed == Landed::Current);
        }
        let verdict = grant.rejected(&what.spent(), &own, 0, true);
        if let Verdict::Dead(_) = verdict {
            break;
        }
    }
    (grant, false)
}

const TOKEN: grants::Token = 200;

fn sign_outs_are_whole(world: &World) -> bool {
    let is_over = world.record.state == State::SignedOut && world.is_quiet();
    !is_over || world.live.is_none_or(|live| world.is_lost(live)) || !world.spilled.is_empty()
}

fn is_dead(grant: &Grant) -> bool {
    grant.state == State::SignInNeeded
}
