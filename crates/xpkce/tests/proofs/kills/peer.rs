//! Others who keep a login: X's own Python class, with a file that is written after each refresh,
//! and the command of `xurl-rs`, with its own store.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use xpkce::{Keeper, RefreshAnswer, RefreshToken, Rotated};

use super::super::home::Place;

/// What a login is to those who know no more of it.
pub struct Pair {
    access: String,
    refresh: String,
}

impl Pair {
    pub fn of(rotated: &Rotated) -> Self {
        Self {
            access: rotated.access.as_ref().unwrap().access_token.expose().to_owned(),
            refresh: rotated.refresh.as_ref().unwrap().expose().to_owned(),
        }
    }

    /// Spends a refresh token; none when X does not honour it.
    pub async fn bought_with(keeper: &Keeper, token: String) -> Option<Self> {
        match keeper.client().refresh(&RefreshToken::new(token)).await {
            RefreshAnswer::Rotated(rotated) => Some(Self::of(&rotated)),
            RefreshAnswer::Rejected(_) => None,
            other => panic!("X says {other:?}"),
        }
    }
}

/// The folder where a login is kept.
pub struct Disk(PathBuf);

impl Disk {
    pub fn new(place: &Place) -> Self {
        let folder = place.folder.join("kept");
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    /// Writes what X's class is made of.
    pub fn save_json(&self, pair: &Pair) {
        self.clear();
        let token = serde_json::json!({
            "token_type": "bearer",
            "expires_in": 7200,
            "access_token": pair.access,
            "refresh_token": pair.refresh,
            "scope": "tweet.read users.read offline.access",
        });
        std::fs::write(self.0.join("token.json"), token.to_string()).unwrap();
    }

    /// Writes the store of `xurl-rs`, with an access token that is over.
    pub fn save_yaml(&self, place: &Place, pair: &Pair) {
        self.clear();
        let Pair { access, refresh } = pair;
        let (id, secret) = (&place.client_id, place.secret.as_ref().unwrap());
        let store = format!(
            "apps:\n  default:\n    client_id: {id}\n    client_secret: {secret}\n    \
             oauth2_tokens:\n      kept:\n        type: oauth2\n        oauth2:\n          \
             access_token: {access}\n          refresh_token: {refresh}\n          \
             expiration_time: 0\n          user_id: '1'\ndefault_app: default\n"
        );
        std::fs::write(self.0.join("auth.yml"), store).unwrap();
    }

    /// What a process left half done is not in the way of the next.
    fn clear(&self) {
        for entry in std::fs::read_dir(&self.0).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }

    /// Returns every refresh token that any file of the folder has, whole or not.
    pub fn refresh_tokens(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.0).unwrap();
        let texts = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        texts.flat_map(|text| tokens_in(&String::from_utf8_lossy(&text))).collect()
    }

    /// Asks X for something, for which an access token that is over is refreshed first.
    pub fn command(&self, place: &Place, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(["--auth", "oauth2", "/2/users/me"])
            .env("XURL_TOKEN_STORE", self.0.join("auth.yml"))
            .env("TOKEN_URL", format!("{}/2/oauth2/token", place.base))
            .env("API_BASE_URL", &place.base)
            .env("HOME", &self.0)
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }
}

fn tokens_in(text: &str) -> Vec<String> {
    let is_of_a_token = |it: &char| it.is_ascii_alphanumeric() || "-_.~+/=:".contains(*it);
    let rest = text.split("refresh_token").skip(1);
    let found = rest.map(|rest| rest.trim_start_matches(['"', '\'', ':', ' ']));
    found.map(|rest| rest.chars().take_while(is_of_a_token).collect()).collect()
}

/// A Python that has X's class loaded, and makes a process of each refresh.
pub struct Forks {
    python: Child,
    lines: Lines<BufReader<ChildStdout>>,
    forked: Option<Pid>,
    told: String,
}

impl Forks {
    pub fn new(place: &Place, disk: &Disk, python: &str, manner: &str) -> Self {
        let settings = serde_json::json!({
            "base_url": place.base,
            "authorization_base_url": format!("{}/i", place.base),
            "client_id": place.client_id,
            "client_secret": place.secret,
            "redirect_uri": "http://127.0.0.1:8080/callback",
            "scope": ["tweet.read", "users.read", "offline.access"],
        });
        let mut python = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proofs/peer.py"))
            .args([disk.0.join("token.json").to_str().unwrap(), manner])
            .env("XPKCE_TEST_PEER", settings.to_string())
            .env("OAUTHLIB_INSECURE_TRANSPORT", "1")
            .env("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(python.stdout.take().unwrap()).lines();
        let mut forks = Self { python, lines, forked: None, told: String::new() };
        forks.hear_until("up");
        forks
    }

    pub fn fork(&mut self) {
        self.told.clear();
        self.python.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let named = self.hear_until("pid ");
        self.forked = Pid::from_raw(named.parse().unwrap());
    }

    /// The process stays until it is killed, so that its name is its own.
    pub fn kill(&mut self) {
        kill_process(self.forked.take().unwrap(), Signal::KILL).unwrap();
    }

    /// Waits until the process is gone, and returns what it has said.
    pub fn hear(&mut self) -> String {
        self.hear_until("gone");
        std::mem::take(&mut self.told)
    }

    /// Lets the process come to its end.
    pub fn finish(&mut self) -> String {
        self.hear_until("done");
        self.kill();
        self.hear()
    }

    /// Listens up to the line that begins with `mark`, and returns the rest of that line.
    fn hear_until(&mut self, mark: &str) -> String {
        loop {
            let line = self.lines.next().expect("Python ended").unwrap();
            assert!(!line.starts_with("failed"), "X's class says: {line}");
            self.told = std::mem::take(&mut self.told) + &line + "\n";
            if let Some(rest) = line.strip_prefix(mark) {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for Forks {
    fn drop(&mut self) {
        drop(self.python.stdin.take());
        self.python.wait().unwrap();
    }
}
