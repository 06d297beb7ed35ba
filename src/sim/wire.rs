//! Webhooks as they are on the wire, after captured bodies: what only some of them have is in [`News`].

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::leg::{Leg, Source, Tape};
use super::moment::written;
use super::recorded::Recorded;
use super::switches::{
    ClientStateUnset, MetaAttempt, NormalSipCause, QualityUnanswered, RecordingControlId, StateInEvents, Switches,
    TelnyxError,
};

/// What a webhook tells of a leg.
pub(super) enum News<'a> {
    Initiated,
    Answered,
    Bridged,
    Parked,
    Hangup(End),
    SpeakStarted { id: &'a str },
    SpeakEnded { id: &'a str, status: &'static str },
    PlaybackStarted { id: &'a str, source: &'a Source },
    PlaybackEnded { id: &'a str, source: &'a Source, status: &'static str },
    Dtmf { digit: char },
    GatherEnded { digits: &'a str, status: &'static str },
    RecordingSaved { tape: &'a Tape, ended: Timestamp },
    RecordingError,
}

/// How a leg ended, in the wire's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub cause: &'static str,
    pub source: &'static str,
    pub sip: &'static str,
}

/// An event ready to be wrapped for each attempt.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub id: Uuid,
    pub kind: &'static str,
    pub occurred: Timestamp,
    /// The payload as JSON text.
    pub payload: Box<serde_json::value::RawValue>,
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    call_control_id: Option<&'a str>,
    call_leg_id: Uuid,
    call_session_id: Uuid,
    calling_party_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_state: Option<Option<&'a str>>,
    connection_id: &'a str,
    #[serde(flatten)]
    more: More<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum More<'a> {
    Incoming(Incoming<'a>),
    Outgoing(Outgoing<'a>),
    Answered(Answered<'a>),
    Parties(Parties<'a>),
    Hangup(Box<Hangup<'a>>),
    Speak(Speak<'a>),
    Playback(Playback<'a>),
    Dtmf(Dtmf<'a>),
    Gathered(Gathered<'a>),
    Recorded(Recorded),
    Failed { reason: &'static str },
}

#[derive(Serialize)]
struct Dtmf<'a> {
    digit: char,
    from: &'a str,
    to: &'a str,
}

#[derive(Serialize)]
struct Gathered<'a> {
    digits: &'a str,
    from: &'a str,
    status: &'static str,
    to: &'a str,
}

#[derive(Serialize)]
struct Parties<'a> {
    from: &'a str,
    to: &'a str,
    start_time: String,
}

#[derive(Serialize)]
struct Incoming<'a> {
    #[serde(flatten)]
    parties: Parties<'a>,
    caller_id_name: &'a str,
    connection_codecs: &'static str,
    direction: &'static str,
    from_sip_uri: String,
    offered_codecs: &'static str,
    state: &'static str,
    to_sip_uri: String,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    from: &'a str,
    to: &'a str,
    direction: &'static str,
    from_sip_uri: String,
    state: &'static str,
    to_sip_uri: String,
}

#[derive(Serialize)]
struct Answered<'a> {
    #[serde(flatten)]
    parties: Parties<'a>,
    codec: &'static str,
    sampling_rate: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

#[derive(Serialize)]
struct Hangup<'a> {
    #[serde(flatten)]
    parties: Parties<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_quality_stats: Option<Option<Quality>>,
    end_time: String,
    hangup_cause: &'static str,
    hangup_source: &'static str,
    sip_hangup_cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    telnyx_error: Option<Problem>,
}

/// Figures come as text.
#[derive(Serialize)]
struct Quality {
    inbound: Inbound,
    outbound: Outward,
}

#[derive(Serialize)]
struct Inbound {
    jitter_max_variance: &'static str,
    jitter_packet_count: &'static str,
    mos: &'static str,
    packet_count: String,
    skip_packet_count: &'static str,
}

#[derive(Serialize)]
struct Outward {
    packet_count: String,
    skip_packet_count: &'static str,
}

#[derive(Serialize)]
struct Problem {
    error_code: &'static str,
}

#[derive(Serialize)]
struct Speak<'a> {
    speak_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

#[derive(Serialize)]
struct Playback<'a> {
    playback_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_name: Option<&'a str>,
    overlay: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    data: Data<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Meta<'a>>,
}

#[derive(Serialize)]
struct Data<'a> {
    event_type: &'static str,
    id: Uuid,
    occurred_at: String,
    payload: &'a serde_json::value::RawValue,
    record_type: &'static str,
}

#[derive(Serialize)]
struct Meta<'a> {
    attempt: Attempt,
    delivered_to: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Attempt {
    Number(u32),
    Text(String),
}

impl Event {
    /// An event about `leg`, at `now`. `None` only if JSON cannot be written.
    pub fn new(
        leg: &Leg,
        news: &News<'_>,
        connection: &str,
        switches: &Switches,
        id: Uuid,
        now: Timestamp,
    ) -> Option<Self> {
        let client_state = match (&leg.client_state, switches.client_state_unset) {
            (Some(state), _) => Some(Some(state.as_str())),
            (None, ClientStateUnset::Null) => Some(None),
            (None, ClientStateUnset::Missing) => None,
        };
        let unnamed =
            matches!(news, News::RecordingSaved { .. }) && switches.recording_control_id == RecordingControlId::Missing;
        let payload = Payload {
            call_control_id: (!unnamed).then_some(leg.control_id.as_str()),
            call_leg_id: leg.leg_id,
            call_session_id: leg.session,
            calling_party_type: if leg.from.contains('@') { "sip" } else { "pstn" },
            client_state,
            connection_id: connection,
            more: more(leg, news, switches, now),
        };
        let payload = serde_json::value::to_raw_value(&payload).ok()?;
        Some(Self { id, kind: news.kind(), occurred: now, payload })
    }

    /// The body of one attempt.
    pub fn body(&self, attempt: u32, url: &str, switches: &Switches) -> Vec<u8> {
        let attempt = match switches.meta_attempt {
            MetaAttempt::Integer => Some(Attempt::Number(attempt)),
            MetaAttempt::Text => Some(Attempt::Text(attempt.to_string())),
            MetaAttempt::Absent => None,
        };
        let envelope = Envelope {
            data: Data {
                event_type: self.kind,
                id: self.id,
                occurred_at: written(self.occurred),
                payload: &self.payload,
                record_type: "event",
            },
            meta: attempt.map(|attempt| Meta { attempt, delivered_to: url }),
        };
        serde_json::to_vec(&envelope).unwrap_or_default()
    }
}

impl News<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Initiated => "call.initiated",
            Self::Answered => "call.answered",
            Self::Bridged => "call.bridged",
            Self::Parked => "call.parked",
            Self::Hangup(_) => "call.hangup",
            Self::SpeakStarted { .. } => "call.speak.started",
            Self::SpeakEnded { .. } => "call.speak.ended",
            Self::PlaybackStarted { .. } => "call.playback.started",
            Self::PlaybackEnded { .. } => "call.playback.ended",
            Self::Dtmf { .. } => "call.dtmf.received",
            Self::GatherEnded { .. } => "call.gather.ended",
            Self::RecordingSaved { .. } => "call.recording.saved",
            Self::RecordingError => "call.recording.error",
        }
    }
}

fn more<'a>(leg: &'a Leg, news: &News<'a>, switches: &Switches, now: Timestamp) -> More<'a> {
    let parties = || Parties { from: &leg.from, to: &leg.to, start_time: written(leg.began) };
    let state = |word| (switches.state_in_events == StateInEvents::All).then_some(word);
    match news {
        News::Initiated if leg.incoming() => More::Incoming(Incoming {
            parties: parties(),
            caller_id_name: &leg.from,
            connection_codecs: "PCMA,PCMU,VP8,H264",
            direction: "incoming",
            from_sip_uri: sip_uri(&leg.from, "198.51.100.20:5060"),
            offered_codecs: "PCMU,G729",
            state: "parked",
            to_sip_uri: sip_uri(&leg.to, "192.0.2.10:5060"),
        }),
        News::Initiated => More::Outgoing(Outgoing {
            from: &leg.from,
            to: &leg.to,
            direction: "outgoing",
            from_sip_uri: sip_uri(&leg.from, "sip.example.com"),
            state: "bridging",
            to_sip_uri: sip_uri(&leg.to, "sip.example.com"),
        }),
        News::Answered => More::Answered(Answered {
            parties: parties(),
            codec: "PCMU",
            sampling_rate: 8000,
            state: state("answered"),
        }),
        News::Bridged | News::Parked => More::Parties(parties()),
        News::Hangup(end) => More::Hangup(Box::new(hangup(leg, *end, parties(), state("hangup"), switches, now))),
        News::SpeakStarted { id } => More::Speak(Speak { speak_id: id, status: None }),
        News::SpeakEnded { id, status } => More::Speak(Speak { speak_id: id, status: Some(status) }),
        News::PlaybackStarted { id, source } => More::Playback(playback(id, source, None)),
        News::Dtmf { digit } => More::Dtmf(Dtmf { digit: *digit, from: &leg.from, to: &leg.to }),
        News::GatherEnded { digits, status } => {
            More::Gathered(Gathered { digits, from: &leg.from, status, to: &leg.to })
        }
        News::RecordingSaved { tape, ended } => More::Recorded(Recorded::of(tape, *ended, switches)),
        News::RecordingError => More::Failed { reason: "Internal server error" },
        News::PlaybackEnded { id, source, status } => More::Playback(playback(id, source, Some(status))),
    }
}

fn hangup<'a>(
    leg: &Leg,
    end: End,
    parties: Parties<'a>,
    state: Option<&'static str>,
    switches: &Switches,
    now: Timestamp,
) -> Hangup<'a> {
    let call_quality_stats = match (leg.answered, switches.quality_unanswered) {
        (Some(answered), _) => Some(Some(quality(answered, now))),
        (None, QualityUnanswered::Null) => Some(None),
        (None, QualityUnanswered::Missing) => None,
    };
    let unreachable = end.cause == "unspecified" && switches.telnyx_error == TelnyxError::Object;
    let q850 = end.sip == "200" && switches.normal_sip_cause == NormalSipCause::Q850;
    Hangup {
        parties,
        call_quality_stats,
        end_time: written(now),
        hangup_cause: end.cause,
        hangup_source: end.source,
        sip_hangup_cause: if q850 { "16" } else { end.sip },
        state,
        telnyx_error: unreachable.then_some(Problem { error_code: "D41" }),
    }
}

/// Fifty packets a second, all of them good.
fn quality(answered: Timestamp, now: Timestamp) -> Quality {
    let packets = super::moment::between(answered, now).as_millis() / 20;
    Quality {
        inbound: Inbound {
            jitter_max_variance: "0.00",
            jitter_packet_count: "0",
            mos: "4.50",
            packet_count: packets.to_string(),
            skip_packet_count: "0",
        },
        outbound: Outward { packet_count: packets.to_string(), skip_packet_count: "0" },
    }
}

fn playback<'a>(id: &'a str, source: &'a Source, status: Option<&'static str>) -> Playback<'a> {
    let (media_url, media_name) = match source {
        Source::Url(url) => (Some(url.as_str()), None),
        Source::Name(name) => (None, Some(name.as_str())),
        Source::Inline => (None, None),
    };
    Playback { playback_id: id, media_url, media_name, overlay: false, status }
}

/// `user@host` without a scheme, as live bodies have it.
fn sip_uri(party: &str, host: &str) -> String {
    let bare = party.strip_prefix("sip:").or_else(|| party.strip_prefix("sips:")).unwrap_or(party);
    if bare.contains('@') { bare.to_owned() } else { format!("{bare}@{host}") }
}
