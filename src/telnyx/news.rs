//! Telnyx' event names and payloads, in our words.

use base64::Engine;
use serde::Deserialize;

use super::loose::{BASE64, LONGEST_ID, Loose, clean, id, text};
use crate::call::{Cause, Handle, News, Tag, Who};
use crate::phone::Party;

/// The longest name of a party that we keep, in characters.
const LONGEST_PARTY: usize = 255;

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
    connection_id: Loose<'a>,
    #[serde(borrow)]
    client_state: Loose<'a>,
    #[serde(borrow)]
    direction: Loose<'a>,
    #[serde(borrow)]
    from: Loose<'a>,
    #[serde(borrow)]
    to: Loose<'a>,
    #[serde(borrow)]
    hangup_cause: Loose<'a>,
    #[serde(borrow)]
    status: Loose<'a>,
    #[serde(borrow)]
    pub(super) occurred_at: Loose<'a>,
}

impl Payload<'_> {
    /// Whom it is about. Events of a whole conference name only the session of whoever began it.
    pub(super) fn who(&self) -> Who {
        Who {
            tag: tag(self.client_state),
            handle: id(self.call_control_id).map(Handle),
            leg: id(self.call_leg_id),
            session: id(self.call_session_id).or_else(|| id(self.creator_call_session_id)),
            line: id(self.connection_id),
        }
    }

    /// What it tells, by the event's name alone: shapes are alike, and one was taken for another before.
    pub(super) fn news(&self, name: &str) -> News {
        match name {
            "call.initiated" => match text(self.direction).as_deref() {
                Some("incoming") => News::Arrived { from: party(self.from), to: party(self.to) },
                Some("outgoing") => News::Placed,
                _ => other(name),
            },
            "call.answered" => News::Answered,
            "call.bridged" => News::Bridged,
            "call.hangup" => News::HungUp { cause: cause(text(self.hangup_cause).as_deref()) },
            "call.speak.started" => News::SpeechStarted,
            "call.playback.started" => News::PlaybackStarted,
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
            _ => other(name),
        }
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

/// Who the leg says it is. Others write here too: what is not ours is no tag.
fn tag(client_state: Loose<'_>) -> Option<Tag> {
    let state = text(client_state)?;
    let state = state.trim();
    if state.len() > LONGEST_ID {
        return None;
    }
    let bytes = BASE64.decode(state).ok()?;
    Tag::parse(std::str::from_utf8(&bytes).ok()?)
}
