//! `switchhook sim` as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub const API_KEY: &str = "KEY_peers";
pub const CONNECTION: &str = "2000000000000000001";
pub const CALLS: &str = include_str!("calls.json");

/// Webhooks come twice and change places; time runs five times as fast.
const MANNER: [&str; 10] = [
    "--times",
    "5",
    "--network",
    "duplicate=1",
    "--network",
    "swap=0.4",
    "--switch",
    "parked_event=yes",
    "--switch",
    "active_calls_pages=number",
];

pub struct Simulator {
    child: Child,
    address: String,
    /// The public key of its webhooks.
    pub key: String,
    // What it says later has to go somewhere.
    _told: BufReader<ChildStderr>,
    _folder: TempDir,
}

impl Simulator {
    pub fn start(webhook_url: &str, switches: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (script, key) = (folder.path().join("calls.json"), folder.path().join("key"));
        std::fs::write(&script, CALLS).unwrap();
        let mut sim = Command::new(env!("CARGO_BIN_EXE_switchhook"));
        sim.env_clear().args(["sim", "--listen", "127.0.0.1:0", "--webhook-url", webhook_url, "--api-key", API_KEY]);
        sim.args(["--connection-id", CONNECTION]).args(MANNER);
        sim.arg("--script").arg(script).arg("--public-key-out").arg(&key);
        sim.args(switches.iter().flat_map(|switch| ["--switch", switch]));
        let mut child = sim.stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split("/v2").next());
        let address = address.unwrap_or_else(|| panic!("where it listens is not said: {line}")).to_owned();
        let key = std::fs::read_to_string(key).unwrap().trim().to_owned();
        Self { child, address, key, _told: told, _folder: folder }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v2", self.address)
    }

    pub fn ledger(&self) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET /_sim/ledger HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
