//! The program: what it prints, and that it stops when told.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_xpkce-emulator");

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn first_line(arguments: &[&str]) -> (Running, String) {
    let child = Command::new(PROGRAM).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut running = Running(child);
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (running, line)
}

#[tokio::test]
async fn with_json_the_first_line_says_everything_a_client_needs() {
    let (_running, line) = first_line(&["--json", "--auto-approve", "bo_sample"]);
    let json: Value = serde_json::from_str(&line).unwrap();
    let base = json["base_url"].as_str().unwrap();
    assert_eq!(json["authorization_base_url"], format!("{base}/i"));
    assert_eq!(json["control_url"], format!("{base}/control"));
    assert_eq!(json["auto_approve"], "bo_sample");
    let http = crate::client::http();
    let apps = json["apps"].as_array().unwrap();
    assert!(apps[0]["client_secret"].is_null());
    assert_eq!(apps[1]["client_secret"].as_str().unwrap().len(), 50);
    for app in apps {
        assert_eq!(app["redirect_uris"][0], "http://127.0.0.1:8080/callback");
    }
    let basic = (apps[1]["api_key"].as_str().unwrap(), apps[1]["api_secret"].as_str());
    let app_only = http.post(format!("{base}/oauth2/token")).basic_auth(basic.0, basic.1);
    let app_only = app_only.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
    assert_eq!(app_only.status(), 200);
    assert_eq!(json["users"].as_array().unwrap().len(), 3);
    assert_eq!(http.get(base).send().await.unwrap().status(), 200);
    assert_eq!(http.head(base).send().await.unwrap().status(), 200, "as those who wait for it ask");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_signs_in_with_curl() {
    let (_running, line) = first_line(&["--json", "--auto-approve"]);
    let json: Value = serde_json::from_str(&line).unwrap();
    let readme = include_str!("../../README.md");
    let (_, script) = readme.split_once("```sh\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    let (start, script) = script.split_once('\n').unwrap();
    assert!(start.starts_with("xpkce-emulator --port 8090"), "{start}");
    let script = script.replace("http://127.0.0.1:8090", json["base_url"].as_str().unwrap());
    let shell = Command::new("sh").args(["-euc", &script]).env("NO_PROXY", "*").output().unwrap();
    let said = String::from_utf8_lossy(&shell.stdout);
    assert!(said.contains(r#""username":"ada_example""#), "{said}{shell:?}");
    assert!(said.contains(r#""kind": "exchanged""#), "{said}");
}

#[test]
fn without_json_it_is_readable() {
    let (_running, line) = first_line(&[]);
    assert_eq!(line, "A local stand-in for X. Nothing here reaches X.\n");
}

#[test]
fn wrong_arguments_and_a_taken_port_are_errors() {
    let output = Command::new(PROGRAM).arg("--frob").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Command::new(PROGRAM).args(["--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let output = Command::new(PROGRAM).args(["--auto-approve", "nobody"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no user has this name"));
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_an_error_like_any_other() {
    use std::os::unix::ffi::OsStrExt as _;
    let no_text = std::ffi::OsStr::from_bytes(b"--auto-approve=\xff");
    for (arguments, code) in [([no_text], 1), ([std::ffi::OsStr::from_bytes(b"\xff")], 2)] {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("xpkce-emulator: "));
    }
}

#[cfg(unix)]
#[test]
fn a_terminated_program_exits_cleanly() {
    let (mut running, _line) = first_line(&["--json"]);
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(running.0.wait().unwrap().success());
}
