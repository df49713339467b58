//! The fault matrix: what each of the emulator's faults comes to, on every store alike.

use std::time::Duration;

use http::{HeaderMap, Method};
use xpkce::grant::Death;
use xpkce::{ErrorKind, Keeper, TokenSource};
use xpkce_emulator::{FaultRule, Lifetimes, Quirks, TokenKind};

use super::home::{Home, Kind};

#[path = "faults/rows.rs"]
mod rows;
use rows::{ROWS, Row};
#[path = "faults/sign_ins.rs"]
mod sign_ins;
use sign_ins::SIGN_INS;

/// What is done while the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// An access token is asked for after the last one's end.
    Refresh,
    /// A sign-in, from the approval on.
    SignIn,
    /// A request to a resource with a token that is an hour old.
    Request,
}

/// What happens at X besides a scripted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    None,
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
            Deed::SignIn => self.sign_in(&home, &keeper).await,
            Deed::Refresh | Deed::Request => self.use_it(&home, &keeper).await,
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
        home.x.set_lifetimes(Lifetimes::default());
        home.advance(Duration::from_secs(if self.deed == Deed::Request { 3600 } else { 7201 }));
        self.script(home);
        self.act(home).await;
        let asked = home.x.token_requests();
        let first = match self.deed {
            Deed::Request => source
                .request(Method::GET, "/2/users/me", HeaderMap::new(), None)
                .await
                .map(|answer| answer.status.to_string()),
            _ => source
                .access_token()
                .await
                .map(|token| format!("generation {}", token.generation())),
        };
        let first = first.unwrap_or_else(|why| {
            home.silence.hear(&why);
            say(why.kind()).to_owned()
        });
        let sent = home.x.token_requests() - asked;
        let state = home.store.load(source.account()).await.unwrap().unwrap().grant.state;
        home.x.clear_faults();
        self.undo(home);
        let later = ask(home, &source).await;
        format!("{first}; {sent} sent; {}; {later}", state.name())
    }

    async fn sign_in(&self, home: &Home, keeper: &Keeper) -> String {
        let login = keeper.begin_login().unwrap();
        self.script(home);
        let callback = home.x.approve(login.url()).await;
        let signed_in = match login.approve(&callback) {
            Ok(approval) => keeper.sign_in(approval).await,
            Err(why) => Err(why),
        };
        let first = match &signed_in {
            Ok(signed_in) if signed_in.account.is_unlabelled() => "signed in, unlabelled",
            Ok(_) => "signed in",
            Err(why) => {
                home.silence.hear(why);
                say(why.kind())
            }
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
            Act::None | Act::EndAccessTokenEarly => {}
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
    let rows = || ROWS.iter().chain(&SIGN_INS);
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
