//! The crash matrix: a process is killed before and after each of its durable writes and network
//! steps, and another one finds the login alive, or says what happened to it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use rustix::process::Signal;
use xpkce::grant::{Death, State};
use xpkce::keeper::Tending;
use xpkce::seal::Sealer;
use xpkce::{Clock as _, ErrorKind, Keeper};
use xpkce_emulator::{
    BodyForm, Cut, Endpoint, Event, EventKind, Fault, FaultRule, Quirks, RevokeReach,
};

use super::home::{Home, Kind};
use super::tripwire::ALWAYS;

#[path = "crash/deed.rs"]
mod deed;
pub use deed::refresh;
use deed::{Deed, URL, finish_rotation};

/// A deed, and what goes wrong with it besides.
struct Scene {
    name: &'static str,
    deed: Deed,
    fault: fn() -> Option<FaultRule>,
    /// How many commits the store refuses.
    refusals: usize,
    /// What another process did when it died, and the step it came to.
    after: Option<(Deed, &'static str)>,
    /// Whether a keeper has gone its round since, and every lease has ended.
    is_later: bool,
    /// Whether no pair can be read out of X's answer.
    is_unreadable: bool,
}

const fn scene(name: &'static str, deed: Deed) -> Scene {
    Scene {
        name,
        deed,
        fault: || None,
        refusals: 0,
        after: None,
        is_later: false,
        is_unreadable: false,
    }
}

static SCENES: [Scene; 21] = [
    scene("first start", Deed::Start),
    scene("sign-in begun", Deed::BeginSignIn),
    scene("sign-in", Deed::SignIn),
    scene("sign-in again", Deed::SignInAgain),
    scene("import", Deed::Import),
    scene("use after an hour", Deed::Use),
    scene("refresh", Deed::Refresh),
    Scene { refusals: ALWAYS, ..scene("refresh, the store refuses the pair", Deed::Refresh) },
    Scene { refusals: 1, ..scene("refresh, the store refuses the pair once", Deed::Refresh) },
    Scene {
        fault: || Some(on_refresh(Fault::Status { status: 503, body: BodyForm::Html }).times(2)),
        ..scene("refresh, two gateway errors", Deed::Refresh)
    },
    Scene {
        fault: || Some(on_refresh(invalid_token())),
        ..scene("refresh, X says invalid by mistake", Deed::Refresh)
    },
    Scene {
        fault: || Some(on_refresh(Fault::Drop { at: Cut::BeforeHeaders }).after_commit()),
        ..scene("refresh, the answer is lost", Deed::Refresh)
    },
    Scene {
        fault: || Some(on_refresh(Fault::HtmlInside200).after_commit()),
        is_unreadable: true,
        ..scene("refresh, the answer cannot be read", Deed::Refresh)
    },
    Scene {
        after: Some((Deed::Refresh, SPILLED)),
        ..scene("refresh, after another died with the pair", Deed::Refresh)
    },
    Scene {
        after: Some((Deed::Refresh, SPILLED)),
        ..scene("keep, after another died with the pair", Deed::Keep)
    },
    Scene {
        after: Some((Deed::SignIn, SPILLED)),
        ..scene("keep, after another died with a first sign-in", Deed::Keep)
    },
    Scene {
        after: Some((Deed::Refresh, SPILLED)),
        is_later: true,
        ..scene("keep, long after another died with the pair", Deed::Keep)
    },
    Scene {
        after: Some((Deed::Refresh, "before naming the spill file")),
        is_later: true,
        ..scene("keep, long after another died at its start", Deed::Keep)
    },
    scene("sign-out", Deed::SignOut),
    Scene {
        after: Some((Deed::Refresh, SPILLED)),
        ..scene("sign-out, after another died with the pair", Deed::SignOut)
    },
    scene("new key, the old one dropped", Deed::RotateKeys),
];

/// The first step of a request for tokens.
const SENDING: &str = "before POST /2/oauth2/token";
/// The steps at which a kill may end a login: those around the answer, and the first write of it. The
/// file may have been marked and made ready anew while X took its time.
const MAY_END_A_LOGIN: [&str; 6] = [
    "after POST /2/oauth2/token",
    "before marking the spill file empty",
    "after marking the spill file empty",
    "before making the spill file ready",
    "after making the spill file ready",
    "before spilling the pair",
];
/// What is done in one deed or another, and must have cells.
const DONE: [&str; 33] = [
    "writing a draft of the key file",
    "naming the key file",
    "removing the key file's draft",
    "flushing the key file's folder",
    "replacing the key file",
    "saving the key check",
    "replacing the key check",
    "parking the sign-in",
    "taking the sign-in out",
    "counting the sign-in",
    "making the login's door",
    "removing the login's door",
    "making the spill file",
    "naming the spill file",
    "marking the spill file empty",
    "making the spill file ready",
    "spilling the pair",
    "flushing the spill file",
    "erasing its header",
    "erasing the spilled pair",
    "removing the spill file",
    "cutting a dead holder's file short",
    "flushing a dead holder's file",
    "removing a dead holder's file",
    "removing an unnamed file",
    "POST /2/oauth2/token",
    "POST /2/oauth2/revoke",
    "GET /2/users/me",
    "saving spending",
    "saving ready",
    "saving in_doubt",
    "saving rejected",
    "labelling",
];
/// The step after which a pair outlives the process that received it.
const SPILLED: &str = "after spilling the pair";

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

/// What became of the login, as the next process finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Alive,
    Dead(Death),
    SignedOut,
    /// Nothing, and what was begun is done again.
    Nobody,
}

impl Found {
    fn say(self, deed: Deed) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Dead(Death::AnswerLost) => "dead, `answer_lost`",
            Self::Dead(_) => "dead, `token_invalid`",
            Self::SignedOut => "signed out",
            Self::Nobody => match deed {
                Deed::Start => "nobody: sign in",
                Deed::Import => "nobody: import again",
                _ => "nobody: approve again",
            },
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

impl Cell {
    fn step(&self) -> &str {
        self.step.as_deref().unwrap_or("not at all")
    }
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
                let is_over = cell.step.is_none() || self.has_told_all(&cells);
                if !self.has_told_all(&cells) {
                    cells.push(cell);
                }
                if is_over {
                    return cells;
                }
            }
        }
    }

    /// A store that never works again is tried for ever: three tries tell everything.
    fn has_told_all(&self, cells: &[Cell]) -> bool {
        let is_refused = |cell: &&Cell| cell.step.as_deref() == Some("after saving ready, refused");
        self.refusals == ALWAYS && cells.iter().filter(is_refused).count() == 3
    }

    async fn kill(&self, kind: Kind, at: usize) -> Cell {
        let mut home = Home::new(kind).await;
        if self.deed == Deed::Start {
            home.move_to_an_empty_place().await;
        }
        // Neither token takes the other along.
        home.x.set_quirks(Quirks { revoke_reach: RevokeReach::TokenOnly, ..home.x.quirks() });
        let subject = self.after.map_or(self.deed, |(deed, _)| deed).prepare(&home).await;
        if let Some((deed, step)) = self.after {
            let mut process = deed.start(&home.place, &subject, step.to_owned(), 0, Duration::ZERO);
            assert_eq!(process.wait().unwrap().signal(), Some(Signal::KILL.as_raw()));
        }
        if self.is_later {
            home.keeper().await.keep_once(&Tending::new()).await.unwrap();
            home.advance(Duration::from_secs(600));
        }
        if let Some(rule) = (self.fault)() {
            home.x.fault(rule);
        }
        let issued = home.x.refreshes() + home.x.exchanges();
        let (kill_at, ahead) = (at.to_string(), home.clock.span());
        let mut process = self.deed.start(&home.place, &subject, kill_at, self.refusals, ahead);
        let mut told = String::new();
        process.stdout.take().unwrap().read_to_string(&mut told).unwrap();
        let ended = process.wait().unwrap();
        let is_killed = ended.signal() == Some(Signal::KILL.as_raw());
        assert!(is_killed || ended.success(), "{ended}: {told}");
        let mut steps: Vec<_> = told.lines().filter_map(|it| it.strip_prefix("step ")).collect();
        assert!(if is_killed { steps.len() == at + 1 } else { steps.len() <= at }, "{told}");
        if self.deed == Deed::Start {
            home.open().await;
        }
        home.x.clear_faults();
        let has_issued = home.x.refreshes() + home.x.exchanges() > issued;
        let expected = self.expect(has_issued, &steps);
        let left = home.store.list(None, 1).await.unwrap().pop().map(|it| it.grant.state);
        let url = told.lines().find_map(|it| it.strip_prefix(URL));
        let found = self.find(&home, &subject, url).await;
        if self.is_unreadable && steps.contains(&SPILLED) {
            let stored = home.store.list(None, 1).await.unwrap().pop().unwrap();
            assert!(stored.grant.unread.is_some(), "X's answer is not kept: {told}");
        }
        let step = steps.pop().filter(|_| is_killed).map(str::to_owned);
        Cell { step, left, found, expected }
    }

    /// A login may be lost only if X had issued its pair and nothing durable had it yet, or X's answer
    /// did not have it.
    fn expect(&self, has_issued: bool, steps: &[&str]) -> Found {
        let sent = steps.iter().position(|step| *step == SENDING).unwrap_or_default();
        let is_spilled = steps[sent..].contains(&SPILLED);
        let is_lost = has_issued && (!is_spilled || self.is_unreadable);
        match self.deed {
            Deed::SignOut => Found::SignedOut,
            Deed::Refresh | Deed::Keep if is_lost => Found::Dead(Death::AnswerLost),
            Deed::SignInAgain if is_lost => Found::Dead(Death::TokenInvalid),
            Deed::Start => Found::Nobody,
            Deed::BeginSignIn if !steps.contains(&"after parking the sign-in") => Found::Nobody,
            Deed::SignIn | Deed::Import if !is_spilled => Found::Nobody,
            _ => Found::Alive,
        }
    }

    /// Asks as the next process would, as long as there is hope.
    async fn find(&self, home: &Home, subject: &str, url: Option<&str>) -> Found {
        if self.deed == Deed::RotateKeys {
            let sealer = Sealer::from_key_file(home.place.key()).unwrap();
            finish_rotation(&home.place, home.store.as_ref(), &sealer, home.clock.now()).await;
            assert_eq!(Sealer::from_key_file(home.place.key()).unwrap().keys().len(), 1);
        }
        let keeper = home.keeper().await;
        if let Some(url) = url {
            let finished = keeper.finish_login(&home.x.approve(url).await).await;
            assert!(finished.map_or_else(|why| why.kind() == ErrorKind::SignIn, |_| true));
        }
        if home.accounts().await.is_empty() {
            keeper.keep_once(&Tending::new()).await.unwrap();
        }
        if home.accounts().await.is_empty() {
            self.deed.again(home, &keeper, subject).await;
            return Found::Nobody;
        }
        let mut found = Found::Nobody;
        for account in home.accounts().await {
            if self.deed == Deed::SignOut {
                keeper.token_source(&account.user).sign_out().await.unwrap();
                // To revoke what is spent is a success, too.
                let ends = |it: &Event| it.kind == EventKind::Revoked && it.reason.is_none();
                assert_eq!(home.x.events().into_iter().filter(ends).count(), 2, "both live tokens");
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
    let (mut cells, mut lost, mut runs) = (0, 0, String::new());
    let mut steps = BTreeSet::new();
    println!("| {kind:?}: deed | killed | record left | next process finds |\n|---|---|---|---|");
    for scene in &SCENES {
        let found = scene.run(kind).await;
        for cell in &found {
            let (step, left) = (cell.step(), cell.left.map_or("none", State::name));
            println!("| {} | {step} | {left} | {} |", scene.name, cell.found.say(scene.deed));
            assert_eq!(cell.found, cell.expected, "{}: {step}", scene.name);
            if matches!(cell.found, Found::Dead(_)) {
                let is_lost_on_the_way = (scene.fault)().is_some();
                let may_end = is_lost_on_the_way || MAY_END_A_LOGIN.contains(&step);
                assert!(may_end, "{}: {step}", scene.name);
                lost += 1;
            }
            steps
                .insert(step.trim_start_matches("before ").trim_start_matches("after ").to_owned());
        }
        cells += found.len();
        for run in found.chunk_by(|one, next| one.found == next.found) {
            let (from, says) = (run[0].step(), run[0].found.say(scene.deed));
            writeln!(runs, "| {} | {from} | {} | {says} |", scene.name, run.len()).unwrap();
        }
    }
    let missing: Vec<_> = DONE.iter().filter(|step| !steps.contains(**step)).collect();
    assert!(missing.is_empty(), "without cells: {missing:?}");
    println!("\n| {kind:?}: deed | killed from | cells | next process finds |\n|---|---|---:|---|");
    println!(
        "{runs}{kind:?}: {cells} cells; {lost} logins ended, each with the pair that X issued in no store or file"
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
