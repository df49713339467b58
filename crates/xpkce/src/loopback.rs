//! The listener for the callback on this machine. It is bound before the browser opens, takes one
//! callback, and shows the user in the browser how the sign-in went.
//!
//! Any program and any web page can send requests to the port. So a request counts only if it is a
//! `GET` of the exact path with the right `Host` and the state of this sign-in; all others are
//! answered and ignored. There is one exception: an error ends the wait even without a state,
//! because X has been seen to drop the state when it reports one. A web page can use this to stop a
//! sign-in, but only by navigating a visible window: requests for an image, a script, a frame or a
//! preloaded page are ignored. It can do nothing else.

use std::io::ErrorKind as IoErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::select_all;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use url::{Host, Url};

use crate::{Error, Login, Reason, Result, State};

mod crowd;
mod open;
mod page;
mod request;
mod visit;

use crowd::Crowd;
use open::Numbers;
#[cfg(any(feature = "hyper", feature = "keeper"))]
pub(crate) use open::take as take_sockets_of_parent;
use request::Expected;
pub use visit::Visit;

/// A listener that is bound to the callback's address.
#[derive(Debug)]
pub struct Listener {
    /// Dropped before the sockets.
    _numbers: Numbers,
    sockets: Vec<TcpListener>,
    redirect_uri: Url,
}

impl Listener {
    /// Binds the host and port of a redirect URI; for `localhost`, on both IPv4 and IPv6.
    ///
    /// # Errors
    ///
    /// [`Configure`](crate::ErrorKind::Configure): `PortBusy` when another program has the port,
    /// `InvalidSetting` when the redirect URI is not plain HTTP to this machine, or its port cannot
    /// be listened on. RFC 8252 section 7.3.
    pub async fn bind(redirect_uri: &str) -> Result<Self> {
        let url = local(redirect_uri)?;
        if url.port() == Some(0) {
            return Err(Error::new(Reason::InvalidSetting, "port 0 cannot be registered at X"));
        }
        Self::bind_url(url).await
    }

    /// As [`bind`](Self::bind), but on any free port, which [`redirect_uri`](Self::redirect_uri)
    /// names. For tests: at X the port has to be registered.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub async fn bind_any_port(redirect_uri: &str) -> Result<Self> {
        let mut url = local(redirect_uri)?;
        url.set_port(Some(0)).map_err(|()| unusable())?;
        Self::bind_url(url).await
    }

    async fn bind_url(mut url: Url) -> Result<Self> {
        let mut sockets = Vec::new();
        for ip in addresses(&url) {
            let port = url.port_or_known_default().ok_or_else(unusable)?;
            match TcpListener::bind(SocketAddr::new(ip, port)).await {
                Ok(socket) => {
                    let port = socket.local_addr().map_err(|why| unbound(port, why))?.port();
                    url.set_port(Some(port)).map_err(|()| unusable())?;
                    sockets.push(socket);
                }
                // A machine without IPv6 has no ::1; one that has it taken is another matter.
                Err(why) if !sockets.is_empty() && why.kind() != IoErrorKind::AddrInUse => {}
                Err(why) => return Err(unbound(port, why)),
            }
        }
        Ok(Self { _numbers: Numbers::of(&sockets), sockets, redirect_uri: url })
    }

    /// Returns the redirect URI as a normalised URL, with the port that is bound.
    pub fn redirect_uri(&self) -> &str {
        self.redirect_uri.as_str()
    }

    /// Waits for the callback of `login`, for as long as `deadline`. The browser waits too:
    /// exchange the callback first, then tell it how that went with [`Visit::tell`].
    ///
    /// # Errors
    ///
    /// [`SignIn`](crate::ErrorKind::SignIn) with `LoginExpired` when it does not come in time.
    pub async fn callback(self, login: &Login, deadline: Duration) -> Result<Visit> {
        let expected = Expected::new(&self.redirect_uri, State::new(login.state().expose()));
        timeout(deadline, self.serve(expected)).await.map_err(|_| {
            Error::new(Reason::LoginExpired, "the callback did not come in time")
                .with_hint("begin the sign-in again")
        })
    }

    async fn serve(&self, expected: Expected) -> Visit {
        let mut crowd = Crowd::default();
        loop {
            tokio::select! {
                // Whoever is here is heard before the next is let in.
                biased;
                visit = crowd.callback() => return visit,
                stream = self.accept() => crowd.join(visit::receive(stream, &expected)),
            }
        }
    }

    /// Accepts on any socket. A failure, such as too many open files, passes.
    async fn accept(&self) -> TcpStream {
        const PAUSE: Duration = Duration::from_millis(50);
        loop {
            let accepting = self.sockets.iter().map(|socket| Box::pin(socket.accept()));
            if let (Ok((stream, _)), _, _) = select_all(accepting).await {
                return stream;
            }
            sleep(PAUSE).await;
        }
    }
}

fn local(redirect_uri: &str) -> Result<Url> {
    let url = Url::parse(redirect_uri).map_err(|_| unusable())?;
    if url.scheme() == "http" && crate::http::is_loopback(&url) { Ok(url) } else { Err(unusable()) }
}

fn addresses(url: &Url) -> Vec<IpAddr> {
    match url.host() {
        Some(Host::Ipv4(ip)) => vec![ip.into()],
        Some(Host::Ipv6(ip)) => vec![ip.into()],
        _ => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
    }
}

fn unusable() -> Error {
    Error::new(Reason::InvalidSetting, "the redirect URI cannot be listened on")
        .with_hint("use one such as http://127.0.0.1:8080/callback, or finish by hand")
}

fn unbound(port: u16, why: std::io::Error) -> Error {
    let (reason, message, hint) = match why.kind() {
        IoErrorKind::AddrInUse => (
            Reason::PortBusy,
            format!("another program has port {port}"),
            "stop it, or use another redirect URI that is registered at X",
        ),
        IoErrorKind::PermissionDenied => (
            Reason::InvalidSetting,
            format!("port {port} needs more rights"),
            "use a redirect URI with a port above 1023 that is registered at X",
        ),
        _ => (
            Reason::InvalidSetting,
            format!("port {port} cannot be listened on"),
            "finish the sign-in by hand, with the address that the browser ends at",
        ),
    };
    Error::new(reason, message).with_hint(hint).with_source(why)
}
