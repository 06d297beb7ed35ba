//! A command on its way out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::call::{Command, Kind};
use crate::clock::BootTime;
use crate::hall::{Slip, courier};
use crate::outside::notices;
use crate::store::{Claimed, Parcel};
use crate::telnyx::request::{Request, render};

/// A command that was committed and may be sent.
#[derive(Debug)]
pub struct Letter {
    /// Whose it is, and its place.
    pub slip: Slip,
    /// Its bytes.
    pub request: Request,
    /// By the boot clock: before its first byte can have been sent. `None`: nobody can say.
    pub first: Option<Duration>,
    /// How long it is ours.
    pub lease: Lease,
}

/// A command as it leaves, whomever it is for; dials go out on `connection`.
pub fn rendered(command: &Command, connection: &str) -> Request {
    match notices::render(command) {
        Some((url, body)) => Request::stored(Kind::Notify, url, body),
        None => render(command, connection),
    }
}

/// Where letters go: to Telnyx, or to others.
#[derive(Clone, Debug)]
pub struct Ways {
    /// To Telnyx.
    pub telnyx: mpsc::UnboundedSender<Letter>,
    /// To others.
    pub others: mpsc::UnboundedSender<Letter>,
}

impl Ways {
    /// Sends a letter its way.
    pub fn send(&self, letter: Letter) {
        let way = if letter.slip.kind == Kind::Notify { &self.others } else { &self.telnyx };
        // At the end of everything nobody takes it: it is in the database.
        let _ = way.send(letter);
    }
}

/// How long nobody else can take a command over: milliseconds by the boot clock. It is counted from before the database
/// was asked, so it ends here no later than there.
#[derive(Debug)]
pub struct Lease(AtomicU64);

impl Letter {
    /// A command that was decided here; `since`: before its commit began, by the boot clock.
    pub fn new(Parcel { post, path, body }: Parcel, since: Duration) -> Self {
        let slip = post.slip();
        let (request, lease) = (Request::stored(slip.kind, path, body), Lease::until(since + courier::LEASE));
        Self { slip, request, first: Some(since), lease }
    }

    /// A command that another had; `since`: before the database was asked for it, by the boot clock.
    pub fn taken_over(Claimed { slip, path, body, age }: Claimed, since: Duration) -> Self {
        let first = age.and_then(|age| since.checked_sub(age));
        let (request, lease) = (Request::stored(slip.kind, path, body), Lease::until(since + courier::LEASE));
        Self { slip, request, first, lease }
    }

    /// Time since its first byte may have been sent.
    pub fn age(&self, now: &BootTime) -> Option<Duration> {
        age(self.first, now)
    }
}

/// Time since `first`, if that is known.
pub(super) fn age(first: Option<Duration>, now: &BootTime) -> Option<Duration> {
    first.and_then(|first| now.since.checked_sub(first))
}

impl Lease {
    /// A lease that ends at that time since the boot.
    pub fn until(end: Duration) -> Self {
        let lease = Self(AtomicU64::new(0));
        lease.extend(end);
        lease
    }

    /// It was renewed, and ends then.
    pub fn extend(&self, end: Duration) {
        self.0.store(u64::try_from(end.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// When it ends.
    pub fn end(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    /// Whether it covers a span that begins now.
    pub fn covers(&self, span: Duration, now: &BootTime) -> bool {
        now.since + span < self.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::letter;

    #[test]
    fn a_notice_goes_its_own_way() {
        let ((telnyx, mut to_telnyx), (others, mut to_others)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let ways = Ways { telnyx, others };
        for kind in Kind::ALL {
            ways.send(letter(1, kind, Duration::ZERO));
            let (by_us, by_others) = (to_telnyx.try_recv().is_ok(), to_others.try_recv().is_ok());
            assert_eq!((by_us, by_others), (kind != Kind::Notify, kind == Kind::Notify), "{kind}");
        }
    }
}
