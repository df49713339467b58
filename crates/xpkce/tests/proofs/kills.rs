//! Kills at random instants: the same ones for us and for X's own class, which saves to disk after
//! each refresh.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use xpkce::grant::Death;
use xpkce::http::ReqwestClient;
use xpkce::{ErrorKind, RefreshAnswer, RefreshToken, SystemClock, TokenSource};
use xpkce_emulator::{Endpoint, FaultRule};

use super::home::{Home, Kind, Place, asked, is_long};

/// How long X takes for a refresh.
const ANSWER: Duration = Duration::from_millis(10);
/// The latest instant of a kill, after the first process is ready.
const LATEST: u64 = 60_000;

/// What a run of kills came to.
#[derive(Debug, Default)]
struct Score {
    kills: usize,
    lost: usize,
    /// Of those: the program says that an answer was lost, and where to end what X issued.
    explained: usize,
}

/// Instants that are random and the same in every run.
struct Instants(u64);

impl Instants {
    fn next(&mut self) -> Duration {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros((self.0 >> 33) % LATEST)
    }
}

/// Who is killed.
enum Victim {
    Xpkce(TokenSource),
    Xdk { python: String, file: PathBuf },
}

impl Victim {
    async fn new(home: &Home, python: Option<&str>) -> Self {
        let keeper = home.keeper().await;
        match python {
            None => Self::Xpkce(home.sign_in(&keeper).await),
            Some(python) => {
                let login = keeper.begin_login().unwrap();
                let callback = home.x.approve(login.url()).await;
                let approval = login.approve(&callback).unwrap();
                let token = keeper.client().exchange(approval).await.unwrap();
                let file = home.place.folder.join("token.json");
                std::fs::write(&file, token.to_json().as_bytes()).unwrap();
                Self::Xdk { python: python.to_owned(), file }
            }
        }
    }

    fn start(&self, place: &Place) -> Child {
        match self {
            Self::Xpkce(source) => {
                let user = source.account().user.clone();
                let asked = [("XPKCE_TEST_SUBJECT", user)];
                place.process("kills::a_process_that_refreshes_for_ever", &asked)
            }
            Self::Xdk { python, file } => start_peer(place, python, file),
        }
    }

    /// Returns whether the login lives, and if not, whether the program says why.
    async fn lives(&self, home: &Home) -> Result<(), bool> {
        match self {
            Self::Xpkce(source) => our_login_lives(home, source).await,
            Self::Xdk { file, .. } => peers_login_lives(home, file).await.ok_or(false),
        }
    }
}

fn start_peer(place: &Place, python: &str, file: &PathBuf) -> Child {
    let settings = serde_json::json!({
        "base_url": place.base,
        "authorization_base_url": format!("{}/i", place.base),
        "client_id": place.client_id,
        "client_secret": place.secret,
        "redirect_uri": "http://127.0.0.1:8080/callback",
        "scope": ["tweet.read", "users.read", "offline.access"],
    });
    Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proofs/peer.py"))
        .arg(file)
        .env("XPKCE_TEST_PEER", settings.to_string())
        .env("OAUTHLIB_INSECURE_TRANSPORT", "1")
        .env("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
        .env("NO_PROXY", "127.0.0.1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn our_login_lives(home: &Home, source: &TokenSource) -> Result<(), bool> {
    for _ in 0..6 {
        match source.refresh().await {
            Ok(_) => return Ok(()),
            Err(why) if why.kind() == ErrorKind::SignIn => {
                let stored = home.store.load(source.account()).await.unwrap().unwrap();
                return Err(stored.grant.death == Some(Death::AnswerLost));
            }
            Err(_) => home.advance(Duration::from_secs(120)),
        }
    }
    Err(false)
}

async fn peers_login_lives(home: &Home, file: &PathBuf) -> Option<()> {
    let mut token: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).ok()?;
    let refresh = RefreshToken::new(token["refresh_token"].as_str()?.to_owned());
    let keeper = home.elsewhere().await;
    let RefreshAnswer::Rotated(rotated) = keeper.client().refresh(&refresh).await else {
        return None;
    };
    token["refresh_token"] = rotated.refresh?.expose().into();
    token["access_token"] = rotated.access?.access_token.expose().into();
    std::fs::write(file, token.to_string()).unwrap();
    Some(())
}

#[tokio::test]
#[ignore = "run as another process by the tests below"]
async fn a_process_that_refreshes_for_ever() {
    let place = Place::told();
    let clock = Arc::new(SystemClock);
    let store = place.store(clock.clone()).await;
    let keeper = place.keeper(store, Arc::new(ReqwestClient::new()), clock).await;
    let source = keeper.token_source(&asked("XPKCE_TEST_SUBJECT"));
    // The first one opens connections, and takes longer.
    drop(source.refresh().await);
    println!("\nready");
    loop {
        if source.refresh().await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn until_ready(process: &mut Child) {
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let is_ready = lines.map_while(Result::ok).any(|line| line == "ready");
    assert!(is_ready, "the process ended");
}

/// Kills `processes` at once at work, each at an instant of its own, `kills` times in all.
async fn score(python: Option<&str>, processes: usize, kills: usize) -> Score {
    let home = Home::confidential(Kind::Sqlite).await;
    home.x.fault(FaultRule::delay(Endpoint::Refresh, ANSWER).always());
    let (mut score, mut instants) = (Score::default(), Instants(2026));
    let mut login = Victim::new(&home, python).await;
    while score.kills < kills {
        let mut herd: Vec<_> = (0..processes).map(|_| login.start(&home.place)).collect();
        herd.iter_mut().for_each(until_ready);
        for process in &mut herd {
            tokio::time::sleep(instants.next() / u32::try_from(processes).unwrap()).await;
            process.kill().unwrap();
            process.wait().unwrap();
            score.kills += 1;
        }
        // What was on its way is carried out before anybody looks.
        tokio::time::sleep(ANSWER * 2).await;
        if let Err(is_explained) = login.lives(&home).await {
            score.lost += 1;
            score.explained += usize::from(is_explained);
            login = Victim::new(&home, python).await;
        }
    }
    score
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_random_kill_ends_a_login_unexplained() {
    let kills = if is_long() { 200 } else { 50 };
    for processes in [1, 2] {
        let ours = score(None, processes, kills).await;
        println!("xpkce, {processes} at a time: {ours:?}");
        assert_eq!(ours.lost, ours.explained);
    }
    let python = std::env::var("XPKCE_TEST_PYTHON").ok().filter(|_| is_long());
    for processes in [1, 2] {
        if let Some(python) = &python {
            let peer = score(Some(python), processes, kills).await;
            println!("xdk 0.10.6, {processes} at a time: {peer:?}");
        }
    }
}
