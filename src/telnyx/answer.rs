//! What the answer to a request says: a verdict, or that asking again is the only way to know. Pure.

use std::time::Duration;

use serde_json::Value;

use super::listed::listed;
use super::loose::member;
use super::recordings::recordings;
use crate::call::{CallId, Handle, Kind, Made, Refusal, Verdict};

/// What an answer comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The command has its outcome, for good.
    Verdict(Verdict),
    /// It has none yet: the same bytes may be sent again, while they are young enough.
    Again {
        /// This try may have been carried out all the same. If not, it certainly was not.
        perhaps: bool,
        /// How long Telnyx wants us to wait first; `None`: it did not say.
        after: Option<Duration>,
        /// The code or status, for people.
        code: String,
    },
}

/// What an answer's headers say about waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// `retry-after-ms` or `retry-after`: how long to wait before the next try.
    pub retry_after: Option<Duration>,
    /// `x-ratelimit-reset`: how long until what was used up of the limit is given back.
    pub reset: Option<Duration>,
    /// `x-ratelimit-remaining`: nothing is left of it.
    pub used_up: bool,
}

/// What an answer says of Telnyx itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// It answers, whatever it says; not that it is out of order.
    pub answers: bool,
    /// How long it wants no more such commands.
    pub hold: Option<Duration>,
}

/// How long no more is sent where Telnyx says that it is too much, and not for how long.
const HOLD: Duration = Duration::from_millis(500);

/// Nobody makes us wait longer than this: a greater figure is a moment, not a span, or a mistake.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Codes longer than this are not codes.
const LONGEST_CODE: usize = 16;

/// Reads the answer to a command of this kind. Never fails: what is not understood counts as what its status says.
///
/// A refusal is told by its code first, since one status has many reasons. Only codes that mean the same under every
/// status are taken so: 10007 is an unknown resource under 404 and a fault of Telnyx under 503, 10011 a bad
/// option under 422 and too many requests under 429.
pub fn read(kind: Kind, status: u16, hints: Hints, body: &[u8]) -> Reading {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let codes = codes(&body);
    let verdict = match status {
        200..=299 => accepted(kind, &body),
        300..=499 => refusal(kind, status, &codes).map(|why| refused(kind, why, status, &codes)),
        _ => None,
    };
    // Too many, or another at the same moment: it was turned away before anything was done.
    let again = || Reading::Again {
        perhaps: !matches!(status, 409 | 429),
        after: hints.wait(status),
        code: shown(status, &codes),
    };
    verdict.map_or_else(again, Reading::Verdict)
}

impl Reading {
    /// The same, with nothing in it about other calls: the list is of all that live.
    #[must_use]
    pub fn about(mut self, call: CallId) -> Self {
        if let Self::Verdict(Verdict::Listed { legs, .. }) = &mut self {
            legs.retain(|who| who.tag.is_some_and(|tag| tag.call == call));
        }
        self
    }
}

impl Hints {
    /// Reads the headers as they stand. Dates and other forms than plain numbers are passed over.
    pub fn of(
        retry_after_ms: Option<&str>,
        retry_after: Option<&str>,
        reset: Option<&str>,
        remaining: Option<&str>,
    ) -> Self {
        let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<f64>().ok());
        let span = |secs: f64| Duration::try_from_secs_f64(secs).ok().filter(|span| *span <= LONGEST_WAIT);
        let millis = number(retry_after_ms).and_then(|millis| span(millis / 1000.0));
        Self {
            retry_after: millis.or_else(|| number(retry_after).and_then(span)),
            reset: number(reset).and_then(span),
            used_up: number(remaining).is_some_and(|left| left < 1.0),
        }
    }

    /// What an answer with this status says of Telnyx itself.
    pub fn pulse(self, status: u16) -> Pulse {
        let too_many = status == 429;
        let hold = self.wait(status).or(too_many.then_some(HOLD)).filter(|_| too_many);
        Pulse { answers: status < 500 && status != 408, hold: hold.or(self.reset.filter(|_| self.used_up)) }
    }

    /// How long to wait. The reset is told with every answer, also with those that ran into no limit.
    fn wait(self, status: u16) -> Option<Duration> {
        self.retry_after.or(self.reset.filter(|_| status == 429))
    }
}

/// What an accepted command says. A look-up that does not say whether the leg is alive has said nothing.
fn accepted(kind: Kind, body: &Value) -> Option<Verdict> {
    let data = body.get("data");
    match kind {
        Kind::Look => Some(Verdict::Found { alive: data?.get("is_alive")?.as_bool()? }),
        Kind::Find => listed(body),
        Kind::Recordings => recordings(body),
        Kind::Record => {
            Some(Verdict::Accepted { made: None, recording: data.and_then(|data| member(data, "recording_id")) })
        }
        Kind::Dial => Some(Verdict::Accepted { made: data.and_then(made), recording: None }),
        Kind::Answer
        | Kind::Reject
        | Kind::Hangup
        | Kind::Bridge
        | Kind::Transfer
        | Kind::Speak
        | Kind::Play
        | Kind::Gather
        | Kind::StopRecord
        | Kind::StopPlay
        | Kind::Notify => Some(Verdict::accepted()),
    }
}

/// The leg a dial made, if the answer names it; else its first webhook will.
fn made(data: &Value) -> Option<Made> {
    let handle = Handle(member(data, "call_control_id")?);
    Some(Made { handle, leg: member(data, "call_leg_id"), session: member(data, "call_session_id") })
}

/// Why a command was refused; `None` if it may have been carried out all the same.
fn refusal(kind: Kind, status: u16, codes: &[String]) -> Option<Refusal> {
    if let Some(why) = codes.iter().find_map(|code| named(kind, code)) {
        return Some(why);
    }
    match status {
        408 | 409 | 429 => None,
        401 => Some(Refusal::Key),
        // Without a code it is not Telnyx who says so, but something on the way, or the way is wrong.
        404 if kind != Kind::Dial && !codes.is_empty() => Some(Refusal::Ended),
        _ => Some(Refusal::Invalid),
    }
}

/// What a code means under any status, if it means one thing.
fn named(kind: Kind, code: &str) -> Option<Refusal> {
    match code {
        // The ordinary race with somebody who hung up.
        "90018" => Some(Refusal::Ended),
        // There is no such recording to be ended.
        "10005" if kind == Kind::StopRecord => Some(Refusal::Invalid),
        // No such handle, no such call: ours was good once, so its leg is over and forgotten. A dial has no leg of
        // its own to be over: what it names is its connection, or a leg it should be linked to.
        "10005" | "90015" | "90058" if kind != Kind::Dial => Some(Refusal::Ended),
        "10005" | "90015" | "90058" => Some(Refusal::Invalid),
        "90034" => Some(Refusal::NotAnswered),
        // A recording before there is anything to hear.
        "90020" if kind == Kind::Record => Some(Refusal::NotAnswered),
        // Channels of the user, the profile, the connection; the same of a dial's carrier side; dials a second.
        "90041" | "90042" | "90043" | "D1" | "D2" | "D3" | "D22" | "D24" => Some(Refusal::Limit),
        // Credentials, feature, level; an account that is shut or may not dial at all: a person must act. Not 10010: what
        // is not permitted may be the number shown.
        "10009" | "10038" | "10039" | "D17" | "D38" => Some(Refusal::Key),
        // This destination, this number shown: another dial may be fine, whatever status comes with it.
        _ if code.starts_with('D') => Some(Refusal::Invalid),
        _ => None,
    }
}

fn refused(kind: Kind, why: Refusal, status: u16, codes: &[String]) -> Verdict {
    if kind == Kind::Look && why == Refusal::Ended {
        return Verdict::Found { alive: false };
    }
    Verdict::Refused { why, code: shown(status, codes) }
}

/// The codes of an answer: of its carrier side first, which says most, then of its errors. Text or number.
fn codes(body: &Value) -> Vec<String> {
    let carrier = body.get("telnyx_error").and_then(|error| error.get("error_code"));
    let errors = body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    carrier.into_iter().chain(errors.iter().filter_map(|error| error.get("code"))).filter_map(code).collect()
}

fn code(value: &Value) -> Option<String> {
    let text =
        value.as_str().map_or_else(|| value.as_u64().map(|number| number.to_string()), |s| Some(s.to_owned()))?;
    (1..=LONGEST_CODE).contains(&text.len()).then_some(text).filter(|t| t.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// The first codes, or the status where there is none.
fn shown(status: u16, codes: &[String]) -> String {
    if codes.is_empty() {
        return format!("HTTP {status}");
    }
    codes.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(code: &str) -> Vec<u8> {
        format!(r#"{{"errors":[{{"code":"{code}","title":"No","detail":"It cannot be."}}]}}"#).into_bytes()
    }

    fn of(kind: Kind, status: u16, body: &[u8]) -> Reading {
        read(kind, status, Hints::default(), body)
    }

    fn refused(why: Refusal, code: &str) -> Reading {
        Reading::Verdict(Verdict::Refused { why, code: code.to_owned() })
    }

    fn accepted(made: Option<Made>) -> Reading {
        Reading::Verdict(Verdict::Accepted { made, recording: None })
    }

    #[test]
    fn a_dial_tells_the_leg_it_made_or_leaves_it_to_the_webhook() {
        let full = br#"{"data":{"call_control_id":"v3:b","call_leg_id":"l","call_session_id":"s","is_alive":false}}"#;
        let made = Made { handle: Handle("v3:b".into()), leg: Some("l".into()), session: Some("s".into()) };
        assert_eq!(of(Kind::Dial, 200, full), accepted(Some(made)));
        let bodies: [&[u8]; 5] =
            [br#"{"data":{"result":"ok"}}"#, b"", b"<html>", br#"{"data":{"call_control_id":""}}"#, b"\xff"];
        for body in bodies {
            assert_eq!(of(Kind::Dial, 200, body), accepted(None));
        }
        assert_eq!(of(Kind::Answer, 200, full), accepted(None));
    }

    #[test]
    fn a_recording_that_begins_may_be_named() {
        let named = |body| of(Kind::Record, 200, body);
        let begins = |recording| Reading::Verdict(Verdict::Accepted { made: None, recording });
        assert_eq!(named(br#"{"data":{"result":"ok","recording_id":"r1"}}"#), begins(Some("r1".into())));
        for silent in [br#"{"data":{"result":"ok"}}"#.as_slice(), br#"{"data":{"recording_id":7}}"#, b""] {
            assert_eq!(named(silent), begins(None));
        }
        assert_eq!(of(Kind::Speak, 200, br#"{"data":{"recording_id":"r1"}}"#), accepted(None));
    }

    #[test]
    fn a_look_up_finds_a_leg_alive_or_gone_or_nothing_out() {
        let found = |alive| Reading::Verdict(Verdict::Found { alive });
        assert_eq!(of(Kind::Look, 200, br#"{"data":{"is_alive":true}}"#), found(true));
        assert_eq!(of(Kind::Look, 200, br#"{"data":{"is_alive":false}}"#), found(false));
        assert_eq!(of(Kind::Look, 404, &error("10005")), found(false));
        for not_telnyx in [b"".as_slice(), b"<html>no such page</html>", br#"{"message":"no Route matched"}"#] {
            assert_eq!(of(Kind::Look, 404, not_telnyx), refused(Refusal::Invalid, "HTTP 404"));
        }
        assert_eq!(of(Kind::Look, 422, &error("90015")), found(false));
        assert_eq!(of(Kind::Look, 401, &error("10009")), refused(Refusal::Key, "10009"));
        let silent = Reading::Again { perhaps: true, after: None, code: "HTTP 200".into() };
        assert_eq!(of(Kind::Look, 200, br#"{"data":{"result":"ok"}}"#), silent);
    }

    #[test]
    fn refusals_are_told_by_their_code() {
        let cases = [
            (Kind::Hangup, 422, "90018", Refusal::Ended),
            (Kind::Dial, 422, "90018", Refusal::Ended),
            (Kind::Answer, 404, "10005", Refusal::Ended),
            (Kind::StopRecord, 404, "10005", Refusal::Invalid),
            (Kind::Answer, 404, "10007", Refusal::Ended),
            (Kind::Speak, 422, "90015", Refusal::Ended),
            (Kind::Dial, 422, "90015", Refusal::Invalid),
            (Kind::Dial, 404, "10005", Refusal::Invalid),
            (Kind::Bridge, 422, "90034", Refusal::NotAnswered),
            (Kind::Dial, 422, "90041", Refusal::Limit),
            (Kind::Transfer, 422, "90043", Refusal::Limit),
            (Kind::Dial, 401, "10009", Refusal::Key),
            (Kind::Dial, 401, "31337", Refusal::Key),
            (Kind::Dial, 403, "10038", Refusal::Key),
            (Kind::Dial, 403, "10010", Refusal::Invalid),
            (Kind::Dial, 403, "31337", Refusal::Invalid),
            (Kind::Answer, 422, "90102", Refusal::Invalid),
            (Kind::Dial, 422, "10011", Refusal::Invalid),
            (Kind::Play, 400, "90040", Refusal::Invalid),
        ];
        for (kind, status, code, why) in cases {
            assert_eq!(of(kind, status, &error(code)), refused(why, code), "{kind} {status} {code}");
        }
        let number = br#"{"errors":[{"code":90018,"title":"Ended"}]}"#;
        assert_eq!(of(Kind::Hangup, 422, number), refused(Refusal::Ended, "90018"));
        let second = br#"{"errors":[{"code":"10015"},{"code":"90034"}]}"#;
        assert_eq!(of(Kind::Bridge, 422, second), refused(Refusal::NotAnswered, "10015 90034"));
    }

    #[test]
    fn a_failed_dial_tells_more_by_its_carrier_side() {
        for (code, why) in [
            ("D1", Refusal::Limit),
            ("D24", Refusal::Limit),
            ("D13", Refusal::Invalid),
            ("D41", Refusal::Invalid),
            ("D17", Refusal::Key),
            ("D38", Refusal::Key),
        ] {
            let body = format!(r#"{{"errors":[{{"code":10010}}],"telnyx_error":{{"error_code":"{code}"}}}}"#);
            assert_eq!(of(Kind::Dial, 403, body.as_bytes()), refused(why, &format!("{code} 10010")));
        }
    }

    #[test]
    fn without_a_code_the_status_speaks() {
        for (kind, status, why) in [
            (Kind::Hangup, 404, Refusal::Invalid),
            (Kind::Dial, 404, Refusal::Invalid),
            (Kind::Hangup, 401, Refusal::Key),
            (Kind::Hangup, 403, Refusal::Invalid),
            (Kind::Hangup, 302, Refusal::Invalid),
            (Kind::Hangup, 418, Refusal::Invalid),
        ] {
            for body in [b"".as_slice(), b"<html>no</html>", b"{\"errors\":[{\"code\":\"<script>\"}]}"] {
                assert_eq!(of(kind, status, body), refused(why, &format!("HTTP {status}")));
            }
        }
    }

    #[test]
    fn what_has_no_outcome_is_asked_again_and_not_too_soon() {
        for (status, code, perhaps) in [
            (408, "10011", true),
            (409, "10011", false),
            (429, "10011", false),
            (429, "90103", false),
            (500, "10007", true),
            (504, "10007", true),
        ] {
            let again = Reading::Again { perhaps, after: None, code: code.into() };
            assert_eq!(of(Kind::Dial, status, &error(code)), again);
        }
        let waits = |status, retry_after, reset| match read(
            Kind::Answer,
            status,
            Hints::of(None, retry_after, reset, None),
            b"oops",
        ) {
            Reading::Again { after, code, .. } if code == format!("HTTP {status}") => after,
            other @ (Reading::Again { .. } | Reading::Verdict(_)) => panic!("{other:?}"),
        };
        assert_eq!(waits(503, Some("2"), Some("5")), Some(Duration::from_secs(2)));
        assert_eq!(waits(429, None, Some("5")), Some(Duration::from_secs(5)));
        assert_eq!(waits(500, None, Some("55")), None, "no limit was reached");
        assert_eq!(of(Kind::Answer, 429, &error("90018")), refused(Refusal::Ended, "90018"));
        let open = Reading::Again { perhaps: true, after: None, code: "90018".into() };
        assert_eq!(of(Kind::Answer, 500, &error("90018")), open);
    }

    #[test]
    fn hints_are_numbers_of_seconds_or_nothing() {
        let secs = |text| Hints::of(None, Some(text), None, None).retry_after;
        assert_eq!(secs(" 1.5 "), Some(Duration::from_millis(1500)));
        for other in ["", "-1", "NaN", "inf", "1e300", "1764000000", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(secs(other), None, "{other}");
        }
        let both = |millis| Hints::of(Some(millis), Some("9"), None, None).retry_after;
        assert_eq!((both("250"), both("soon")), (Some(Duration::from_millis(250)), Some(Duration::from_secs(9))));
    }

    #[test]
    fn an_answer_tells_how_telnyx_is() {
        let pulse = |status, retry_after, reset, left| {
            let Pulse { answers, hold } = Hints::of(None, retry_after, reset, left).pulse(status);
            (answers, hold.map(|hold| hold.as_millis()))
        };
        assert_eq!(pulse(200, None, Some("7"), Some("3")), (true, None));
        assert_eq!(pulse(200, None, Some("7"), Some("0")), (true, Some(7000)), "that was the last one");
        assert_eq!(pulse(422, None, None, None), (true, None));
        assert_eq!(pulse(429, None, None, None), (true, Some(500)));
        assert_eq!(pulse(429, Some("2"), Some("9"), Some("0")), (true, Some(2000)));
        for status in [408, 500, 503, 504] {
            assert_eq!(pulse(status, Some("2"), Some("7"), Some("3")), (false, None), "{status}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read(kind in prop::sample::select(&Kind::ALL), status in 90..700_u16, body: Vec<u8>) {
            let reading = of(kind, status, &body);
            let open = matches!(reading, Reading::Again { .. });
            let unknown = matches!(status, 408 | 409 | 429) || !(200..500).contains(&status);
            let tells = matches!(kind, Kind::Look | Kind::Find | Kind::Recordings);
            prop_assert!(open == unknown || (tells && (200..300).contains(&status)));
        }
    }
}
