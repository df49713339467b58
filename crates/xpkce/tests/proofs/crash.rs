//! The crash matrix: a process is killed before and after each of its durable writes and network
//! steps, and another one finds the login alive, or says what happened to it.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use xpkce::grant::{Death, State};
use xpkce::http::HyperClient;
use xpkce::{ErrorKind, Keeper, SystemClock};
use xpkce_emulator::{BodyForm, Cut, Endpoint, Fault, FaultRule};

use super::home::{Home, Kind, Place, asked};
use super::tripwire::{ALWAYS, Tripwire, Wired, WiredStore};

/// What the killed process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Refresh,
    SignIn,
    SignInAgain,
    SignOut,
}

/// A deed, and what goes wrong with it besides.
struct Scene {
    name: &'static str,
    deed: Deed,
    fault: fn() -> Option<FaultRule>,
    /// How many commits the store refuses.
    refusals: usize,
}

static SCENES: [Scene; 9] = [
    Scene { name: "refresh", deed: Deed::Refresh, fault: || None, refusals: 0 },
    Scene {
        name: "refresh, the store refuses the pair",
        deed: Deed::Refresh,
        fault: || None,
        refusals: ALWAYS,
    },
    Scene {
        name: "refresh, the store refuses the pair once",
        deed: Deed::Refresh,
        fault: || None,
        refusals: 1,
    },
    Scene {
        name: "refresh, two gateway errors",
        deed: Deed::Refresh,
        fault: || Some(on_refresh(Fault::Status { status: 503, body: BodyForm::Html }).times(2)),
        refusals: 0,
    },
    Scene {
        name: "refresh, X says invalid by mistake",
        deed: Deed::Refresh,
        fault: || Some(on_refresh(invalid_token())),
        refusals: 0,
    },
    Scene {
        name: "refresh, the answer is lost",
        deed: Deed::Refresh,
        fault: || Some(on_refresh(Fault::Drop { at: Cut::BeforeHeaders }).after_commit()),
        refusals: 0,
    },
    Scene { name: "sign-in", deed: Deed::SignIn, fault: || None, refusals: 0 },
    Scene { name: "sign-in again", deed: Deed::SignInAgain, fault: || None, refusals: 0 },
    Scene { name: "sign-out", deed: Deed::SignOut, fault: || None, refusals: 0 },
];

fn on_refresh(fault: Fault) -> FaultRule {
    FaultRule::new(Endpoint::Refresh, fault)
}

fn invalid_token() -> Fault {
    Fault::OauthError {
        status: 400,
        error: "invalid_request".into(),
        description: "Value passed for the token was invalid.".into(),
    }
}

#[tokio::test]
#[ignore = "run as another process by the tests below"]
async fn a_process_with_a_tripwire() {
    let place = Place::told();
    let kill_at = asked("XPKCE_TEST_KILL_AT").parse().ok();
    let refusals = asked("XPKCE_TEST_REFUSALS").parse().unwrap();
    let wire = Arc::new(Tripwire::new(kill_at, refusals));
    let clock = Arc::new(SystemClock);
    let store = Arc::new(WiredStore(place.store(clock.clone()).await, wire.clone()));
    let http = Arc::new(Wired(HyperClient::new(), wire));
    let keeper = place.keeper(store, http, clock).await;
    let subject = asked("XPKCE_TEST_SUBJECT");
    match asked("XPKCE_TEST_DEED").as_str() {
        "Refresh" => drop(keeper.token_source(&subject).refresh().await),
        "SignOut" => drop(keeper.token_source(&subject).sign_out().await),
        _ => drop(keeper.finish_login(&subject).await),
    }
}

/// Starts a process that refreshes once, says its steps, and is killed at one of them or not at all.
pub fn refresh(place: &Place, user: &str, kill_at: Option<usize>) -> Child {
    Deed::Refresh.start(place, user, kill_at, 0)
}

impl Deed {
    /// Starts a process that does it, on a store that refuses so many commits.
    fn start(self, place: &Place, subject: &str, kill_at: Option<usize>, refusals: usize) -> Child {
        let asked = [
            ("XPKCE_TEST_KILL_AT", kill_at.map_or_else(String::new, |at| at.to_string())),
            ("XPKCE_TEST_REFUSALS", refusals.to_string()),
            ("XPKCE_TEST_DEED", format!("{self:?}")),
            ("XPKCE_TEST_SUBJECT", subject.to_owned()),
        ];
        place.process("crash::a_process_with_a_tripwire", &asked)
    }
}

/// What became of the login, as the next process finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Alive,
    Dead(Death),
    SignedOut,
    NeverSignedIn,
}

impl Found {
    fn say(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Dead(Death::AnswerLost) => "dead, `answer_lost`",
            Self::Dead(_) => "dead, `token_invalid`",
            Self::SignedOut => "signed out",
            Self::NeverSignedIn => "approve again",
        }
    }
}

/// What one killed process left behind.
struct Cell {
    /// The step it was killed at; none when it came to its end.
    step: Option<String>,
    /// What the record said then.
    left: Option<State>,
    found: Found,
    expected: Found,
}

impl Scene {
    /// Kills one process at every step it has, a few at a time.
    async fn run(&'static self, kind: Kind) -> Vec<Cell> {
        const AT_ONCE: usize = 4;
        let mut cells = Vec::new();
        loop {
            let next = cells.len()..cells.len() + AT_ONCE;
            let killing: Vec<_> =
                next.map(|at| tokio::spawn(async move { self.kill(kind, at).await })).collect();
            for cell in killing {
                let cell = cell.await.unwrap();
                let is_over = cell.step.is_none();
                cells.push(cell);
                // A store that never works again is tried for ever: three tries tell everything.
                if is_over || (self.refusals == ALWAYS && cells.len() == 8) {
                    return cells;
                }
            }
        }
    }

    async fn kill(&self, kind: Kind, at: usize) -> Cell {
        let home = Home::new(kind).await;
        let keeper = home.keeper().await;
        let subject = self.prepare(&home, &keeper).await;
        drop(keeper);
        if let Some(rule) = (self.fault)() {
            home.x.fault(rule);
        }
        let issued = home.x.refreshes() + home.x.exchanges();
        let mut process = self.deed.start(&home.place, &subject, Some(at), self.refusals);
        let mut told = String::new();
        process.stdout.take().unwrap().read_to_string(&mut told).unwrap();
        let ended = process.wait().unwrap();
        let is_killed = ended.signal() == Some(Signal::KILL.as_raw());
        assert!(is_killed || ended.success(), "{ended}: {told}");
        let mut steps: Vec<_> = told.lines().filter_map(|it| it.strip_prefix("step ")).collect();
        assert!(if is_killed { steps.len() == at + 1 } else { steps.len() <= at }, "{told}");
        home.x.clear_faults();
        let has_issued = home.x.refreshes() + home.x.exchanges() > issued;
        let expected = self.expect(has_issued, &steps);
        let left = home.store.list(None, 1).await.unwrap().pop().map(|it| it.grant.state);
        let found = self.find(&home).await;
        let step = steps.pop().filter(|_| is_killed).map(str::to_owned);
        Cell { step, left, found, expected }
    }

    /// Signs in first where the deed needs it, and returns what the process must know.
    async fn prepare(&self, home: &Home, keeper: &Keeper) -> String {
        let user = match self.deed {
            Deed::SignIn => String::new(),
            _ => home.sign_in(keeper).await.account().user.clone(),
        };
        if matches!(self.deed, Deed::Refresh | Deed::SignOut) {
            return user;
        }
        let login = keeper.begin_login().unwrap();
        keeper.park_login(&login).await.unwrap();
        home.x.approve(login.url()).await
    }

    /// A login may be lost only if X had issued its pair and nothing durable had it yet.
    fn expect(&self, has_issued: bool, steps: &[&str]) -> Found {
        let saves = steps.iter().any(|step| step.starts_with("before saving ready"));
        // A pair is in the spill file before it is saved; a first sign-in's is looked for by nobody
        // here.
        let is_kept = match self.deed {
            Deed::Refresh | Deed::SignOut | Deed::SignInAgain => saves,
            Deed::SignIn => steps.contains(&"after saving ready"),
        };
        match (self.deed, has_issued && !is_kept) {
            (Deed::SignOut, _) => Found::SignedOut,
            (Deed::Refresh, false) | (Deed::SignInAgain, false) => Found::Alive,
            (Deed::Refresh, true) => Found::Dead(Death::AnswerLost),
            (Deed::SignInAgain, true) => Found::Dead(Death::TokenInvalid),
            (Deed::SignIn, false) if has_issued => Found::Alive,
            (Deed::SignIn, _) => Found::NeverSignedIn,
        }
    }

    /// Asks as the next process would, as long as there is hope.
    async fn find(&self, home: &Home) -> Found {
        let keeper = home.keeper().await;
        let mut found = Found::NeverSignedIn;
        for account in home.accounts().await {
            if self.deed == Deed::SignOut {
                keeper.token_source(&account.user).sign_out().await.unwrap();
                assert!(home.x.revocations() > 0, "X was not asked");
            }
            found = ask(home, &keeper, &account.user).await;
            if found == Found::Alive {
                break;
            }
        }
        found
    }
}

async fn ask(home: &Home, keeper: &Keeper, user: &str) -> Found {
    let source = keeper.token_source(user);
    for _ in 0..6 {
        match source.refresh().await {
            Ok(_) => return Found::Alive,
            Err(why) if why.kind() == ErrorKind::SignIn => {
                let stored = home.store.load(source.account()).await.unwrap().unwrap();
                return stored.grant.death.map_or(Found::SignedOut, Found::Dead);
            }
            Err(_) => home.advance(Duration::from_secs(120)),
        }
    }
    panic!("no end was found");
}

async fn matrix(kind: Kind) {
    let (mut cells, mut lost) = (0, 0);
    println!("| {kind:?}: deed | killed | record left | next process finds |\n|---|---|---|---|");
    for scene in &SCENES {
        for cell in scene.run(kind).await {
            let step = cell.step.as_deref().unwrap_or("not at all");
            let left = cell.left.map_or("none", State::name);
            println!("| {} | {step} | {left} | {} |", scene.name, cell.found.say());
            assert_eq!(cell.found, cell.expected, "{}: {step}", scene.name);
            cells += 1;
            lost += usize::from(matches!(cell.expected, Found::Dead(_)));
        }
    }
    println!(
        "{kind:?}: {cells} cells; {lost} logins ended, each with X's answer in no store or file"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 5)]
async fn a_login_survives_a_kill_at_every_step_on_sqlite() {
    matrix(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 5)]
async fn a_login_survives_a_kill_at_every_step_on_postgres() {
    matrix(Kind::Postgres).await;
}
