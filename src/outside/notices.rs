//! Notices as HTTP requests. The bytes made here are final: they are stored, and sent again as they are. Pure.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use crate::call::{CallId, Command, CommandId, Verb};

/// What receivers read. Names and meanings stay; more may be added.
#[derive(Serialize)]
struct Body<'a> {
    /// The command's id: the same each time that it is told.
    id: CommandId,
    #[serde(rename = "type")]
    kind: &'static str,
    at: Timestamp,
    call: CallId,
    /// Null where the number was withheld.
    from: Option<&'a str>,
    to: Option<&'a str>,
    route: Option<&'a str>,
    why: &'a str,
    mailbox: Option<&'a str>,
    recording: Option<Recording<'a>>,
}

#[derive(Serialize)]
struct Recording<'a> {
    /// Telnyx' name for it. Null, as its address, where it was not told.
    id: Option<&'a str>,
    url: Option<&'a str>,
    seconds: Option<u64>,
}

/// The address and the JSON body of a notice; `None` for a command that is for Telnyx.
pub fn render(command: &Command) -> Option<(String, Bytes)> {
    let Verb::Notify { to, notice } = &command.verb else { return None };
    let told = |text: &'_ str| (!text.is_empty()).then_some(text.to_owned());
    let (from, called) = (told(notice.from.as_str()), told(notice.to.as_str()));
    let body = Body {
        id: command.id,
        kind: notice.kind.word(),
        at: notice.at,
        call: notice.call,
        from: from.as_deref(),
        to: called.as_deref(),
        route: notice.route.as_deref(),
        why: &notice.why,
        mailbox: notice.mailbox.as_deref(),
        recording: notice.recording.as_ref().map(|one| Recording {
            id: one.id.as_deref(),
            url: one.url.as_ref().map(|link| link.0.as_str()),
            seconds: one.seconds,
        }),
    };
    // Strings and numbers under fixed names: there is nothing in it that could fail.
    Some((to.url.clone(), serde_json::to_vec(&body).unwrap_or_default().into()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::call::{EventId, Kind, LegNo, Link, Notice, NoticeKind};
    use crate::phone::Party;
    use crate::routing::Hook;

    fn command(notice: Notice) -> Command {
        let id = CommandId::derive(notice.call, 3, &EventId("e".into()), Kind::Notify, LegNo::CALLER);
        let to = Hook { url: "https://example.com/secret".into() };
        Command { id, leg: LegNo::CALLER, verb: Verb::Notify { to, notice } }
    }

    fn missed() -> Notice {
        Notice {
            kind: NoticeKind::Missed,
            at: "2026-03-09T10:00:00.5Z".parse().unwrap(),
            call: CallId::of("leg"),
            from: Party::read("+12025550142"),
            to: Party::read("+12025550100"),
            route: Some("front-desk".into()),
            why: "hung up while anna rang".into(),
            mailbox: None,
            recording: None,
        }
    }

    fn rendered(command: &Command) -> Value {
        let (url, body) = render(command).unwrap();
        assert_eq!(url, "https://example.com/secret");
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn a_missed_call_reads_as_documented() {
        let command = command(missed());
        let expected = json!({
            "id": command.id.to_string(), "type": "call.missed", "at": "2026-03-09T10:00:00.5Z",
            "call": CallId::of("leg").to_string(), "from": "+12025550142", "to": "+12025550100",
            "route": "front-desk", "why": "hung up while anna rang", "mailbox": null, "recording": null,
        });
        assert_eq!(rendered(&command), expected);
    }

    #[test]
    fn a_message_reads_as_documented() {
        let url = Some(Link("https://example.com/1.mp3".into()));
        let recording = crate::call::Recording { id: Some("tape-1".into()), url, seconds: Some(17) };
        let (kind, mailbox) = (NoticeKind::Voicemail, Some("office".to_owned()));
        let told =
            rendered(&command(Notice { kind, from: Party::Withheld, mailbox, recording: Some(recording), ..missed() }));
        assert_eq!((&told["type"], &told["from"]), (&json!("call.voicemail"), &Value::Null));
        assert_eq!(told["mailbox"], "office");
        assert_eq!(told["recording"], json!({ "id": "tape-1", "url": "https://example.com/1.mp3", "seconds": 17 }));
    }
}
