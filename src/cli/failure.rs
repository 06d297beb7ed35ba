//! Why a command could not do its work, and the exit code that says so.

use std::fmt::Display;
use std::process::ExitCode;

/// A failure of a command.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// The command line makes no sense: 2.
    pub fn usage(message: impl Display) -> Self {
        Self { code: 2, message: message.to_string() }
    }

    /// The configuration is bad: 78.
    pub fn config(message: impl Display) -> Self {
        Self { code: 78, message: message.to_string() }
    }

    /// A database, port or network is not available: 69.
    pub fn unavailable(message: impl Display) -> Self {
        Self { code: 69, message: message.to_string() }
    }

    /// Its exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Tells the operator, and gives the exit code.
    pub fn report(self) -> ExitCode {
        anstream::eprintln!("switchhook: {}", self.message);
        ExitCode::from(self.code)
    }
}
