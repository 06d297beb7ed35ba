//! Commands as REST requests. The bytes made here are final: they are stored, and sent again as they are. Pure.

use std::fmt::{self, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Serialize;

use super::listed::NUMBER;
use super::news::HOPS;
use super::retries::Retries;
use crate::call::{Command, CommandId, Heard, Kind, Mark, Tag, Verb};
use crate::phone::Key;

/// A request, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its path below the base address, with its leading slash.
    pub path: String,
    /// Its JSON body; empty for a look-up.
    pub body: Bytes,
}

/// The methods our commands use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Asks.
    Get,
    /// Does.
    Post,
}

/// What Telnyx takes as the longest time to ring, in seconds.
const RING_SECS: (u64, u64) = (5, 600);

/// What Telnyx takes as the longest life of a leg, in seconds: what both of its texts on that allow.
const LIFE_SECS: (u64, u64) = (60, 14_000);

/// What Telnyx takes as the longest recording, in seconds: what both of its texts on that allow. 0 would be without end.
const MOST_RECORDED: u64 = 14_400;

/// The request that carries a command out. `connection` is what dials go out on (Telnyx: `connection_id`).
///
/// Rings end by our own deadline; Telnyx' limit lies two seconds behind it. Times are rounded up to whole seconds
/// and moved into what Telnyx takes.
pub fn render(command: &Command, connection: &str) -> Request {
    let method = Method::of(command.verb.kind());
    let body = Body::of(command, connection).map(|body| body.bytes()).unwrap_or_default();
    Request { method, path: path(&command.verb, connection), body: body.into() }
}

impl Request {
    /// A request that was rendered before, from what was stored of it.
    pub fn stored(kind: Kind, path: String, body: Bytes) -> Self {
        Self { method: Method::of(kind), path, body }
    }

    /// Whom it rings, as Telnyx is told; empty if it rings nobody.
    pub fn destination(&self) -> String {
        #[derive(Default, serde::Deserialize)]
        struct To {
            #[serde(default)]
            to: String,
        }
        serde_json::from_slice::<To>(&self.body).unwrap_or_default().to
    }
}

impl Method {
    /// The method that carries out a command of this kind.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Look | Kind::Find | Kind::Recordings => Self::Get,
            Kind::Answer
            | Kind::Reject
            | Kind::Hangup
            | Kind::Dial
            | Kind::Bridge
            | Kind::Transfer
            | Kind::Speak
            | Kind::Play
            | Kind::Gather
            | Kind::Record
            | Kind::StopRecord
            | Kind::StopPlay
            | Kind::Notify => Self::Post,
        }
    }
}

fn path(verb: &Verb, connection: &str) -> String {
    let (on, action) = match verb {
        Verb::Dial { .. } => return "/calls".to_owned(),
        Verb::Look { on } => return format!("/calls/{}", escaped(&on.0)),
        Verb::Find { after } => return list(connection, after.as_deref()),
        Verb::Recordings { leg } => {
            return format!("/recordings?filter%5Bcall_leg_id%5D={}&page%5Bsize%5D=250", escaped(leg));
        }
        // It is for somebody else: nothing of it is Telnyx'.
        Verb::Notify { .. } => return String::new(),
        Verb::Answer { on, .. } => (on, "answer"),
        Verb::Reject { on, .. } => (on, "reject"),
        Verb::Hangup { on } => (on, "hangup"),
        Verb::Bridge { on, .. } => (on, "bridge"),
        Verb::Transfer { on, .. } => (on, "transfer"),
        Verb::Speak { on, .. } => (on, "speak"),
        Verb::Play { on, .. } => (on, "playback_start"),
        Verb::Gather { on, prompt: Heard::Text { .. }, .. } => (on, "gather_using_speak"),
        Verb::Gather { on, prompt: Heard::Audio { .. }, .. } => (on, "gather_using_audio"),
        Verb::Record { on, .. } => (on, "record_start"),
        Verb::StopRecord { on, .. } => (on, "record_stop"),
        Verb::StopPlay { on } => (on, "playback_stop"),
    };
    format!("/calls/{}/actions/{action}", escaped(&on.0))
}

/// The list of all that live, from a cursor on or a page of it, in the largest pages that Telnyx has.
fn list(connection: &str, after: Option<&str>) -> String {
    let from = match after.map(|after| (after, after.strip_prefix(NUMBER))) {
        None => String::new(),
        Some((_, Some(number))) => format!("&page%5Bnumber%5D={}", escaped(number)),
        Some((cursor, None)) => format!("&page%5Bafter%5D={}", escaped(cursor)),
    };
    format!("/connections/{}/active_calls?page%5Blimit%5D=250{from}", escaped(connection))
}

/// A handle or another name as one segment of a path. The colon in it stays, as the official libraries leave it.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// What the commands carry: Telnyx' names, in the order they are written.
#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Answer {
        command_id: CommandId,
        client_state: String,
        webhook_retries_policies: Retries,
    },
    Reject {
        command_id: CommandId,
        cause: &'static str,
    },
    Hangup {
        command_id: CommandId,
    },
    Dial {
        command_id: CommandId,
        connection_id: &'a str,
        to: &'a str,
        from: &'a str,
        timeout_secs: u64,
        // Else Telnyx may begin anew on another way when the time to ring is over.
        retry_on_timeout: bool,
        time_limit_secs: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        link_to: Option<&'a str>,
        custom_headers: [Header; 1],
        client_state: String,
        webhook_retries_policies: Retries,
    },
    Bridge {
        command_id: CommandId,
        call_control_id: &'a str,
    },
    Transfer {
        command_id: CommandId,
        to: &'a str,
        from: &'a str,
        timeout_secs: u64,
        time_limit_secs: u64,
        custom_headers: [Header; 1],
        client_state: String,
        target_leg_client_state: String,
        webhook_retries_policies: Retries,
    },
    Speak {
        command_id: CommandId,
        #[serde(flatten)]
        speech: Speech<'a>,
    },
    Play {
        command_id: CommandId,
        audio_url: &'a str,
        #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
        repeat: Option<&'static str>,
    },
    Gather {
        command_id: CommandId,
        client_state: String,
        #[serde(flatten)]
        prompt: Asked<'a>,
        #[serde(flatten)]
        input: Input,
    },
    Record {
        command_id: CommandId,
        client_state: String,
        channels: &'static str,
        format: &'static str,
        play_beep: bool,
        max_length: u64,
    },
    StopRecord {
        command_id: CommandId,
        #[serde(skip_serializing_if = "Option::is_none")]
        recording_id: Option<&'a str>,
    },
    StopPlay {
        command_id: CommandId,
        stop: &'static str,
    },
}

/// A header of the call that rings somebody.
#[derive(Serialize)]
struct Header {
    name: &'static str,
    value: String,
}

impl Header {
    fn hops(hops: u8) -> [Self; 1] {
        [Self { name: HOPS, value: hops.to_string() }]
    }
}

/// What is heard while a key is asked for.
#[derive(Serialize)]
#[serde(untagged)]
enum Asked<'a> {
    Speak(Speech<'a>),
    Play { audio_url: &'a str },
}

/// What is spoken.
#[derive(Serialize)]
struct Speech<'a> {
    payload: &'a str,
    payload_type: &'static str,
    voice: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
}

impl<'a> Speech<'a> {
    fn of(text: &'a str, voice: &'a str, language: Option<&'a str>) -> Self {
        Self { payload: text, payload_type: "text", voice, language }
    }
}

impl<'a> Asked<'a> {
    fn of(prompt: &'a Heard) -> Self {
        match prompt {
            Heard::Text { text, voice, language } => Self::Speak(Speech::of(text, voice, language.as_deref())),
            Heard::Audio { url } => Self::Play { audio_url: url },
        }
    }
}

/// What may be pressed. We count the tries, and any key ends one: which of them lead somewhere is ours to know.
#[derive(Serialize)]
struct Input {
    minimum_digits: u8,
    maximum_digits: u8,
    maximum_tries: u8,
    timeout_millis: u64,
    valid_digits: &'static str,
    terminating_digit: char,
}

impl Input {
    fn one_key(timeout: Duration, ends_with: Key) -> Self {
        let timeout_millis = whole_secs(timeout).saturating_mul(1_000);
        Self {
            minimum_digits: 1,
            maximum_digits: 1,
            maximum_tries: 1,
            timeout_millis,
            valid_digits: "0123456789*#",
            terminating_digit: ends_with.tone(),
        }
    }
}

impl<'a> Body<'a> {
    /// A look-up carries nothing.
    fn of(command: &'a Command, connection: &'a str) -> Option<Self> {
        let command_id = command.id;
        Some(match &command.verb {
            Verb::Look { .. } | Verb::Find { .. } | Verb::Recordings { .. } | Verb::Notify { .. } => return None,
            Verb::Answer { tag, .. } => {
                Self::Answer { command_id, client_state: state(*tag), webhook_retries_policies: Retries }
            }
            Verb::Reject { with, .. } => {
                Self::Reject { command_id, cause: if with.is_busy() { "USER_BUSY" } else { "CALL_REJECTED" } }
            }
            Verb::Hangup { .. } => Self::Hangup { command_id },
            Verb::Dial { to, from, ring_for, time_limit, link_to, hops, tag } => Self::Dial {
                command_id,
                connection_id: connection,
                to: to.as_str(),
                from: from.as_str(),
                timeout_secs: ring_secs(*ring_for),
                retry_on_timeout: false,
                time_limit_secs: life_secs(*time_limit),
                link_to: link_to.as_ref().map(|handle| handle.0.as_str()),
                custom_headers: Header::hops(*hops),
                client_state: state(*tag),
                webhook_retries_policies: Retries,
            },
            Verb::Bridge { with, .. } => Self::Bridge { command_id, call_control_id: &with.0 },
            Verb::Transfer { to, from, ring_for, time_limit, hops, tag, target_tag, .. } => Self::Transfer {
                command_id,
                to: to.as_str(),
                from: from.as_str(),
                timeout_secs: ring_secs(*ring_for),
                time_limit_secs: life_secs(*time_limit),
                custom_headers: Header::hops(*hops),
                client_state: state(*tag),
                target_leg_client_state: state(*target_tag),
                webhook_retries_policies: Retries,
            },
            Verb::Speak { text, voice, language, .. } => {
                Self::Speak { command_id, speech: Speech::of(text, voice, language.as_deref()) }
            }
            Verb::Play { url, looped, .. } => {
                Self::Play { command_id, audio_url: url, repeat: looped.then_some("infinity") }
            }
            Verb::Gather { tag, mark, prompt, timeout, ends_with, .. } => Self::Gather {
                command_id,
                client_state: marked(*mark, *tag),
                prompt: Asked::of(prompt),
                input: Input::one_key(*timeout, *ends_with),
            },
            Verb::Record { tag, beep, max_length, .. } => Self::record(command_id, *tag, *beep, *max_length),
            Verb::StopRecord { recording, .. } => Self::StopRecord { command_id, recording_id: recording.as_deref() },
            Verb::StopPlay { .. } => Self::StopPlay { command_id, stop: "all" },
        })
    }

    fn record(command_id: CommandId, tag: Tag, play_beep: bool, most: Duration) -> Self {
        let max_length = whole_secs(most).clamp(1, MOST_RECORDED);
        Self::Record { command_id, client_state: state(tag), channels: "single", format: "mp3", play_beep, max_length }
    }

    fn bytes(&self) -> Vec<u8> {
        // Strings and numbers under fixed names: there is nothing in it that could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A leg's tag as Telnyx echoes it: standard base64 on one line, since a line feed would cut it short.
fn state(tag: Tag) -> String {
    BASE64.encode(tag.to_text())
}

/// The same with a mark behind it, which the news of the leg carries from then on.
fn marked(mark: Mark, tag: Tag) -> String {
    BASE64.encode(mark.to_text(tag))
}

fn ring_secs(ring_for: Duration) -> u64 {
    let (least, most) = RING_SECS;
    whole_secs(ring_for).saturating_add(2).clamp(least, most)
}

fn life_secs(time_limit: Duration) -> u64 {
    let (least, most) = LIFE_SECS;
    whole_secs(time_limit).clamp(least, most)
}

fn whole_secs(span: Duration) -> u64 {
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0))
}

impl fmt::Debug for Request {
    /// Whoever has a handle can command its leg: the path is cut within it, and the body left out. What is not for Telnyx
    /// is not shown at all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.strip_prefix('/').map_or("", |_| &self.path);
        let head: String = path.chars().take("/calls/".len() + 10).collect();
        write!(f, "{:?} {head}… ({} bytes)", self.method, self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{CallId, Handle, LegNo};
    use crate::phone::{Number, Target};
    use crate::routing::RejectWith;

    const HANDLE: &str = "v3:aB_9-x/y=";
    const ID: &str = "00000000-0000-0000-0000-0000000000c1";
    const TAG: &str = "c3cxOjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMGMwOjE=";
    const TARGET_TAG: &str = "c3cxOjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMGMwOjI=";
    const ONCE: &str = r#""custom_headers":[{"name":"X-Switchhook-Hops","value":"1"}]"#;
    const THRICE: &str = r#""custom_headers":[{"name":"X-Switchhook-Hops","value":"3"}]"#;
    const RETRIES: &str = concat!(
        r#"{"call.initiated":{"retries_ms":[500,1000,2000,5000,10000]},"#,
        r#""call.answered":{"retries_ms":[500,1000,2000,5000,10000]},"#,
        r#""call.bridged":{"retries_ms":[500,1000,2000,5000,10000]},"#,
        r#""call.hangup":{"retries_ms":[500,1000,2000,5000,10000]},"#,
        r#""call.speak.started":{"retries_ms":[500,1000,2000,5000,10000]},"#,
        r#""call.speak.ended":{"retries_ms":[500,1000,2000,5000,10000]},"#,
        r#""call.playback.started":{"retries_ms":[500,1000,2000,5000,10000]},"#,
        r#""call.playback.ended":{"retries_ms":[500,1000,2000,5000,10000]},"#,
        r#""call.dtmf.received":{"retries_ms":[500,1000,2000,5000,10000]},"#,
        r#""call.gather.ended":{"retries_ms":[500,1000,2000,5000,10000]},"#,
        r#""call.recording.saved":{"retries_ms":[500,1000,2000,5000,10000]},"#,
        r#""call.recording.error":{"retries_ms":[500,1000,2000,5000,10000]}}"#,
    );

    fn on() -> Handle {
        Handle(HANDLE.into())
    }

    fn tag(leg: u16) -> Tag {
        Tag { call: CallId(uuid::Uuid::from_u128(0xc0)), leg: LegNo(leg) }
    }

    fn number() -> Number {
        Number::parse("+12025550100").unwrap()
    }

    fn command(verb: Verb) -> Command {
        Command { id: CommandId(uuid::Uuid::from_u128(0xc1)), leg: LegNo(1), verb }
    }

    fn dial(ring_for: Duration, time_limit: Duration, link_to: Option<Handle>) -> Command {
        let to = Target::parse("+13125550199").unwrap();
        command(Verb::Dial { to, from: number(), ring_for, time_limit, link_to, hops: 1, tag: tag(1) })
    }

    fn transfer(ring_for: Duration, time_limit: Duration) -> Command {
        let to = Target::parse("sip:ben@example.com;secure=srtp").unwrap();
        let (tag, target_tag) = (tag(1), tag(2));
        command(Verb::Transfer { on: on(), to, from: number(), ring_for, time_limit, hops: 3, tag, target_tag })
    }

    fn body(command: &Command) -> String {
        String::from_utf8(render(command, "1684").body.to_vec()).unwrap()
    }

    #[test]
    fn a_dial_says_who_it_is_and_ends_a_little_after_our_own_deadline() {
        let command = dial(Duration::from_secs(20), Duration::from_secs(7260), Some(on()));
        let request = render(&command, "1684");
        assert_eq!((request.method, request.path.as_str()), (Method::Post, "/calls"));
        assert_eq!(
            body(&command),
            format!(r#"{{"command_id":"{ID}","connection_id":"1684","to":"+13125550199","from":"+12025550100","#)
                + r#""timeout_secs":22,"retry_on_timeout":false,"time_limit_secs":7260,"#
                + &format!(
                    r#""link_to":"{HANDLE}",{ONCE},"client_state":"{TAG}","webhook_retries_policies":{RETRIES}}}"#
                )
        );
        assert!(!body(&dial(Duration::ZERO, Duration::ZERO, None)).contains("link_to"));
    }

    #[test]
    fn a_transfer_tags_both_legs() {
        let command = transfer(Duration::from_secs(20), Duration::from_secs(7260));
        assert_eq!(render(&command, "1684").path, "/calls/v3:aB_9-x%2Fy%3D/actions/transfer");
        assert_eq!(
            body(&command),
            format!(r#"{{"command_id":"{ID}","to":"sip:ben@example.com;secure=srtp","from":"+12025550100","#)
                + r#""timeout_secs":22,"time_limit_secs":7260,"#
                + &format!(r#"{THRICE},"client_state":"{TAG}","target_leg_client_state":"{TARGET_TAG}","#)
                + &format!(r#""webhook_retries_policies":{RETRIES}}}"#)
        );
    }

    #[test]
    fn the_other_commands_carry_what_they_need() {
        let (text, voice) = ("Say \"hi\"\n", "female");
        let speak = |language: Option<&str>| Verb::Speak {
            on: on(),
            text: text.into(),
            voice: voice.into(),
            language: language.map(String::from),
        };
        let play = |looped| Verb::Play { on: on(), url: "https://a.example/b.mp3".into(), looped };
        let answer = format!(r#","client_state":"{TAG}","webhook_retries_policies":{RETRIES}"#);
        let gather = |prompt| Verb::Gather {
            on: on(),
            tag: tag(1),
            mark: Mark(9),
            prompt,
            timeout: Duration::from_secs(6),
            ends_with: Key::of('#').unwrap(),
        };
        let said = Heard::Text { text: text.into(), voice: voice.into(), language: None };
        let cases: [(Verb, &str, &str); 12] = [
            (
                gather(said),
                "gather_using_speak",
                concat!(
                    r#","client_state":"c3cxOjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMGMwOjE6OQ==","#,
                    r#""payload":"Say \"hi\"\n","payload_type":"text","voice":"female","minimum_digits":1,"#,
                    r#""maximum_digits":1,"maximum_tries":1,"timeout_millis":6000,"valid_digits":"0123456789*#","#,
                    r##""terminating_digit":"#""##
                ),
            ),
            (
                gather(Heard::Audio { url: "https://a.example/b.mp3".into() }),
                "gather_using_audio",
                concat!(
                    r#","client_state":"c3cxOjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMGMwOjE6OQ==","#,
                    r#""audio_url":"https://a.example/b.mp3","minimum_digits":1,"#,
                    r#""maximum_digits":1,"maximum_tries":1,"timeout_millis":6000,"valid_digits":"0123456789*#","#,
                    r##""terminating_digit":"#""##
                ),
            ),
            (Verb::Answer { on: on(), tag: tag(1) }, "answer", &answer),
            (Verb::Reject { on: on(), with: RejectWith::Busy }, "reject", r#","cause":"USER_BUSY""#),
            (Verb::Reject { on: on(), with: RejectWith::Decline }, "reject", r#","cause":"CALL_REJECTED""#),
            (Verb::Hangup { on: on() }, "hangup", ""),
            (Verb::Bridge { on: on(), with: Handle("v3:b".into()) }, "bridge", r#","call_control_id":"v3:b""#),
            (
                speak(Some("en-US")),
                "speak",
                r#","payload":"Say \"hi\"\n","payload_type":"text","voice":"female","language":"en-US""#,
            ),
            (speak(None), "speak", r#","payload":"Say \"hi\"\n","payload_type":"text","voice":"female""#),
            (play(true), "playback_start", r#","audio_url":"https://a.example/b.mp3","loop":"infinity""#),
            (play(false), "playback_start", r#","audio_url":"https://a.example/b.mp3""#),
            (Verb::StopPlay { on: on() }, "playback_stop", r#","stop":"all""#),
        ];
        for (verb, action, rest) in cases {
            let command = command(verb);
            let request = render(&command, "1684");
            assert_eq!(request.path, format!("/calls/v3:aB_9-x%2Fy%3D/actions/{action}"));
            assert_eq!(request.method, Method::Post, "{action}");
            assert_eq!(body(&command), format!(r#"{{"command_id":"{ID}"{rest}}}"#));
        }
    }

    #[test]
    fn a_look_up_has_no_body() {
        let request = render(&command(Verb::Look { on: on() }), "1684");
        assert_eq!(request.path, "/calls/v3:aB_9-x%2Fy%3D");
        assert_eq!((request.method, request.body), (Method::Get, Bytes::new()));
    }

    #[test]
    fn a_search_asks_for_a_page_of_all_that_live() {
        let path = |after: Option<&str>| {
            let request = render(&command(Verb::Find { after: after.map(str::to_owned) }), "1684");
            assert_eq!((request.method, request.body), (Method::Get, Bytes::new()));
            request.path
        };
        assert_eq!(path(None), "/connections/1684/active_calls?page%5Blimit%5D=250");
        let next = "/connections/1684/active_calls?page%5Blimit%5D=250&page%5Bafter%5D=v1:g3%3D%26x";
        assert_eq!(path(Some("v1:g3=&x")), next);
    }

    #[test]
    fn times_are_moved_into_what_telnyx_takes() {
        let ms = Duration::from_millis;
        for (span, ring) in [(ms(0), 5), (ms(3_000), 5), (ms(3_001), 6), (ms(598_000), 600), (Duration::MAX, 600)] {
            let wanted = format!(r#""timeout_secs":{ring},"#);
            assert!(body(&dial(span, ms(0), None)).contains(&wanted), "{span:?}");
            assert!(body(&transfer(span, ms(0))).contains(&wanted), "{span:?}");
        }
        for (span, life) in [(ms(0), 60), (ms(60_001), 61), (Duration::MAX, 14_000)] {
            let wanted = format!(r#""time_limit_secs":{life},"#);
            assert!(body(&dial(ms(0), span, None)).contains(&wanted), "{span:?}");
            assert!(body(&transfer(ms(0), span)).contains(&wanted), "{span:?}");
        }
    }

    #[test]
    fn no_handle_leaves_its_segment_or_is_shown_whole() {
        for (handle, path) in [("a/../b?c#d e", "/calls/a%2F..%2Fb%3Fc%23d%20e"), ("é%", "/calls/%C3%A9%25")] {
            assert_eq!(render(&command(Verb::Look { on: Handle(handle.into()) }), "").path, path);
        }
        let secret = "v3:0123456789abcdef";
        let shown = format!("{:?}", render(&command(Verb::Look { on: Handle(secret.into()) }), ""));
        assert_eq!(shown, "Get /calls/v3:0123456… (0 bytes)");
    }
}
