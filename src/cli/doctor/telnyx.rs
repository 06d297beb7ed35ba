//! Whether Telnyx answers, knows us, and has the same time. Pure.

use jiff::SignedDuration;

use super::application::of_application;
use super::finding::Finding;
use super::own::Routes;
use crate::telnyx::application::Application;

/// What came of asking Telnyx for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It was not asked: the settings are not complete.
    Not,
    /// It cannot be reached; why.
    Unreached(String),
    /// It answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// How far our clock is ahead of its; `None` if it does not say.
        ahead: Option<SignedDuration>,
        /// What it has, if that is what it said.
        application: Option<Application>,
    },
}

/// From where on a clock is looked at.
const OFF: i64 = 30;
/// From where on it is a danger: at 300 s every webhook is refused, and the answer has whole seconds.
const FAR_OFF: i64 = 270;

/// Everything that Telnyx' answer tells. `connection` is the application's id, `url` where webhooks are said to arrive.
pub fn of_telnyx(asked: &Asked, connection: &str, url: Option<&str>, routes: Option<&Routes>) -> Vec<Finding> {
    match asked {
        Asked::Not => {
            let why = "the settings are not complete, so Telnyx was not asked";
            ["api-key", "clock", "application"].map(|check| Finding::skipped(check, why)).into()
        }
        Asked::Unreached(why) => {
            let says = format!("Telnyx cannot be reached: {why}");
            let remedy = "no call can be answered like that: let this machine out to TELNYX_BASE_URL by HTTPS";
            let mut found = vec![Finding::unavailable("api-key", says, remedy)];
            found.extend(["clock", "application"].map(|check| Finding::skipped(check, "Telnyx cannot be reached")));
            found
        }
        Asked::Answered { status, ahead, application } => {
            let mut found = vec![of_clock(*ahead)];
            found.extend(of_status(*status, connection, application.is_some()));
            found.extend(application.iter().flat_map(|application| of_application(application, url, routes)));
            found
        }
    }
}

fn of_clock(ahead: Option<SignedDuration>) -> Finding {
    const CHECK: &str = "clock";
    let Some(ahead) = ahead else { return Finding::skipped(CHECK, "Telnyx' answer does not say what time it is") };
    let secs = ahead.as_secs();
    let (far, way) = (secs.abs(), if secs < 0 { "behind" } else { "ahead of" });
    let remedy = "set it by NTP (chrony, systemd-timesyncd)";
    match far {
        0..=2 => Finding::good(CHECK, "this machine's clock is that of Telnyx"),
        3..=OFF => Finding::good(CHECK, format!("this machine's clock is {far} s {way} Telnyx'")),
        ..FAR_OFF => Finding::warning(CHECK, format!("this machine's clock is {far} s {way} Telnyx'"), remedy),
        _ => {
            let says = format!(
                "this machine's clock is {far} s {way} Telnyx': a webhook that is 300 s old or early is refused"
            );
            Finding::wrong(CHECK, says, remedy)
        }
    }
}

/// What the status says of the key, and of the application where it could not be read.
fn of_status(status: u16, connection: &str, read: bool) -> Vec<Finding> {
    let accepted = || Finding::good("api-key", "Telnyx accepts the API key");
    let not_asked = |why: &str| Finding::skipped("application", why);
    match status {
        200 if read => vec![accepted()],
        401 | 403 => vec![
            Finding::wrong(
                "api-key",
                format!("Telnyx does not accept the API key (HTTP {status})"),
                "make one in Mission Control, Keys & Credentials, API Keys, and set TELNYX_API_KEY",
            ),
            not_asked("Telnyx does not show it without a good API key"),
        ],
        404 => vec![
            accepted(),
            Finding::wrong(
                "application",
                format!("Telnyx knows no application {connection} of this account"),
                "set TELNYX_CONNECTION_ID to the id of your Voice API application",
            ),
        ],
        408 | 429 | 500.. => {
            let says = format!("Telnyx cannot say now (HTTP {status})");
            vec![Finding::unavailable("api-key", says, "try again in a minute"), not_asked("Telnyx cannot say now")]
        }
        _ => {
            let says = format!("the answer is none of Telnyx' (HTTP {status})");
            let remedy = "see what answers at TELNYX_BASE_URL; it is https://api.telnyx.com/v2 unless you changed it";
            vec![Finding::wrong("api-key", says, remedy), not_asked("there is no answer of Telnyx'")]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::{State, exit_code};
    use super::*;

    fn clock(secs: i64) -> State {
        of_clock(Some(SignedDuration::from_secs(secs))).state
    }

    #[test]
    fn a_clock_is_far_off_before_webhooks_are_refused() {
        for (secs, state) in [
            (0, State::Good),
            (-30, State::Good),
            (31, State::Warning),
            (-269, State::Warning),
            (270, State::Wrong),
            (-4000, State::Wrong),
        ] {
            assert_eq!(clock(secs), state, "{secs}");
        }
        assert_eq!(of_clock(None).state, State::Skipped);
        assert!(of_clock(Some(SignedDuration::from_secs(-40))).says.contains("40 s behind Telnyx'"));
    }

    #[test]
    fn a_status_tells_key_and_application_apart() {
        let told = |status| {
            let asked = Asked::Answered { status, ahead: None, application: None };
            let found = of_telnyx(&asked, "42", None, None);
            let state = |check| found.iter().find(|one| one.check == check).map(|one| one.state);
            (state("api-key").unwrap(), state("application").unwrap(), exit_code(&found))
        };
        assert_eq!(told(401), (State::Wrong, State::Skipped, 1));
        assert_eq!(told(403), (State::Wrong, State::Skipped, 1));
        assert_eq!(told(404), (State::Good, State::Wrong, 1));
        assert_eq!(told(429), (State::Wrong, State::Skipped, 69));
        assert_eq!(told(503), (State::Wrong, State::Skipped, 69));
        assert_eq!(told(302), (State::Wrong, State::Skipped, 1));
        assert_eq!(told(200), (State::Wrong, State::Skipped, 1), "no application in it");
        assert_eq!(exit_code(&of_telnyx(&Asked::Unreached("no".into()), "42", None, None)), 69);
        assert_eq!(exit_code(&of_telnyx(&Asked::Not, "42", None, None)), 0);
    }
}
