//! Accepts connections on loopback and reads requests, bounded.

use std::net::SocketAddr;
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

use crate::call::Call;
use crate::front;
use crate::mint;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::wire::{self, Ended, Socket, WireBody};

/// The longest request body that is read.
const BODY_LIMIT: usize = 256 * 1024;

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
    let Some(body) = read(body).await else {
        return wire::response(Reply::empty(413), reset);
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

/// Reads a body up to the limit.
async fn read(mut body: Incoming) -> Option<Bytes> {
    let mut read = BytesMut::new();
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await;
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
