//! The signature of a webhook: Ed25519 over the timestamp's text, `|` and the raw body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use fastrand::Rng;
use jiff::Timestamp;

/// A key pair made from a seed: for a simulator, and for nothing else.
#[derive(Clone, Debug)]
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// The key of a seed; the same seed has the same key.
    pub fn from_seed(seed: u64) -> Self {
        let mut secret = [0; 32];
        Rng::with_seed(seed).fill(&mut secret);
        Self(SigningKey::from_bytes(&secret))
    }

    /// The public key, 32 bytes.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The public key in base64, as the portal shows it: 44 characters.
    pub fn public_base64(&self) -> String {
        STANDARD.encode(self.public())
    }

    /// The two headers of a webhook sent at `stamp`, names in lower case.
    pub fn headers(&self, stamp: Timestamp, body: &[u8]) -> [(&'static str, String); 2] {
        let stamp = stamp.as_second().to_string();
        let signed = [stamp.as_bytes(), b"|", body].concat();
        let signature = STANDARD.encode(self.0.sign(&signed).to_bytes());
        [("telnyx-signature-ed25519", signature), ("telnyx-timestamp", stamp)]
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, VerifyingKey};

    use super::*;

    #[test]
    fn the_signature_is_over_timestamp_pipe_and_body() {
        let key = KeyPair::from_seed(3);
        let body = br#"{"data":{}}"#;
        let [(_, signature), (_, stamp)] = key.headers("2026-03-09T10:00:00.9Z".parse().unwrap(), body);
        assert_eq!(stamp, "1773050400");
        assert_eq!((signature.len(), key.public_base64().len()), (88, 44));
        let public = VerifyingKey::from_bytes(&key.public()).unwrap();
        let signature = Signature::from_slice(&STANDARD.decode(signature).unwrap()).unwrap();
        assert!(public.verify_strict(b"1773050400|{\"data\":{}}", &signature).is_ok());
        assert!(public.verify_strict(b"1773050401|{\"data\":{}}", &signature).is_err());
    }

    #[test]
    fn a_seed_has_one_key() {
        assert_eq!(KeyPair::from_seed(3).public(), KeyPair::from_seed(3).public());
        assert_ne!(KeyPair::from_seed(3).public(), KeyPair::from_seed(4).public());
    }
}
