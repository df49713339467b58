//! `/i/oauth2/authorize`: the consent page, and the person's answer.

use hyper::header::ORIGIN;

use crate::approval::{AuthorizeRequest, Decision};
use crate::call::Call;
use crate::event::{Event, EventKind};
use crate::page;
use crate::params::Params;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::world::{Verdict, Witness, World};

const NO_SUCH_USER: &str = "there is no such user";

/// `GET`: shows the consent page, or answers at once if somebody decides without a page.
pub(super) fn ask(shared: &Shared, call: &Call) -> Reply {
    let mut world = shared.world();
    let witness = Witness::from(call);
    let request = match AuthorizeRequest::check(&call.query, &world) {
        Ok(request) => request,
        Err(reason) => return refused(&mut world, &witness, reason),
    };
    let auto = world.auto_approve.clone().map(Decision::Allow);
    if let Some(decision) = call.decision.clone().or(auto) {
        return match world.decide(&witness, &request, &decision) {
            Some(verdict) => carried(302, verdict),
            None => refused(&mut world, &witness, NO_SUCH_USER),
        };
    }
    let token = world.open_page(&witness, request.clone());
    match world.apps.get(&request.client_id) {
        Some(app) => page::consent(app, &world.users, &request, &token),
        None => page::wrong(),
    }
}

/// `POST`: the form of the consent page comes back.
pub(super) fn answered(shared: &Shared, call: &Call) -> Reply {
    let mut world = shared.world();
    let witness = Witness::from(call);
    match decided(&mut world, &witness, call) {
        Ok(verdict) => carried(303, verdict),
        Err(reason) => refused(&mut world, &witness, reason),
    }
}

fn decided(world: &mut World, witness: &Witness, call: &Call) -> Result<Verdict, &'static str> {
    // "null": the page's referrer policy hides the origin from some browsers' form posts.
    let is_ours = call
        .header(&ORIGIN)
        .is_none_or(|origin| origin == "null" || page::is_same_origin(origin, call));
    if !is_ours {
        return Err("the form was sent by another site");
    }
    let params = Params::of_form(&call.body).map_err(|_| "a parameter is repeated")?;
    let decision = decision(&params).ok_or("the form says neither allow nor cancel")?;
    let request = params
        .value("page")
        .and_then(|page| world.close_page(page))
        .ok_or("the consent page was answered already, or is too old")?;
    world.decide(witness, &request, &decision).ok_or(NO_SUCH_USER)
}

/// Shows the page that gives no reason, and writes the reason down.
fn refused(world: &mut World, witness: &Witness, reason: &'static str) -> Reply {
    world.counters.authorize_refusals += 1;
    world.record(witness, Event::new(EventKind::AuthorizeRefused).reason(reason));
    page::wrong()
}

fn carried(status: u16, verdict: Verdict) -> Reply {
    let Verdict { target, delay, errand } = verdict;
    Reply { delay, errand, ..Reply::redirect(status, &target) }
}

fn decision(params: &Params) -> Option<Decision> {
    match params.value("decision")? {
        "allow" => Some(Decision::Allow(params.value("username")?.to_owned())),
        "cancel" => Some(Decision::Cancel),
        _ => None,
    }
}
