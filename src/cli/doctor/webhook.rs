//! Whether our own door answers where Telnyx posts webhooks. Pure.

use super::finding::Finding;

/// What was tried, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Where a webhook without a signature was posted.
    pub url: String,
    /// What answered, or why nothing did.
    pub door: Result<Answer, String>,
    /// The status at `/healthz` of the same host, or why there is none.
    pub health: Result<u16, String>,
}

/// What answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Whether the body is what our door says to whoever is not Telnyx.
    pub ours: bool,
}

/// What an unsigned webhook met; nothing if nobody knows where to post it.
pub fn of_webhook(probe: Option<&Probe>) -> Vec<Finding> {
    const CHECK: &str = "webhook";
    let Some(Probe { url, door, health }) = probe else {
        return vec![Finding::skipped(CHECK, "nobody said where webhooks arrive: give --url PUBLIC-WEBHOOK-URL")];
    };
    let answer = match door {
        Err(why) => {
            let says = format!("nobody answers at {url}, asked from here: {why}");
            let remedy = "start the server, and see that name, tunnel or proxy and firewall lead to it";
            return vec![Finding::wrong(CHECK, says, remedy)];
        }
        Ok(answer) => *answer,
    };
    if answer == (Answer { status: 401, ours: true }) {
        let says = format!("{url} is answered by a Switchhook: what is not signed is turned away");
        return vec![Finding::good(CHECK, says), of_health(health)];
    }
    let (says, remedy) = elsewhere(answer.status);
    vec![Finding::wrong(CHECK, format!("{url} {says} (HTTP {})", answer.status), remedy)]
}

fn of_health(health: &Result<u16, String>) -> Finding {
    const CHECK: &str = "health";
    match health {
        Ok(200) => Finding::good(CHECK, "/healthz answers there too"),
        // A proxy may well let webhooks through and nothing else.
        Ok(status) => Finding::good(CHECK, format!("/healthz is not let through there (HTTP {status}), nor needed")),
        Err(why) => {
            let says = format!("the same host does not answer at /healthz: {why}");
            Finding::warning(CHECK, says, "see whether the server is overloaded: `switchhook health` on its machine")
        }
    }
}

/// Who answers with such a status, if not our door, and what to do.
fn elsewhere(status: u16) -> (&'static str, &'static str) {
    match status {
        200..=299 => (
            "is answered by somebody else, who takes what is not signed",
            "let the URL lead to this server; whatever answers there must not stand in for it",
        ),
        300..=399 => {
            ("leads elsewhere", "set the URL at Telnyx to where it leads, or take the redirect out of the proxy")
        }
        404 | 405 => {
            ("leads to a server that does not know it", "let the proxy pass POST /webhooks/telnyx on as it is")
        }
        502..=504 => {
            ("reaches a proxy or a tunnel, and nobody behind it", "start the server, or name its port to the proxy")
        }
        _ => (
            "is answered by somebody else",
            "let the URL lead to this server: no log-in, no bot check, the body unchanged",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn probed(door: Result<Answer, String>, health: Result<u16, String>) -> Vec<(State, String)> {
        let probe = Probe { url: "https://a.example/webhooks/telnyx".into(), door, health };
        of_webhook(Some(&probe)).into_iter().map(|one| (one.state, one.says)).collect()
    }

    #[test]
    fn our_door_is_told_from_others() {
        let ours = Ok(Answer { status: 401, ours: true });
        let states = |found: &[(State, String)]| found.iter().map(|(state, _)| *state).collect::<Vec<_>>();
        assert_eq!(states(&probed(ours.clone(), Ok(200))), [State::Good, State::Good]);
        assert_eq!(states(&probed(ours.clone(), Ok(404))), [State::Good, State::Good]);
        assert_eq!(states(&probed(ours, Err("timed out".into()))), [State::Good, State::Warning]);
        for (answer, words) in [
            (Answer { status: 401, ours: false }, "somebody else"),
            (Answer { status: 200, ours: false }, "takes what is not signed"),
            (Answer { status: 301, ours: false }, "leads elsewhere"),
            (Answer { status: 404, ours: false }, "does not know it"),
            (Answer { status: 502, ours: false }, "nobody behind it"),
            (Answer { status: 403, ours: false }, "somebody else"),
        ] {
            let found = probed(Ok(answer), Ok(200));
            assert!(found.len() == 1 && found[0].0 == State::Wrong && found[0].1.contains(words), "{found:?}");
        }
        let found = probed(Err("connection refused".into()), Err("connection refused".into()));
        assert!(
            found[0].0 == State::Wrong && found[0].1.starts_with("nobody answers at https://a.example/"),
            "{found:?}"
        );
        assert_eq!(of_webhook(None)[0].state, State::Skipped);
    }
}
