//! One browser at the callback port: its request, and the page that it gets.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::page::{self, Refused};
use super::request::{Expected, Verdict};
use crate::Result;

/// The most bytes of a request's head. Browsers send the cookies of every program on this machine,
/// whatever its port (RFC 6265 section 8.5).
const MAX_HEAD: usize = 64 * 1024;

/// How long a request may take to arrive.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);

/// How long an answer may take to leave, and the browser to hang up.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);

/// The callback, with the browser still waiting for its page.
pub struct Visit {
    callback_url: String,
    browser: Option<TcpStream>,
}

impl Visit {
    /// Returns the callback's whole URL, for [`Login::approve`](crate::Login::approve).
    pub fn callback_url(&self) -> &str {
        &self.callback_url
    }

    /// Shows in the browser how the sign-in went. A browser that is gone is no matter.
    pub async fn tell<T>(mut self, outcome: &Result<T>) {
        let page = match outcome {
            Ok(_) => page::signed_in(),
            Err(error) => page::failed(error),
        };
        if let Some(browser) = self.browser.take() {
            answer(browser, &page).await;
        }
    }
}

impl Drop for Visit {
    /// A browser that nobody told anything is sent back to the program.
    fn drop(&mut self) {
        if let Some(browser) = &self.browser {
            let _ = browser.try_write(page::look_there().as_bytes());
        }
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visit(..)")
    }
}

/// Reads one request; none when it is not the callback, which is answered here.
pub(super) async fn receive(mut stream: TcpStream, expected: &Expected) -> Option<Visit> {
    let verdict = match timeout(REQUEST_DEADLINE, head(&mut stream)).await.ok()? {
        Ok(Some(head)) => expected.judge(&head),
        Ok(None) => Verdict::Refused(Refused::TooLong),
        Err(_) => return None,
    };
    match verdict {
        Verdict::Callback(callback_url) => Some(Visit { callback_url, browser: Some(stream) }),
        Verdict::Refused(why) => {
            tracing::debug!(?why, "a request to the callback port was not the callback");
            answer(stream, &page::refused(why)).await;
            None
        }
    }
}

/// Reads up to the empty line; none when it does not come within [`MAX_HEAD`].
async fn head(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::with_capacity(1024);
    while head.len() < MAX_HEAD {
        let mut chunk = [0; 1024];
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let seen = head.len().saturating_sub(3);
        head.extend_from_slice(&chunk[..read]);
        if let Some(end) = head[seen..].windows(4).position(|window| window == b"\r\n\r\n") {
            head.truncate(seen + end);
            return Ok(Some(String::from_utf8_lossy(&head).into_owned()));
        }
    }
    Ok(None)
}

/// Writes the page, and reads what is left: closing on unread bytes would reset the connection
/// before the page is seen.
async fn answer(mut stream: TcpStream, page: &str) {
    let talk = async {
        stream.write_all(page.as_bytes()).await?;
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        let mut left = 256 * 1024_usize;
        while left > 0 {
            match stream.read(&mut rest).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        std::io::Result::Ok(())
    };
    let _ = timeout(ANSWER_DEADLINE, talk).await;
}
