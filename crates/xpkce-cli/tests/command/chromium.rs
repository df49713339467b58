//! The main job, with nothing played: the command, its emulator in a process of its own, and a
//! real Chromium that the command opens. Needs `chromium` and `chromedriver`; fails without them.
//! `XPKCE_TEST_CHROMIUM` and `XPKCE_TEST_CHROMEDRIVER` name others.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::{ended, free_port};
use crate::webdriver::{Driver, ask};
use crate::world::{PROGRAM, World};

/// `xpkce emulator`, and what it says of itself.
struct Server {
    child: Child,
    summary: Value,
}

impl Server {
    fn start(world: &World) -> Self {
        let mut command = world.command(PROGRAM);
        let mut child =
            command.args(["emulator", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        Self { child, summary: serde_json::from_str(&first).unwrap() }
    }

    fn told(&self, name: &str) -> &str {
        self.summary[name].as_str().unwrap()
    }

    fn control(&self, method: &str, verb: &str, body: &Value) -> Value {
        let host = self.told("base_url").strip_prefix("http://").unwrap();
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let (status, answer) = ask(host, method, &format!("/control/{verb}"), &body);
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An app that is set up for the server, with a callback of its own, and a browser to open.
struct Desk {
    world: World,
    server: Server,
}

impl Desk {
    fn new() -> Self {
        let mut world = World::new();
        world.unset("XPKCE_BASE_URL");
        world.unset("XPKCE_AUTHORIZATION_BASE_URL");
        let server = Server::start(&world);
        let client_id = server.summary["apps"][0]["client_id"].as_str().unwrap();
        let redirect_uri = format!("http://127.0.0.1:{}/callback", free_port());
        let registered = json!({"client_id": client_id, "redirect_uri": redirect_uri});
        server.control("POST", "register-redirect", &registered);
        let add = ["app", "add", "lantern", "--public", "--client-id", client_id];
        let here = ["--redirect-uri", &redirect_uri, "--base-url", server.told("base_url")];
        let there = ["--authorization-base-url", server.told("authorization_base_url")];
        world.run(&[&add[..], &here, &there].concat()).succeeded();
        world.set("BROWSER", &browser(&world));
        Self { world, server }
    }

    /// Signs in with the listener; returns the browser that the command has opened.
    fn login(&self) -> (Child, Chromium) {
        let login = self.world.spawn(&["login"]);
        (login, Chromium::opened(&self.world))
    }
}

/// Makes a browser of Chromium: a script that tells through a pipe what Chromium says.
fn browser(world: &World) -> String {
    let path = |name: &str| world.folder().join(name).display().to_string();
    let chromium =
        std::env::var("XPKCE_TEST_CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let script = format!(
        "#!/bin/sh\n\
         exec 2> {said}\n\
         echo \"process $$\" >&2\n\
         exec {chromium} --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
         --disable-background-networking --disable-component-update --disable-sync \
         --disable-dev-shm-usage --no-proxy-server --remote-debugging-port=0 \
         --user-data-dir={profile} \"$1\"\n",
        said = path("said"),
        profile = path("profile"),
    );
    std::fs::write(path("browser"), script).unwrap();
    world.shell(&format!("chmod +x {} && mkfifo {}", path("browser"), path("said"))).succeeded();
    path("browser")
}

/// How long a browser may take to start, or a command to say a word, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The browser that the command has opened.
struct Chromium {
    process: String,
    driver: Driver,
}

impl Chromium {
    fn opened(world: &World) -> Self {
        let said = world.folder().join("said");
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            // Waits here for the script to open the other end; read for as long as it is written.
            let said = BufReader::new(std::fs::File::open(said).unwrap());
            said.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
        let after = |start: &str| loop {
            let line: String = told.recv_timeout(PATIENCE).expect("the command opens the browser");
            if let Some(rest) = line.strip_prefix(start) {
                break rest.split('/').next().unwrap().to_owned();
            }
        };
        let process = after("process ");
        let driver = Driver::attach(&after("DevTools listening on ws://"));
        Self { process, driver }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(&self.process).status();
    }
}

#[test]
fn a_click_on_allow_signs_in_and_the_token_lives_its_whole_life() {
    let desk = Desk::new();
    let (login, chromium) = desk.login();
    assert_eq!(chromium.driver.text("h1"), "Paper Lantern wants to access your account");
    chromium.driver.click("button[value=allow]");
    assert_eq!(chromium.driver.text("h1"), "Signed in");
    let (code, talk) = ended(login);
    assert_eq!(code, 0, "{talk}");
    assert!(talk.contains("Your browser shows X's consent page"), "{talk}");
    assert!(talk.contains("Signed in as @ada_example to the app lantern"), "{talk}");

    let world = &desk.world;
    let first = world.run(&["token"]).succeeded().stdout;
    let me = world.run(&["request", "GET", "/2/users/me"]).succeeded().stdout;
    assert!(me.contains("ada_example"), "{me}");
    world.run(&["refresh"]).succeeded();
    let second = world.run(&["token"]).succeeded().stdout;
    assert_ne!(first, second);
    let status = world.run(&["status", "--json"]).succeeded().json();
    assert_eq!(status["logins"][0]["generation"], 2);
    world.run(&["logout"]).succeeded();
    world.run(&["token"]).exited(3);

    let counted = desk.server.control("GET", "counters", &Value::Null);
    assert_eq!((&counted["exchanges"], &counted["refreshes"]), (&1.into(), &1.into()));
    assert!(counted["revocations"].as_u64() >= Some(1), "{counted}");
}

#[test]
fn a_click_on_cancel_is_a_denial_and_stores_nothing() {
    let desk = Desk::new();
    let (login, chromium) = desk.login();
    chromium.driver.click("button[value=cancel]");
    assert_eq!(chromium.driver.text("h1"), "Not signed in");
    assert!(chromium.driver.text("p").contains("You did not approve"));
    let (code, talk) = ended(login);
    assert_eq!(code, 3, "{talk}");
    assert!(talk.contains("the user did not approve"), "{talk}");
    let status = desk.world.run(&["status", "--json"]).succeeded().json();
    assert_eq!(status, json!({"logins": [], "waiting": []}));
    let counted = desk.server.control("GET", "counters", &Value::Null);
    assert_eq!(counted["exchanges"], 0);
}
