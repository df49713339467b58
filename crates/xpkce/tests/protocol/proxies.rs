//! The network client and the proxy that the environment names.

use std::process::Command;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use xpkce::http::{HttpClient as _, HttpRequest, HyperClient, SendError};

use crate::silence::Silence;

type Log = Arc<Mutex<Vec<String>>>;

/// A proxy that says the same to everybody, and to what comes after that.
async fn proxy(says: &'static [&'static str]) -> (u16, Log) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let mut buffer = [0; 4096];
            let mut answers = says.iter();
            // What has no answer is heard all the same.
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                log.lock().unwrap().push(String::from_utf8_lossy(&buffer[..read]).into_owned());
                let Some(answer) = answers.next() else { break };
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    (port, heard)
}

/// What is asked of a proxy, and what comes of it.
struct Sent {
    /// On this machine, by a name that a proxy is asked for.
    port: u16,
    proxy: String,
    no_proxy: &'static str,
    /// Words of the error.
    told: &'static str,
}

/// The port that nobody listens on.
const NOBODY: u16 = 1;

impl Sent {
    /// Runs the test that sends in a process of its own with this proxy.
    async fn in_another_process(self) {
        let sending = move || {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "proxies::nothing_is_sent_without_a_tunnel", "--ignored"])
                .env("TO_SEND_TO", format!("https://0.0.0.0:{}/token?a=s3cret", self.port))
                .env("TO_BE_TOLD", self.told)
                .env("HTTPS_PROXY", &self.proxy)
                .env("NO_PROXY", self.no_proxy)
                .output()
                .unwrap()
        };
        let output = tokio::task::spawn_blocking(sending).await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}

#[tokio::test]
#[ignore = "the tests below start it, with a proxy in its environment"]
async fn nothing_is_sent_without_a_tunnel() {
    let silence = Silence::listen();
    let set = |name| std::env::var(name).unwrap();
    let request = HttpRequest {
        method: Method::POST,
        url: set("TO_SEND_TO").parse().unwrap(),
        headers: HeaderMap::new(),
        body: b"a=b".to_vec().into(),
    };
    match HyperClient::new().send(request).await {
        Err(SendError::NotSent(why)) => {
            silence.hear(&why);
            let told = format!("{why:?}");
            assert!(told.contains(&set("TO_BE_TOLD")) && !told.contains("s3cret"), "{told}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_asked_once_and_with_its_password() {
    let (port, heard) = proxy(&["HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"]).await;
    let proxy = format!("http://user:s3same@127.0.0.1:{port}");
    let sent = Sent { port: NOBODY, proxy, no_proxy: "", told: "ProxyAuthRequired" };
    sent.in_another_process().await;
    let heard = heard.lock().unwrap();
    let [connect] = &heard[..] else { panic!("{heard:?}") };
    assert!(connect.starts_with("CONNECT 0.0.0.0:1 HTTP/1.1\r\n"), "{connect}");
    // "user:s3same"
    assert!(connect.contains("Proxy-Authorization: Basic dXNlcjpzM3NhbWU=\r\n"), "{connect}");
}

#[tokio::test]
async fn what_comes_through_a_tunnel_must_speak_tls() {
    let (port, heard) =
        proxy(&["HTTP/1.1 200 Established\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]).await;
    let proxy = format!("127.0.0.1:{port}");
    let sent = Sent { port: NOBODY, proxy, no_proxy: "", told: "InvalidContentType" };
    sent.in_another_process().await;
    let heard = heard.lock().unwrap();
    // A TLS record of a handshake, perhaps an alert, and nothing of the request.
    assert!(heard[1].starts_with('\u{16}'), "{heard:?}");
    assert!(heard.iter().all(|heard| !heard.contains("s3cret")), "{heard:?}");
}

#[tokio::test]
async fn no_proxy_is_asked_for_what_the_environment_excepts() {
    let (port, heard) = proxy(&[]).await;
    let proxy = format!("http://127.0.0.1:{port}");
    let sent = Sent { port: NOBODY, proxy, no_proxy: "0.0.0.0", told: "ConnectionRefused" };
    sent.in_another_process().await;
    assert_eq!(heard.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_proxy_that_cannot_be_read_or_is_of_another_kind_is_refused_and_not_passed_by() {
    for refused in [
        "http://user:p|ss@127.0.0.1:1",
        "http://127.0.0.1 :1",
        "socks://127.0.0.1:1",
        "socks5://127.0.0.1:1",
    ] {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let (port, told) = (server.local_addr().unwrap().port(), "neither http:// nor https://");
        let sent = Sent { port, proxy: refused.to_owned(), no_proxy: "", told };
        sent.in_another_process().await;
        assert!(server.accept().is_err(), "{refused} was passed by");
    }
}
