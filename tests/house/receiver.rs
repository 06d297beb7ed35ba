//! Somebody who is told of calls: takes notices by HTTP, and notes what he heard.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

/// What he heard once.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Where he was told: the address without its host.
    pub at: String,
    /// What the header says it is known by.
    pub key: String,
    pub body: Value,
    /// What he answered; `None`: he hung up instead.
    pub status: Option<u16>,
}

/// Somebody who is told of calls.
#[derive(Clone)]
pub struct Receiver {
    /// Where he is told.
    pub url: String,
    heard: Arc<Mutex<Vec<Notice>>>,
    answers: Arc<Mutex<VecDeque<Option<u16>>>>,
}

impl Receiver {
    /// He answers like this, and from then on that he takes it.
    pub fn start(answers: &[Option<u16>]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/secret?key=canary", listener.local_addr().unwrap());
        let receiver =
            Self { url, heard: Arc::default(), answers: Arc::new(Mutex::new(answers.iter().copied().collect())) };
        let host = receiver.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let host = host.clone();
                thread::spawn(move || while host.takes(&stream).is_some() {});
            }
        });
        receiver
    }

    pub fn heard(&self) -> Vec<Notice> {
        self.heard.lock().unwrap().clone()
    }

    /// One request; `None`: the connection is over.
    fn takes(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let (mut length, mut key, mut line) = (0, String::new(), String::new());
        reader.read_line(&mut line).ok()?;
        let at = line.split(' ').nth(1)?.to_owned();
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "idempotency-key" => key = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let status = self.answers.lock().unwrap().pop_front().unwrap_or(Some(204));
        let body = serde_json::from_slice(&body).unwrap();
        self.heard.lock().unwrap().push(Notice { at, key, body, status });
        write!(&mut &*stream, "HTTP/1.1 {} Whatever\r\ncontent-length: 0\r\n\r\n", status?).ok()
    }
}
