//! The network client against a server that misbehaves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use xpkce::http::{HttpClient as _, HttpRequest, HttpResponse, HyperClient, MAX_BODY, SendError};
use xpkce::{App, Client, ErrorKind, RefreshAnswer, RefreshToken, SystemClock};

use crate::support::{CLIENT_ID, PAIR};

use crate::silence::Silence;

/// What the server does with one request that it has read.
#[derive(Clone)]
enum Does {
    Says(String),
    SaysAndCloses(String),
    SaysThenFloods(&'static str),
    SaysForEver(&'static str),
    Closes,
    Nothing,
}

struct Server {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
    _silence: Silence,
}

impl Server {
    async fn start(script: impl IntoIterator<Item = Does>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let script: Vec<_> = script.into_iter().collect();
        let log = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(serve(stream, script.clone(), log.clone()));
            }
        });
        Self { url, heard, _silence: Silence::listen() }
    }

    fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

async fn serve(mut stream: TcpStream, script: Vec<Does>, log: Arc<Mutex<Vec<String>>>) {
    let mut buffer = vec![0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let n = {
            let mut log = log.lock().unwrap();
            log.push(String::from_utf8_lossy(&buffer[..read]).into_owned());
            log.len() - 1
        };
        let _ = match &script[n] {
            Does::Says(text) => stream.write_all(text.as_bytes()).await,
            Does::SaysAndCloses(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
                return;
            }
            Does::SaysThenFloods(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
                while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
                return;
            }
            Does::SaysForEver(text) => {
                while stream.write_all(text.as_bytes()).await.is_ok() {}
                log.lock().unwrap().push("hung up".to_owned());
                return;
            }
            Does::Closes => return,
            Does::Nothing => std::future::pending().await,
        };
    }
}

fn says(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn client() -> HyperClient {
    HyperClient::with_deadlines(Duration::from_secs(5), Duration::from_secs(5))
}

/// Sends, and waits for longer than any deadline here.
async fn post(client: &HyperClient, url: &str) -> Result<HttpResponse, SendError> {
    let sending = client.send(request(url));
    tokio::time::timeout(Duration::from_secs(60), sending).await.expect("it waits on")
}

fn request(url: &str) -> HttpRequest {
    Silence::listen();
    HttpRequest {
        method: Method::POST,
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: b"a=b".to_vec().into(),
    }
}

/// A port that refuses whoever connects, and that no other test is given meanwhile.
fn bound_and_deaf() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

fn is_maybe_sent(answer: &Result<HttpResponse, SendError>) -> bool {
    matches!(answer, Err(SendError::MaybeSent(_)))
}

fn is_not_sent(answer: &Result<HttpResponse, SendError>) -> bool {
    matches!(answer, Err(SendError::NotSent(_)))
}

#[tokio::test]
async fn an_answer_comes_over_the_wire() {
    let server = Server::start([Does::Says(says("200 OK", "x-a: b\r\n", "hello"))]).await;
    let answer = post(&client(), &server.url).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"hello".as_slice()));
    assert_eq!(answer.headers["x-a"], "b");
}

/// Runs the test above in a process of its own, where a proxy is set that answers nobody and no
/// certificate can be found.
#[test]
fn neither_a_proxy_nor_missing_certificates_are_between_us_and_this_machine() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "network::an_answer_comes_over_the_wire"])
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("http_proxy", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .env("SSL_CERT_FILE", "/nonexistent")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let elsewhere = Server::start([Does::Says(says("200 OK", "", ""))]).await;
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let to = format!("location: {}\r\n", elsewhere.url);
        let server = Server::start([Does::Says(says(status, &to, ""))]).await;
        assert_eq!(post(&client(), &server.url).await.unwrap().status / 100, 3);
    }
    assert_eq!(elsewhere.heard(), 0);
}

#[tokio::test]
async fn a_body_is_read_up_to_its_bound_and_no_further() {
    let just = "x".repeat(MAX_BODY);
    let server = Server::start([Does::Says(says("200 OK", "", &just))]).await;
    let answer = post(&client(), &server.url).await.unwrap();
    assert!(answer.is_whole);
    assert_eq!(answer.body.len(), MAX_BODY);
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    ] {
        let server = Server::start([Does::SaysThenFloods(head)]).await;
        let answer = post(&client(), &server.url).await.unwrap();
        assert!(!answer.is_whole, "{head}");
        assert_eq!(answer.body.len(), MAX_BODY);
    }
}

#[tokio::test]
async fn an_answer_with_hundreds_of_headers_is_read() {
    let headers: String = (0..250).map(|n| format!("x-{n}: a\r\n")).collect();
    let server = Server::start([Does::Says(says("200 OK", &headers, "hello"))]).await;
    let answer = post(&client(), &server.url).await.unwrap();
    assert_eq!(answer.headers["x-249"], "a");
    assert_eq!(answer.body.as_slice(), b"hello");
}

#[tokio::test]
async fn an_answer_with_more_headers_than_that_may_have_been_sent_and_says_why() {
    let headers: String = (0..300).map(|n| format!("x-{n}: a\r\n")).collect();
    let server = Server::start([Does::Says(says("200 OK", &headers, PAIR))]).await;
    let app = App::public(CLIENT_ID).with_base_url(&server.url).unwrap();
    let client = Client::new(app, Arc::new(client()), Arc::new(SystemClock));
    let answer = client.refresh(&RefreshToken::new("fake-spent")).await;
    let RefreshAnswer::Unknown { error, resend: true } = answer else { panic!("{answer:?}") };
    assert_eq!(error.kind(), ErrorKind::InDoubt);
    assert!(format!("{error:?}").contains("TooLarge"), "{error:?}");
    assert_eq!(server.heard(), 1);
}

#[tokio::test]
async fn headers_without_end_are_given_up() {
    let server = Server::start([Does::SaysThenFloods("HTTP/1.1 200 OK\r\nx: ")]).await;
    assert!(is_maybe_sent(&post(&client(), &server.url).await));
}

#[tokio::test]
async fn what_brought_no_status_may_have_been_sent() {
    let hasty = HyperClient::with_deadlines(Duration::from_millis(250), Duration::from_millis(250));
    let silent = Server::start([Does::Nothing]).await;
    assert!(is_maybe_sent(&post(&hasty, &silent.url).await));
    let closed = Server::start([Does::Closes]).await;
    assert!(is_maybe_sent(&post(&client(), &closed.url).await));
    let garbage = Server::start([Does::Says("\0\0\0\0\r\n\r\n".into())]).await;
    assert!(is_maybe_sent(&post(&client(), &garbage.url).await));
    let switched = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
    let switched = Server::start([Does::SaysAndCloses(switched.into())]).await;
    let _ = post(&client(), &switched.url).await;
    for server in [silent, closed, garbage, switched] {
        assert_eq!(server.heard(), 1);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_kept_as_far_as_it_came() {
    let hasty = HyperClient::with_deadlines(Duration::from_millis(250), Duration::from_millis(250));
    let part = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello";
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    for (client, does) in [
        (&hasty, Does::Says(part.into())),
        (&client(), Does::SaysAndCloses(part.into())),
        (&client(), Does::SaysAndCloses(chunks.into())),
    ] {
        let server = Server::start([does]).await;
        let answer = post(client, &server.url).await.unwrap();
        assert!(!answer.is_whole);
        assert_eq!(answer.body.as_slice(), b"hello");
        assert_eq!(server.heard(), 1);
    }
}

#[tokio::test]
async fn a_connection_that_was_never_made_sent_nothing() {
    let socket = bound_and_deaf();
    let nobody = socket.local_addr().unwrap();
    assert!(is_not_sent(&post(&client(), &format!("http://{nobody}")).await));
    // A server that does not speak TLS.
    let plain = Server::start([Does::SaysAndCloses("HTTP/1.1 400 No\r\n\r\n".into())]).await;
    assert!(is_not_sent(&post(&client(), &plain.url.replace("http:", "https:")).await));
}

#[test]
fn without_a_runtime_nothing_is_sent() {
    let client = client();
    let sent = client.send(request("http://127.0.0.1:9/"));
    assert!(is_not_sent(&futures_util::FutureExt::now_or_never(sent).unwrap()));
}

#[tokio::test]
async fn plain_http_to_another_machine_is_not_sent() {
    for url in ["http://api.x.com/", "http://192.0.2.1/", "ftp://127.0.0.1/"] {
        match post(&client(), url).await {
            Err(SendError::NotSent(why)) => assert!(why.to_string().contains("https://"), "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_request_on_a_kept_connection_that_dies_is_not_sent_again() {
    let server = Server::start([Does::Says(says("200 OK", "", "")), Does::Closes]).await;
    let client = client();
    post(&client, &server.url).await.unwrap();
    assert!(is_maybe_sent(&post(&client, &server.url).await));
    assert_eq!(server.heard(), 2);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_costs_no_second_send() {
    let ok = || says("200 OK", "", "");
    let server = Server::start([Does::SaysAndCloses(ok()), Does::Says(ok())]).await;
    let client = client();
    post(&client, &server.url).await.unwrap();
    match post(&client, &server.url).await {
        // The close was seen in time, or the unwritten request went to a new connection.
        Ok(_) => assert_eq!(server.heard(), 2),
        Err(_) => assert_eq!(server.heard(), 1),
    }
}

#[test]
fn a_runtime_that_sleeps_takes_no_request_of_another() {
    let ok = || says("200 OK", "", "");
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let servers = tokio::runtime::Runtime::new().unwrap();
    let server = servers.block_on(Server::start([Does::Says(ok()), Does::Says(ok())]));
    let (client, asleep) = (client(), runtime());
    asleep.block_on(post(&client, &server.url)).unwrap();
    runtime().block_on(post(&client, &server.url)).unwrap();
}

#[tokio::test]
async fn an_answer_is_asked_for_as_it_is_unless_the_caller_decodes() {
    let ok = || Does::Says(says("200 OK", "", ""));
    let server = Server::start([ok(), ok()]).await;
    let client = client();
    post(&client, &server.url).await.unwrap();
    let mut decoding = request(&server.url);
    decoding.headers.insert("accept-encoding", "gzip".parse().unwrap());
    client.send(decoding).await.unwrap();
    let heard = server.heard.lock().unwrap();
    assert!(heard[0].contains("accept-encoding: identity\r\n"), "{}", heard[0]);
    assert!(heard[1].contains("accept-encoding: gzip\r\n"), "{}", heard[1]);
}

#[tokio::test]
async fn a_cookie_is_not_kept() {
    let cookie = says("200 OK", "set-cookie: a=b\r\n", "");
    let server = Server::start([Does::Says(cookie.clone()), Does::Says(cookie)]).await;
    let client = client();
    post(&client, &server.url).await.unwrap();
    post(&client, &server.url).await.unwrap();
    let heard = server.heard.lock().unwrap();
    assert!(heard.iter().all(|request| !request.to_ascii_lowercase().contains("cookie")));
}

#[tokio::test]
async fn an_error_holds_no_query() {
    let nobody = bound_and_deaf();
    let url = format!("http://{}/path?token=s3cret", nobody.local_addr().unwrap());
    let Err(error) = post(&client(), &url).await else { panic!() };
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[tokio::test]
async fn interim_answers_without_end_are_given_up() {
    let server = Server::start([Does::SaysForEver("HTTP/1.1 100 Continue\r\n\r\n")]).await;
    let short = Duration::from_millis(500);
    assert!(is_maybe_sent(&post(&HyperClient::with_deadlines(short, short), &server.url).await));
    let hung_up = async {
        while server.heard() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), hung_up)
        .await
        .expect("the connection is read on");
}

#[tokio::test]
async fn a_body_is_as_long_as_it_is_whatever_its_headers_say() {
    for (name, lie) in [("content-length", "0"), ("transfer-encoding", "chunked")] {
        let server = Server::start([Does::Says(says("200 OK", "", ""))]).await;
        let mut request = request(&server.url);
        request.headers.insert(name, lie.parse().unwrap());
        client().send(request).await.unwrap();
        let heard = server.heard.lock().unwrap().concat().to_ascii_lowercase();
        assert!(
            heard.contains("content-length: 3\r\n") && heard.ends_with("\r\n\r\na=b"),
            "{heard}"
        );
        assert!(!heard.contains(&format!("{name}: {lie}")), "{heard}");
    }
}
