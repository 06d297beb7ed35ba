//! A door with its listener, an intake that can be told what to do, and a client that sends what it is told.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use switchhook::clock::Clock;
use switchhook::http::{Door, DoorLimits, Intake, Limits, Taken, routes, serve};
use switchhook::telnyx::signature::Keys;
use switchhook::telnyx::webhook::Webhook;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

/// The door's time, in seconds since 1970.
pub const NOW: i64 = 1_780_000_000;
/// How long a test waits for what must happen before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A door with its listener, on a runtime of its own.
pub struct House {
    runtime: Runtime,
    pub address: SocketAddr,
    pub door: Arc<Door>,
    pub intake: Arc<Book>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<usize>>,
}

impl House {
    pub fn new() -> Self {
        Self::with(Behaviour::Keep, Limits::default(), DoorLimits::default())
    }

    pub fn with(behaviour: Behaviour, limits: Limits, door_limits: DoorLimits) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let intake = Arc::new(Book { behaviour, taken: Mutex::default(), quarantined: Mutex::default() });
        let keys = Keys::parse(&STANDARD.encode(signer().verifying_key().to_bytes())).unwrap();
        let clock = Clock::by_hand(jiff::Timestamp::from_second(NOW).unwrap());
        let door = Arc::new(Door::new(keys, intake.clone(), clock, door_limits));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = routes::public(door.clone());
        let server = runtime.spawn(serve(listener, router, limits, async {
            let _ = stopped.await;
        }));
        Self { runtime, address, door, intake, stop: Some(stop), server: Some(server) }
    }

    pub fn connect(&self) -> Line {
        connect(self.address)
    }

    pub fn post(&self, headers: &[(&'static str, String)], body: &[u8]) -> Answer {
        self.post_on(&mut self.connect(), headers, body)
    }

    pub fn post_on(&self, line: &mut Line, headers: &[(&'static str, String)], body: &[u8]) -> Answer {
        line.get_mut().write_all(&request(headers, body)).unwrap();
        read_answer(line).unwrap()
    }

    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// How many connections were cut off at the end.
    pub fn ended(&mut self) -> usize {
        let server = self.server.take().unwrap();
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, server).await }).unwrap().unwrap()
    }
}

/// An intake that writes down what it gets.
pub struct Book {
    behaviour: Behaviour,
    taken: Mutex<Vec<(Webhook, Bytes)>>,
    quarantined: Mutex<Vec<(Bytes, String)>>,
}

pub enum Behaviour {
    Keep,
    Busy,
    Wait(Arc<Gate>),
}

/// Holds whoever comes until it is opened, and tells that he has come.
pub struct Gate {
    open: Semaphore,
    entered: Mutex<mpsc::Sender<()>>,
}

impl Gate {
    pub fn new() -> (Arc<Self>, mpsc::Receiver<()>) {
        let (entered, seen) = mpsc::channel();
        (Arc::new(Self { open: Semaphore::new(0), entered: Mutex::new(entered) }), seen)
    }

    pub fn open(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS);
    }

    async fn pass(&self) {
        let _ = self.entered.lock().unwrap().send(());
        let _permit = self.open.acquire().await.unwrap();
    }
}

impl Book {
    pub fn taken(&self) -> Vec<(Webhook, Bytes)> {
        self.taken.lock().unwrap().clone()
    }

    pub fn quarantined(&self) -> Vec<(Bytes, String)> {
        self.quarantined.lock().unwrap().clone()
    }

    async fn behave(&self) -> Taken {
        match &self.behaviour {
            Behaviour::Keep => Taken::Kept,
            Behaviour::Busy => Taken::Busy,
            Behaviour::Wait(gate) => {
                gate.pass().await;
                Taken::Kept
            }
        }
    }
}

#[async_trait]
impl Intake for Book {
    async fn take(&self, webhook: Webhook, raw: Bytes) -> Taken {
        self.taken.lock().unwrap().push((webhook, raw));
        self.behave().await
    }

    async fn quarantine(&self, raw: Bytes, why: String) -> Taken {
        self.quarantined.lock().unwrap().push((raw, why));
        self.behave().await
    }
}

pub type Headers = Vec<(&'static str, String)>;
pub type Line = BufReader<TcpStream>;

pub struct Answer {
    pub status: u16,
    pub head: Vec<String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn without_date(&self) -> Vec<String> {
        self.head.iter().filter(|line| !line.starts_with("date:")).cloned().collect()
    }

    pub fn closes(&self) -> bool {
        self.head.contains(&"connection: close".to_owned())
    }
}

fn signer() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub fn sign(time: i64, body: &[u8]) -> Headers {
    let signature = signer().sign(&[time.to_string().as_bytes(), b"|", body].concat());
    vec![("telnyx-signature-ed25519", STANDARD.encode(signature.to_bytes())), ("telnyx-timestamp", time.to_string())]
}

pub fn request(headers: &[(&'static str, String)], body: &[u8]) -> Vec<u8> {
    let head = format!("{}content-length: {}\r\n\r\n", head(headers), body.len());
    [head.as_bytes(), body].concat()
}

pub fn chunked_request(headers: &[(&'static str, String)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{}transfer-encoding: chunked\r\n\r\n", head(headers)).into_bytes();
    for chunk in body.chunks(1000) {
        text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        text.extend_from_slice(chunk);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"0\r\n\r\n");
    text
}

fn head(headers: &[(&'static str, String)]) -> String {
    let mut text = "POST /webhooks/telnyx HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n".to_owned();
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text
}

fn connect(address: SocketAddr) -> Line {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    BufReader::new(stream)
}

/// One request on a connection of its own.
pub fn send(address: SocketAddr, request: &[u8]) -> Answer {
    let mut line = connect(address);
    line.get_mut().write_all(request).unwrap();
    read_answer(&mut line).unwrap()
}

/// The next answer; none if the connection was closed without one.
pub fn read_answer(line: &mut Line) -> Option<Answer> {
    let mut head = Vec::new();
    loop {
        let mut text = String::new();
        match line.read_line(&mut text) {
            Ok(0) => return None,
            Ok(_) if text == "\r\n" => break,
            Ok(_) => head.push(text.trim_end().to_owned()),
            Err(error) if hung_up(&error) => return None,
            Err(error) => panic!("{error}"),
        }
    }
    let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    line.read_exact(&mut body).unwrap();
    Some(Answer { status, head, body })
}

/// Whether it is closed without a further byte; waits until it is.
pub fn closed(line: &mut Line) -> bool {
    match line.read(&mut [0; 1]) {
        Ok(read) => read == 0,
        Err(error) => hung_up(&error),
    }
}

fn hung_up(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted)
}
