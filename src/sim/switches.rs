//! What nobody can tell for certain about Telnyx: one switch for each, with every value it may have.
//!
//! The first value of a switch is its default: what the published facts make most likely.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::switch::switches;

switches! {
    /// Whether the leg given away by a transfer is told that it is bridged.
    transfer_bridged_on_a: TransferBridgedOnA {
        /// It hears nothing.
        No = "no",
        /// Just before the new leg's answer.
        BeforeAnswer = "before_answer",
        /// Just after the new leg's answer.
        AfterAnswer = "after_answer",
    }
    /// When the new leg of a transfer with early media is told that it is bridged.
    transfer_bridged_on_b: TransferBridgedOnB {
        /// Just before its answer.
        AtAnswer = "at_answer",
        /// When it begins to ring, even if it is never answered.
        WhenRinging = "when_ringing",
        /// Just after its answer.
        AfterAnswer = "after_answer",
    }
    /// Which state the new leg of a transfer echoes when both are given.
    transfer_client_state: TransferClientState {
        /// Only `target_leg_client_state`.
        TargetOnly = "target_only",
        /// The plain `client_state`.
        PlainOnNewLeg = "plain_on_new_leg",
    }
    /// Whether a caller who was transferred unanswered is told of his answer when the new leg answers.
    transfer_answers_caller: TransferAnswersCaller {
        /// `call.answered` for him too.
        Event = "event",
        /// He is answered without a word.
        Silent = "silent",
    }
    /// What the answer to a transfer does where the one given away is bridged with another by then.
    transfer_of_bridged: TransferOfBridged {
        /// Takes him out of that bridge.
        Takes = "takes",
        /// Nothing: the new leg is hung up.
        HangsUp = "hangs_up",
        /// Nothing: the new leg is left alone.
        Nothing = "nothing",
    }
    /// Whether a dial may link to a leg that is not answered yet.
    dial_link_to_unanswered: DialLinkToUnanswered {
        /// It may.
        Ok = "ok",
        /// Refused with 90034.
        Refused = "refused",
    }
    /// How a leg without a client state says so.
    client_state_unset: ClientStateUnset {
        /// `client_state: null`.
        Null = "null",
        /// No such key.
        Missing = "missing",
    }
    /// What a second answer to a leg already answered gets.
    second_answer: SecondAnswer {
        /// Accepted, without effect.
        Ok = "ok",
        /// Refused.
        Refused = "refused",
    }
    /// What a bridge of a leg that is already bridged does.
    rebridge: Rebridge {
        /// Takes it out of the first bridge.
        Ok = "ok",
        /// Refused.
        Refused = "refused",
    }
    /// What an ignored duplicate of a command answers.
    duplicate_command_reply: DuplicateCommandReply {
        /// What the first answered.
        Same = "same",
        /// A plain ok, for dials without ids.
        Ok = "ok",
    }
    /// How long the id of a command is remembered.
    command_window: CommandWindow {
        /// For 60 s.
        Minute = "minute",
        /// For good.
        Ever = "ever",
    }
    /// From when that is counted.
    window_from: WindowFrom {
        /// From the first use of the id.
        First = "first",
        /// From its last use.
        Last = "last",
    }
    /// Among what a command id is looked for.
    window_scope: WindowScope {
        /// Among the commands of its leg; a dial's among the dials.
        Leg = "leg",
        /// Among all commands of the account.
        Account = "account",
    }
    /// Whether the id of a refused command is spent.
    refused_command_id: RefusedCommandId {
        /// The same id within the window is ignored.
        Spent = "spent",
        /// The same id may be tried again.
        Free = "free",
    }
    /// What a command gets while another of its leg is being carried out.
    command_under_way: CommandUnderWay {
        /// It waits its turn.
        Queues = "queues",
        /// 409, and its id is not spent.
        Conflict = "conflict",
    }
    /// How soon after the answer of both legs a bridge is taken.
    bridge_after_answer: BridgeAfterAnswer {
        /// At once.
        AtOnce = "at_once",
        /// After 600 ms; before, it is refused with 90034.
        Shortly = "shortly",
    }
    /// How long a client state may be.
    client_state_limit: ClientStateLimit {
        /// As long as it likes.
        None = "none",
        /// 128 characters; a longer one is refused with 90017.
        Refused = "refused",
        /// 128 characters; of a longer one the rest is lost.
        Cut = "cut",
    }
    /// What a line feed in a client state does.
    client_state_line_feed: ClientStateLineFeed {
        /// The state ends there.
        Cut = "cut",
        /// It is refused with 90017.
        Refused = "refused",
    }
    /// How the envelope counts attempts.
    meta_attempt: MetaAttempt {
        /// As a number.
        Integer = "integer",
        /// As text.
        Text = "string",
        /// No `meta` at all.
        Absent = "absent",
    }
    /// What a command or a look-up gets ten minutes after the leg's end.
    forgotten_leg: ForgottenLeg {
        /// 404: nobody knows it any more.
        Gone = "gone",
        /// As before: 422 with 90018, and its last state.
        Ended = "ended",
        /// 404, and look-ups get that from the moment of its end.
        GoneAtOnce = "gone_at_once",
    }
    /// What a command for a leg that never existed gets.
    unknown_leg: UnknownLeg {
        /// 404 with 10005.
        NotFound = "not_found",
        /// 422 with 90015.
        Invalid = "invalid",
    }
    /// The cause of a leg that rang too long.
    ring_timeout_cause: RingTimeoutCause {
        /// `timeout`, or `no_answer` where `retry_on_timeout` is false.
        Documented = "documented",
        /// Always `timeout`.
        Timeout = "timeout",
        /// Always `no_answer`.
        NoAnswer = "no_answer",
    }
    /// The signed timestamp of a repeated delivery.
    retry_stamp: RetryStamp {
        /// The moment of the attempt.
        Renewed = "renewed",
        /// That of the first attempt.
        First = "first",
    }
    /// The event id of a repeated delivery.
    retry_event_id: RetryEventId {
        /// That of the first attempt.
        Same = "same",
        /// A new one.
        New = "new",
    }
    /// What repeats of failed deliveries wait for, where no command said.
    retry_plan: RetryPlan {
        /// 1 s, 2 s, 5 s, 10 s.
        Seconds = "seconds",
        /// Two repeats, at once.
        Twice = "twice",
        /// 1, 5, 15 and 60 minutes.
        Minutes = "minutes",
    }
    /// How long a delivery may take.
    webhook_timeout: WebhookTimeout {
        /// 2 s.
        Two = "two_seconds",
        /// 10 s.
        Ten = "ten_seconds",
    }
    /// Whether a look-up finds a leg that still rings alive.
    ringing_is_alive: RingingIsAlive {
        /// It does.
        Yes = "yes",
        /// Only once it is answered.
        No = "no",
    }
    /// Whether a look-up finds a caller who was not answered yet alive.
    waiting_is_alive: WaitingIsAlive {
        /// It does.
        Yes = "yes",
        /// Only once he is answered.
        No = "no",
    }
    /// Which legs the list of active calls holds.
    active_calls: ActiveCalls {
        /// Every leg that has not ended.
        Live = "live",
        /// Only those that are answered.
        Answered = "answered",
    }
    /// How that list comes in pages.
    active_calls_pages: ActiveCallsPages {
        /// By a cursor: `page[after]` and `page[limit]`.
        Cursor = "cursor",
        /// By number: `page[number]` and `page[size]`.
        Number = "number",
    }
    /// What a request too many is told about waiting.
    too_many_hint: TooManyHint {
        /// `retry-after`.
        RetryAfter = "retry_after",
        /// `x-ratelimit-reset` alone.
        Reset = "reset",
        /// Nothing.
        None = "none",
    }
    /// The cause of a hangup command to a caller who was not answered.
    hangup_unanswered_cause: HangupUnansweredCause {
        /// `call_rejected`.
        CallRejected = "call_rejected",
        /// `normal_clearing`.
        NormalClearing = "normal_clearing",
    }
    /// The SIP cause of an ordinary end.
    normal_sip_cause: NormalSipCause {
        /// `200`, a SIP status.
        Status = "sip",
        /// `16`, a Q.850 value.
        Q850 = "q850",
    }
    /// Whether a bridge ends what is being played to its legs.
    media_at_bridge: MediaAtBridge {
        /// It does.
        Stops = "stops",
        /// It goes on until its end or a stop.
        GoesOn = "goes_on",
    }
    /// What new media does while a file is being played.
    media_over_playback: MediaOverPlayback {
        /// Waits for its end.
        Queues = "queues",
        /// Takes its place.
        Replaces = "replaces",
    }
    /// Whether a dial linked to a caller counts as the first command for him.
    first_command_dial: FirstCommandDial {
        /// It does.
        Counts = "counts",
        /// Only commands to his own leg do.
        Ignored = "ignored",
    }
    /// The cause of a caller hung up for want of a first command.
    first_command_cause: FirstCommandCause {
        /// `timeout`.
        Timeout = "timeout",
        /// `unspecified`.
        Unspecified = "unspecified",
    }
    /// The type of an error's code.
    error_code: ErrorCode {
        /// Text.
        Text = "string",
        /// A number, and D-codes beside the errors.
        Number = "number",
    }
    /// The field `telnyx_error` of a leg that could not be reached.
    telnyx_error: TelnyxError {
        /// Null.
        Null = "null",
        /// An object with a code.
        Object = "object",
    }
    /// The quality figures of a leg that was never answered.
    quality_unanswered: QualityUnanswered {
        /// Null.
        Null = "null",
        /// No such key.
        Missing = "missing",
    }
    /// Which events tell a `state`.
    state_in_events: StateInEvents {
        /// Only `call.initiated`.
        InitiatedOnly = "initiated_only",
        /// `call.answered` and `call.hangup` too.
        All = "all",
    }
    /// Whether a leg parked after a bridge is told so.
    parked_event: ParkedEvent {
        /// It hears nothing.
        No = "no",
        /// By a `call.parked`.
        Yes = "yes",
    }
    /// How long a text to speak may be.
    speak_limit: SpeakLimit {
        /// 3,000 characters.
        ThreeThousand = "three_thousand",
        /// 5,000 characters.
        FiveThousand = "five_thousand",
    }
    /// When a recording is told as saved that the end of its leg ended.
    hangup_saves: HangupSaves (later) {
        /// Some time after that end is told.
        After = "after",
        /// Just before it is.
        Before = "before",
    }
    /// Whether a recording of less than a second is saved.
    short_recording: ShortRecording (later) {
        /// It is.
        Saved = "saved",
        /// It is not, and nobody is told.
        Nothing = "nothing",
    }
    /// What a second recording of a leg gets while it is being recorded.
    second_recording: SecondRecording (later) {
        /// Accepted, without effect.
        Ok = "ok",
        /// Refused.
        Refused = "refused",
        /// It ends the first one.
        Replaces = "replaces",
    }
    /// What the end of a recording gets where nothing is being recorded.
    stop_of_no_recording: StopOfNoRecording (later) {
        /// Accepted, without effect.
        Ok = "ok",
        /// Refused.
        Refused = "refused",
    }
    /// Whether the word of a recording says which leg it is of by its `call_control_id`.
    recording_control_id: RecordingControlId (later) {
        /// It does.
        There = "there",
        /// Only by its leg id and its session.
        Missing = "missing",
    }
    /// Which addresses of a recording are told.
    recording_urls: RecordingUrls (later) {
        /// One that stays good, and one for ten minutes.
        Both = "both",
        /// Only the latter.
        Private = "private",
    }
    /// What `time_limit_secs` may be.
    time_limit_range: TimeLimitRange {
        /// 30 to 14,400.
        Published = "published",
        /// 60 to 14,000.
        ErrorText = "error_text",
    }
    /// Whether the headers of a call are still there when a phone passes it on.
    passed_on_headers: PassedOnHeaders {
        /// They go along.
        Kept = "kept",
        /// Carriers take them off.
        Lost = "lost",
    }
    /// Whether the answer to the begin of a recording names it.
    recording_id_in_answer: RecordingIdInAnswer (later) {
        /// It does.
        There = "there",
        /// Only the word that it is saved does.
        Missing = "missing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_every_switch_can_be_set_and_drawn() {
        let mut rng = Rng::with_seed(1);
        let drawn: Vec<_> = (0..100).flat_map(|_| Switches::draw(&mut rng).values()).collect();
        for (name, words) in Switches::ALL {
            for word in *words {
                let mut switches = Switches::default();
                switches.set(&format!("{name}={word}")).unwrap();
                assert!(switches.values().contains(&(name, word)), "{name}={word}");
                assert!(drawn.contains(&(name, word)), "{name}={word} is never drawn");
            }
        }
    }

    #[test]
    fn a_wrong_switch_is_told_what_there_is() {
        let mut switches = Switches::default();
        let unknown = switches.set("rebrige=ok").unwrap_err().to_string();
        assert!(unknown.contains("no switch `rebrige`") && unknown.contains("rebridge"), "{unknown}");
        let value = switches.set("rebridge=maybe").unwrap_err().to_string();
        assert_eq!(value, "the switch rebridge has no value `maybe`: it may be ok, refused");
        assert!(switches.set("rebridge").is_err());
    }

    #[test]
    fn switches_are_read_from_a_file() {
        let switches: Switches = serde_json::from_str(r#"{"meta_attempt":"string"}"#).unwrap();
        assert_eq!(switches.meta_attempt, MetaAttempt::Text);
        assert!(serde_json::from_str::<Switches>(r#"{"meta":"string"}"#).is_err());
    }
}
