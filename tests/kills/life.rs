//! A server that is not to live long.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

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

    pub fn ends_within(&mut self, span: Duration) -> bool {
        for _ in 0..span.as_millis() / 5 {
            if self.child.try_wait().unwrap().is_some() {
                self.check();
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.check();
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
