//! The word of a recording, after captured bodies.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::leg::Tape;
use super::moment::written;
use super::switches::{RecordingUrls, Switches};

/// What the word of a recording has beside what every event has.
#[derive(Serialize)]
pub(super) struct Recorded {
    channels: &'static str,
    end_time: String,
    format: &'static str,
    public_recording_urls: Urls,
    recording_ended_at: String,
    recording_id: Uuid,
    recording_started_at: String,
    recording_urls: Urls,
    start_time: String,
}

#[derive(Default, Serialize)]
struct Urls {
    #[serde(skip_serializing_if = "Option::is_none")]
    mp3: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wav: Option<String>,
}

impl Recorded {
    /// A recording that ended then.
    pub fn of(tape: &Tape, ended: Timestamp, switches: &Switches) -> Self {
        let urls = |host: &str| {
            let url = Some(format!("https://{host}.example.com/recordings/{}.{}", tape.id, tape.format));
            if tape.format == "wav" { Urls { mp3: None, wav: url } } else { Urls { mp3: url, wav: None } }
        };
        let public_recording_urls = match switches.recording_urls {
            RecordingUrls::Both => urls("public"),
            RecordingUrls::Private => Urls::default(),
        };
        Self {
            channels: tape.channels,
            end_time: written(ended),
            format: tape.format,
            public_recording_urls,
            recording_ended_at: written(ended),
            recording_id: tape.id,
            recording_started_at: written(tape.began),
            recording_urls: urls("media"),
            start_time: written(tape.began),
        }
    }
}
