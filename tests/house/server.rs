//! A server as a process, with all it needs around it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use switchhook::clock::Clock;
use switchhook::sim::sign::KeyPair;
use tempfile::TempDir;

use crate::base::{Base, checkout};

/// The key that requests to Telnyx bear.
pub const API_KEY: &str = "KEY0123456789ABCDEF_canary";
/// The application that dials go out on.
pub const LINE: &str = "1700000000000000042";

/// Polls until there is something, for 30 s at most.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("in vain: {what}");
}

/// How long something takes.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let clock = Clock::system();
    let before = clock.boot().since;
    let done = work();
    (done, clock.boot().since - before)
}

/// A database, a key, and where Telnyx is: what one server after another may be started on.
pub struct House {
    pub base: Base,
    pub key: KeyPair,
    pub folder: TempDir,
    telnyx: String,
}

impl House {
    pub fn new(base: Base, telnyx: &str) -> Self {
        let key = KeyPair::from_seed(fastrand::u64(..));
        Self { base, key, folder: tempfile::tempdir().unwrap(), telnyx: telnyx.to_owned() }
    }

    /// A command of the program in this house, with no environment but its own.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command
            .current_dir(self.folder.path())
            .env("DATABASE_URL", self.base.url())
            .env("TELNYX_API_KEY", API_KEY)
            .env("TELNYX_PUBLIC_KEY", self.key.public_base64())
            .env("TELNYX_CONNECTION_ID", LINE)
            .env("TELNYX_BASE_URL", &self.telnyx)
            .env("SWITCHHOOK_SERVER__ADMIN_LISTEN", "127.0.0.1:0");
        command
    }

    pub fn serve(&self) -> Command {
        let mut serve = self.command(&["serve", "--listen", "127.0.0.1:0", "--routes"]);
        serve.arg(checkout("config/routes.yaml"));
        serve
    }

    pub fn start(&self) -> Server {
        Server::start(self.serve())
    }
}

/// The program, with an empty environment.
pub fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    command.env_clear().args(args);
    command
}

/// A running server. Any line in its log that says ERROR fails the test, unless it is meant to be there.
pub struct Server {
    pub address: SocketAddr,
    /// Where it is watched.
    pub admin: SocketAddr,
    /// Words of errors that the test brings about.
    pub expects: &'static str,
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log: Arc<Mutex<Vec<Value>>> = Arc::default();
        let lines = log.clone();
        let reader = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                lines.lock().unwrap().push(line);
            }
        });
        let address = "0.0.0.0:0".parse().unwrap();
        let mut server = Self { address, admin: address, expects: "", child, log, reader: Some(reader) };
        server.address = wait_for("the server listens", || {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?} {:#?}", server.log());
            let said = server.said("listening for webhooks");
            said.first().map(|line| line["address"].as_str().unwrap().parse().unwrap())
        });
        if let Some(said) = server.said("listening for /readyz").first() {
            server.admin = said["address"].as_str().unwrap().parse().unwrap();
        }
        server
    }

    pub fn log(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    /// The lines of the log that hold these words.
    pub fn said(&self, words: &str) -> Vec<Value> {
        self.log().into_iter().filter(|line| line.to_string().contains(words)).collect()
    }

    /// The lines of the log that hold these words, so many and no more. They are waited for: what the server says to its
    /// log and what it answers come here on two ways.
    pub fn says(&self, words: &str, times: usize) -> Vec<Value> {
        let said = wait_for(words, || Some(self.said(words)).filter(|said| said.len() >= times));
        assert_eq!(said.len(), times, "{said:#?}");
        said
    }

    /// Asks it to stop, and waits until it has: how it ended, and how long that took.
    pub fn terminate(mut self) -> (ExitStatus, Duration) {
        self.ask_to_stop();
        let ended = timed(|| wait_for("the server stops", || self.child.try_wait().unwrap()));
        self.check();
        ended
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop.
    pub fn ask_to_stop(&self) {
        self.signal("-TERM");
    }

    /// Sends it a signal.
    pub fn signal(&self, which: &str) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").args([which, &pid]).status().unwrap().success());
    }

    /// Ends it as a loss of power would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.check();
    }

    fn check(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        let errors: Vec<Value> = self.log().into_iter().filter(|line| line["level"] == "ERROR").collect();
        let (expected, others): (Vec<_>, Vec<_>) =
            errors.into_iter().partition(|line| !self.expects.is_empty() && line.to_string().contains(self.expects));
        assert!(others.is_empty(), "{others:#?}");
        assert_eq!(expected.is_empty(), self.expects.is_empty(), "what was to go wrong is told");
        let strange: Vec<Value> = self.log().into_iter().filter(|line| !line.is_object()).collect();
        assert!(strange.is_empty(), "the log is JSON: {strange:?}");
        assert!(self.said("canary").is_empty(), "the key is in the log");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("{:#?}", self.log());
        } else {
            self.check();
        }
    }
}
