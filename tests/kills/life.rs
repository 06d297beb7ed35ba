//! A server that is not to live long.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::stage::now;

/// When a server died, as far as that is known. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Death {
    /// It lived then.
    pub lived: i64,
    /// It was dead then.
    pub dead: i64,
}

/// A server that is not to live long.
pub struct Life {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Life {
    pub fn new(serve: &mut Command) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let child = serve.stdout(Stdio::null()).stderr(log.reopen().unwrap()).spawn().unwrap();
        Self { child, log }
    }

    /// Waits until it ends by itself. None: it lives on.
    pub fn ends_within(&mut self, span: Duration) -> Option<Death> {
        let mut lived = now().as_millisecond();
        for _ in 0..span.as_millis() / 5 {
            let looked = now().as_millisecond();
            if self.child.try_wait().unwrap().is_some() {
                self.check();
                return Some(Death { lived, dead: now().as_millisecond() });
            }
            lived = looked;
            thread::sleep(Duration::from_millis(5));
        }
        None
    }

    pub fn kill(&mut self) -> Death {
        let lived = now().as_millisecond();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.check();
        Death { lived, dead: now().as_millisecond() }
    }

    /// Since when it listened, in milliseconds since 1970, as its log says. None: it never came so far.
    pub fn listened_at(&self) -> Option<i64> {
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        let line = log.lines().find(|line| line.contains("listening for webhooks"))?;
        let line: Value = serde_json::from_str(line).ok()?;
        Some(line["timestamp"].as_str()?.parse::<jiff::Timestamp>().ok()?.as_millisecond())
    }

    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        log.lines().filter(|line| !line.contains("\"decided\"")).collect::<Vec<_>>().join("\n")
    }

    /// No life may have logged an error.
    fn check(&self) {
        let log = self.log();
        let errors: Vec<&str> = log.lines().filter(|line| line.contains("\"ERROR\"")).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
