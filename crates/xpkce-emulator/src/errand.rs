//! F18: what reaches a loopback app's callback port besides the browser.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// A request that the emulator itself makes, to an app on this machine only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Errand(Url);

const PATIENCE: Duration = Duration::from_secs(5);

impl Errand {
    /// Delivers `callback` itself.
    pub(crate) fn deliver(callback: &str) -> Option<Self> {
        let url = Url::parse(callback).ok()?;
        let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        (url.scheme() == "http" && is_loopback).then_some(Self(url))
    }

    /// Asks the host of `callback` for `/favicon.ico`.
    pub(crate) fn stray(callback: &str) -> Option<Self> {
        let Self(mut url) = Self::deliver(callback)?;
        url.set_path("/favicon.ico");
        url.set_query(None);
        Some(Self(url))
    }

    /// Makes the request and waits for the beginning of an answer. Nobody may be listening.
    pub(crate) async fn run(self) {
        let _ = tokio::time::timeout(PATIENCE, self.request()).await;
    }

    async fn request(self) -> std::io::Result<()> {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.0.port_or_known_default().unwrap_or(80);
        let mut stream = TcpStream::connect((host, port)).await?;
        let target = &self.0[url::Position::BeforePath..url::Position::AfterQuery];
        let authority = self.0.authority();
        let head =
            format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut answer = [0; 1024];
        stream.read(&mut answer).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::Errand;

    #[test]
    fn only_loopback_apps_are_visited() {
        assert!(Errand::deliver("http://127.0.0.1:1/callback?code=1").is_some());
        assert!(Errand::deliver("http://example.com/callback").is_none());
        assert!(Errand::deliver("https://127.0.0.1/callback").is_none());
        assert!(Errand::stray("twitter://callback/path").is_none());
    }
}
