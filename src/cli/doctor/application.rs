//! Whether the application at Telnyx is set up as calls need it. Pure.

use std::time::Duration;

use super::finding::Finding;
use super::own::Routes;
use crate::telnyx::application::Application;

/// Where in Mission Control its fields are.
const PLACE: &str = "Mission Control, Voice, Programmable Voice, your application";
/// What every webhook URL of ours ends with.
const PATH: &str = "/webhooks/telnyx";

/// Each of its fields that calls hang on. `url` is where webhooks are said to arrive.
pub fn of_application(application: &Application, url: Option<&str>, routes: Option<&Routes>) -> Vec<Finding> {
    vec![
        of_active(application.active),
        of_version(&application.api_version),
        of_url(&application.webhook_url, url),
        of_failover(application.failover_url.as_deref()),
        of_first_command(application.first_command, routes),
        of_profile(application.voice_profile.is_some(), routes),
        of_channels(application),
    ]
}

fn of_active(active: bool) -> Finding {
    if active {
        return Finding::good("application", "Telnyx knows the application, and it is active");
    }
    let says = "the application is not active: no call comes in or goes out";
    Finding::wrong("application", says, format!("{PLACE}: switch it on"))
}

fn of_version(version: &str) -> Finding {
    const CHECK: &str = "webhook-version";
    if version == "2" {
        return Finding::good(CHECK, "webhooks have the form of API v2");
    }
    let says = format!("webhooks have the form of API v{version}, which is not read: no call would be routed");
    Finding::wrong(CHECK, says, format!("{PLACE}: set Webhook API version to API v2"))
}

fn of_url(at_telnyx: &str, expected: Option<&str>) -> Finding {
    const CHECK: &str = "webhook-url";
    if at_telnyx.is_empty() {
        let remedy = format!("{PLACE}: set it to https://YOUR-HOST{PATH}");
        return Finding::wrong(CHECK, "the application has no webhook URL", remedy);
    }
    if let Some(expected) = expected.filter(|expected| *expected != at_telnyx) {
        let says = format!("webhooks are posted to {at_telnyx}, and not to {expected}");
        return Finding::wrong(CHECK, says, format!("{PLACE}: set it to {expected}"));
    }
    if !at_telnyx.ends_with(PATH) {
        let says = format!("webhooks are posted to {at_telnyx}, which does not end with {PATH}");
        let remedy = format!("{PLACE}: set it to https://YOUR-HOST{PATH}, unless a proxy puts that in its place");
        return Finding::wrong(CHECK, says, remedy);
    }
    if at_telnyx.starts_with("http://") && !is_here(at_telnyx) {
        let says = format!("webhooks are posted to {at_telnyx}, not by HTTPS: others can read who calls");
        return Finding::warning(CHECK, says, "put a proxy with TLS in front, and set the URL to https://");
    }
    Finding::good(CHECK, format!("webhooks are posted to {at_telnyx}"))
}

/// Whether an address is this machine itself, as that of a simulator is.
fn is_here(url: &str) -> bool {
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| url.strip_prefix("http://").unwrap_or(url).starts_with(host))
}

fn of_failover(url: Option<&str>) -> Finding {
    const CHECK: &str = "failover-url";
    match url {
        None => Finding::good(CHECK, "there is none: one that leads to a second server is of use, and not needed"),
        Some(url) if url.ends_with(PATH) => Finding::good(CHECK, format!("what fails is posted to {url}")),
        Some(url) => {
            let says = format!("what fails is posted to {url}, which does not end with {PATH}");
            let remedy = format!("{PLACE}: let it lead to a server on the same database, or leave it empty");
            Finding::warning(CHECK, says, remedy)
        }
    }
}

fn of_first_command(limit: Option<Duration>, routes: Option<&Routes>) -> Finding {
    const CHECK: &str = "first-command";
    let Some(limit) = limit else {
        return Finding::good(CHECK, "first_command_timeout is off: no caller is hung up because he waits");
    };
    let secs = limit.as_secs();
    let Some(routes) = routes else {
        return Finding::skipped(
            CHECK,
            format!("first_command_timeout is {secs} s, and there are no rules to compare"),
        );
    };
    let longest = routes.unanswered.as_secs();
    if limit > routes.unanswered {
        return Finding::good(CHECK, format!("first_command_timeout is {secs} s, and phones ring {longest} s at most"));
    }
    let says = format!(
        "first_command_timeout is {secs} s, but by the rules phones ring up to {longest} s for a caller who is not \
         answered: Telnyx may hang him up meanwhile"
    );
    Finding::wrong(CHECK, says, format!("{PLACE}: switch it off, or set it above {longest} s"))
}

fn of_profile(has: bool, routes: Option<&Routes>) -> Finding {
    const CHECK: &str = "voice-profile";
    match (has, routes.is_none_or(|routes| routes.dials)) {
        (true, _) => Finding::good(CHECK, "the application has an outbound voice profile"),
        (false, false) => Finding::good(CHECK, "there is no outbound voice profile, and the rules ring nobody"),
        (false, true) => {
            let says = "the application has no outbound voice profile: every dial is refused";
            Finding::wrong(CHECK, says, format!("{PLACE}: assign one under Outbound"))
        }
    }
}

fn of_channels(application: &Application) -> Finding {
    let said = |limit: Option<u64>, way: &str| limit.map(|most| format!("{most} calls at once {way}"));
    let limits: Vec<String> = [said(application.most_inbound, "come in"), said(application.most_outbound, "go out")]
        .into_iter()
        .flatten()
        .collect();
    let says = match limits.as_slice() {
        [] => "the application itself has no limit of calls at once".to_owned(),
        some => format!("at most {}; one that is rung counts as well", some.join(", and ")),
    };
    Finding::good("channels", says)
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    const URL: &str = "https://calls.example/webhooks/telnyx";

    fn well() -> Application {
        Application {
            active: true,
            api_version: "2".into(),
            webhook_url: URL.into(),
            failover_url: None,
            first_command: None,
            voice_profile: Some("1".into()),
            most_inbound: None,
            most_outbound: None,
        }
    }

    fn routes() -> Routes {
        Routes { numbers: 1, rest: false, dials: true, unanswered: Duration::from_secs(45), warnings: Vec::new() }
    }

    /// What is not good, and how.
    fn told(application: &Application, url: Option<&str>, routes: &Routes) -> Vec<(&'static str, State)> {
        let found = of_application(application, url, Some(routes));
        found.iter().filter(|one| one.state != State::Good).map(|one| (one.check, one.state)).collect()
    }

    #[test]
    fn one_that_is_set_up_well_is_good() {
        assert_eq!(told(&well(), None, &routes()), []);
        assert_eq!(told(&well(), Some(URL), &routes()), []);
        let limits = Application { most_inbound: Some(2), most_outbound: Some(3), ..well() };
        let found = of_application(&limits, None, Some(&routes()));
        let says = &found.iter().find(|one| one.check == "channels").unwrap().says;
        assert_eq!(
            says,
            "at most 2 calls at once come in, and 3 calls at once go out; one that is rung counts as well"
        );
    }

    #[test]
    fn each_field_that_is_not_as_it_must_be_is_named() {
        let first = |secs| Some(Duration::from_secs(secs));
        let cases: [(Application, (&str, State)); 10] = [
            (Application { active: false, ..well() }, ("application", State::Wrong)),
            (Application { api_version: "1".into(), ..well() }, ("webhook-version", State::Wrong)),
            (Application { webhook_url: String::new(), ..well() }, ("webhook-url", State::Wrong)),
            (Application { webhook_url: "https://calls.example/".into(), ..well() }, ("webhook-url", State::Wrong)),
            (Application { webhook_url: URL.replace("https", "http"), ..well() }, ("webhook-url", State::Warning)),
            (
                Application { failover_url: Some("https://x.example".into()), ..well() },
                ("failover-url", State::Warning),
            ),
            (Application { first_command: first(45), ..well() }, ("first-command", State::Wrong)),
            (Application { first_command: first(0), ..well() }, ("first-command", State::Wrong)),
            (Application { voice_profile: None, ..well() }, ("voice-profile", State::Wrong)),
            (Application { active: false, voice_profile: Some("2".into()), ..well() }, ("application", State::Wrong)),
        ];
        for (application, expected) in cases {
            assert_eq!(told(&application, None, &routes()), [expected], "{application:?}");
        }
        let elsewhere = told(&well(), Some("https://calls.example/other/webhooks/telnyx"), &routes());
        assert_eq!(elsewhere, [("webhook-url", State::Wrong)]);
    }

    #[test]
    fn what_the_rules_need_counts() {
        let later = Application { first_command: Some(Duration::from_secs(46)), ..well() };
        assert_eq!(told(&later, None, &routes()), []);
        let nobody = Routes { dials: false, ..routes() };
        assert_eq!(told(&Application { voice_profile: None, ..well() }, None, &nobody), []);
        let without = of_application(&Application { voice_profile: None, ..later }, None, None);
        let states: Vec<State> = without.iter().map(|one| one.state).filter(|state| *state != State::Good).collect();
        assert_eq!(states, [State::Skipped, State::Wrong], "without rules nobody knows that nobody is rung");
        let here = Application { webhook_url: "http://127.0.0.1:8080/webhooks/telnyx".into(), ..well() };
        assert_eq!(told(&here, None, &routes()), []);
    }
}
