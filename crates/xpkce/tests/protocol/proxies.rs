//! The network client and the proxy that the environment names.

use std::process::Command;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use xpkce::http::{HttpClient as _, HttpRequest, HyperClient, SendError};

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
            for answer in says {
                let Ok(read @ 1..) = stream.read(&mut buffer).await else { break };
                log.lock().unwrap().push(String::from_utf8_lossy(&buffer[..read]).into_owned());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    (port, heard)
}

/// Runs the test that sends in a process of its own with this proxy.
async fn send_by(proxy: String, no_proxy: &'static str) {
    // This machine by a name that a proxy is asked for. Nobody listens there.
    send_to("https://0.0.0.0:1/".to_owned(), proxy, no_proxy).await;
}

async fn send_to(url: String, proxy: String, no_proxy: &'static str) {
    let sending = move || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "proxies::nothing_is_sent_without_a_tunnel", "--ignored"])
            .env("TO_SEND_TO", &url)
            .env("HTTPS_PROXY", &proxy)
            .env("NO_PROXY", no_proxy)
            .output()
            .unwrap()
    };
    let output = tokio::task::spawn_blocking(sending).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "the tests below start it, with a proxy in its environment"]
async fn nothing_is_sent_without_a_tunnel() {
    let request = HttpRequest {
        method: Method::POST,
        url: format!("{}token?a=s3cret", std::env::var("TO_SEND_TO").unwrap()).parse().unwrap(),
        headers: HeaderMap::new(),
        body: b"a=b".to_vec().into(),
    };
    match HyperClient::new().send(request).await {
        Err(SendError::NotSent(why)) => assert!(!format!("{why:?}").contains("s3cret")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_asked_once_and_with_its_password() {
    let (port, heard) = proxy(&["HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"]).await;
    send_by(format!("http://user:s3same@127.0.0.1:{port}"), "").await;
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
    send_by(format!("127.0.0.1:{port}"), "").await;
    let heard = heard.lock().unwrap();
    let [_, hello] = &heard[..] else { panic!("{heard:?}") };
    // A TLS record of a handshake, and nothing of the request.
    assert!(hello.starts_with('\u{16}') && !hello.contains("s3cret"), "{hello}");
}

#[tokio::test]
async fn no_proxy_is_asked_for_what_the_environment_excepts() {
    let (port, heard) = proxy(&[]).await;
    send_by(format!("http://127.0.0.1:{port}"), "0.0.0.0").await;
    assert_eq!(heard.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_proxy_of_another_kind_is_refused_and_not_passed_by() {
    let (port, heard) = proxy(&[]).await;
    send_by(format!("socks5://127.0.0.1:{port}"), "").await;
    assert_eq!(heard.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_proxy_that_cannot_be_read_is_refused_and_not_passed_by() {
    for unreadable in ["http://user:p|ss@127.0.0.1:1", "http://127.0.0.1 :1", "socks://127.0.0.1:1"]
    {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let port = server.local_addr().unwrap().port();
        send_to(format!("https://0.0.0.0:{port}/"), unreadable.to_owned(), "").await;
        assert!(server.accept().is_err(), "{unreadable} was passed by");
    }
}
