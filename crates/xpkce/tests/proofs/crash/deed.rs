//! What a process does until it is killed.

use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use xpkce::http::HyperClient;
use xpkce::keeper::{Tending, reseal};
use xpkce::seal::{Sealer, keys_in_use};
use xpkce::store::Store;
use xpkce::{Clock as _, Keeper, Timestamp, Token};

use super::super::home::{Ahead, Home, Place, asked};
use super::super::tripwire::{Tripwire, Wired, WiredStore};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The first process makes the store, and its key.
    Start,
    BeginSignIn,
    SignIn,
    SignInAgain,
    Import,
    Use,
    Refresh,
    /// A round of what `xpkce keep` does.
    Keep,
    SignOut,
    /// A new key, everything sealed anew with it, and the old one dropped.
    RotateKeys,
}

/// How long ago the login was used when somebody uses it: long enough to be noted.
const UNUSED: Duration = Duration::from_secs(70 * 60);
/// Before the URL of a sign-in that is begun.
pub const URL: &str = "url ";

#[tokio::test]
#[ignore = "run as another process by the tests of the matrix"]
async fn a_process_with_a_tripwire() {
    let place = Place::told();
    let refusals = asked("XPKCE_TEST_REFUSALS").parse().unwrap();
    let kill_at = asked("XPKCE_TEST_KILL_AT");
    // Who is killed from without is not held up between X's answer and its first write.
    let watches_steps = !kill_at.is_empty();
    let wire = Arc::new(Tripwire::new(kill_at, refusals));
    if watches_steps {
        wire.watch_steps();
    }
    let clock = Arc::new(Ahead::default());
    clock.advance(Duration::from_secs(asked("XPKCE_TEST_AHEAD").parse().unwrap()));
    let store = Arc::new(WiredStore(place.store(clock.clone()).await, wire.clone()));
    let http = Arc::new(Wired(HyperClient::new(), wire));
    let keeper = place.keeper(store.clone(), http, clock.clone()).await;
    let subject = asked("XPKCE_TEST_SUBJECT");
    let source = keeper.token_source(&subject);
    match asked("XPKCE_TEST_DEED").as_str() {
        "Start" => {}
        "BeginSignIn" => {
            let login = keeper.begin_login().unwrap();
            println!("\n{URL}{}", login.url());
            drop(keeper.park_login(&login).await);
        }
        "Import" => drop(keeper.import(Token::from_json(&subject).unwrap()).await),
        "Use" => drop(source.access_token().await),
        "Refresh" => drop(source.refresh().await),
        "Keep" => drop(keeper.keep_once(&Tending::new()).await),
        "SignOut" => drop(source.sign_out().await),
        "RotateKeys" => {
            let sealer = Sealer::rotate_key_file(place.key()).unwrap();
            finish_rotation(&place, store.as_ref(), &sealer, clock.now()).await;
        }
        _ => drop(keeper.finish_login(&subject).await),
    }
}

/// Seals everything with the newest key, and drops the others as if an hour had passed.
pub async fn finish_rotation(place: &Place, store: &dyn Store, sealer: &Sealer, now: Timestamp) {
    assert_eq!(reseal(store, sealer).await.unwrap().failed, 0);
    let in_use = keys_in_use(store, sealer).await.unwrap();
    Sealer::prune_key_file(place.key(), &in_use, now + Sealer::SETTLE * 2).unwrap();
}

/// Starts a process that refreshes once, says its steps, and is killed at the one of this name; or at
/// none, and then it says those of the store and of X alone.
pub fn refresh(place: &Place, user: &str, kill_at: Option<&str>) -> Child {
    let kill_at = kill_at.unwrap_or_default().to_owned();
    Deed::Refresh.start(place, user, kill_at, 0, Duration::ZERO)
}

impl Deed {
    /// Starts a process that does it, on a store that refuses so many commits. `kill_at` is the number
    /// or the name of a step.
    pub fn start(
        self,
        place: &Place,
        subject: &str,
        kill_at: String,
        refusals: usize,
        ahead: Duration,
    ) -> Child {
        let asked = [
            ("XPKCE_TEST_KILL_AT", kill_at),
            ("XPKCE_TEST_REFUSALS", refusals.to_string()),
            ("XPKCE_TEST_AHEAD", ahead.as_secs().to_string()),
            ("XPKCE_TEST_DEED", format!("{self:?}")),
            ("XPKCE_TEST_SUBJECT", subject.to_owned()),
        ];
        place.process("crash::deed::a_process_with_a_tripwire", &asked)
    }

    /// Does what must come before, and returns what the process must know.
    pub async fn prepare(self, home: &Home) -> String {
        if self == Self::Start {
            return String::new();
        }
        let keeper = home.keeper().await;
        match self {
            Self::Start | Self::BeginSignIn => String::new(),
            Self::SignIn => callback(home, &keeper).await,
            Self::SignInAgain => {
                home.sign_in(&keeper).await;
                callback(home, &keeper).await
            }
            Self::Import => {
                let login = keeper.begin_login().unwrap();
                let callback = home.x.approve(login.url()).await;
                let approval = login.approve(&callback).unwrap();
                keeper.client().exchange(approval).await.unwrap().to_json().to_string()
            }
            Self::Use => {
                let user = home.sign_in(&keeper).await.account().user.clone();
                home.advance(UNUSED);
                user
            }
            Self::Refresh | Self::Keep | Self::SignOut | Self::RotateKeys => {
                home.sign_in(&keeper).await.account().user.clone()
            }
        }
    }

    /// Does again what came to nothing, as its user would.
    pub async fn again(self, home: &Home, keeper: &Keeper, subject: &str) {
        if self == Self::Import {
            keeper.import(Token::from_json(subject).unwrap()).await.unwrap();
        } else {
            home.sign_in(keeper).await;
        }
    }
}

/// Begins a sign-in that another process may finish, and has it approved.
async fn callback(home: &Home, keeper: &Keeper) -> String {
    let login = keeper.begin_login().unwrap();
    keeper.park_login(&login).await.unwrap();
    home.x.approve(login.url()).await
}
