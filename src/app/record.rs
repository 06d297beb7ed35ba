//! Writes down what goes to Telnyx and what comes from there, one file for each exchange, and nobody's name in any.
//!
//! It stands beside the calls: what it cannot write is lost, and no call waits for it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{info, warn};
use uuid::Uuid;

use crate::clock::Clock;
use crate::engine::Inlet;
use crate::http::{Intake, Taken};
use crate::telnyx::mask::Mask;
use crate::telnyx::record::{Exchange, Tap};
use crate::telnyx::webhook::Webhook;

/// How many exchanges may wait to be written.
const ROOM: usize = 1_024;
/// How many one server writes at most: enough to learn from, too few to fill a disk.
const MOST: u64 = 10_000;
/// How long the last ones may take to be written when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A recorder at work, on a thread of its own: a disk that hangs must hang nothing else.
pub struct Recorder {
    tap: Tap,
    over: oneshot::Receiver<()>,
}

impl Recorder {
    /// Begins to record into a folder, which is made where it is missing.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn start(folder: &Path, node: Uuid, clock: Clock) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        let (tap, exchanges) = Tap::new(ROOM);
        let (ended, over) = oneshot::channel();
        let run: String = node.simple().to_string().chars().take(8).collect();
        let writer =
            Writer { folder: folder.to_owned(), run, clock, mask: Mask::new(secret()), written: 0, failed: false };
        let lost = tap.lost();
        info!(folder = %folder.display(), "recording what goes to Telnyx and what comes from there");
        let work = move || {
            writer.write_all(&exchanges, &lost);
            drop(ended);
        };
        thread::Builder::new().name("record".to_owned()).spawn(work).context("no thread can be started")?;
        Ok(Self { tap, over })
    }

    /// Where exchanges are handed in.
    pub fn tap(&self) -> Tap {
        self.tap.clone()
    }

    /// Waits until what was handed in is written, if that is soon.
    pub async fn stop(self) {
        let Self { tap, over } = self;
        drop(tap);
        drop(timeout(LAST_WORDS, over).await);
    }
}

/// What nobody is to guess: without it a name could be tried out for every phone number.
#[expect(clippy::disallowed_methods, reason = "a secret is drawn, not derived")]
fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    for half in secret.chunks_mut(16) {
        half.copy_from_slice(Uuid::new_v4().as_bytes());
    }
    secret
}

struct Writer {
    folder: PathBuf,
    /// Begins the names of this server's files: several may record into one folder.
    run: String,
    clock: Clock,
    mask: Mask,
    written: u64,
    failed: bool,
}

impl Writer {
    fn write_all(mut self, exchanges: &Receiver<Exchange>, lost: &AtomicU64) {
        let mut told_of_loss = false;
        for exchange in exchanges {
            self.write(&exchange);
            if !told_of_loss && lost.load(Ordering::Relaxed) > 0 {
                told_of_loss = true;
                warn!("exchanges come faster than they can be recorded, and some are left out");
            }
        }
    }

    /// Whether it was written. That it was not is said once.
    fn write(&mut self, exchange: &Exchange) -> bool {
        if self.written >= MOST {
            return false;
        }
        self.written += 1;
        let page = exchange.page(self.clock.now(), &self.mask);
        let path = self.folder.join(format!("{}-{:06}-{}.json", self.run, self.written, page.name));
        let kept = File::create_new(&path).and_then(|mut file| writeln!(file, "{:#}", page.json));
        match &kept {
            Ok(()) if self.written == MOST => warn!(MOST, "enough is recorded; what follows is not"),
            Ok(()) => {}
            Err(_) if self.failed => {}
            Err(why) => {
                self.failed = true;
                warn!(path = %path.display(), %why, "an exchange cannot be recorded; calls go on, and this is said once");
            }
        }
        kept.is_ok()
    }
}

/// What takes events in, and tells of every genuine webhook.
pub(super) struct Watched {
    /// What takes them in.
    pub inlet: Inlet,
    /// Where they are told.
    pub tap: Option<Tap>,
}

#[async_trait]
impl Intake for Watched {
    async fn take(&self, webhook: Webhook, raw: Bytes) -> Taken {
        self.inlet.take(webhook, raw).await
    }

    async fn quarantine(&self, raw: Bytes, why: String) -> Taken {
        self.inlet.quarantine(raw, why).await
    }

    fn genuine(&self, stamp: &[u8], raw: &Bytes) {
        if let Some(tap) = &self.tap {
            tap.note(Exchange::Told { stamp: stamp.to_vec(), body: raw.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(folder: &Path) -> Writer {
        let (clock, mask) = (Clock::system(), Mask::new(secret()));
        Writer { folder: folder.to_owned(), run: "run".to_owned(), clock, mask, written: 0, failed: false }
    }

    fn exchange() -> Exchange {
        Exchange::Told { stamp: b"1780000000".to_vec(), body: Bytes::from_static(b"{}") }
    }

    #[test]
    fn a_file_for_each_until_there_are_enough() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        assert!(writer.write(&exchange()));
        writer.written = MOST - 1;
        assert!(writer.write(&exchange()));
        assert!(!writer.write(&exchange()));
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["run-000001-webhook.json", "run-010000-webhook.json"]);
    }

    #[test]
    fn what_is_there_is_not_written_over_and_a_failing_disk_is_gone_on_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run-000001-webhook.json");
        fs::write(&path, "of another").unwrap();
        let mut writer = writer(folder.path());
        assert!(!writer.write(&exchange()));
        assert!(writer.failed && writer.write(&exchange()));
        assert_eq!(fs::read_to_string(path).unwrap(), "of another");
        drop(folder);
        assert!(!writer.write(&exchange()));
    }

    #[test]
    fn no_two_secrets_are_the_same() {
        assert_ne!(secret(), secret());
    }

    #[tokio::test]
    async fn what_was_handed_in_is_written_before_it_stops() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("not/yet/there");
        let recorder = Recorder::start(&below, Uuid::nil(), Clock::system()).unwrap();
        (0..50).for_each(|_| recorder.tap().note(exchange()));
        recorder.stop().await;
        assert_eq!(fs::read_dir(below).unwrap().count(), 50);
        assert!(Recorder::start(Path::new("/proc/nowhere"), Uuid::nil(), Clock::system()).is_err());
    }
}
