//! The wire to Telnyx' REST API. One request, one try, one answer: whether to try again is decided elsewhere.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{self as http_body, Frame, SizeHint};
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use reqwest::{Body, Response, Url, redirect, retry};
use secrecy::{ExposeSecret, SecretString};

use super::answer::Hints;
use super::record::{Answer, Exchange, HEADERS, Tap};
use super::request::{Method, Request};

/// How long a connection may take to be made; part of the try.
const CONNECT: Duration = Duration::from_secs(2);

/// How much of an answer is read. Real ones have a few kilobytes.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// A client for one account. Cheap to share by reference; keeps its connections open.
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: HeaderValue,
    tap: Option<Tap>,
}

/// What became of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Telnyx answered.
    Answer {
        /// The HTTP status.
        status: u16,
        /// What the headers say about waiting.
        hints: Hints,
        /// The body, cut after 1 MiB.
        body: Vec<u8>,
    },
    /// There was no connection: the request never left.
    NotSent {
        /// Why, for people. Names neither the address nor the key.
        why: String,
    },
    /// No answer, or not the whole of it: the request may have been carried out or not.
    NoAnswer {
        /// Why, for people. Names neither the address nor the key.
        why: String,
    },
}

/// What is there at a path, outside of any call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// The HTTP status.
    pub status: u16,
    /// What time it is there, in whole seconds, if it says so.
    pub date: Option<Timestamp>,
    /// The body, cut after 1 MiB.
    pub body: Vec<u8>,
}

/// Why there can be no client with these settings.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The base address is of no use.
    #[error("TELNYX_BASE_URL is `{url}`: {why}; write it like https://api.telnyx.com/v2")]
    Base {
        /// The address as given, without what may be secret in it.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The key cannot stand in a header. It is not shown.
    #[error("TELNYX_API_KEY is empty or has characters that no key has, such as a space or a line break")]
    Key,
    /// No TLS on this machine.
    #[error("cannot set up TLS for the Telnyx API: {0}; are the CA certificates of this machine installed?")]
    Tls(String),
}

/// Makes sure that there is a provider for TLS, which HTTP clients cannot be made without.
pub fn provide_tls() {
    // Whoever installed one before us is right: one process, one provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Client {
    /// A client for the API below `base_url`, which is https, or plain http to this machine itself.
    ///
    /// # Errors
    /// The address or the key is of no use, or TLS cannot be set up.
    pub fn new(base_url: &str, key: &SecretString) -> Result<Self, ClientError> {
        let base = base(base_url)?;
        let key = bearer(key)?;
        provide_tls();
        let http = reqwest::Client::builder()
            .user_agent(concat!("switchhook/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .build()
            .map_err(|error| ClientError::Tls(reasons(&error)))?;
        Ok(Self { http, base, key, tap: None })
    }

    /// The same, and every exchange is told to whoever has the other end of the tap.
    #[must_use]
    pub fn tapped(self, tap: Tap) -> Self {
        Self { tap: Some(tap), ..self }
    }

    /// Sends a request once and waits for the whole answer, `within` at most.
    ///
    /// `in_time` is asked when the connection is there, just before the body is written: if it says no, the request is
    /// broken off, and nobody can carry it out.
    ///
    /// Nothing is sent twice: a request moves to another connection only if the one it was meant for had closed before
    /// the first byte. Redirects are answers, and no proxy is asked.
    pub async fn send(
        &self,
        request: &Request,
        within: Duration,
        in_time: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Sent {
        let broken_off = Arc::new(AtomicBool::new(false));
        let url = format!("{}{}", self.base, request.path);
        let call = match request.method {
            Method::Get => self.http.get(url),
            Method::Post => {
                let json = HeaderValue::from_static("application/json");
                self.http.post(url).header(CONTENT_TYPE, json).body(Body::wrap(Timed {
                    bytes: Some(request.body.clone()).filter(|bytes| !bytes.is_empty()),
                    in_time,
                    broken_off: broken_off.clone(),
                }))
            }
        };
        let answer = call.header(AUTHORIZATION, self.key.clone()).timeout(within).send().await;
        let headers = match (&self.tap, &answer) {
            (Some(_), Ok(response)) => told(response.headers()),
            (Some(_), Err(_)) | (None, _) => Vec::new(),
        };
        let sent = match answer {
            Ok(response) => taken(response).await,
            Err(_) if broken_off.load(Ordering::Relaxed) => Sent::NotSent { why: "it was too late".to_owned() },
            Err(error) if error.is_connect() => Sent::NotSent { why: reasons(&error.without_url()) },
            Err(error) => no_answer(error),
        };
        if let Some(tap) = &self.tap {
            tap.note(Exchange::Asked { request: request.clone(), answer: sent.told(headers) });
        }
        sent
    }
}

impl Client {
    /// Asks once what is at `path`, and waits for the whole answer, `within` at most.
    ///
    /// # Errors
    /// There is no answer; why, for people. Names neither the address nor the key.
    pub async fn look(&self, path: &str, within: Duration) -> Result<Looked, String> {
        let call = self.http.get(format!("{}{path}", self.base)).header(AUTHORIZATION, self.key.clone());
        let response = call.timeout(within).send().await.map_err(|error| reasons(&error.without_url()))?;
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
        match taken(response).await {
            Sent::Answer { status, body, .. } => Ok(Looked { status, date, body }),
            Sent::NoAnswer { why } | Sent::NotSent { why } => Err(why),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Sent {
    /// The answer for those who watch.
    fn told(&self, headers: Vec<(&'static str, String)>) -> Answer {
        match self {
            Self::Answer { status, body, .. } => Answer::Came { status: *status, headers, body: body.clone() },
            Self::NoAnswer { why } | Self::NotSent { why } => Answer::None(why.clone()),
        }
    }
}

/// The headers that are told to those who watch.
fn told(headers: &HeaderMap) -> Vec<(&'static str, String)> {
    let text = |name: &'static str| Some((name, headers.get(name)?.to_str().ok()?.to_owned()));
    HEADERS.into_iter().filter_map(text).collect()
}

/// A body that is written whole, if it is still time when it is to be written.
struct Timed<F> {
    bytes: Option<Bytes>,
    in_time: F,
    broken_off: Arc<AtomicBool>,
}

impl<F> Unpin for Timed<F> {}

impl<F: Fn() -> bool> http_body::Body for Timed<F> {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let Some(bytes) = self.bytes.take() else { return Poll::Ready(None) };
        if (self.in_time)() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        self.broken_off.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(std::io::Error::other("it was too late"))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }
}

async fn taken(mut response: Response) -> Sent {
    let status = response.status().as_u16();
    let hints = hints(response.headers());
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Sent::Answer { status, hints, body },
            Err(error) => return no_answer(error),
        }
        // What Telnyx says is said by then: the status counts, and the rest is not waited for.
        if body.len() >= LONGEST_ANSWER {
            body.truncate(LONGEST_ANSWER);
            return Sent::Answer { status, hints, body };
        }
    }
}

fn hints(headers: &HeaderMap) -> Hints {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Hints::of(text("retry-after-ms"), text("retry-after"), text("x-ratelimit-reset"), text("x-ratelimit-remaining"))
}

/// The address is left out: a handle in it commands a leg.
fn no_answer(error: reqwest::Error) -> Sent {
    Sent::NoAnswer { why: reasons(&error.without_url()) }
}

/// An error with what caused it, and what caused that.
fn reasons(error: &reqwest::Error) -> String {
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        cause = error.source();
    }
    why
}

/// The base address, checked, without a slash at its end.
fn base(text: &str) -> Result<String, ClientError> {
    let bad = |url: &str, why| ClientError::Base { url: url.to_owned(), why };
    // What cannot be read is not shown: who knows which part of it is a password.
    let url = Url::parse(text.trim()).map_err(|_| bad("...", "it is not a web address"))?;
    let host = url.host_str().unwrap_or_default();
    let shown = format!("{}://{host}", url.scheme());
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(&shown, "it holds a user name or password, and the key belongs in TELNYX_API_KEY"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad(&shown, "nothing may follow the path"));
    }
    match url.scheme() {
        "https" => {}
        "http" if loopback(host) => {}
        "http" => {
            return Err(bad(&shown, "plain http would show the key to the network; only this machine may have it"));
        }
        _ => return Err(bad(&shown, "it is neither https nor http")),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn bearer(key: &SecretString) -> Result<HeaderValue, ClientError> {
    let text = key.expose_secret();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ClientError::Key);
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| ClientError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::thread::{self, JoinHandle};

    use super::*;

    const TRY: Duration = Duration::from_secs(3);

    const CANARY: &str = "KEY0192-canary_of.the/keys";

    fn client(at: SocketAddr) -> Client {
        Client::new(&format!("http://{at}/v2/"), &CANARY.into()).unwrap()
    }

    fn always() -> bool {
        true
    }

    fn request(body: &[u8]) -> Request {
        Request { method: Method::Post, path: "/calls/v3:a%2Fb/actions/speak".into(), body: body.to_vec().into() }
    }

    /// Takes one connection, reads a request to the end of its body, answers, and gives back what it read.
    fn once(answer: impl FnOnce() -> Vec<u8> + Send + 'static) -> (SocketAddr, JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let read = whole_request(&mut socket);
            // Whoever has read enough may hang up on us.
            let _ = socket.write_all(&answer());
            read
        });
        (at, server)
    }

    fn whole_request(socket: &mut impl Read) -> Vec<u8> {
        let mut read = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let n = socket.read(&mut buffer).unwrap();
            read.extend_from_slice(&buffer[..n]);
            let Some(head) = read.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
            let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            if read.len() >= head + 4 + length.map_or(0, |n| n.parse().unwrap()) {
                return read;
            }
        }
    }

    fn no_answer(sent: Sent) -> String {
        let Sent::NoAnswer { why } = sent else { panic!("{sent:?}") };
        assert!(!why.contains("canary") && !why.contains("v3:"), "{why}");
        why
    }

    #[tokio::test]
    async fn the_bytes_go_out_as_they_are_and_the_answer_comes_back() {
        let answer = b"HTTP/1.1 429 No\r\nretry-after: 2\r\nx-ratelimit-reset: 7\r\nx-ratelimit-remaining: 0\r\ncontent-length: 3\r\n\r\nno!";
        let (at, server) = once(|| answer.to_vec());
        let body = b"{\"b\":1, \"a\":\"\xc3\xa9\"}";
        let sent = client(at).send(&request(body), TRY, always).await;
        let secs = |n| Some(Duration::from_secs(n));
        let hints = Hints { retry_after: secs(2), reset: secs(7), used_up: true };
        assert_eq!(sent, Sent::Answer { status: 429, hints, body: b"no!".to_vec() });
        let read = server.join().unwrap();
        assert!(read.ends_with(&[b"\r\n\r\n".as_slice(), body].concat()));
        let head = String::from_utf8_lossy(&read).to_lowercase();
        assert!(head.starts_with("post /v2/calls/v3:a%2fb/actions/speak http/1.1\r\n"), "{head}");
        let version = concat!("user-agent: switchhook/", env!("CARGO_PKG_VERSION"), "\r\n");
        let key = format!("authorization: bearer {}\r\n", CANARY.to_lowercase());
        for header in ["content-type: application/json\r\n", version, &key] {
            assert!(head.contains(header), "{header} is not in {head}");
        }
    }

    #[tokio::test]
    async fn a_look_up_is_a_get_without_a_body() {
        let (at, server) = once(|| b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec());
        let look = Request { method: Method::Get, path: "/calls/v3:a".into(), body: bytes::Bytes::new() };
        assert!(matches!(client(at).send(&look, TRY, always).await, Sent::Answer { status: 200, .. }));
        let read = String::from_utf8(server.join().unwrap()).unwrap();
        assert!(read.starts_with("GET /v2/calls/v3:a HTTP/1.1\r\n"), "{read}");
        assert!(read.ends_with("\r\n\r\n") && !read.to_lowercase().contains("content-"), "{read}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer() {
        let answer = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/x\r\ncontent-length: 0\r\n\r\n";
        let (at, _server) = once(|| answer.to_vec());
        assert!(matches!(client(at).send(&request(b"{}"), TRY, always).await, Sent::Answer { status: 302, .. }));
    }

    #[tokio::test]
    async fn who_does_not_answer_in_time_has_not_answered() {
        // The kernel takes the connection; nobody ever reads it.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = client(listener.local_addr().unwrap());
        let why = no_answer(client.send(&request(b"{}"), Duration::from_millis(50), always).await);
        assert!(why.contains("timed out"), "{why}");
    }

    #[tokio::test]
    async fn who_refuses_was_not_asked_and_who_hangs_up_has_not_answered() {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let unknown_host = "https://telnyx.invalid/v2";
        let nowhere = Client::new(unknown_host, &CANARY.into()).unwrap();
        for (client, expected) in [(client(at), "refused"), (nowhere, "")] {
            let sent = client.send(&request(b"{}"), Duration::from_secs(60), always).await;
            let Sent::NotSent { why } = sent else { panic!("{sent:?}") };
            assert!(why.contains(expected) && !why.contains("canary") && !why.contains("v3:"), "{why}");
        }
        for half in ["", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
            let (at, server) = once(|| half.into());
            no_answer(client(at).send(&request(b"{}"), TRY, always).await);
            server.join().unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_too_late_once_there_is_a_connection_is_broken_off() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut read = Vec::new();
            let _ = socket.read_to_end(&mut read);
            read
        });
        let sent = client(at).send(&request(b"{\"to\":1}"), TRY, || false).await;
        assert_eq!(sent, Sent::NotSent { why: "it was too late".into() });
        assert!(!server.join().unwrap().ends_with(b"}"), "nothing of the body is there");
    }

    #[tokio::test]
    async fn an_endless_answer_is_cut() {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n".to_vec();
        let (at, _server) = once(move || [head, vec![b'x'; 2 * LONGEST_ANSWER]].concat());
        let Sent::Answer { status, body, .. } = client(at).send(&request(b"{}"), TRY, always).await else { panic!() };
        assert_eq!((status, body.len()), (200, LONGEST_ANSWER));
    }

    #[test]
    fn only_safe_addresses_are_taken() {
        for good in ["https://api.telnyx.com/v2", "http://127.0.0.1:9099/v2/", "http://[::1]:1", "http://localhost:1/"]
        {
            assert!(Client::new(good, &CANARY.into()).is_ok(), "{good}");
        }
        for bad in [
            "http://api.telnyx.com/v2",
            "http://127.0.0.1.example.com",
            "ftp://127.0.0.1/",
            "https://me:canary@api.telnyx.com/v2",
            "https://api.telnyx.com/v2?key=canary",
            "api.telnyx.com/v2",
            "me:canary@x",
            "",
        ] {
            let error = Client::new(bad, &CANARY.into()).unwrap_err().to_string();
            assert!(error.starts_with("TELNYX_BASE_URL is `") && !error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn the_key_is_never_shown() {
        let client = client("127.0.0.1:1".parse().unwrap());
        assert_eq!(format!("{client:?}"), "Client { base: \"http://127.0.0.1:1/v2\", .. }");
        assert!(!format!("{:?}", client.key).contains("canary"));
        for bad in ["", "canary\n", "canary canary", "canäry"] {
            let error = Client::new("https://api.telnyx.com/v2", &bad.into()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("can"), "{error}");
        }
    }
}
