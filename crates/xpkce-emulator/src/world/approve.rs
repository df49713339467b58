//! The consent: pages that wait for an answer, and the redirect that carries it.

use std::time::Duration;

use crate::approval::{AuthorizeRequest, Decision};
use crate::clock::Timestamp;
use crate::errand::Errand;
use crate::event::{Event, EventKind};
use crate::fault::{CallbackFault, Struck};
use crate::grant::Code;
use crate::mint::{self, TokenKey};
use crate::redirect_uri::with_answer;
use crate::world::{Witness, World, seconds};

/// How many consent pages may be open; beyond that the oldest is forgotten.
const OPEN_PAGES: usize = 1000;
/// How long a consent page waits for an answer, in virtual seconds.
const PAGE_LIFETIME: u64 = 3600;

/// A consent page that was shown and not yet answered.
#[derive(Debug)]
pub(crate) struct Page {
    /// The token hidden in the form, so that only this page can be answered.
    token: String,
    request: AuthorizeRequest,
    shown: Timestamp,
}

/// The redirect that carries the person's answer to the app.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) target: String,
    /// How long the redirect waits.
    pub(crate) delay: Duration,
    /// What the app gets to see first.
    pub(crate) errand: Option<Errand>,
}

impl World {
    /// Opens a page and returns the token its form must send back.
    pub(crate) fn open_page(&mut self, witness: &Witness, request: AuthorizeRequest) -> String {
        if self.pages.len() == OPEN_PAGES {
            self.pages.pop_front();
        }
        let token = mint::random_text(32);
        self.record(witness, Event::new(EventKind::ConsentShown).client(&request.client_id));
        self.pages.push_back(Page { token: token.clone(), request, shown: self.now() });
        token
    }

    /// Closes the page that `token` belongs to and returns what it asked for.
    pub(crate) fn close_page(&mut self, token: &str) -> Option<AuthorizeRequest> {
        let position = self.pages.iter().position(|page| page.token == token)?;
        let page = self.pages.remove(position)?;
        (self.now().since(page.shown) < seconds(PAGE_LIFETIME)).then_some(page.request)
    }

    /// Carries out the decision and returns the redirect to the app; none if there is no such user.
    pub(crate) fn decide(
        &mut self,
        witness: &Witness,
        request: &AuthorizeRequest,
        decision: &Decision,
    ) -> Option<Verdict> {
        let struck = self.strike_callback(witness);
        let fault = struck.as_ref().and_then(|struck| struck.fault.as_callback());
        let delay = struck.map(|struck| struck.delay).unwrap_or_default();
        let (target, errand) = match (decision, fault) {
            (Decision::Cancel, _) | (_, Some(CallbackFault::Denied)) => {
                (self.deny(witness, request), None)
            }
            (Decision::Allow(username), fault) => self.allow(witness, request, username, fault)?,
        };
        Some(Verdict { target, delay, errand })
    }

    fn strike_callback(&mut self, witness: &Witness) -> Option<Struck> {
        let struck = self.faults.strike_callback(self.clock.now())?;
        self.counters.faults += 1;
        self.record(witness, Event::new(EventKind::FaultStruck).reason(struck.fault.name()));
        Some(struck)
    }

    fn deny(&mut self, witness: &Witness, request: &AuthorizeRequest) -> String {
        self.record(witness, Event::new(EventKind::Denied).client(&request.client_id));
        let mut answer = vec![("error", self.quirks.denial_error.as_str())];
        if let Some(state) = &request.state
            && self.quirks.denial_echoes_state
        {
            answer.push(("state", state));
        }
        with_answer(&request.redirect_uri, &answer)
    }

    fn allow(
        &mut self,
        witness: &Witness,
        request: &AuthorizeRequest,
        username: &str,
        fault: Option<CallbackFault>,
    ) -> Option<(String, Option<Errand>)> {
        let chosen = self.user_named(username)?;
        let user = match fault {
            Some(CallbackFault::OtherUser) => {
                self.users.iter().find(|other| other.id != chosen.id).unwrap_or(chosen)
            }
            _ => chosen,
        }
        .clone();
        let code = self.write_code(request, &user.id);
        let event = Event::new(EventKind::Approved).client(&request.client_id).user(&user.username);
        self.record(witness, event.token(TokenKey::of(&code).fingerprint()));
        if fault == Some(CallbackFault::Late) {
            self.advance(seconds(self.lifetimes.code.saturating_add(1)));
        }
        let target = answer_url(request, &code, fault);
        let errand = match fault {
            Some(CallbackFault::DeliveredTwice) => Errand::deliver(&target),
            Some(CallbackFault::StrayRequest) => Errand::stray(&target),
            _ => None,
        };
        Some((target, errand))
    }

    fn write_code(&mut self, request: &AuthorizeRequest, user_id: &str) -> String {
        let approved = self.now();
        let code = mint::code(approved);
        let record = Code {
            client_id: request.client_id.clone(),
            user_id: user_id.to_owned(),
            redirect_uri: request.redirect_uri.clone(),
            scopes: request.scopes.clone(),
            challenge: request.challenge.clone(),
            approved,
            redeemed: None,
            is_burnt: false,
        };
        self.codes.put(TokenKey::of(&code), record);
        code
    }
}

fn answer_url(request: &AuthorizeRequest, code: &str, fault: Option<CallbackFault>) -> String {
    let uri = &request.redirect_uri;
    let state = request.state.as_deref();
    match fault {
        Some(CallbackFault::ErrorWithoutState) => {
            let text = "Redirect is requested.";
            with_answer(uri, &[("error", "invalid_request"), ("error_description", text)])
        }
        Some(CallbackFault::AlteredState) => {
            with_answer(uri, &[("state", &altered(state.unwrap_or_default())), ("code", code)])
        }
        Some(CallbackFault::MissingState) => with_answer(uri, &[("code", code)]),
        Some(CallbackFault::MissingCode) => {
            with_answer(uri, &[("state", state.unwrap_or_default())])
        }
        Some(CallbackFault::RepeatedCode) => {
            let state = state.unwrap_or_default();
            with_answer(uri, &[("state", state), ("code", code), ("code", code)])
        }
        _ => match state {
            Some(state) => with_answer(uri, &[("state", state), ("code", code)]),
            None => with_answer(uri, &[("code", code)]),
        },
    }
}

/// Drops quotes and commas; a state that has none loses its last character instead.
fn altered(state: &str) -> String {
    let mut altered = crate::approval::mangled(state);
    if altered == state {
        altered.pop();
    }
    altered
}
