//! Which webhooks Telnyx is to try again, and when.

use serde::{Serialize, Serializer};

use super::news::KNOWN;

/// Milliseconds between the tries of one event. Telnyx takes five at most, and 60,000 in all.
const RETRIES_MS: [u32; 5] = [500, 1_000, 2_000, 5_000, 10_000];

/// The same policy for every event of [`KNOWN`].
pub(super) struct Retries;

#[derive(Serialize)]
struct Policy {
    retries_ms: [u32; 5],
}

impl Serialize for Retries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(KNOWN.map(|event| (event, Policy { retries_ms: RETRIES_MS })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tries_are_made_within_what_telnyx_takes() {
        assert!(RETRIES_MS.iter().sum::<u32>() <= 60_000);
    }
}
