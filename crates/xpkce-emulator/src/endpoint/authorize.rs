//! `/i/oauth2/authorize`: the consent page, and the person's answer.

use hyper::header::ORIGIN;

use crate::approval::{AuthorizeRequest, Decision};
use crate::call::Call;
use crate::event::{Event, EventKind};
use crate::page;
use crate::params::Params;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::world::{Verdict, Witness};

/// `GET`: shows the consent page, or answers at once if somebody decides without a page.
pub(super) fn ask(shared: &Shared, call: &Call) -> Reply {
    let mut world = shared.world();
    let witness = Witness::from(call);
    let request = match AuthorizeRequest::check(&call.query, &world) {
        Ok(request) => request,
        Err(reason) => {
            world.counters.authorize_refusals += 1;
            world.record(&witness, Event::new(EventKind::AuthorizeRefused).reason(reason));
            return page::wrong();
        }
    };
    let auto = world.auto_approve.clone().map(Decision::Allow);
    if let Some(decision) = call.decision.clone().or(auto) {
        return match world.decide(&witness, &request, &decision) {
            Some(verdict) => carried(302, verdict),
            None => page::wrong(),
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
    let params = Params::of_form(&call.body).unwrap_or_default();
    let mut world = shared.world();
    // "null": the page's referrer policy hides the origin from some browsers' form posts.
    let is_ours = call
        .header(&ORIGIN)
        .is_none_or(|origin| origin == "null" || page::is_same_origin(origin, call));
    let request = params.value("page").filter(|_| is_ours).and_then(|page| world.close_page(page));
    let (Some(request), Some(decision)) = (request, decision(&params)) else {
        return page::wrong();
    };
    match world.decide(&Witness::from(call), &request, &decision) {
        Some(verdict) => carried(303, verdict),
        None => page::wrong(),
    }
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
