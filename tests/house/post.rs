//! Webhooks on their way to the server: bodies, signatures, and requests byte by byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use switchhook::clock::Clock;
use switchhook::sim::sign::KeyPair;
use uuid::Uuid;

/// A number of the rules that answers and speaks.
pub const OLD_NUMBER: &str = "+12025550103";

/// An id that nothing else has.
pub fn fresh() -> String {
    Uuid::from_u128(fastrand::u128(..)).to_string()
}

pub fn now() -> Timestamp {
    Clock::system().now()
}

/// A call that comes in for `to`, by nobody who has called before.
pub fn arrival(to: &str) -> Value {
    let mut body: Value = serde_json::from_slice(include_bytes!("../fixtures/webhooks/call.initiated.json")).unwrap();
    body["data"]["id"] = json!(fresh());
    let payload = &mut body["data"]["payload"];
    payload["to"] = json!(to);
    payload["call_control_id"] = json!(format!("v3:{}", fresh()));
    payload["call_leg_id"] = json!(fresh());
    payload["call_session_id"] = json!(fresh());
    body
}

pub fn bytes(body: &Value) -> Vec<u8> {
    serde_json::to_vec(body).unwrap()
}

/// A webhook as a request, signed with `key` at the moment `at`.
pub fn signed(key: &KeyPair, at: Timestamp, body: &[u8]) -> Vec<u8> {
    let signature = key.headers(at, body).map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let head = format!(
        "POST /webhooks/telnyx HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n{signature}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Posts a webhook as Telnyx would; its status.
pub fn post(address: SocketAddr, key: &KeyPair, body: &[u8]) -> u16 {
    send(address, &signed(key, now(), body)).unwrap()
}

pub fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

/// Sends bytes on a connection of their own; the status of the answer, if there is one.
pub fn send(address: SocketAddr, request: &[u8]) -> Option<u16> {
    let mut stream = connect(address).ok()?;
    // It may close on us while we still send.
    let _ = stream.write_all(request);
    status(&mut stream)
}

/// Sends the beginning of a request, and hangs up.
pub fn send_part(address: SocketAddr, part: &[u8]) -> Option<u16> {
    let mut stream = connect(address).ok()?;
    stream.write_all(part).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    status(&mut stream)
}

/// Reads an answer to its end.
pub fn status(stream: &mut TcpStream) -> Option<u16> {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// An answer.
pub struct Told {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.body))
    }
}

/// Asks something, with no body.
pub fn ask(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Told {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n");
    let mut line = connect(address).unwrap();
    line.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    line.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: {text:?}"));
    let status = head.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
    Told { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}
