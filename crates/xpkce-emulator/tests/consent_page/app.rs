//! An app with a callback port, waiting for the browser.

#![allow(unreachable_pub)]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use xpkce_emulator::Emulator;

use crate::client::{Client, Tokens, VERIFIER};

pub struct App {
    emulator: Emulator,
    client: Client,
    host: String,
    redirect_uri: String,
    visits: Mutex<mpsc::Receiver<String>>,
}

impl App {
    /// Starts an emulator that shows its consent page, and a callback port registered with it.
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    /// [`App::start`] with the callback port at `address`.
    pub async fn start_at(address: &str) -> Self {
        let emulator = Emulator::builder().auto_approve(None).start().await.unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let redirect_uri = format!("http://{host}/callback");
        let client = Client::public(&emulator);
        emulator.register_redirect(&client.app.client_id, &redirect_uri);
        let (sender, visits) = mpsc::channel(100);
        // Served all along: a click does not return before the page it leads to has loaded.
        tokio::spawn(serve(listener, sender));
        Self { emulator, client, host, redirect_uri, visits: Mutex::new(visits) }
    }

    pub fn base_url(&self) -> &str {
        self.emulator.base_url()
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn authorize_url(&self) -> String {
        let scope = "tweet.read users.read tweet.write offline.access";
        self.client.authorize_url(&[("redirect_uri", &self.redirect_uri), ("scope", scope)])
    }

    /// Waits for the browser and returns the URL it was sent to.
    pub async fn callback(&self) -> String {
        let mut visits = self.visits.lock().await;
        let visit = tokio::time::timeout(Duration::from_secs(30), visits.recv()).await;
        format!("http://{}{}", self.host, visit.expect("the browser comes back").unwrap())
    }

    /// Exchanges a code and returns whose it was.
    pub async fn username_behind(&self, code: &str) -> String {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("code_verifier", VERIFIER),
            ("client_id", self.client.app.client_id.as_str()),
        ];
        let tokens = Tokens::of(&self.client.post("/2/oauth2/token", &fields).await);
        assert_eq!(self.emulator.exchanges(), 1);
        let whoami = self.client.whoami(&tokens.access).await.json();
        whoami["data"]["username"].as_str().unwrap().to_owned()
    }
}

async fn serve(listener: TcpListener, visits: mpsc::Sender<String>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, visits.clone()));
    }
}

/// Answers a visit and reports it if it is one to the callback.
async fn answer(mut stream: TcpStream, visits: mpsc::Sender<String>) {
    let mut request = vec![0; 8192];
    let Ok(length) = stream.read(&mut request).await else { return };
    let text = String::from_utf8_lossy(&request[..length]).into_owned();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndone";
    let _ = stream.write_all(answer).await;
    if let Some(target) = text.split(' ').nth(1).filter(|target| target.starts_with("/callback")) {
        let _ = visits.send(target.to_owned()).await;
    }
}
