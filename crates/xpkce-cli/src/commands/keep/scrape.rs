//! The metrics, served to who collects them. They hold counts and times; nothing of any login.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::UPKEEP;
use crate::failure::{Failure, Kind, Result};

/// How many are answered at once; more wait to be accepted.
const AT_ONCE: usize = 16;
/// How long one may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Prometheus's text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The listener, and what it serves.
pub(super) struct Scrape {
    listener: TcpListener,
    address: SocketAddr,
    handle: PrometheusHandle,
}

impl Scrape {
    /// Begins to measure, and takes the port. Must be called before anything is measured.
    pub(super) fn start(address: SocketAddr) -> Result<Self> {
        let recorder = builder()?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)
            .map_err(|why| Failure::new(Kind::Protocol, "cannot measure").why(&why))?;
        xpkce::metrics::describe();
        let (listener, address) = listen(address).map_err(|why| {
            Failure::new(Kind::Configure, format!("cannot serve metrics at {address}"))
                .why(&why)
                .hint("give --metrics another port")
        })?;
        Ok(Self { listener, address, handle })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }
}

fn builder() -> Result<PrometheusBuilder> {
    let mut builder = PrometheusBuilder::new();
    for (name, buckets) in xpkce::metrics::HISTOGRAMS {
        builder = builder
            .set_buckets_for_metric(Matcher::Full((*name).to_owned()), buckets)
            .map_err(|why| Failure::new(Kind::Protocol, "cannot measure").why(&why))?;
    }
    Ok(builder)
}

fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, bound))
}

/// Serves for as long as it is polled.
pub(super) async fn serve(scrape: Option<Scrape>) {
    let Some(Scrape { listener, handle, .. }) = scrape else {
        return std::future::pending().await;
    };
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut upkeep = tokio::time::interval(UPKEEP);
    loop {
        let accepted = async {
            let turn = Arc::clone(&turns).acquire_owned().await;
            (turn, listener.accept().await)
        };
        tokio::select! {
            _ = upkeep.tick() => handle.run_upkeep(),
            (turn, accepted) = accepted => match accepted {
                Ok((stream, _)) => {
                    let answering = answer(stream, handle.clone());
                    tokio::spawn(async move {
                        // Who reads too slowly is left.
                        let _ = tokio::time::timeout(DEADLINE, answering).await;
                        drop(turn);
                    });
                }
                // Too many open files, or a client that went away: not at once again.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
        }
    }
}

async fn answer(stream: TcpStream, handle: PrometheusHandle) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let answer = respond(request.method(), request.uri().path(), &handle);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).keep_alive(false).max_buf_size(16 * 1024);
    // An error here is the client's.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

fn respond(method: &Method, path: &str, handle: &PrometheusHandle) -> Response<String> {
    let (status, body) = match (method, path) {
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, handle.render()),
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        _ => (StatusCode::NOT_FOUND, "see /metrics\n".to_owned()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(TEXT));
    response
}
