//! Whether a webhook is Telnyx' own: Ed25519 over the timestamp header as sent, `|`, and the raw body. Pure.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use jiff::Timestamp;

use super::loose::BASE64;

/// How far the timestamp may be from our clock, in seconds, both ways; the value of Telnyx' own libraries.
pub const TOLERANCE: i64 = 300;

/// Whether `signature` is that of `message` under `public_key`, by the strictest reading of Ed25519.
///
/// A key that is no key, a weak key, and a signature that is not 64 bytes long or not in its one canonical form
/// match nothing.
pub fn verify_detached(public_key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    read_key(public_key).is_ok_and(|key| matches(&key, message, signature))
}

/// The public keys that count now: more than one while a key is being replaced.
#[derive(Clone)]
pub struct Keys(Vec<VerifyingKey>);

/// What a request says of itself: every value that its two headers have.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// Values of `telnyx-signature-ed25519`.
    pub signature: &'a [&'a [u8]],
    /// Values of `telnyx-timestamp`.
    pub timestamp: &'a [&'a [u8]],
}

/// Headers of good form and age. Whether they tell the truth, only [`Keys::prove`] can say.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    timestamp: &'a [u8],
    signature: [u8; 64],
}

/// Why a request is not genuine: for counters, never for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A header is missing.
    Missing,
    /// A header is there more than once.
    Doubled,
    /// The timestamp is not plain decimal digits.
    TimestampForm,
    /// The signature is not 64 bytes in base64.
    SignatureForm,
    /// Signed too long ago.
    Stale,
    /// Signed in the future.
    Early,
    /// No key of ours made this signature for this timestamp and body.
    NoMatch,
}

/// Why a text is not a list of public keys. Never quotes it: it may be a secret that was put in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}; copy it from Mission Control > Keys & Credentials > Public Key")]
pub struct BadKey(String);

impl Keys {
    /// Reads one or more keys, separated by commas, each as base64 of its 32 bytes or as PEM. A PEM text may have
    /// lost its line breaks on the way through an environment variable.
    ///
    /// # Errors
    /// There is no key, or one of them is not a good one; the message says which, why, and where to find it.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let texts: Vec<&str> = text.split(',').map(str::trim).filter(|key| !key.is_empty()).collect();
        if texts.is_empty() {
            return Err(BadKey("no public key is given".to_owned()));
        }
        let keys = texts.iter().enumerate().map(|(index, text)| {
            let place = if texts.len() == 1 { "the public key".into() } else { format!("public key {}", index + 1) };
            decode_key(text).and_then(|bytes| read_key(&bytes)).map_err(|why| BadKey(format!("{place} {why}")))
        });
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request is Telnyx' own, at the time `now`.
    ///
    /// # Errors
    /// It is not; the reason is for counters only.
    pub fn verify(&self, headers: Presented<'_>, body: &[u8], now: Timestamp) -> Result<(), Refused> {
        self.prove(&headers.claim(now)?, body)
    }

    /// Whether one of the keys signed this claim for this body.
    ///
    /// # Errors
    /// None did.
    pub fn prove(&self, claim: &Claim<'_>, body: &[u8]) -> Result<(), Refused> {
        let message = [claim.timestamp, b"|", body].concat();
        if self.0.iter().any(|key| matches(key, &message, &claim.signature)) { Ok(()) } else { Err(Refused::NoMatch) }
    }
}

impl<'a> Claim<'a> {
    /// The timestamp as it came.
    pub fn stamp(&self) -> &'a [u8] {
        self.timestamp
    }
}

impl<'a> Presented<'a> {
    /// All that can be said before the body is there: one header of each, their form, and the age.
    ///
    /// # Errors
    /// The headers cannot be those of a genuine request.
    pub fn claim(&self, now: Timestamp) -> Result<Claim<'a>, Refused> {
        let (signature, timestamp) = (only(self.signature)?, only(self.timestamp)?);
        let sent = read_timestamp(timestamp).ok_or(Refused::TimestampForm)?;
        let signature = read_signature(signature).ok_or(Refused::SignatureForm)?;
        match now.as_second() - sent {
            age if age > TOLERANCE => Err(Refused::Stale),
            age if age < -TOLERANCE => Err(Refused::Early),
            _ => Ok(Claim { timestamp, signature }),
        }
    }
}

impl Refused {
    /// A short word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Doubled => "doubled",
            Self::TimestampForm => "timestamp_form",
            Self::SignatureForm => "signature_form",
            Self::Stale => "stale",
            Self::Early => "early",
            Self::NoMatch => "no_match",
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

/// The one place where a signature is checked.
fn matches(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    Signature::from_slice(signature).is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

fn read_key(bytes: &[u8; 32]) -> Result<VerifyingKey, &'static str> {
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| "is not an Ed25519 key: no point of the curve")?;
    if key.is_weak() {
        return Err("is a weak Ed25519 key: anybody can sign for it");
    }
    if key.to_edwards().compress().to_bytes() != *bytes {
        return Err("is not an Ed25519 key in its canonical form");
    }
    Ok(key)
}

/// What stands before the 32 bytes of an Ed25519 key in a PEM text (RFC 8410).
const PEM_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fn decode_key(text: &str) -> Result<[u8; 32], &'static str> {
    if text.contains("PRIVATE KEY") {
        return Err("is a private key; only the public one belongs here");
    }
    if text.starts_with("KEY") && text.contains('_') {
        return Err("looks like an API key; that one belongs into TELNYX_API_KEY");
    }
    let text = text.replace("\\n", "\n").replace("\\r", "\n");
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    let inner = text.strip_prefix("-----BEGIN PUBLIC KEY-----");
    let pem = inner.is_some();
    let inner = match inner {
        Some(rest) => rest.strip_suffix("-----END PUBLIC KEY-----").ok_or("is a PEM text without its end")?,
        None => text,
    };
    let inner: String = inner.split_whitespace().collect();
    let bytes = BASE64.decode(inner).map_err(|_| "is neither base64 nor PEM")?;
    let raw = if pem { bytes.strip_prefix(&PEM_PREFIX).ok_or("is a PEM text of no Ed25519 key")? } else { &bytes };
    raw.try_into().map_err(|_| "has not the 32 bytes of an Ed25519 key")
}

fn only<'a>(values: &[&'a [u8]]) -> Result<&'a [u8], Refused> {
    match values {
        [] => Err(Refused::Missing),
        [value] => Ok(value),
        [_, _, ..] => Err(Refused::Doubled),
    }
}

/// Seconds since 1970: up to twelve digits and nothing else, no zero before another digit.
fn read_timestamp(text: &[u8]) -> Option<i64> {
    let good = matches!(text.len(), 1..=12)
        && text.iter().all(u8::is_ascii_digit)
        && (text.len() == 1 || text.first() != Some(&b'0'));
    if !good {
        return None;
    }
    Some(text.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// 64 bytes in standard base64: 88 characters, padding and all, and no second way to write the same.
fn read_signature(text: &[u8]) -> Option<[u8; 64]> {
    if text.len() != 88 {
        return None;
    }
    let mut bytes = [0; 66];
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    bytes.get(..length)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};
    use proptest::prelude::*;

    const NOW: &str = "1780000000";
    const BODY: &[u8] = br#"{"data":{"id":"1","event_type":"call.answered"}}"#;

    #[test]
    fn the_vectors_give_their_results() {
        let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
        if !folder.exists() {
            println!("SKIPPED: no signature vectors beside the checkout");
            return;
        }
        let text = std::fs::read(folder.join("telnyx/signature-vectors.json")).unwrap();
        let file: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        assert!(vectors.len() >= 14);
        for vector in vectors {
            let field = |name: &str| vector[name].as_str().unwrap();
            let key: [u8; 32] = STANDARD.decode(field("public_key_base64")).unwrap().try_into().unwrap();
            let body = STANDARD.decode(field("body_base64")).unwrap();
            let message = [field("timestamp_header").as_bytes(), b"|", &body].concat();
            let matches = read_signature(field("signature_header").as_bytes())
                .is_some_and(|signature| verify_detached(&key, &message, &signature));
            assert_eq!(matches, vector["signature_matches"].as_bool().unwrap(), "{}", field("name"));
            // The door gives the same, but for the one form it does not take.
            let keys = Keys::parse(field("public_key_base64")).unwrap();
            let now = Timestamp::from_second(field("timestamp_header").parse().unwrap()).unwrap();
            let taken =
                ask(&keys, field("signature_header").as_bytes(), field("timestamp_header").as_bytes(), &body, now);
            assert_eq!(taken.is_ok(), matches && !field("timestamp_header").starts_with('0'), "{}", field("name"));
        }
    }

    #[test]
    fn age_counts_both_ways_and_300_seconds_are_still_good() {
        let header = sign(NOW, BODY);
        let at = |offset: i64| {
            let now = Timestamp::from_second(NOW.parse::<i64>().unwrap() + offset).unwrap();
            ask(&keys(), header.as_bytes(), NOW.as_bytes(), BODY, now)
        };
        for good in [0, 1, -1, 300, -300] {
            assert_eq!(at(good), Ok(()), "{good}");
        }
        assert_eq!(at(301), Err(Refused::Stale));
        assert_eq!(at(-301), Err(Refused::Early));
    }

    #[test]
    fn only_one_way_to_write_a_timestamp_is_taken() {
        let bad = [
            "",
            " 1780000000",
            "1780000000 ",
            "+1780000000",
            "-1780000000",
            "1_780_000_000",
            "01780000000",
            "1780000000.0",
            "00000000001780000000",
            "99999999999999999999",
            "1e9",
            "0x6a1a0b00",
            "1780000000,1780000000",
            "١٧٨٠٠٠٠٠٠٠",
            "1780000000\0",
        ];
        for text in bad {
            let header = sign(text, BODY);
            assert_eq!(
                ask(&keys(), header.as_bytes(), text.as_bytes(), BODY, now()),
                Err(Refused::TimestampForm),
                "{text:?}"
            );
        }
        assert_eq!(ask(&keys(), sign("0", BODY).as_bytes(), b"0", BODY, now()), Err(Refused::Stale));
        assert_eq!(
            ask(&keys(), sign("999999999999", BODY).as_bytes(), b"999999999999", BODY, now()),
            Err(Refused::Early)
        );
    }

    #[test]
    fn only_one_way_to_write_a_signature_is_taken() {
        let good = sign(NOW, BODY);
        let bytes = STANDARD.decode(&good).unwrap();
        assert!(good.ends_with("=="));
        let unpadded = good.trim_end_matches('=');
        let (head, last) = unpadded.split_at(unpadded.len() - 1);
        // The last character before the padding holds four bits that must be zero.
        let next = char::from(last.as_bytes()[0] + 1);
        let bad = [
            String::new(),
            unpadded.to_owned(),
            format!("{unpadded}="),
            format!("{unpadded}=A"),
            format!("{good}="),
            format!(" {unpadded}="),
            format!("{} {}", &unpadded[..40], &unpadded[40..]) + "=",
            format!("{unpadded}\r\n"),
            format!("{head}{next}=="),
            STANDARD.encode(&bytes[..63]),
            STANDARD.encode([&bytes[..], &[0]].concat()),
            STANDARD.encode([&bytes[..], &[0, 0]].concat()),
            "-".repeat(86) + "==",
            "_".repeat(86) + "==",
            "ä".repeat(44),
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ];
        for text in bad {
            assert_eq!(
                ask(&keys(), text.as_bytes(), NOW.as_bytes(), BODY, now()),
                Err(Refused::SignatureForm),
                "{text:?}"
            );
        }
        assert_eq!(ask(&keys(), good.as_bytes(), NOW.as_bytes(), BODY, now()), Ok(()));
    }

    #[test]
    fn each_header_is_there_exactly_once() {
        let header = sign(NOW, BODY);
        let (signature, timestamp) = (header.as_bytes(), NOW.as_bytes());
        let ask =
            |signature: &[&[u8]], timestamp: &[&[u8]]| keys().verify(Presented { signature, timestamp }, BODY, now());
        assert_eq!(ask(&[signature], &[timestamp]), Ok(()));
        assert_eq!(ask(&[], &[timestamp]), Err(Refused::Missing));
        assert_eq!(ask(&[signature], &[]), Err(Refused::Missing));
        assert_eq!(ask(&[signature, signature], &[timestamp]), Err(Refused::Doubled));
        assert_eq!(ask(&[signature], &[timestamp, timestamp]), Err(Refused::Doubled));
    }

    #[test]
    fn a_second_signature_made_from_a_good_one_is_refused() {
        // The order of the group, little end first: S and S + L are the same number to a careless reader.
        const L: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let good = signer().sign(BODY).to_bytes();
        assert!(verify_detached(&public(), BODY, &good));
        let mut other = good;
        let mut carry = 0_u16;
        for (digit, add) in other[32..].iter_mut().zip(L) {
            carry += u16::from(*digit) + u16::from(add);
            *digit = u8::try_from(carry & 0xff).unwrap();
            carry >>= 8;
        }
        assert_eq!(carry, 0);
        assert_ne!(good, other);
        assert!(!verify_detached(&public(), BODY, &other));
        let mut high = good;
        high[63] |= 0xe0;
        assert!(!verify_detached(&public(), BODY, &high));
        for length in [0, 32, 63, 65, 128] {
            let mut text = good.to_vec();
            text.resize(length, 0);
            assert!(!verify_detached(&public(), BODY, &text), "{length}");
        }
    }

    #[test]
    fn a_weak_key_signs_nothing() {
        let order_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
        let order_8 = unhex(order_8);
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut order_2 = [0xff; 32];
        (order_2[0], order_2[31]) = (0xec, 0x7f);
        for key in [[0; 32], neutral, order_2, order_8] {
            let zero = [0; 64];
            let mut small = zero;
            small[..32].copy_from_slice(&key);
            assert!(!verify_detached(&key, BODY, &zero));
            assert!(!verify_detached(&key, BODY, &small));
            let text = STANDARD.encode(key);
            assert!(Keys::parse(&text).unwrap_err().to_string().contains("weak"), "{text}");
        }
    }

    #[test]
    fn a_signature_with_a_small_point_in_it_is_refused() {
        // R is the neutral point and S was made to fit it: only a strict reader refuses.
        let s = "7f01811b724026ce8e71a176d2c0f320a6262c2748f550bbd1bccce42d32d702";
        let mut signature = [0; 64];
        signature[0] = 1;
        signature[32..].copy_from_slice(&unhex(s));
        let careless = Signature::from_bytes(&signature);
        assert!(ed25519_dalek::Verifier::verify(&signer().verifying_key(), b"switchhook", &careless).is_ok());
        assert!(!verify_detached(&public(), b"switchhook", &signature));
    }

    #[test]
    fn a_key_has_one_form() {
        let mut strong = 0;
        for low in 0xed..=0xff_u8 {
            for sign in [0x7f, 0xff] {
                let mut bytes = [0xff; 32];
                (bytes[0], bytes[31]) = (low, sign);
                strong += usize::from(VerifyingKey::from_bytes(&bytes).is_ok_and(|key| !key.is_weak()));
                assert!(Keys::parse(&STANDARD.encode(bytes)).is_err(), "{low:x}");
            }
        }
        assert!(strong > 0, "some of them are keys to a careless reader");
    }

    #[test]
    fn keys_come_as_base64_or_pem_and_several_at_once() {
        let raw = STANDARD.encode(public());
        let der = STANDARD.encode([&PEM_PREFIX[..], &public()].concat());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n");
        let other = STANDARD.encode(SigningKey::from_bytes(&[9; 32]).verifying_key().to_bytes());
        let forms = [
            raw.clone(),
            format!(" {raw}\n"),
            raw.trim_end_matches('=').to_owned(),
            pem.clone(),
            pem.replace('\n', "\\n"),
            pem.replace('\n', " "),
            format!("\"{raw}\""),
            pem.replace('\n', "\r\n"),
            format!("{other},{raw}"),
            format!("{other}, {pem},"),
        ];
        let header = sign(NOW, BODY);
        for text in forms {
            let keys = Keys::parse(&text).unwrap();
            assert_eq!(ask(&keys, header.as_bytes(), NOW.as_bytes(), BODY, now()), Ok(()), "{text:?}");
        }
        let wrong = Keys::parse(&other).unwrap();
        assert_eq!(ask(&wrong, header.as_bytes(), NOW.as_bytes(), BODY, now()), Err(Refused::NoMatch));
    }

    #[test]
    fn a_bad_key_is_explained_and_never_quoted() {
        let raw = STANDARD.encode(public());
        let cases = [
            ("", "no public key is given"),
            (" , ", "no public key is given"),
            ("KEY0123456789ABCDEF_secretsecret", "looks like an API key"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "is a private key"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA", "without its end"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "of no Ed25519 key"),
            ("secret!", "neither base64 nor PEM"),
            ("c2VjcmV0", "has not the 32 bytes"),
        ];
        for (text, expected) in cases {
            let message = Keys::parse(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("Mission Control > Keys & Credentials > Public Key"), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        let message = Keys::parse(&format!("{raw},AAAA")).unwrap_err().to_string();
        assert!(message.starts_with("public key 2 has not"), "{message}");
        assert_eq!(format!("{:?}", keys()), "Keys(1)");
    }

    proptest! {
        #[test]
        fn one_bit_anywhere_and_it_is_refused(
            body in prop::collection::vec(any::<u8>(), 1..200),
            part in 0..3_usize,
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let mut parts = [body.clone(), NOW.as_bytes().to_vec(), sign(NOW, &body).into_bytes()];
            prop_assert_eq!(ask(&keys(), &parts[2], &parts[1], &parts[0], now()), Ok(()));
            let at = at.index(parts[part].len());
            parts[part][at] ^= 1 << bit;
            prop_assert!(ask(&keys(), &parts[2], &parts[1], &parts[0], now()).is_err());
        }

        #[test]
        fn no_header_makes_it_panic(signature in any::<Vec<u8>>(), timestamp in any::<Vec<u8>>()) {
            prop_assert!(ask(&keys(), &signature, &timestamp, BODY, now()).is_err());
            let _ = Keys::parse(&String::from_utf8_lossy(&signature));
        }
    }

    fn unhex(text: &str) -> [u8; 32] {
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    fn signer() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn public() -> [u8; 32] {
        signer().verifying_key().to_bytes()
    }

    fn keys() -> Keys {
        Keys::parse(&STANDARD.encode(public())).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::from_second(NOW.parse().unwrap()).unwrap()
    }

    fn sign(timestamp: &str, body: &[u8]) -> String {
        STANDARD.encode(signer().sign(&[timestamp.as_bytes(), b"|", body].concat()).to_bytes())
    }

    fn ask(keys: &Keys, signature: &[u8], timestamp: &[u8], body: &[u8], now: Timestamp) -> Result<(), Refused> {
        keys.verify(Presented { signature: &[signature], timestamp: &[timestamp] }, body, now)
    }
}
