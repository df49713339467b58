//! A stand-in for the token endpoint that does as little as can be done, in a process of its own,
//! so that it is neither the bottleneck nor part of the client's processor time.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::answer::{TOKEN_ANSWER, user_answer};

/// A running stand-in. Ends when dropped.
pub struct Endpoint {
    process: Child,
    /// Keeps connections alive.
    pub kept: String,
    /// Closes the connection after every answer.
    pub fresh: String,
    /// Keeps connections alive and answers after [`LATE`].
    pub late: String,
}

/// How long X itself takes to answer.
pub const LATE: Duration = Duration::from_millis(200);

impl Endpoint {
    /// Starts this same program again as the server.
    pub fn start() -> Self {
        let this = std::env::current_exe().expect("a program knows where it is");
        let mut process = Command::new(this)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let out = process.stdout.take().expect("its output was asked for");
        let mut lines = BufReader::new(out).lines();
        let mut base_url = || {
            let port = lines.next().and_then(Result::ok).expect("the server tells its ports");
            format!("http://127.0.0.1:{port}")
        };
        Self { kept: base_url(), fresh: base_url(), late: base_url(), process }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How many users were named.
static USERS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// How one port answers.
#[derive(Clone, Copy)]
struct Manner {
    is_kept: bool,
    after: Duration,
}

/// Serves until standard input ends, on three ports that are printed: one keeps connections alive,
/// one closes them, and one takes its time.
pub fn serve() {
    crate::cost::stay_on(1);
    crate::cost::open_many_files();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (is_kept, after) in [(true, Duration::ZERO), (false, Duration::ZERO), (true, LATE)] {
            let listener = listen();
            println!("{}", listener.local_addr().unwrap().port());
            tokio::spawn(accept(listener, Manner { is_kept, after }));
        }
        let (ended, end) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _ = ended.send(());
        });
        let _ = end.await;
    });
}

/// Thousands may knock at once.
fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    socket.listen(4096).unwrap()
}

async fn accept(listener: TcpListener, manner: Manner) {
    let token = response(TOKEN_ANSWER, manner.is_kept);
    let token: &'static [u8] = token.leak();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(converse(stream, token, manner));
    }
}

fn response(body: &str, is_kept: bool) -> Vec<u8> {
    let connection = if is_kept { "keep-alive" } else { "close" };
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json;charset=utf-8\r\n\
         connection: {connection}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn converse(mut stream: TcpStream, token: &[u8], manner: Manner) {
    let mut buffer = vec![0; 4 * 1024];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(0) | Err(_) => return,
            Ok(read) => filled += read,
        }
        let Some(length) = request_length(&buffer[..filled]) else { continue };
        if filled < length {
            continue;
        }
        let is_token = buffer.starts_with(b"POST");
        filled = 0;
        if !manner.after.is_zero() {
            tokio::time::sleep(manner.after).await;
        }
        let user = (!is_token).then(|| {
            let nth = USERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            response(&user_answer(nth), manner.is_kept)
        });
        let answer = user.as_deref().unwrap_or(token);
        if stream.write_all(answer).await.is_err() || !manner.is_kept {
            return;
        }
    }
}

/// Returns the length of the request at the start of `bytes`, once its head is whole.
fn request_length(bytes: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let line = bytes[..head]
        .split(|byte| *byte == b'\n')
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME));
    let body = line
        .and_then(|line| std::str::from_utf8(&line[NAME.len()..]).ok())
        .map_or(0, |length| length.trim().parse().unwrap_or(0));
    Some(head + body)
}
