//! A headless Chromium, driven over WebDriver.

#![allow(unreachable_pub)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::http;

pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const DOWN: &str = "\u{e015}";
/// Held for as long as the other keys of the same press.
pub const SHIFT: &str = "\u{e008}";

/// Where WebDriver puts the id of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub struct Browser {
    http: reqwest::Client,
    session: String,
    driver: Driver,
    _profile: TempDir,
}

struct Driver {
    child: Child,
    port: u16,
}

impl Drop for Driver {
    /// Also after a failed assertion: asks the driver to take its browser along.
    fn drop(&mut self) {
        if self.shut_down().is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl Driver {
    fn shut_down(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
        stream.read(&mut [0; 512]).map(drop)
    }
}

impl Browser {
    pub async fn start() -> Self {
        Self::launch(json!({})).await
    }

    /// A phone 320 CSS pixels wide.
    pub async fn start_phone() -> Self {
        let metrics = json!({"width": 320, "height": 640, "pixelRatio": 2, "touch": true});
        Self::launch(json!({"mobileEmulation": {"deviceMetrics": metrics}})).await
    }

    async fn launch(mut options: Value) -> Self {
        let driver = start_driver();
        let profile = TempDir::new().unwrap();
        options["args"] = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            format!("--user-data-dir={}", profile.path().display()),
        ]);
        if let Ok(binary) = std::env::var("XPKCE_TEST_CHROMIUM") {
            options["binary"] = json!(binary);
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "timeouts": {"pageLoad": 30_000, "script": 30_000},
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let http = http();
        let base = format!("http://127.0.0.1:{}/session", driver.port);
        let started = send(http.post(&base).json(&wanted)).await;
        let session = format!("{base}/{}", started["sessionId"].as_str().unwrap());
        Self { http, session, driver, _profile: profile }
    }

    pub async fn open(&self, url: &str) {
        self.post("url", json!({"url": url})).await;
    }

    pub async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.post(&format!("element/{element}/click"), json!({})).await;
    }

    /// Presses keys on whatever has the focus.
    pub async fn press(&self, keys: &[&str]) {
        let mut strokes = Vec::new();
        for key in keys {
            strokes.push(json!({"type": "keyDown", "value": key}));
            if *key != SHIFT {
                strokes.push(json!({"type": "keyUp", "value": key}));
            }
        }
        if keys.contains(&SHIFT) {
            strokes.push(json!({"type": "keyUp", "value": SHIFT}));
        }
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.post("actions", json!({"actions": [keyboard]})).await;
    }

    /// An attribute of the element that has the focus.
    pub async fn focused(&self, attribute: &str) -> String {
        let value = self.evaluate(&format!("return document.activeElement.{attribute}")).await;
        value.as_str().unwrap_or_default().to_owned()
    }

    pub async fn evaluate(&self, script: &str) -> Value {
        self.post("execute/sync", json!({"script": script, "args": []})).await
    }

    pub async fn text(&self, selector: &str) -> String {
        self.of(selector, "text").await
    }

    pub async fn role(&self, selector: &str) -> String {
        self.of(selector, "computedrole").await
    }

    pub async fn label(&self, selector: &str) -> String {
        self.of(selector, "computedlabel").await
    }

    /// What the browser has complained about.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.post("se/log", json!({"type": "browser"})).await;
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["message"].to_string()).collect()
    }

    pub async fn quit(self) {
        send(self.http.delete(&self.session)).await;
        drop(self.driver);
    }

    async fn of(&self, selector: &str, what: &str) -> String {
        let url = format!("{}/element/{}/{what}", self.session, self.find(selector).await);
        send(self.http.get(url)).await.as_str().unwrap().to_owned()
    }

    async fn find(&self, selector: &str) -> String {
        let using = json!({"using": "css selector", "value": selector});
        self.post("element", using).await[ELEMENT].as_str().unwrap().to_owned()
    }

    async fn post(&self, command: &str, body: Value) -> Value {
        send(self.http.post(format!("{}/{command}", self.session)).json(&body)).await
    }
}

async fn send(request: reqwest::RequestBuilder) -> Value {
    let response = request.timeout(Duration::from_secs(60)).send().await.unwrap();
    let is_success = response.status().is_success();
    let value = response.json::<Value>().await.unwrap()["value"].clone();
    assert!(is_success, "WebDriver: {value}");
    value
}

fn start_driver() -> Driver {
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
    Driver { child, port: port.trim_end_matches('.').parse().unwrap() }
}
