//! What was looked at, how it is, and what to do about it.

use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, as a word that stays.
    pub check: &'static str,
    /// How it is.
    pub state: State,
    /// How it is, in words.
    pub says: String,
    /// What to do about it.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    #[serde(skip)]
    because: Because,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it must be.
    Good,
    /// Calls work; somebody should look at it nevertheless.
    Warning,
    /// Calls do not work, or not as they should.
    Wrong,
    /// It could not be looked at.
    Skipped,
}

/// Of what kind something wrong is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Because {
    Expectation,
    Configuration,
    Unavailable,
}

impl Finding {
    /// It is as it must be.
    pub fn good(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, state: State::Good, says: says.into(), remedy: None, because: Because::Expectation }
    }

    /// It could not be looked at.
    pub fn skipped(check: &'static str, says: impl Into<String>) -> Self {
        Self { state: State::Skipped, ..Self::good(check, says) }
    }

    /// Somebody should look at it.
    pub fn warning(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Warning, remedy: Some(remedy.into()), ..Self::good(check, says) }
    }

    /// It is not as it must be.
    pub fn wrong(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Wrong, ..Self::warning(check, says, remedy) }
    }

    /// The configuration is bad.
    pub fn misconfigured(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { because: Because::Configuration, ..Self::wrong(check, says, remedy) }
    }

    /// A database or the network is not available.
    pub fn unavailable(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { because: Because::Unavailable, ..Self::wrong(check, says, remedy) }
    }
}

/// The exit code: 0 if nothing is wrong, 78 for bad configuration, 69 if a database or the network is not available,
/// 1 for anything else.
pub fn exit_code(findings: &[Finding]) -> u8 {
    let wrong = |because| findings.iter().any(|one| one.state == State::Wrong && one.because == because);
    [(Because::Configuration, 78), (Because::Unavailable, 69), (Because::Expectation, 1)]
        .into_iter()
        .find(|(because, _)| wrong(*because))
        .map_or(0, |(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_that_of_what_must_be_mended_first() {
        let good = Finding::good("a", "");
        let (one, net) = (Finding::wrong("b", "", ""), Finding::unavailable("c", "", ""));
        let config = Finding::misconfigured("d", "", "");
        assert_eq!(exit_code(&[]), 0);
        assert_eq!(exit_code(&[good.clone(), Finding::warning("e", "", ""), Finding::skipped("f", "")]), 0);
        assert_eq!(exit_code(&[good, one.clone()]), 1);
        assert_eq!(exit_code(&[one.clone(), net.clone()]), 69);
        assert_eq!(exit_code(&[one, net, config]), 78);
    }
}
