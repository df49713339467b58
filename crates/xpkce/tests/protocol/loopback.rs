//! The callback listener, called by browsers, by strangers and by mistake.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use xpkce::loopback::{Listener, Visit};
use xpkce::{App, Error, Login, Reason, Result, Scopes};

use crate::silence::Silence;
use crate::support::{CLIENT_ID, NOW};

const DEADLINE: Duration = Duration::from_secs(20);

struct Waiting {
    host: String,
    login: Login,
    visit: JoinHandle<Result<Visit>>,
}

/// A listener that waits for the callback of a sign-in.
async fn waiting() -> Waiting {
    waiting_at("http://127.0.0.1/callback").await
}

async fn waiting_at(redirect_uri: &str) -> Waiting {
    Silence::listen();
    let listener = Listener::bind_any_port(redirect_uri).await.unwrap();
    let app = App::public(CLIENT_ID)
        .with_redirect_uri(listener.redirect_uri())
        .with_scopes(Scopes::parse(Scopes::DEFAULT));
    let login = Login::begin(&app, NOW).unwrap();
    let ours = Login::from_json(&login.to_json()).unwrap();
    let visit = tokio::spawn(async move { listener.callback(&ours, DEADLINE).await });
    let host = login.redirect_uri()["http://".len()..].split('/').next().unwrap().to_owned();
    Waiting { host, login, visit }
}

impl Waiting {
    fn good(&self) -> String {
        format!("/callback?state={}&code=the-code", self.login.state().expose())
    }

    async fn get(&self, target: &str) -> String {
        self.say(&format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host)).await
    }

    /// Sends what it is given and reads to the end.
    async fn say(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = String::new();
        let reading = stream.read_to_string(&mut answer);
        let _ = tokio::time::timeout(DEADLINE, reading).await.expect("strangers are answered");
        answer
    }

    /// Sends the callback and returns the visit, with the browser's connection.
    async fn visited(self) -> (Login, Visit, TcpStream) {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", self.good(), self.host);
        stream.write_all(request.as_bytes()).await.unwrap();
        (self.login, self.visit.await.unwrap().unwrap(), stream)
    }
}

async fn page(mut stream: TcpStream) -> String {
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}

#[tokio::test]
async fn the_page_follows_the_outcome() {
    let (login, visit, browser) = waiting().await.visited().await;
    assert!(login.approve(visit.callback_url()).is_ok());
    let browser = tokio::spawn(page(browser));
    visit.tell(&Ok(())).await;
    let page = browser.await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(page.contains("Signed in") && page.contains("You can close this window"));
    for header in [
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        "Content-Security-Policy: default-src 'none'",
        "Connection: close",
        "X-Content-Type-Options: nosniff",
    ] {
        assert!(page.contains(header), "{header}");
    }
}

#[tokio::test]
async fn a_failure_is_told_escaped() {
    let (_, visit, browser) = waiting().await.visited().await;
    let browser = tokio::spawn(page(browser));
    let failed: Result<()> = Err(Error::new(Reason::NotSent, "<script>alert('x')</script>"));
    visit.tell(&failed).await;
    let page = browser.await.unwrap();
    assert!(page.contains("Not signed in") && page.contains("&lt;script&gt;"));
    assert!(!page.contains("<script>"));
}

#[tokio::test]
async fn a_browser_that_nobody_tells_anything_is_sent_back_to_the_program() {
    let (_, visit, browser) = waiting().await.visited().await;
    drop(visit);
    assert!(page(browser).await.contains("Go back to the program"));
}

/// An error without a state, from a page that shows it to nobody.
fn unseen(host: &str, headers: &str) -> String {
    format!("GET /callback?error=denied HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n\r\n")
}

#[tokio::test]
async fn strangers_are_answered_and_do_not_end_the_sign_in() {
    let waiting = waiting().await;
    let state = waiting.login.state().expose();
    let good = waiting.good();
    let host = &waiting.host;
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), "404"),
        (format!("GET /favicon.ico HTTP/1.1\r\nHost: {host}\r\n\r\n"), "404"),
        (format!("GET /callback/?state={state}&code=a HTTP/1.1\r\nHost: {host}\r\n\r\n"), "404"),
        (format!("GET /callback HTTP/1.1\r\nHost: {host}\r\n\r\n"), "400"),
        (format!("GET /callback?state={state} HTTP/1.1\r\nHost: {host}\r\n\r\n"), "400"),
        (format!("GET /callback?code=a HTTP/1.1\r\nHost: {host}\r\n\r\n"), "400"),
        (format!("GET /callback?state=forged&code=a HTTP/1.1\r\nHost: {host}\r\n\r\n"), "400"),
        (format!("GET /callback?state=forged&error=a HTTP/1.1\r\nHost: {host}\r\n\r\n"), "400"),
        (format!("GET {good}&code=twice HTTP/1.1\r\nHost: {host}\r\n\r\n"), "400"),
        (format!("POST {good} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"), "405"),
        (format!("HEAD {good} HTTP/1.1\r\nHost: {host}\r\n\r\n"), "405"),
        (format!("GET {good} HTTP/1.1\r\nHost: evil.example\r\n\r\n"), "421"),
        (format!("GET {good} HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"), "421"),
        (format!("GET {good} HTTP/1.1\r\n\r\n"), "421"),
        (format!("GET {good}\r\n\r\n"), "400"),
        ("\r\n\r\n".to_owned(), "400"),
        (format!("GET {good} HTTP/1.1\r\nHost: {host}\r\nX: {}", "a".repeat(70_000)), "431"),
        (unseen(host, "Sec-Fetch-Mode: no-cors"), "400"),
        (unseen(host, "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe"), "400"),
        (unseen(host, "Sec-Fetch-Mode: navigate\r\nSec-Purpose: prefetch;prerender"), "400"),
    ] {
        let answer = waiting.say(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}\n{answer}");
        assert!(!answer.contains(state));
    }
    drop(TcpStream::connect(&waiting.host).await.unwrap());
    let (login, visit, _) = waiting.visited().await;
    assert!(login.approve(visit.callback_url()).is_ok());
}

#[tokio::test]
async fn silent_connections_do_not_keep_the_browser_out() {
    let waiting = waiting().await;
    let mut silent = Vec::new();
    for _ in 0..15 {
        silent.push(TcpStream::connect(&waiting.host).await.unwrap());
    }
    assert!(waiting.get("/").await.starts_with("HTTP/1.1 404"));
    waiting.visited().await;
}

#[tokio::test]
async fn three_hundred_silent_connections_do_not_keep_the_browser_out() {
    let waiting = waiting().await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(&waiting.host).await.unwrap());
    }
    // Longer than the sign-in waits: they would have to be waited for in turn.
    let (login, visit, _) = waiting.visited().await;
    assert!(login.approve(visit.callback_url()).is_ok());
    assert_eq!(silent.len(), 300);
}

#[tokio::test]
async fn a_browser_that_connected_first_keeps_its_place_among_those_that_went() {
    let waiting = waiting().await;
    let mut browser = TcpStream::connect(&waiting.host).await.unwrap();
    for _ in 0..200 {
        assert!(waiting.get("/").await.starts_with("HTTP/1.1 404"));
    }
    let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", waiting.good(), waiting.host);
    browser.write_all(request.as_bytes()).await.unwrap();
    waiting.visit.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_may_come_in_pieces() {
    let waiting = waiting().await;
    let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", waiting.good(), waiting.host);
    let mut stream = TcpStream::connect(&waiting.host).await.unwrap();
    for piece in request.as_bytes().chunks(7) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    waiting.visit.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_browser_may_bring_the_cookies_of_every_other_port() {
    let waiting = waiting().await;
    let cookies: Vec<_> = (0..15).map(|n| format!("c{n}={}", "v".repeat(4000))).collect();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
        waiting.good(),
        waiting.host,
        cookies.join("; ")
    );
    let mut stream = TcpStream::connect(&waiting.host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    waiting.visit.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_denial_ends_the_sign_in_with_its_state_or_without() {
    for with_state in [true, false] {
        let waiting = waiting().await;
        let mut target = "/callback?error=access_denied".to_owned();
        if with_state {
            target = format!("{target}&state={}", waiting.login.state().expose());
        }
        let mut stream = TcpStream::connect(&waiting.host).await.unwrap();
        let shown = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document";
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n{shown}\r\n\r\n", waiting.host);
        stream.write_all(request.as_bytes()).await.unwrap();
        let visit = waiting.visit.await.unwrap().unwrap();
        let denied = waiting.login.approve(visit.callback_url());
        assert_eq!(denied.as_ref().unwrap_err().reason(), Reason::Denied);
        let browser = tokio::spawn(page(stream));
        visit.tell(&denied).await;
        assert!(browser.await.unwrap().contains("You did not approve"));
    }
}

#[tokio::test]
async fn localhost_is_both_of_its_addresses() {
    for ip in ["127.0.0.1", "[::1]"] {
        let waiting = waiting_at("http://localhost/callback").await;
        let port = waiting.host.rsplit(':').next().unwrap();
        let Ok(mut stream) = TcpStream::connect(format!("{ip}:{port}")).await else {
            assert_eq!(ip, "[::1]", "a machine may lack IPv6");
            continue;
        };
        let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", waiting.good(), waiting.host);
        stream.write_all(request.as_bytes()).await.unwrap();
        waiting.visit.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Listener::bind(&format!("http://127.0.0.1:{port}/callback")).await.unwrap_err();
    assert_eq!(error.reason(), Reason::PortBusy);
    assert!(error.to_string().contains(&port.to_string()));
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn localhost_is_taken_when_one_of_its_addresses_is() {
    for ip in ["127.0.0.1", "[::1]"] {
        let Ok(taken) = std::net::TcpListener::bind(format!("{ip}:0")) else {
            assert_eq!(ip, "[::1]", "a machine may lack IPv6");
            continue;
        };
        let port = taken.local_addr().unwrap().port();
        let error = Listener::bind(&format!("http://localhost:{port}/callback")).await.unwrap_err();
        assert_eq!(error.reason(), Reason::PortBusy, "{ip}");
    }
}

#[tokio::test]
async fn an_address_is_listened_on_and_no_other() {
    let all = ["127.0.0.1", "127.0.0.2", "[::1]"];
    for named in all {
        let Ok(listener) = Listener::bind_any_port(&format!("http://{named}/callback")).await
        else {
            assert_eq!(named, "[::1]", "a machine may lack IPv6");
            continue;
        };
        let url = url::Url::parse(listener.redirect_uri()).unwrap();
        for ip in all {
            let is_there =
                TcpStream::connect(format!("{ip}:{}", url.port().unwrap())).await.is_ok();
            assert_eq!(is_there, ip == named, "{ip}, where {named} is named");
        }
    }
}

#[tokio::test]
async fn what_is_not_this_machine_is_not_listened_on() {
    for uri in [
        "https://127.0.0.1:8080/callback",
        "http://app.example:8080/callback",
        "http://0.0.0.0:8080/callback",
        "http://127.0.0.1:0/callback",
        "myapp://callback",
        "nonsense",
    ] {
        let error = Listener::bind(uri).await.unwrap_err();
        assert_eq!(error.reason(), Reason::InvalidSetting, "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_does_not_come_ends_the_wait() {
    let error = waiting().await.visit.await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::LoginExpired);
}
