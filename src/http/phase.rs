//! What a connection is doing, and for how long it may.
//!
//! hyper's own timer knows only one limit, for a head and for the rest between two requests alike.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::limits::Limits;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Sending the head of a request; from the start, so that a silent newcomer has no longer than a slow one.
    Head,
    /// Waiting for our answer, or still sending the body.
    Request,
    /// Resting until its next request.
    Nothing,
    /// Told to leave.
    Leaving,
}

/// A connection's present, shared by its socket, its service and whoever may send it away.
#[derive(Clone, Debug)]
pub(super) struct Phase(Arc<watch::Sender<(Doing, Instant)>>);

impl Phase {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new((Doing::Head, Instant::now()))))
    }

    /// What it does, and since when.
    pub(super) fn now(&self) -> (Doing, Instant) {
        *self.0.borrow()
    }

    /// It does something else now. Whoever was told to leave does nothing any more.
    pub(super) fn set(&self, doing: Doing) {
        self.0.send_if_modified(|now| {
            let goes_on = now.0 != Doing::Leaving;
            if goes_on {
                *now = (doing, Instant::now());
            }
            goes_on
        });
    }

    /// Bytes came in: after a rest they are the beginning of a head.
    fn heard(&self) {
        if self.now().0 == Doing::Nothing {
            self.set(Doing::Head);
        }
    }

    /// Returns when it has been at one thing for too long, or was told to leave.
    pub(super) async fn overstayed(&self, limits: &Limits) {
        let mut phase = self.0.subscribe();
        loop {
            let (doing, since) = *phase.borrow_and_update();
            let limit = match doing {
                Doing::Head => limits.head,
                Doing::Request => limits.request,
                Doing::Nothing => limits.idle,
                Doing::Leaving => return,
            };
            let left = limit.saturating_sub(since.elapsed());
            if !matches!(timeout(left, phase.changed()).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// A socket that tells when bytes come in.
pub(super) struct Socket {
    stream: TcpStream,
    phase: Phase,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, phase: Phase) -> Self {
        Self { stream, phase }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.phase.heard();
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
