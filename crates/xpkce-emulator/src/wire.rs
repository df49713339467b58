//! Answers on the wire: whole, cut short, or in a trickle.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::reply::{Delivery, Reply};

/// The body of an answer, with the end that was scripted for it.
pub(crate) struct WireBody {
    rest: Bytes,
    piece: usize,
    pause: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
    is_cut: bool,
    has_rested: bool,
}

/// The connection ends here, on purpose.
#[derive(Debug)]
pub(crate) struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was ended by a scripted fault")
    }
}

impl std::error::Error for Ended {}

impl From<Infallible> for Ended {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl WireBody {
    fn whole(body: Vec<u8>) -> Self {
        Self {
            piece: body.len(),
            rest: Bytes::from(body),
            pause: None,
            sleep: None,
            is_cut: false,
            has_rested: false,
        }
    }
}

/// Turns a reply into a response.
///
/// # Errors
///
/// [`Ended`] if nothing is to be sent: the connection is then closed, or reset if `reset` was set.
pub(crate) fn response(reply: Reply, reset: &AtomicBool) -> Result<Response<WireBody>, Ended> {
    let length = reply.body.len();
    let mut body = WireBody::whole(reply.body);
    match reply.delivery {
        Delivery::Whole => {}
        Delivery::Nothing => return Err(Ended),
        Delivery::Reset => {
            reset.store(true, Ordering::Relaxed);
            return Err(Ended);
        }
        Delivery::Cut(at) => {
            body.rest.truncate(at);
            body.is_cut = true;
        }
        Delivery::Trickle { bytes, pause } => {
            body.piece = bytes.max(1);
            body.pause = Some(pause);
        }
    }
    let is_cut = body.is_cut;
    let mut response = Response::new(body);
    *response.status_mut() =
        hyper::StatusCode::from_u16(reply.status).unwrap_or(hyper::StatusCode::OK);
    *response.headers_mut() = reply.headers;
    if is_cut {
        // Announce at least one byte that never comes, even where the body was empty.
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length.max(1)));
    }
    Ok(response)
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = Ended;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Ended>>> {
        if self.rest.is_empty() {
            return self.end(cx);
        }
        if let Some(pause) = self.pause {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            std::task::ready!(sleep.as_mut().poll(cx));
            self.sleep = None;
        }
        let length = self.piece.clamp(1, self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && !self.is_cut
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_cut { SizeHint::new() } else { SizeHint::with_exact(self.rest.len() as u64) }
    }
}

impl WireBody {
    fn end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Ended>>> {
        if !self.is_cut {
            return Poll::Ready(None);
        }
        if !self.has_rested {
            // One pause lets the server flush what was written before the connection ends.
            self.has_rested = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Ended)))
    }
}

/// A connection that is reset instead of closed once its flag is up.
pub(crate) struct Socket {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, reset: Arc<AtomicBool>) -> Self {
        Self { stream, reset }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // Without lingering, closing sends RST. A failure leaves an ordinary close.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
