//! Accepts connections on loopback and reads requests, bounded.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::call::Call;
use crate::front;
use crate::mint;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::wire::{self, Ended, Socket, WireBody};

/// The longest request body that is read.
const BODY_LIMIT: usize = 256 * 1024;

/// How long a request body may take; as long as hyper gives a head.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// Serves until `stop` fires or is dropped; connections end with it.
pub(crate) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stop: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, shared.clone()));
                }
                // Out of file descriptors: let some connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = &mut stop => return,
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    // Small answers must not wait for acknowledgements; a failure only makes them slower.
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let requests = AtomicU64::new(0);
    let socket = TokioIo::new(Socket::new(stream, reset.clone()));
    let service = service_fn(|request| {
        let is_reused = requests.fetch_add(1, Ordering::Relaxed) > 0;
        let (shared, reset) = (&shared, &reset);
        async move { answer(request, peer, is_reused, shared, reset).await }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).max_buf_size(64 * 1024);
    // An error here is the client's, or a scripted one: nothing to do about either.
    let _ = http.serve_connection(socket, service).await;
}

async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    is_reused: bool,
    shared: &Arc<Shared>,
    reset: &AtomicBool,
) -> Result<Response<WireBody>, Ended> {
    let (head, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(status) => return wire::response(Reply::empty(status), reset),
    };
    let call = Arc::new(Call {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
        transaction_id: mint::transaction_id(),
        peer: Some(peer),
        is_reused,
        decision: None,
    });
    wire::response(front::answer(shared, &call).await, reset)
}

/// Reads a body up to the limit, and within the deadline: who stops in the middle would keep the
/// connection, of which there are not many. What cannot be read is refused with a status.
async fn read(body: impl Body<Data = Bytes> + Unpin) -> Result<Bytes, u16> {
    match timeout(BODY_DEADLINE, whole(body)).await {
        Ok(Some(body)) => Ok(body),
        Ok(None) => Err(413),
        Err(_) => Err(408),
    }
}

async fn whole(mut body: impl Body<Data = Bytes> + Unpin) -> Option<Bytes> {
    let mut read = BytesMut::new();
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        match frame {
            None => return Some(read.freeze()),
            Some(Ok(frame)) => {
                let Ok(piece) = frame.into_data() else { continue };
                if read.len() + piece.len() > BODY_LIMIT {
                    return None;
                }
                read.extend_from_slice(&piece);
            }
            Some(Err(_)) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    /// A body that was announced and never comes.
    struct Awaited;

    impl Body for Awaited {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        assert_eq!(read(Awaited).await, Err(408));
    }
}
