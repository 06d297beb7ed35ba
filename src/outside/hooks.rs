//! The wire to systems that are told of calls. One request, one try, and of its answer the status only.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Response, redirect, retry};

use crate::call::CommandId;

/// How long a connection may take to be made; part of the try.
const CONNECT: Duration = Duration::from_secs(3);
/// How much of an answer is read, and thrown away: enough to keep the connection for the next one.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Sends notices. Keeps its connections open.
#[derive(Clone, Debug)]
pub struct Hooks {
    http: reqwest::Client,
}

impl Hooks {
    /// A client for whatever address the rules name. Redirects are answers, and nothing is sent twice by itself.
    ///
    /// # Errors
    /// TLS cannot be set up; why, for people.
    pub fn new() -> Result<Self, String> {
        // Whoever installed one before us is right: one process, one provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("switchhook/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .build()
            .map_err(|error| reasons(&error))?;
        Ok(Self { http })
    }

    /// Tells something once and waits for the answer, `within` at most: its status.
    ///
    /// # Errors
    /// There was none; why, for people. The address is not named: it may hold a secret.
    pub async fn tell(&self, url: &str, id: CommandId, body: Bytes, within: Duration) -> Result<u16, String> {
        let json = HeaderValue::from_static("application/json");
        let request = self.http.post(url).header(CONTENT_TYPE, json).header("idempotency-key", id.to_string());
        let answer = request.body(body).timeout(within).send().await;
        match answer {
            Ok(response) => Ok(status(response).await),
            Err(error) => Err(reasons(&error.without_url())),
        }
    }
}

/// The status counts, whatever becomes of the rest.
async fn status(mut response: Response) -> u16 {
    let status = response.status().as_u16();
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > LONGEST_ANSWER {
            break;
        }
    }
    status
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use uuid::Uuid;

    use super::*;

    /// Takes one connection, answers, and gives back what it read.
    fn once(answer: Vec<u8>) -> (String, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
            while !read.ends_with(b"{}") {
                let n = socket.read(&mut buffer).unwrap();
                read.extend_from_slice(&buffer[..n]);
            }
            // Whoever has read enough may hang up on us.
            let _ = socket.write_all(&answer);
            String::from_utf8(read).unwrap()
        });
        (format!("http://{at}/secret?token=1"), server)
    }

    async fn tell(url: &str) -> Result<u16, String> {
        let body = Bytes::from_static(b"{}");
        Hooks::new().unwrap().tell(url, CommandId(Uuid::nil()), body, Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn a_notice_says_what_it_is_known_by() {
        let (url, server) = once(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec());
        assert_eq!(tell(&url).await, Ok(204));
        let request = server.join().unwrap();
        assert!(request.starts_with("POST /secret?token=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("idempotency-key: 00000000-0000-0000-0000-000000000000\r\n"), "{request}");
        assert!(request.contains("content-type: application/json\r\n"), "{request}");
    }

    #[tokio::test]
    async fn an_answer_without_end_and_a_redirect_are_answers() {
        let mut endless = b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n".to_vec();
        endless.resize(2 * LONGEST_ANSWER, b'x');
        let (url, server) = once(endless);
        assert_eq!(tell(&url).await, Ok(200));
        server.join().unwrap();
        let (url, _server) = once(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n".to_vec());
        assert_eq!(tell(&url).await, Ok(302));
    }

    #[tokio::test]
    async fn no_answer_does_not_name_the_address() {
        let why = tell("http://127.0.0.1:1/secret").await.unwrap_err();
        assert!(!why.contains("secret") && !why.is_empty(), "{why}");
        let (url, _server) = once(Vec::new());
        let why = tell(&url).await.unwrap_err();
        assert!(!why.contains("secret"), "{why}");
    }
}
