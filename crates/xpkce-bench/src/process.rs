//! Whole processes: how long a command takes from its start to its end, and in how much memory.
//!
//! A child's peak memory begins with that of the process that started it. So a program that is
//! itself small, `spawn`, starts the commands.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::answer::{CLIENT_ID, CLIENT_SECRET, SCOPE, TOKEN_ANSWER};
use crate::cost::Cost;

/// A command that is started again and again.
pub struct Program {
    /// Its file.
    pub path: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

impl Program {
    /// Names a command.
    pub fn new(path: impl Into<PathBuf>, args: &[&str]) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self { path: path.into(), args, env: Vec::new() }
    }

    /// Adds a variable to its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Runs it `count` times, one after another.
    pub fn turn(&self, count: usize) -> Cost {
        let mut spawn = Command::new(sibling("spawn"));
        spawn.arg(count.to_string()).arg(&self.path).args(&self.args);
        let out = spawn.envs(self.env.iter().cloned()).stderr(Stdio::inherit()).output().unwrap();
        assert!(out.status.success(), "{} failed", self.path.display());
        let text = String::from_utf8(out.stdout).unwrap();
        let numbers: Vec<f64> = text.split_whitespace().map(|it| it.parse().unwrap()).collect();
        Cost { wall: numbers[0], cpu: numbers[1], memory: numbers[2] }
    }

    /// Runs it once with `input` and returns what it wrote.
    pub fn once(&self, input: &str) -> String {
        let mut process = Command::new(&self.path)
            .args(&self.args)
            .envs(self.env.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().expect("asked for").write_all(input.as_bytes()).unwrap();
        let out = process.wait_with_output().unwrap();
        assert!(out.status.success(), "{} failed", self.path.display());
        String::from_utf8(out.stdout).unwrap()
    }
}

/// After so long without a change a store is at rest.
const AT_REST: Duration = Duration::from_secs(7);

/// `xpkce token` with a login in `home` that is valid for two hours.
pub fn xpkce(binary: &Path, home: &Path, base_url: &str) -> Program {
    let command = |args: &[&str]| {
        Program::new(binary, args)
            .env("XPKCE_HOME", home.to_str().expect("a path in Unicode"))
            .env("XPKCE_CLIENT_ID", CLIENT_ID)
            .env("XPKCE_CLIENT_SECRET", CLIENT_SECRET)
            .env("XPKCE_SCOPE", SCOPE)
            .env("XPKCE_BASE_URL", base_url)
    };
    command(&["import"]).once(&token_of_two_hours());
    // The first of an hour notes that the login is in use. A store that was changed just now is read
    // in another way than one at rest, as most are.
    command(&["token"]).once("");
    std::thread::sleep(AT_REST);
    command(&["token"])
}

/// A program that does the least such a command can: open a file of SQLite, read a row, print it.
pub fn bare(binary: &Path, home: &Path) -> Program {
    let file = home.join("bare.db");
    let file = file.to_str().expect("a path in Unicode").to_owned();
    Program::new(binary, &["make", &file]).once("");
    Program::new(binary, &["read", &file])
}

/// Copies a program into a folder, as an installation does. The file that a linker has written lies
/// in the system's memory in single pages and takes longer to start, the more so the larger it is.
pub fn installed(binary: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join(binary.file_name().expect("a program has a name"));
    std::fs::copy(binary, &copy).expect("room for a copy");
    copy
}

/// `xr auth status` of `xurl-rs`. It has no command that prints a token; this one reads the file
/// that holds it and says what is there.
pub fn xr(binary: &Path, home: &Path) -> Program {
    let store = home.join("xr.yml");
    let command = |args: &[&str]| {
        Program::new(binary, args)
            .env("XURL_TOKEN_STORE", store.to_str().expect("a path in Unicode"))
            .env("HOME", home.to_str().expect("a path in Unicode"))
    };
    let add = ["auth", "apps", "add", "bench", "--client-id", CLIENT_ID];
    command(&[&add[..], &["--client-secret-file", "-"]].concat()).once(CLIENT_SECRET);
    command(&["auth", "app", "--bearer-token-file", "-"]).once(&"t".repeat(91));
    command(&["auth", "status"])
}

/// A token as X's Python class keeps it.
pub fn token_of_two_hours() -> String {
    let mut token: serde_json::Value = serde_json::from_str(TOKEN_ANSWER).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    token["expires_at"] = (now.as_secs() + 7200).into();
    token.to_string()
}

/// Returns the program that was built beside this one.
pub fn sibling(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a program knows where it is");
    this.with_file_name(name)
}
