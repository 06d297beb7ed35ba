//! New ids, as Telnyx makes them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use uuid::Uuid;

/// A new `call_control_id`: `v3:` and 54 base64url characters.
pub(super) fn control_id(rng: &mut Rng) -> String {
    let mut bytes = [0; 40];
    rng.fill(&mut bytes);
    format!("v3:{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// A new UUID.
pub(super) fn uuid(rng: &mut Rng) -> Uuid {
    uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid()
}
