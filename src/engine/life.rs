//! Whether this process goes on: told by whoever stops it and by the parts that it cannot do without.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// A process's life.
#[derive(Debug, Default)]
pub struct Life {
    stopping: AtomicBool,
    dead: OnceLock<&'static str>,
}

impl Life {
    /// It is being stopped: nothing new is to come to it.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether it is being stopped.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// The first part that ended, if one has.
    pub fn dead(&self) -> Option<&'static str> {
        self.dead.get().copied()
    }

    /// A part has ended.
    pub(super) fn ended(&self, part: &'static str) {
        let _ = self.dead.set(part);
    }
}
