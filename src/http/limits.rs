//! The figures of a listener; how many connections it takes, and how many of one source, are settings.

use std::time::Duration;

/// What a listener allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time.
    pub connections: usize,
    /// Most connections at a time from one address (IPv6: one /64 network).
    pub connections_per_source: usize,
    /// How long the head of a request may take.
    pub head: Duration,
    /// How long the body of a request may take, and as long again its answer: a last resort, handlers have limits of
    /// their own.
    pub request: Duration,
    /// How long a connection may rest between two requests.
    pub idle: Duration,
    /// How many refusals in a burst a source may have before each further one costs it its connection.
    pub refusals: u32,
    /// How many of its refusals are forgotten each second.
    pub refusals_per_second: u32,
    /// How long requests have to finish once the listener is told to stop.
    pub grace: Duration,
}

impl Limits {
    /// As many connections, and half of them for one source: who fills his half sends away his own.
    pub fn of(connections: usize) -> Self {
        Self {
            connections,
            connections_per_source: connections.div_ceil(2),
            head: Duration::from_secs(5),
            request: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            refusals: 100,
            refusals_per_second: 10,
            grace: Duration::from_secs(10),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(2048)
    }
}
