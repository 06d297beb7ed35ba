//! The accept loop: it holds what a plain one does not, limits for heads, rests, connections and refusals.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use tracing::{debug, error, warn};

use super::guests::{Guests, Suspect, Visit};
use super::limits::Limits;
use super::phase::{Arriving, Doing, Socket};

/// Most header fields a request may have, and most bytes for them and the request line.
const HEADERS: usize = 64;
const HEADER_BYTES: usize = 16 * 1024;

/// How long whoever has connected before a stop, and not said anything yet, may take to begin.
const NEWCOMER: Duration = Duration::from_millis(500);

/// How many may have connected and not be let in yet; the system may allow fewer (Linux: `net.core.somaxconn`). Whoever
/// comes when there are more has his first packet dropped, and waits a second before he sends the next.
const WAITING: u32 = 4096;

/// Listens at an address.
///
/// # Errors
/// The address cannot be had.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Else the port of a server that has just ended cannot be had for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// Answers requests until `stop` is ready, then finishes those it has. Returns how many connections were cut off
/// because they did not finish within [`Limits::grace`].
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: impl Future<Output = ()>) -> usize {
    let guests = Arc::new(Guests::new(limits));
    let mut reception =
        Reception { guests, router, limits, stopping: watch::Sender::new(false), connections: JoinSet::new() };
    let mut stop = std::pin::pin!(stop);
    loop {
        let stream = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
            Some(ended) = reception.connections.join_next() => {
                note(ended);
                continue;
            }
        };
        match stream {
            Ok((stream, peer)) => reception.let_in(stream, peer),
            Err(error) if gone(&error) => {}
            Err(error) => {
                warn!(%error, "cannot accept connections; is the limit for open files too low?");
                sleep(Duration::from_millis(250)).await;
            }
        }
    }
    reception.close(listener);
    let finished = async {
        while let Some(ended) = reception.connections.join_next().await {
            note(ended);
        }
    };
    let _ = timeout(limits.grace, finished).await;
    let cut = reception.connections.len();
    reception.connections.shutdown().await;
    cut
}

/// Whoever lets connections in.
struct Reception {
    guests: Arc<Guests>,
    router: Router,
    limits: Limits,
    stopping: watch::Sender<bool>,
    connections: JoinSet<()>,
}

impl Reception {
    fn let_in(&mut self, stream: TcpStream, peer: SocketAddr) {
        match self.guests.enter(peer.ip()) {
            Some(visit) => {
                let stopping = self.stopping.subscribe();
                self.connections.spawn(attend(stream, self.router.clone(), visit, self.limits, stopping));
            }
            None => debug!("connection closed: no room for another"),
        }
    }

    /// Takes no more; those who have connected by now are let in still.
    fn close(&mut self, listener: TcpListener) {
        if let Ok(listener) = listener.into_std() {
            while let Ok((stream, peer)) = listener.accept() {
                if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                    self.let_in(stream, peer);
                }
            }
        }
        self.stopping.send_replace(true);
    }
}

/// Whether somebody left before we could let him in.
fn gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a connection's task died");
    }
}

/// One connection, from its first byte to its end.
async fn attend(stream: TcpStream, router: Router, visit: Visit, limits: Limits, mut stopping: watch::Receiver<bool>) {
    // Answers are short: waiting for more to send with them would only delay them.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Socket::new(stream, visit.phase.clone()));
    let service = service_fn(|request| answer(router.clone(), &visit, request));
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_headers(HEADERS)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(4 * HEADER_BYTES)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let overstayed = visit.phase.overstayed(&limits);
    let mut overstayed = std::pin::pin!(overstayed);
    let phase = visit.phase.clone();
    let leave = async move {
        drop(stopping.wait_for(|stop| *stop).await);
        // Its request may be on its way.
        drop(timeout(NEWCOMER, phase.begun()).await);
    };
    let mut leave = std::pin::pin!(leave);
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                // What hyper itself refused: no HTTP, or a head too large.
                if ended.is_err_and(|error| error.is_parse()) {
                    visit.refused();
                }
                return;
            }
            () = &mut overstayed => return,
            () = &mut leave, if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn answer(router: Router, visit: &Visit, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    if visit.suspect() {
        request.extensions_mut().insert(Suspect);
    }
    let mut response = router.oneshot(request.map(|body| Body::new(Arriving::new(body, visit.phase.clone())))).await?;
    if response.status().is_client_error() && visit.refused() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    visit.phase.set(Doing::Nothing);
    Ok(response)
}
