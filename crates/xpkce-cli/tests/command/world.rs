//! What a test works with: a home, an emulator, and a way to run the command.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use xpkce::{Clock as _, SystemClock};
use xpkce_emulator::{AppSeed, Emulator};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_xpkce");

/// An emulator and an empty home.
pub(crate) struct World {
    pub(crate) x: Emulator,
    folder: TempDir,
    pub(crate) variables: Vec<(String, String)>,
}

/// How a process ended.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    /// Starts with no app.
    pub(crate) fn new() -> Self {
        let x = Emulator::start_blocking();
        let variables = vec![
            ("XPKCE_BASE_URL".to_owned(), x.base_url().to_owned()),
            ("XPKCE_AUTHORIZATION_BASE_URL".to_owned(), x.authorization_base_url().to_owned()),
        ];
        Self { x, folder: tempfile::tempdir().unwrap(), variables }
    }

    /// Starts with the emulator's public app, named `lantern`.
    pub(crate) fn with_app() -> Self {
        let world = Self::new();
        let id = world.x.public_app().client_id;
        world.run(&["app", "add", "lantern", "--public", "--client-id", &id]).succeeded();
        world
    }

    /// Starts with the app and its first user signed in.
    pub(crate) fn signed_in() -> Self {
        let world = Self::with_app();
        world.sign_in(&[]);
        world
    }

    /// Starts with the app in the environment alone.
    pub(crate) fn of_environment(app: &AppSeed) -> Self {
        let mut world = Self::new();
        world.set("XPKCE_CLIENT_ID", &app.client_id);
        if let Some(secret) = &app.client_secret {
            world.set("XPKCE_CLIENT_SECRET", secret);
        }
        world
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    pub(crate) fn variable(&self, name: &str) -> String {
        let known = self.variables.iter().find(|(known, _)| known == name);
        known.unwrap().1.clone()
    }

    /// The folder that the command keeps its files in; made by the command.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.home().join("xpkce.db")
    }

    /// A command with nothing of this process's environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("TZ", "UTC")
            .env("XPKCE_HOME", self.home())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path());
        command
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(PROGRAM)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(arguments, "")
    }

    /// Runs with `input` on standard input, then its end.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Done {
        let mut child = self.spawn(arguments);
        // A command that reads nothing may have gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let done = Done::of(child.wait_with_output().unwrap());
        self.hears_no_secret(&arguments.join(" "), done)
    }

    /// Runs a line of shell in which `$XPKCE` is the command.
    pub(crate) fn shell(&self, line: &str) -> Done {
        let mut command = self.command("/bin/sh");
        let command = command.arg("-c").arg(line).env("XPKCE", PROGRAM).stdin(Stdio::null());
        let done = Done::of(command.output().unwrap());
        self.hears_no_secret(line, done)
    }

    /// Sees that talk has no secret, and that data has none but an access token where `token` was
    /// asked for it.
    #[track_caller]
    pub(crate) fn hears_no_secret(&self, line: &str, done: Done) -> Done {
        let is_asked = line.contains("token");
        let data = if is_asked { "" } else { &done.stdout };
        for told in [done.stderr.as_str(), data] {
            assert_silent(line, told);
            for secret in self.x.apps().iter().filter_map(|app| app.client_secret.as_deref()) {
                assert!(!told.contains(secret), "{line} tells a client secret");
            }
        }
        assert!(!done.stdout.contains(REFRESH_TOKEN), "{line} tells a refresh token");
        done
    }

    /// Plays the browser; returns the callback URL.
    pub(crate) fn approve(&self, url: &str) -> String {
        block_on(self.x.approve(url))
    }

    pub(crate) fn approve_as(&self, url: &str, username: &str) -> String {
        block_on(self.x.approve_as(url, username))
    }

    pub(crate) fn deny(&self, url: &str) -> String {
        block_on(self.x.deny(url))
    }

    /// Begins a sign-in; returns the authorize URL.
    pub(crate) fn start(&self, arguments: &[&str]) -> String {
        let started = self.run(&[&["login", "start"], arguments].concat()).succeeded();
        started.json()["url"].as_str().unwrap().to_owned()
    }

    pub(crate) fn finish(&self, callback: &str) -> Done {
        self.run_with(&["login", "finish"], callback)
    }

    /// Signs the emulator's first user in, in two processes.
    pub(crate) fn sign_in(&self, arguments: &[&str]) {
        let callback = self.approve(&self.start(arguments));
        self.finish(&callback).succeeded();
    }

    /// Signs another user in.
    pub(crate) fn sign_in_as(&self, username: &str) {
        let callback = self.approve_as(&self.start(&[]), username);
        self.finish(&callback).succeeded();
    }

    /// Adds an app of this name, with the emulator's confidential app behind it.
    pub(crate) fn add_confidential(&self, name: &str) {
        let app = self.x.confidential_app();
        let arguments = ["app", "add", name, "--confidential", "--client-id", &app.client_id];
        self.run_with(&arguments, app.client_secret.as_deref().unwrap()).succeeded();
    }

    /// Makes the stored access token one that has ended.
    pub(crate) fn expire_token(&self) {
        self.edit("UPDATE grants SET record = json_set(record, '$.access.expires_at', 1000000)");
    }

    /// Signs in as another program does, and returns its refresh token.
    pub(crate) fn pair_of_another_program(&self) -> String {
        let app = self.x.public_app();
        let verifier = "v".repeat(43);
        let redirect_uri = "http://127.0.0.1:8080/callback";
        let url = format!(
            "{}/oauth2/authorize?response_type=code&client_id={}&redirect_uri={redirect_uri}\
             &scope=tweet.read%20users.read%20offline.access&state=s\
             &code_challenge={verifier}&code_challenge_method=plain",
            self.x.authorization_base_url(),
            app.client_id
        );
        let callback = self.approve(&url);
        let code = callback.split("code=").nth(1).unwrap().split('&').next().unwrap();
        let host = self.x.base_url().strip_prefix("http://").unwrap();
        let exchange = serde_json::json!({
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
            "code_verifier": verifier, "client_id": app.client_id,
        });
        let (status, pair) =
            crate::webdriver::ask(host, "POST", "/2/oauth2/token", &exchange.to_string());
        assert_eq!(status, 200, "{pair}");
        pair["refresh_token"].as_str().unwrap().to_owned()
    }

    /// Lets the minute pass that a rejected refresh token is given before it is called dead.
    pub(crate) fn forget_when_x_said_no(&self) {
        self.edit(
            "UPDATE grants SET record = json_set(record, '$.rejection.at', 1000000, '$.not_before', json('null')) \
             WHERE json_extract(record, '$.state') = 'rejected'",
        );
    }

    /// Changes the store behind the command's back.
    pub(crate) fn edit(&self, sql: &str) {
        rusqlite::Connection::open(self.store()).unwrap().execute_batch(sql).unwrap();
    }

    /// Returns every file of the home, and what is in it.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(content) = fs::read(&path) {
                    found.push((path, content));
                }
            }
        }
        found
    }
}

impl Done {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        self.exited(0)
    }

    #[track_caller]
    pub(crate) fn exited(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.code, Some(code), "stdout: {stdout}\nstderr: {stderr}");
        self
    }

    /// Returns the one line of standard output, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Returns the names of the fields of the one object on standard output.
    #[track_caller]
    pub(crate) fn fields(&self) -> Vec<String> {
        self.json().as_object().unwrap().keys().cloned().collect()
    }
}

/// How the emulator's refresh tokens end.
const REFRESH_TOKEN: &str = "OnJ0OjE";

/// Sees that what was shown at a terminal has no refresh token in it: an access token may be what was asked
/// for, and a code what was typed.
#[track_caller]
pub(crate) fn assert_shows_no_refresh_token(shown: &str) {
    assert!(!shown.contains(REFRESH_TOKEN), "it shows a refresh token: {shown}");
}

/// Sees that what a command said has no token and no code in it.
#[track_caller]
pub(crate) fn assert_silent(line: &str, told: &str) {
    for kind in ["OmF0OjE", REFRESH_TOKEN, "OmFjOjE"] {
        assert!(!told.contains(kind), "{line} tells a token or a code: {told}");
    }
}

/// Looks again and again for what another process is about to do, for a minute at most.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = SystemClock.uptime();
    loop {
        if let Some(found) = look() {
            return found;
        }
        let waits = SystemClock.uptime() - begun;
        assert!(waits < Duration::from_secs(60), "{what}: not within a minute");
        std::thread::yield_now();
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Runs a snapshot with everything that differs from run to run replaced.
pub(crate) fn snapshot(world: &World, run: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&regex(world.folder.path()), "[HOME]");
    settings.add_filter(
        r"127\.0\.0\.1:(?:[0-79]\d{3,4}|8[1-9]\d{2,3}|80[0-79]\d\d?)\b",
        "127.0.0.1:[PORT]",
    );
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[TIME]");
    settings.add_filter(r"transaction id is [0-9a-f]+", "transaction id is [ID]");
    settings.add_filter(r"\bprocess \d+ on boot [0-9a-f]+", "process [PID] on boot [BOOT]");
    settings.bind(run);
}

fn regex(path: &Path) -> String {
    path.display().to_string().replace('.', r"\.")
}
