//! Processes that are up already and ask at once for one token that is over: one of them refreshes,
//! the others must not wait for much longer than it does.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use xpkce::store::{SqliteStore, Store};
use xpkce::{Client, Clock as _, Keeper, SystemClock, Token};

use crate::answer::TOKEN_ANSWER;
use crate::crowd::sealer;
use crate::flow;

/// The file that all wait for: whoever gets its lock may ask.
const GATE: &str = "gate";

/// Lets `count` processes ask at once, and returns how long it took until each was served, the
/// quickest first.
pub fn ask(base_url: &str, count: usize) -> Vec<Duration> {
    let folder = TempDir::new().expect("a folder for the store");
    let user = runtime().block_on(sign_in(base_url, folder.path()));
    let gate = File::create(folder.path().join(GATE)).unwrap();
    gate.lock().unwrap();
    let mut herd: Vec<_> =
        (0..count).map(|_| Waiting::start(folder.path(), base_url, &user)).collect();
    herd.iter_mut().for_each(|process| assert_eq!(process.hear(), "ready"));
    let released = SystemClock.uptime();
    gate.unlock().unwrap();
    let mut spans: Vec<_> = herd.iter_mut().map(|process| process.served() - released).collect();
    // Nobody leaves before all are served: leaving takes time too.
    herd.into_iter().for_each(Waiting::leave);
    spans.sort_unstable();
    spans
}

/// One of the herd: opens the store, reads the login, says so, waits at the gate, asks.
pub fn join(folder: &Path, base_url: &str, user: &str) {
    let runtime = runtime();
    let (store, keeper) = runtime.block_on(open(base_url, folder));
    let source = keeper.token_source(user);
    runtime.block_on(store.load(source.account())).unwrap().expect("the login is there");
    let gate = File::open(folder.join(GATE)).unwrap();
    println!("ready");
    gate.lock_shared().unwrap();
    let token = runtime.block_on(source.access_token());
    let served_at = SystemClock.uptime();
    let generation = token.expect("everybody is served").generation();
    println!("{generation} {}", served_at.as_nanos());
    let _ = std::io::stdin().read_line(&mut String::new());
}

struct Waiting {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Waiting {
    fn start(folder: &Path, base_url: &str, user: &str) -> Self {
        let this = std::env::current_exe().expect("a program knows where it is");
        let mut process = Command::new(this)
            .args(["herd".as_ref(), folder.as_os_str(), base_url.as_ref(), user.as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let out = process.stdout.take().expect("its output was asked for");
        Self { process, lines: BufReader::new(out).lines() }
    }

    fn hear(&mut self) -> String {
        self.lines.next().expect("the process says something").unwrap()
    }

    /// Returns when it was served, by the clock of all processes.
    fn served(&mut self) -> Duration {
        let said = self.hear();
        let (generation, nanos) = said.split_once(' ').expect("two numbers");
        assert_eq!(generation, "2", "the token was refreshed once, and everybody got it");
        Duration::from_nanos(nanos.parse().unwrap())
    }

    fn leave(mut self) {
        let _ = self.process.stdin.take().expect("asked for").write_all(b"\n");
        let _ = self.process.wait();
    }
}

/// Signs in with a token that is over.
async fn sign_in(base_url: &str, folder: &Path) -> String {
    let (_store, keeper) = open(base_url, folder).await;
    let mut token = Token::from_json(TOKEN_ANSWER).unwrap();
    token.expires_at = Some(SystemClock.now());
    keeper.import(token).await.expect("a token can be imported").account.user
}

async fn open(base_url: &str, folder: &Path) -> (Arc<dyn Store>, Keeper) {
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(folder.join("logins.db")).await.expect("a store"));
    let client = Client::with_hyper(flow::app(base_url));
    let keeper = Keeper::new(client, store.clone(), sealer(), None).expect("a keeper");
    (store, keeper)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
