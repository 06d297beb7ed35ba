//! Telnyx' event names and payloads, in our words.

use std::borrow::Cow;

use base64::Engine;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::loose::{BASE64, LONGEST_ID, Loose, clean, id, text};
use crate::call::{Cause, Entered, Handle, Link, Mark, News, Tag, Tape, Who};
use crate::phone::{Key, Party};

/// The longest name of a party that we keep, in characters.
const LONGEST_PARTY: usize = 255;

/// The events that something may come of. A call cannot go on without them, so Telnyx is asked to try them again.
pub(super) const KNOWN: [&str; 12] = [
    "call.initiated",
    "call.answered",
    "call.bridged",
    "call.hangup",
    "call.speak.started",
    "call.speak.ended",
    "call.playback.started",
    "call.playback.ended",
    "call.dtmf.received",
    "call.gather.ended",
    "call.recording.saved",
    "call.recording.error",
];
/// The longest address of a recording that we keep, in bytes. One that is signed has some hundred.
const LONGEST_LINK: usize = 4096;
/// The header that counts how often a call was passed on: whoever gets a call of ours may be one of us.
pub(super) const HOPS: &str = "X-Switchhook-Hops";
/// The largest count of hops that is believed.
const MOST_HOPS: u8 = 99;

/// What we read of a payload. Whatever else it holds may have any shape.
#[derive(Default, Deserialize)]
pub(super) struct Payload<'a> {
    #[serde(borrow)]
    call_control_id: Loose<'a>,
    #[serde(borrow)]
    call_leg_id: Loose<'a>,
    #[serde(borrow)]
    call_session_id: Loose<'a>,
    #[serde(borrow)]
    creator_call_session_id: Loose<'a>,
    #[serde(borrow)]
    client_state: Loose<'a>,
    #[serde(borrow)]
    media_url: Loose<'a>,
    #[serde(borrow)]
    direction: Loose<'a>,
    #[serde(borrow)]
    from: Loose<'a>,
    #[serde(borrow)]
    to: Loose<'a>,
    #[serde(borrow)]
    custom_headers: Loose<'a>,
    #[serde(borrow)]
    sip_headers: Loose<'a>,
    #[serde(borrow)]
    hangup_cause: Loose<'a>,
    #[serde(borrow)]
    status: Loose<'a>,
    #[serde(borrow)]
    digit: Loose<'a>,
    #[serde(borrow)]
    digits: Loose<'a>,
    #[serde(borrow)]
    channels: Loose<'a>,
    #[serde(borrow)]
    recording_id: Loose<'a>,
    #[serde(borrow)]
    recording_started_at: Loose<'a>,
    #[serde(borrow)]
    recording_ended_at: Loose<'a>,
    #[serde(borrow)]
    recording_urls: Loose<'a>,
    #[serde(borrow)]
    public_recording_urls: Loose<'a>,
    #[serde(borrow)]
    pub(super) occurred_at: Loose<'a>,
}

impl Payload<'_> {
    /// Whom it is about. Events of a whole conference name only the session of whoever began it.
    pub(super) fn who(&self) -> Who {
        Who {
            tag: state(self.client_state).as_deref().and_then(Tag::parse),
            handle: id(self.call_control_id).map(Handle),
            leg: id(self.call_leg_id),
            session: id(self.call_session_id).or_else(|| id(self.creator_call_session_id)),
        }
    }

    /// What it tells, by the event's name alone: shapes are alike, and one was taken for another before.
    pub(super) fn news(&self, name: &str) -> News {
        match name {
            "call.initiated" => match text(self.direction).as_deref() {
                Some("incoming") => News::Arrived { from: party(self.from), to: party(self.to), hops: self.hops() },
                Some("outgoing") => News::Placed,
                _ => other(name),
            },
            "call.answered" => News::Answered,
            "call.bridged" => News::Bridged,
            "call.hangup" => News::HungUp { cause: cause(text(self.hangup_cause).as_deref()) },
            "call.speak.started" => News::SpeechStarted,
            "call.playback.started" => {
                News::PlaybackStarted { audio: text(self.media_url).filter(|url| is_address(url)).map(Cow::into_owned) }
            }
            "call.speak.ended" => match text(self.status).as_deref() {
                // The hangup itself is on its way: nothing is to follow on a text that it cut off.
                Some("call_hangup") => other(name),
                _ => News::SpeechEnded,
            },
            "call.playback.ended" => match text(self.status).as_deref() {
                // What we stopped ourselves is no end of what is played since.
                Some("call_hangup" | "cancelled") => other(name),
                status => News::PlaybackEnded { played: !matches!(status, Some("file_not_found" | "failed")) },
            },
            // A tone that no key of a phone sends is none.
            "call.dtmf.received" => match key(self.digit) {
                Some(key) => News::Pressed { key, mark: self.mark() },
                None => other(name),
            },
            "call.gather.ended" => match text(self.status).as_deref() {
                Some("call_hangup") => other(name),
                status => News::Gathered { entered: entered(status, self.digits), mark: self.mark() },
            },
            // We ask for one channel: what has two was asked for by somebody else, such as the account's own settings.
            "call.recording.saved" if text(self.channels).as_deref() == Some("dual") => other(name),
            "call.recording.saved" => News::Recorded(self.tape()),
            "call.recording.error" => News::RecordingFailed,
            _ => other(name),
        }
    }

    /// A public address stays good; the other one is, for ten minutes.
    fn tape(&self) -> Tape {
        Tape {
            id: id(self.recording_id),
            link: link(self.public_recording_urls).or_else(|| link(self.recording_urls)),
            began: moment(self.recording_started_at),
            ended: moment(self.recording_ended_at),
            leg: None,
        }
    }

    /// How often the call was passed on, by the header that our own dials carry. What is no small number says nothing.
    fn hops(&self) -> u8 {
        let headers = headers(self.custom_headers).into_iter().chain(headers(self.sip_headers));
        let ours = headers.filter(|header| text(header.name).is_some_and(|name| name.eq_ignore_ascii_case(HOPS)));
        let count = |header: Header<'_>| text(header.value)?.trim().parse().ok().filter(|hops| *hops <= MOST_HOPS);
        ours.filter_map(count).max().unwrap_or(0)
    }

    fn mark(&self) -> Option<Mark> {
        Mark::parse(&state(self.client_state)?)
    }
}

/// An address by which a recording can be heard, of one or the other form.
fn link(urls: Loose<'_>) -> Option<Link> {
    #[derive(Deserialize)]
    struct Urls<'a> {
        #[serde(borrow)]
        mp3: Loose<'a>,
        #[serde(borrow)]
        wav: Loose<'a>,
    }
    let urls: Urls<'_> = serde_json::from_str(urls?.get()).ok()?;
    let good = |value| text(value).filter(|url| is_address(url)).map(|url| Link(url.into_owned()));
    good(urls.mp3).or_else(|| good(urls.wav))
}

pub(super) fn is_address(text: &str) -> bool {
    let web = text.starts_with("https://") || text.starts_with("http://");
    web && text.len() <= LONGEST_LINK && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A moment, if it is one.
pub(super) fn moment(value: Loose<'_>) -> Option<Timestamp> {
    text(value)?.parse().ok()
}

/// A header of a call.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    name: Loose<'a>,
    #[serde(borrow)]
    value: Loose<'a>,
}

/// Those of a list that are headers.
fn headers(list: Loose<'_>) -> Vec<Header<'_>> {
    let list: Vec<&RawValue> = list.and_then(|list| serde_json::from_str(list.get()).ok()).unwrap_or_default();
    list.into_iter().filter_map(|header| serde_json::from_str(header.get()).ok()).collect()
}

fn key(value: Loose<'_>) -> Option<Key> {
    Key::of(text(value)?.chars().next()?)
}

/// A list of statuses may grow: what was entered says more than an unknown one.
fn entered(status: Option<&str>, digits: Loose<'_>) -> Entered {
    match (key(digits), status) {
        (Some(key), _) => Entered::Key(key),
        (None, Some("valid" | "invalid")) => Entered::Other,
        (None, _) => Entered::Nothing,
    }
}

fn other(name: &str) -> News {
    News::Other { name: name.to_owned() }
}

fn party(value: Loose<'_>) -> Party {
    Party::read(&clean(&text(value).unwrap_or_default(), LONGEST_PARTY))
}

/// The list of causes grew before: one we do not know is a failure.
fn cause(text: Option<&str>) -> Cause {
    match text {
        Some("normal_clearing") => Cause::Normal,
        Some("originator_cancel") => Cause::Cancelled,
        Some("user_busy") => Cause::Busy,
        Some("call_rejected") => Cause::Declined,
        Some("timeout" | "no_answer") => Cause::NoAnswer,
        Some("time_limit") => Cause::TimeLimit,
        _ => Cause::Failed,
    }
}

/// What the leg says of itself. Others write here too.
fn state(client_state: Loose<'_>) -> Option<String> {
    let state = text(client_state)?;
    let state = state.trim();
    if state.len() > LONGEST_ID {
        return None;
    }
    String::from_utf8(BASE64.decode(state).ok()?).ok()
}
