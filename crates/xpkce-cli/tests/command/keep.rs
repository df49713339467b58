//! The keeper that runs for itself, as a service and from a crontab.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use xpkce_emulator::{BodyForm, Endpoint, Fault, FaultRule};

use crate::world::{World, assert_silent, until};

/// Makes every login one that is in use and whose token has ended.
pub(crate) fn make_due(world: &World) {
    let now = std::fs::metadata(world.store()).unwrap().modified().unwrap();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    world.edit(&format!(
        "UPDATE grants SET due = 0, record =
        json_set(record, '$.access.expires_at', 1000000, '$.used_at', {now})"
    ));
}

/// Returns when the login was last noted to be in use, and the revision of its record.
fn noted(world: &World) -> (Option<i64>, i64) {
    let db = rusqlite::Connection::open(world.store()).unwrap();
    let query = "SELECT json_extract(record, '$.used_at'), revision FROM grants";
    db.query_row(query, (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

/// Returns whether the keeper rotates the login before its token ends.
fn is_kept_fresh(world: &World) -> bool {
    let db = rusqlite::Connection::open(world.store()).unwrap();
    let query = "SELECT due * 60000 < expires_at FROM grants";
    db.query_row(query, (), |row| row.get(0)).unwrap()
}

fn outage() -> FaultRule {
    let status = Fault::Status { status: 503, body: BodyForm::Html };
    FaultRule::new(Endpoint::Refresh, status).always()
}

/// `xpkce keep`, running; killed when it is dropped.
pub(crate) struct Keeping {
    child: Child,
    lines: Receiver<String>,
}

impl Keeping {
    /// How long an event is waited for: some come with a round, which may be 15 seconds away.
    const PATIENCE: Duration = Duration::from_secs(60);

    pub(crate) fn start(world: &World, arguments: &[&str]) -> Self {
        let mut child = world.spawn(&[&["keep", "--json"], arguments].concat());
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        thread::spawn(move || stdout.lines().try_for_each(|line| tell.send(line.unwrap())));
        Self { child, lines }
    }

    /// Reads the next event.
    #[track_caller]
    pub(crate) fn event(&mut self, name: &str) -> Value {
        let line = self.lines.recv_timeout(Self::PATIENCE);
        let line = line.unwrap_or_else(|why| panic!("{why} instead of {name}"));
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
        assert_eq!(event["event"], name, "{event}");
        assert!(event["at"].is_i64());
        event
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    pub(crate) fn end(mut self) -> (ExitStatus, String, String) {
        let out: String = self.lines.iter().map(|line| line + "\n").collect();
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_silent("keep", &format!("{out}{err}"));
        (self.child.wait().unwrap(), out, err)
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn fields(event: &Value) -> Vec<&str> {
    event.as_object().unwrap().keys().map(String::as_str).collect()
}

fn get(url: &str, path: &str) -> String {
    let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn once_does_what_is_due_and_no_more() {
    let world = World::signed_in();
    let nothing = world.run(&["keep", "--once"]).succeeded();
    assert_eq!((world.x.refreshes(), nothing.stdout.as_str()), (0, ""));
    make_due(&world);
    let kept = world.run(&["keep", "--once"]).succeeded();
    assert!(kept.stderr.contains("lantern: 1 rotated"), "{}", kept.stderr);
    assert_eq!(world.x.refreshes(), 1);
    world.run(&["keep", "--once"]).succeeded();
    assert_eq!(world.x.refreshes(), 1);
    let status = world.run(&["status", "--json"]).succeeded().json();
    assert_eq!(status["logins"][0]["generation"], 2);
}

#[test]
fn what_a_script_asks_for_is_in_use_and_kept_fresh() {
    for command in [&["token"][..], &["token", "-v"], &["request", "GET", "/2/users/me"]] {
        let world = World::signed_in();
        assert!(!is_kept_fresh(&world));
        world.run(command).succeeded();
        assert!(is_kept_fresh(&world), "{command:?}");
    }
}

#[test]
fn that_a_script_asks_for_a_token_is_written_once_an_hour() {
    const HOUR: i64 = 3_600_000;
    let world = World::signed_in();
    assert_eq!(noted(&world).0, None);
    world.run(&["token"]).succeeded();
    let first = noted(&world);
    world.run(&["token"]).succeeded();
    assert_eq!(noted(&world), first);
    let at = first.0.unwrap();
    world.edit(&format!("UPDATE grants SET record = json_set(record, '$.used_at', {})", at - HOUR));
    world.run(&["token"]).succeeded();
    assert!(noted(&world).0 >= Some(at));
}

#[test]
fn its_lines_have_their_documented_fields() {
    let world = World::signed_in();
    make_due(&world);
    let told = world.run(&["keep", "--once", "--json"]).succeeded();
    let lines: Vec<Value> =
        told.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [started, login, round] = lines.as_slice() else { panic!("{}", told.stdout) };
    assert_eq!(fields(started), ["apps", "at", "event", "metrics"]);
    assert_eq!(fields(login), ["app", "at", "error", "event", "generation", "outcome", "user"]);
    assert_eq!((&login["outcome"], &login["generation"]), (&"rotated".into(), &2.into()));
    let counts = ["failed", "held_for", "left", "recovered", "rotated", "signed_out"];
    let mut expected = [&["app", "at", "event"], counts.as_slice()].concat();
    expected.sort_unstable();
    assert_eq!(fields(round), expected);
    let failed = {
        make_due(&world);
        world.x.disconnect_app("ada_example");
        world.run(&["keep", "--once", "--json"]).exited(5)
    };
    let login: Value = serde_json::from_str(failed.stdout.lines().nth(1).unwrap()).unwrap();
    assert_eq!(login["outcome"], "failed");
    assert_eq!(fields(&login["error"]), ["hint", "kind", "message", "why"]);
    assert_eq!(login["error"]["kind"], "retry");
}

#[test]
fn what_must_be_tried_again_is_told_by_the_exit_code() {
    let world = World::signed_in();
    make_due(&world);
    world.x.fault(outage());
    let failed = world.run(&["keep", "--once"]).exited(5);
    assert!(failed.stderr.contains("one login could not be kept now"), "{}", failed.stderr);
    world.x.clear_faults();
}

#[test]
fn every_app_is_kept_or_the_one_that_is_named() {
    let world = World::signed_in();
    world.add_confidential("harbour");
    let callback = world.approve(&world.start(&["--app", "harbour"]));
    world.finish(&callback).succeeded();
    make_due(&world);
    let one = world.run(&["keep", "--once", "--app", "harbour", "--json"]).succeeded();
    assert!(one.stdout.contains("\"app\":\"harbour\"") && !one.stdout.contains("lantern"));
    assert_eq!(world.x.refreshes(), 1);
    let both = world.run(&["keep", "--once"]).succeeded();
    assert_eq!(both.stderr, "lantern: 1 rotated\n");
    assert_eq!(world.x.refreshes(), 2);
}

#[test]
fn a_crontab_hears_nothing_where_nothing_is_due() {
    let world = World::signed_in();
    let idle = world.run(&["keep", "--once"]).succeeded();
    assert_eq!((&*idle.stdout, &*idle.stderr), ("", ""));
}

#[test]
fn without_an_app_there_is_nothing_to_keep() {
    World::new().run(&["keep"]).exited(2);
}

#[test]
fn a_service_manager_ends_it_with_zero_and_ctrl_c_with_130() {
    let world = World::signed_in();
    // Several times: who hears of the signal first is up to the threads.
    let signals = [("TERM", 0), ("INT", 130), ("HUP", 130)];
    for (signal, code) in signals.into_iter().cycle().take(5 * signals.len()) {
        let mut keeping = Keeping::start(&world, &[]);
        keeping.event("started");
        keeping.signal(signal);
        let stopped = keeping.event("stopped");
        assert_eq!(fields(&stopped), ["at", "event", "signal"]);
        let (status, _, stderr) = keeping.end();
        assert_eq!(status.code(), Some(code), "{signal}: {stderr}");
    }
}

#[test]
fn it_ends_when_nobody_reads_its_lines_any_more() {
    let world = World::signed_in();
    let mut child = world.spawn(&["keep", "--json"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.contains("started"), "{line}");
    drop(stdout);
    let mut keeping = Keeping { child, lines: channel().1 };
    // Nothing is due: no line is coming that would find it out.
    let status = until("it ends", || keeping.child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

/// A keeper whose refresh X holds back until another request comes.
pub(crate) fn refreshing() -> (World, Keeping) {
    let world = World::signed_in();
    make_due(&world);
    let gather = Fault::Gather { count: 2, winner: 1 };
    world.x.fault(FaultRule::new(Endpoint::Refresh, gather).times(2));
    let asked = world.x.token_requests();
    let mut keeping = Keeping::start(&world, &[]);
    keeping.event("started");
    until("X is asked", || (world.x.token_requests() > asked).then_some(()));
    (world, keeping)
}

#[track_caller]
pub(crate) fn is_rotated_once(world: &World) {
    let status = world.run(&["status", "--json"]).succeeded().json();
    let login = &status["logins"][0];
    assert_eq!((&login["generation"], &login["state"]), (&2.into(), &"ready".into()));
    assert_eq!((world.x.refreshes(), world.x.replays()), (1, 0));
}

#[test]
fn what_was_sent_is_saved_before_it_ends() {
    let (world, mut keeping) = refreshing();
    keeping.signal("TERM");
    // It says that it waits: the signal has arrived, and the answer has not.
    let mut stderr = BufReader::new(keeping.child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("waiting for X's answer"), "{line}");
    world.run(&["app", "check"]).succeeded();
    keeping.event("stopped");
    assert_eq!(keeping.child.wait().unwrap().code(), Some(0));
    is_rotated_once(&world);
}

#[test]
fn metrics_are_served_and_name_no_login_and_no_secret() {
    let world = World::signed_in();
    let token = world.run(&["token"]).succeeded().stdout;
    make_due(&world);
    let mut keeping = Keeping::start(&world, &["--metrics", "0"]);
    let url = keeping.event("started")["metrics"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/metrics"), "{url}");
    keeping.event("login");
    keeping.event("round");
    let text = get(&url, "/metrics");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("xpkce_refreshes_total{outcome=\"rotated\"} 1"), "{text}");
    assert!(text.contains("xpkce_refresh_seconds_bucket"), "{text}");
    assert!(text.contains("xpkce_verdicts_total{verdict=\"answer_lost\"} 0"), "{text}");
    assert!(text.contains("xpkce_queue_pauses_total 0"), "{text}");
    assert!(text.contains("# HELP xpkce_queue_total"), "{text}");
    let id = world.x.public_app().client_id;
    let user = world.x.users()[0].clone();
    for hidden in [token.trim(), &id, &user.id, &user.username, "OmF0OjE", "OnJ0OjE"] {
        assert!(!text.contains(hidden), "{hidden} is in the metrics");
    }
    assert!(get(&url, "/").starts_with("HTTP/1.1 404"));
    keeping.signal("TERM");
    keeping.event("stopped");
    assert_eq!(keeping.end().0.code(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_done() {
    let world = World::signed_in();
    make_due(&world);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = world.run(&["keep", "--once", "--metrics", &port]).exited(2);
    assert!(refused.stderr.contains("cannot serve metrics at"), "{}", refused.stderr);
    assert_eq!(world.x.refreshes(), 0);
    world.run(&["keep", "--metrics", "somewhere"]).exited(2);
    world.run(&["keep", "--concurrency", "0"]).exited(2);
}

#[test]
fn two_that_run_at_once_rotate_each_login_once() {
    let world = World::signed_in();
    world.sign_in_as("bo_sample");
    make_due(&world);
    // So long that the second is there before the first is done.
    world.x.fault(FaultRule::delay(Endpoint::Refresh, Duration::from_secs(1)).always());
    std::thread::scope(|scope| {
        let first = scope.spawn(|| world.run(&["keep", "--once"]));
        let second = scope.spawn(|| world.run(&["keep", "--once"]));
        first.join().unwrap().succeeded();
        second.join().unwrap().succeeded();
    });
    assert_eq!((world.x.refreshes(), world.x.replays()), (2, 0));
}
