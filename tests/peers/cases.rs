//! Webhooks, genuine and forged, and what our door says of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use switchhook::clock::Clock;
use switchhook::sim::sign::KeyPair;
use switchhook::telnyx::signature::{Keys, Presented};
use switchhook::telnyx::webhook::{Parsed, parse};

const SIGNATURE: &str = "telnyx-signature-ed25519";
const TIMESTAMP: &str = "telnyx-timestamp";

/// A webhook as it comes, and whether it is genuine.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    /// The public key, in base64.
    pub key: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub genuine: bool,
}

impl Case {
    /// As the judges read it.
    pub fn line(&self) -> String {
        let headers: serde_json::Map<_, _> =
            self.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({ "name": self.name, "key": self.key, "headers": headers, "body": STANDARD.encode(&self.body) })
            .to_string()
    }

    fn forged(&self, name: &str, change: impl FnOnce(&mut Self)) -> Self {
        let mut forged = Self { name: name.to_owned(), genuine: false, ..self.clone() };
        change(&mut forged);
        forged
    }

    fn set(&mut self, header: &str, value: &str) {
        self.headers.iter_mut().filter(|(name, _)| name == header).for_each(|(_, old)| value.clone_into(old));
    }

    fn get(&self, header: &str) -> &str {
        self.headers.iter().find(|(name, _)| name == header).map(|(_, value)| value.as_str()).unwrap()
    }
}

fn now() -> Timestamp {
    Clock::system().now()
}

/// Whether our door would take it now, and can read it.
pub fn door_takes(case: &Case) -> bool {
    let values = |wanted: &str| -> Vec<&[u8]> {
        let named = case.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.as_bytes()).collect()
    };
    let presented = Presented { signature: &values(SIGNATURE), timestamp: &values(TIMESTAMP) };
    let keys = Keys::parse(&case.key).unwrap();
    keys.verify(presented, &case.body, now()).is_ok() && matches!(parse(&case.body), Parsed::Event(_))
}

fn signed(name: &str, key: &KeyPair, at: Timestamp, body: &[u8], genuine: bool) -> Case {
    let headers = key.headers(at, body).map(|(name, value)| (name.to_owned(), value)).to_vec();
    Case { name: name.to_owned(), key: key.public_base64(), headers, body: body.to_vec(), genuine }
}

/// Every event there is, signed as it should be; and one in every way that it should not.
pub fn cases() -> Vec<Case> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/webhooks");
    let key = KeyPair::from_seed(7);
    let mut cases: Vec<Case> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            signed(&name, &key, now(), &std::fs::read(&path).unwrap(), true)
        })
        .collect();
    assert_eq!(cases.len(), 59);
    let body = cases.iter().find(|case| case.name == "call.initiated").unwrap().body.clone();
    let away = |seconds| now().saturating_add(SignedDuration::from_secs(seconds)).unwrap();
    // On a busy machine an SDK may take a minute to come up, and a case is older by then: 300 s are the bound.
    for seconds in [-200, 290] {
        cases.push(signed(&format!("{seconds} s away"), &key, away(seconds), &body, true));
    }
    for seconds in [-310, 600] {
        cases.push(signed(&format!("{seconds} s away"), &key, away(seconds), &body, false));
    }
    let good = signed("good", &key, now(), &body, true);
    cases.extend(forgeries(&good));
    let mut capital = good.clone();
    "names in capitals".clone_into(&mut capital.name);
    capital.headers.iter_mut().for_each(|(name, _)| *name = name.to_uppercase());
    cases.extend([capital, good]);
    cases
}

fn forgeries(good: &Case) -> Vec<Case> {
    let signature = STANDARD.decode(good.get(SIGNATURE)).unwrap();
    let with = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut signature = signature.clone();
        change(&mut signature);
        good.forged(name, |case| case.set(SIGNATURE, &STANDARD.encode(signature)))
    };
    let stamp: i64 = good.get(TIMESTAMP).parse().unwrap();
    let spaced: serde_json::Value = serde_json::from_slice(&good.body).unwrap();
    vec![
        with("a bit is turned", &|signature| signature[5] ^= 1),
        with("a byte short", &|signature| signature.truncate(63)),
        with("nothing but zeros", &|signature| signature.fill(0)),
        good.forged("in hexadecimal", |case| {
            let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
            case.set(SIGNATURE, &hex);
        }),
        good.forged("by another key", |case| case.key = KeyPair::from_seed(8).public_base64()),
        good.forged("another body", |case| *case.body.last_mut().unwrap() = b' '),
        good.forged("the body written anew", |case| case.body = spaced.to_string().into_bytes()),
        good.forged("another moment", |case| case.set(TIMESTAMP, &(stamp + 1).to_string())),
        good.forged("no moment", |case| case.set(TIMESTAMP, "soon")),
        good.forged("an empty signature", |case| case.set(SIGNATURE, "")),
        good.forged("an empty moment", |case| case.set(TIMESTAMP, "")),
        good.forged("no signature", |case| case.headers.retain(|(name, _)| name != SIGNATURE)),
        good.forged("no timestamp", |case| case.headers.retain(|(name, _)| name != TIMESTAMP)),
        good.forged("unsigned", |case| case.headers.clear()),
        good.forged("under other names", |case| {
            case.headers.iter_mut().for_each(|(name, _)| *name = name.replace("telnyx-", "webhook-"));
        }),
    ]
}
