//! The browser that the command opened, driven over WebDriver by `chromedriver`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::world::until;

/// Where WebDriver puts the id of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A `chromedriver`, and its session with a browser that runs already.
pub(crate) struct Driver {
    child: Child,
    host: String,
    session: String,
}

impl Driver {
    /// Attaches to the browser whose DevTools listen at `devtools`.
    pub(crate) fn attach(devtools: &str) -> Self {
        let (child, host) = start();
        let mut driver = Self { child, host, session: String::new() };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "timeouts": {"implicit": 30_000, "pageLoad": 30_000, "script": 30_000},
            "goog:chromeOptions": {"debuggerAddress": devtools},
        }}});
        let started = driver.post("/session", &wanted);
        driver.session = format!("/session/{}", started["sessionId"].as_str().unwrap());
        driver
    }

    /// Clicks, and waits until the page gives way to the one that it leads to. WebDriver itself waits
    /// for that only where the browser has set out before it looks.
    pub(crate) fn click(&self, selector: &str) {
        let element = format!("{}/element/{}", self.session, self.find(selector));
        self.post(&format!("{element}/click"), &json!({}));
        until("the click leads to another page", || {
            let (status, _) = ask(&self.host, "GET", &format!("{element}/name"), "");
            (status == 404).then_some(())
        });
    }

    /// Reads what an element says. The page may give way to the next one between the two steps.
    pub(crate) fn text(&self, selector: &str) -> String {
        const TRIES: usize = 50;
        let mut texts = (0..TRIES).map(|_| {
            let path = format!("{}/element/{}/text", self.session, self.find(selector));
            ask(&self.host, "GET", &path, "")
        });
        let is_stale = |answer: &Value| answer["value"]["error"] == "stale element reference";
        let read = texts.find(|(_, answer)| !is_stale(answer));
        let (status, answer) = read.expect("the page does not come to rest");
        assert_eq!(status, 200, "WebDriver: {answer}");
        answer["value"].as_str().unwrap().to_owned()
    }

    fn find(&self, selector: &str) -> String {
        let using = json!({"using": "css selector", "value": selector});
        let found = self.post(&format!("{}/element", self.session), &using);
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.value("POST", path, &body.to_string())
    }

    fn value(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = ask(&self.host, method, path, body);
        assert_eq!(status, 200, "WebDriver: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start() -> (Child, String) {
    let program =
        std::env::var("XPKCE_TEST_CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
    let mut child = Command::new(&program)
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let announced = "started successfully on port ";
    let port = lines
        .find_map(|line| line.unwrap().split_once(announced).map(|(_, port)| port.to_owned()))
        .expect("chromedriver says on which port it listens");
    // The pipe stays open for as long as the driver may write to it.
    std::thread::spawn(move || lines.for_each(drop));
    (child, format!("127.0.0.1:{}", port.trim_end_matches('.')))
}

/// Asks a server on this machine something in JSON; returns the status and the answer.
pub(crate) fn ask(host: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut reader = BufReader::new(stream);
    let (mut status, mut length) = (0, 0);
    for line in reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().unwrap();
        }
        if let Some(("content-length", value)) =
            line.to_ascii_lowercase().split_once(':').map(|(name, value)| (name, value.trim()))
        {
            length = value.parse().unwrap();
        }
    }
    let mut answer = vec![0; length];
    reader.read_exact(&mut answer).unwrap();
    (status, serde_json::from_slice(&answer).unwrap())
}
