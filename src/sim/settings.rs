//! How a simulated Telnyx is set up.

use std::time::Duration;

use super::application::Application;
use super::chance::{Fault, Mishap, Rates};
use super::switches::Switches;

/// How a simulated Telnyx is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Id of the Call Control application all calls come through.
    pub connection_id: String,
    /// What of that application is told otherwise than it is set up here.
    pub application: Application,
    /// Where webhooks go, as the envelope tells it.
    pub webhook_url: String,
    /// What is not known of Telnyx.
    pub switches: Switches,
    /// What goes wrong with requests.
    pub faults: Rates<Fault>,
    /// What goes wrong with webhooks.
    pub network: Rates<Mishap>,
    /// The longest a webhook is delayed by [`Mishap::Delay`].
    pub longest_delay: Duration,
    /// How many outbound legs may live at once; beyond it dials are refused with 90041.
    pub channel_limit: Option<usize>,
    /// How many dials are taken within any five seconds; beyond it they are refused with 429 and 90103.
    pub dials_in_5_secs: usize,
    /// How many requests are taken within each minute; told in `x-ratelimit-*` headers, refused with 429 and 10011.
    pub requests_per_minute: Option<u32>,
    /// How long a caller waits for the first command before he is hung up.
    pub first_command_timeout: Option<Duration>,
    /// No recording can be saved: each ends with a `call.recording.error`.
    pub recordings_fail: bool,
    /// The account records every call that comes in by itself, on one channel, for as long as it is answered.
    pub records_calls: bool,
    /// How long every audio file lasts.
    pub audio_length: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connection_id: "2000000000000000001".to_owned(),
            application: Application::default(),
            webhook_url: "http://127.0.0.1:8080/webhooks/telnyx".to_owned(),
            switches: Switches::default(),
            faults: Rates::default(),
            network: Rates::default(),
            longest_delay: Duration::from_secs(30),
            channel_limit: None,
            dials_in_5_secs: 150,
            requests_per_minute: None,
            first_command_timeout: None,
            recordings_fail: false,
            records_calls: false,
            audio_length: Duration::from_secs(5),
        }
    }
}
