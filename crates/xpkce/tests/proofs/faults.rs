//! The fault matrix: what each of the emulator's faults comes to, on every store alike.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use xpkce::grant::Death;
use xpkce::http::HyperClient;
use xpkce::{Error, ErrorKind, Keeper, TokenSource};
use xpkce_emulator::{FaultRule, Lifetimes, Quirks, TokenKind};

use super::home::{Home, Kind, Place};
use super::way::Way;

#[path = "faults/here.rs"]
mod here;
use here::sign_in_here;
#[path = "faults/requests.rs"]
mod requests;
use requests::REQUESTS;
#[path = "faults/rows.rs"]
mod rows;
use rows::{ROWS, Row};
#[path = "faults/sign_ins.rs"]
mod sign_ins;
use sign_ins::SIGN_INS;

/// Half of how long somebody in a hurry waits for X: long enough for an answer that is not held back.
const HURRY: Duration = Duration::from_secs(3);

/// What is done while the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// An access token is asked for after the last one's end.
    Refresh,
    /// A sign-in, from the approval on.
    SignIn,
    /// A sign-in whose callback comes to a port of this machine.
    SignInHere,
    /// A request to a resource with a token that is an hour old.
    Request,
    /// Such requests, again and again until X serves one.
    RequestUntilWell,
}

/// What happens at X besides a scripted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    None,
    /// Who asks gives up before X answers.
    Hurry,
    /// Nobody listens where X should be.
    Refuse,
    Disconnect,
    Suspend,
    SignInElsewhere,
    RotateSecret,
    FlipType,
    EndRefreshToken,
    EndAccessTokenEarly,
    ReplayKills,
}

impl Row {
    async fn run(&self, kind: Kind) -> String {
        let home = match self.act {
            Act::RotateSecret => Home::confidential(kind).await,
            _ => Home::new(kind).await,
        };
        let keeper = home.keeper().await;
        match self.deed {
            Deed::SignIn | Deed::SignInHere => self.sign_in(&home, &keeper).await,
            Deed::Refresh | Deed::Request | Deed::RequestUntilWell => {
                self.use_it(&home, &keeper).await
            }
        }
    }

    fn script(&self, home: &Home) {
        for rule in self.rules {
            home.x.fault(serde_json::from_str::<FaultRule>(rule).unwrap());
        }
    }

    async fn use_it(&self, home: &Home, keeper: &Keeper) -> String {
        if self.act == Act::EndAccessTokenEarly {
            home.x.set_lifetimes(Lifetimes { access_in_truth: Some(60), ..Lifetimes::default() });
        }
        let source = home.sign_in(keeper).await;
        let (source, way) = self.asks(home, source).await;
        home.x.set_lifetimes(Lifetimes::default());
        home.advance(Duration::from_secs(if self.deed == Deed::Refresh { 7201 } else { 3600 }));
        self.script(home);
        self.act(home).await;
        let asked = home.x.token_requests();
        let first = match self.deed {
            Deed::Request => request(home, &source).await,
            Deed::RequestUntilWell => request_until_well(home, &source).await,
            _ => match source.access_token().await {
                Ok(token) => format!("generation {}", token.generation()),
                Err(why) => hear(home, &why).to_owned(),
            },
        };
        let sent = home.x.token_requests() - asked;
        let state = home.store.load(source.account()).await.unwrap().unwrap().grant.state;
        home.x.clear_faults();
        self.undo(home);
        if let Some(way) = way {
            way.open(home.x.base_url());
        }
        let later = ask(home, &source).await;
        format!("{first}; {sent} sent; {}; {later}", state.name())
    }

    /// Returns who asks for the token, and the way to X if that is not there yet.
    async fn asks(&self, home: &Home, source: TokenSource) -> (TokenSource, Option<Way>) {
        let (place, http, way) = match self.act {
            Act::Hurry => (home.place.clone(), HyperClient::with_deadlines(HURRY, HURRY), None),
            Act::Refuse => {
                let way = Way::closed();
                let place = Place { base: way.base_url(), ..home.place.clone() };
                (place, HyperClient::new(), Some(way))
            }
            _ => return (source, None),
        };
        let keeper = place.keeper(home.store.clone(), Arc::new(http), home.clock.clone()).await;
        (keeper.token_source(&source.account().user), way)
    }

    async fn sign_in(&self, home: &Home, keeper: &Keeper) -> String {
        self.script(home);
        let signed_in = match self.deed {
            Deed::SignInHere => sign_in_here(home, keeper).await,
            _ => {
                let login = keeper.begin_login().unwrap();
                let callback = home.x.approve(login.url()).await;
                match login.approve(&callback) {
                    Ok(approval) => keeper.sign_in(approval).await,
                    Err(why) => Err(why),
                }
            }
        };
        let first = match &signed_in {
            Ok(signed_in) if signed_in.account.is_unlabelled() => "signed in, unlabelled",
            Ok(_) => "signed in",
            Err(why) => hear(home, why),
        };
        home.x.clear_faults();
        let exchanges = home.x.exchanges();
        let later = match home.accounts().await.first() {
            Some(account) => ask(home, &keeper.token_source(&account.user)).await,
            None => "no login".to_owned(),
        };
        format!("{first}; {exchanges} exchanged; {later}")
    }

    async fn act(&self, home: &Home) {
        let user = &home.x.users()[0].username;
        match self.act {
            Act::None | Act::Hurry | Act::Refuse | Act::EndAccessTokenEarly => {}
            Act::Disconnect => home.x.disconnect_app(user),
            Act::Suspend => home.x.suspend_app(&home.place.client_id),
            Act::SignInElsewhere => drop(home.sign_in(&home.elsewhere().await).await),
            Act::RotateSecret => drop(home.x.rotate_secret(&home.place.client_id)),
            Act::FlipType => drop(home.x.flip_app_type(&home.place.client_id)),
            Act::EndRefreshToken => home.x.expire(user, TokenKind::Refresh),
            Act::ReplayKills => {
                home.x.set_quirks(Quirks { replay_kills_family: true, ..Quirks::default() });
            }
        }
    }

    fn undo(&self, home: &Home) {
        match self.act {
            Act::Suspend => home.x.reinstate_app(&home.place.client_id),
            Act::FlipType => drop(home.x.flip_app_type(&home.place.client_id)),
            _ => {}
        }
    }
}

/// Says what a caller was told, and sees that there is no secret in it.
fn hear(home: &Home, why: &Error) -> &'static str {
    home.silence.hear(why);
    say(why.kind())
}

async fn request(home: &Home, source: &TokenSource) -> String {
    match source.request(Method::GET, "/2/users/me", HeaderMap::new(), None).await {
        Ok(answer) => answer.status.to_string(),
        Err(why) => hear(home, &why).to_owned(),
    }
}

/// Requests every five seconds, and returns what came of it, each once in a row.
async fn request_until_well(home: &Home, source: &TokenSource) -> String {
    let mut told = vec![request(home, source).await];
    for _ in 0..60 {
        if told.last().is_some_and(|last| last == "200") {
            break;
        }
        home.advance(Duration::from_secs(5));
        told.push(request(home, source).await);
        told.dedup();
    }
    told.join(", then ")
}

/// Asks as long as there is hope, while X is well.
async fn ask(home: &Home, source: &TokenSource) -> String {
    let mut last = None;
    for _ in 0..6 {
        home.advance(Duration::from_secs(300));
        match source.refresh().await {
            Ok(_) => return "alive".to_owned(),
            Err(why) if why.kind() == ErrorKind::SignIn => {
                let stored = home.store.load(source.account()).await.unwrap().unwrap();
                let death = match stored.grant.death {
                    Some(Death::AnswerLost) => "answer_lost",
                    Some(_) => "token_invalid",
                    None => "gone",
                };
                return format!("dead, `{death}`");
            }
            Err(why) => last = Some(why),
        }
    }
    say(last.unwrap().kind()).to_owned()
}

/// Says a kind in one word.
pub fn say(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Configure => "says Configure",
        ErrorKind::InDoubt => "says InDoubt",
        ErrorKind::SignIn => "says SignIn",
        ErrorKind::Retry => "says Retry",
        ErrorKind::Store => "says Store",
        _ => "says Protocol",
    }
}

async fn matrix(kind: Kind) {
    let mut wrong = Vec::new();
    println!("| {kind:?}: fault | outcome |\n|---|---|");
    let rows = || ROWS.iter().chain(&REQUESTS).chain(&SIGN_INS);
    let runs: Vec<_> = rows().map(|row| tokio::spawn(row.run(kind))).collect();
    for (row, run) in rows().zip(runs) {
        let outcome = run.await.unwrap();
        println!("| {} | {outcome} |", row.fault);
        // Where an answer is cut decides whether its refresh token came whole.
        if row.outcome.split(" or ").all(|expected| expected != outcome) {
            wrong.push(format!("{}: {outcome}, not {}", row.fault, row.outcome));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_ends_as_written_on_the_memory_store() {
    matrix(Kind::Memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_ends_as_written_on_sqlite() {
    matrix(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_ends_as_written_on_postgres() {
    matrix(Kind::Postgres).await;
}
