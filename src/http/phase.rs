//! What a connection is doing, and for how long it may.
//!
//! hyper's own timer knows only one limit, for a head and for the rest between two requests alike.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
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
    /// Sending the body of a request: who is genuine, only the whole of it tells.
    Body,
    /// Waiting for our answer.
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

    /// Tells it to leave, unless it waits for an answer by now. Whether it was told.
    pub(super) fn dismiss(&self) -> bool {
        self.0.send_if_modified(|now| {
            let goes = now.0 != Doing::Request;
            if goes {
                *now = (Doing::Leaving, Instant::now());
            }
            goes
        })
    }

    /// Returns when the head of a request is there, or it does something else.
    pub(super) async fn begun(&self) {
        let mut phase = self.0.subscribe();
        drop(phase.wait_for(|(doing, _)| *doing != Doing::Head).await);
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
                Doing::Body | Doing::Request => limits.request,
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

/// The body of a request, which tells when all of it is there.
pub(super) struct Arriving {
    body: Incoming,
    phase: Phase,
}

impl Arriving {
    pub(super) fn new(body: Incoming, phase: Phase) -> Self {
        phase.set(if body.is_end_stream() { Doing::Request } else { Doing::Body });
        Self { body, phase }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let over = match &polled {
            Poll::Pending => false,
            Poll::Ready(Some(Ok(_))) => self.body.is_end_stream(),
            Poll::Ready(Some(Err(_)) | None) => true,
        };
        if over && self.phase.now().0 == Doing::Body {
            self.phase.set(Doing::Request);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_told_to_leave_stays_told() {
        let phase = Phase::new();
        assert!(phase.dismiss());
        phase.set(Doing::Request);
        assert_eq!(phase.now().0, Doing::Leaving);
    }

    #[test]
    fn who_waits_for_an_answer_is_not_sent_away() {
        let phase = Phase::new();
        phase.set(Doing::Request);
        assert!(!phase.dismiss());
        assert_eq!(phase.now().0, Doing::Request);
    }
}
