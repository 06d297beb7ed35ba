//! Recordings: begun by a command, ended by another, by their length or with the leg; saved some time after that.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::agenda::{Due, TapePlan};
use super::fields::Fields;
use super::ids::uuid;
use super::ledger::{CommandNo, LegNo, What};
use super::leg::{Kept, State, Tape};
use super::moment::{between, later};
use super::reply::Refusal;
use super::switches::{HangupSaves, SecondRecording, ShortRecording};
use super::wire::News;
use super::world::World;

/// A recording below this is a short one.
const SHORT: Duration = Duration::from_secs(1);

impl TapePlan {
    /// Reads what is asked for.
    pub fn read(fields: &Fields, id: Uuid) -> Result<Self, Refusal> {
        fields.need("channels")?;
        fields.need("format")?;
        let dual = fields.one_of("channels", &["single", "dual"])? == Some("dual");
        let wav = fields.one_of("format", &["wav", "mp3"])? == Some("wav");
        fields.flag("play_beep")?;
        let max_length = fields.seconds("max_length", 0..=14_400)?.filter(|length| !length.is_zero());
        let (channels, format) = (if dual { "dual" } else { "single" }, if wav { "wav" } else { "mp3" });
        Ok(Self { id, channels, format, max_length })
    }
}

impl World {
    /// A recording begins, in the place of one that is under way or not at all. Whoever speaks says what he has to say.
    pub(super) fn record(&mut self, no: LegNo, plan: TapePlan, command: CommandNo) {
        let Some(leg) = self.leg(no).filter(|leg| leg.state == State::Answered) else { return };
        if leg.tape.is_some() && self.settings.switches.second_recording != SecondRecording::Replaces {
            return;
        }
        self.ledger.took(command, self.now);
        self.end_tape(no);
        let began = self.now;
        let Some(leg) = self.leg_mut(no) else { return };
        leg.tapes += 1;
        let tape = leg.tapes;
        let TapePlan { id, channels, format, max_length } = plan;
        leg.tape = Some(Tape { no: tape, id, channels, format, began, stops: false });
        let call = leg.call.filter(|_| leg.incoming());
        self.enter(no, What::Records { recording: id });
        if let Some(length) = max_length {
            self.while_live(no, length, Due::TapeFull { leg: no, tape });
        }
        let nth = usize::try_from(tape.saturating_sub(1)).unwrap_or(usize::MAX);
        let speaks = call
            .and_then(|call| self.call(call))
            .and_then(|call| call.script.messages.get(nth).map(|message| message.lasts));
        if let Some(speaks) = speaks {
            self.while_live(no, speaks, Due::HasSpoken { leg: no, tape });
        }
    }

    /// A record_stop takes effect, if there is anything to stop.
    pub(super) fn stop_recording(&mut self, no: LegNo, only: Option<Uuid>, command: CommandNo) {
        if self.live(no).and_then(|leg| leg.tape.as_ref()).is_some_and(|tape| tape.is_meant(only)) {
            self.ledger.took(command, self.now);
            self.end_tape(no);
        }
    }

    /// A recording is as long as it may be.
    pub(super) fn tape_full(&mut self, no: LegNo, tape: u32) {
        if self.is_recorded(no, tape) {
            self.end_tape(no);
        }
    }

    /// Whoever is recorded has said all.
    pub(super) fn has_spoken(&mut self, no: LegNo, tape: u32) {
        if self.is_recorded(no, tape) {
            self.person_leaves(no);
        }
    }

    fn is_recorded(&self, no: LegNo, tape: u32) -> bool {
        self.live(no).and_then(|leg| leg.tape.as_ref()).is_some_and(|known| known.no == tape)
    }

    /// What is being recorded ends, and will be saved.
    pub(super) fn end_tape(&mut self, no: LegNo) {
        if let Some(tape) = self.cut_tape(no) {
            let at = later(self.now, self.lag(300, 6_000));
            self.agenda.add(at, Due::Saved { leg: no, tape, ended: self.now });
        }
    }

    /// A leg ends: what is recorded of it is saved before that is told, or some time after it.
    pub(super) fn end_tape_with_leg(&mut self, no: LegNo) {
        if self.settings.switches.hangup_saves == HangupSaves::After {
            self.end_tape(no);
        } else if let Some(tape) = self.cut_tape(no) {
            self.saved(no, &tape, self.now);
        }
        self.save_whole(no);
    }

    /// The account has recorded the whole call by itself.
    fn save_whole(&mut self, no: LegNo) {
        let answered = self.leg(no).filter(|leg| leg.incoming()).and_then(|leg| leg.answered);
        let Some(began) = answered.filter(|_| self.settings.records_calls) else { return };
        let (id, at) = (uuid(&mut self.rng), later(self.now, self.lag(300, 6_000)));
        let tape = Tape { no: 0, id, channels: "single", format: "mp3", began, stops: true };
        self.agenda.add(at, Due::Saved { leg: no, tape, ended: self.now });
    }

    /// Ends a recording; gives it back, if there is anything to save.
    fn cut_tape(&mut self, no: LegNo) -> Option<Tape> {
        let tape = self.leg_mut(no)?.tape.take()?;
        self.enter(no, What::RecordingEnded { recording: tape.id });
        let short = between(tape.began, self.now) < SHORT;
        let nothing = short && self.settings.switches.short_recording == ShortRecording::Nothing;
        (!nothing).then_some(tape)
    }

    /// A recording is saved, or cannot be.
    pub(super) fn saved(&mut self, no: LegNo, tape: &Tape, ended: Timestamp) {
        if self.settings.recordings_fail {
            *self.limits.entry("recording").or_default() += 1;
            return self.tell(no, &News::RecordingError);
        }
        self.kept.push(Kept { leg: no, tape: tape.clone(), ended, saved: self.now });
        if tape.no > 0 {
            self.enter(no, What::RecordingSaved { recording: tape.id });
        }
        self.tell(no, &News::RecordingSaved { tape, ended });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stage::{SECOND, Stage, script};
    use super::super::{End, Script};

    const SAVED: &str = "A call.recording.saved";

    fn tape(seconds: u64) -> Value {
        json!({"channels": "single", "format": "mp3", "play_beep": true, "max_length": seconds})
    }

    fn recorded(script: &Script, switch: &str, seconds: u64) -> Stage {
        let mut stage = Stage::switched(script, switch);
        stage.answer();
        stage.ok(&stage.a(), "record_start", tape(seconds));
        stage
    }

    #[test]
    fn whoever_has_spoken_hangs_up_and_is_saved_before_that_is_told_or_after_it() {
        for (switch, last) in [("after", SAVED), ("before", "A call.hangup")] {
            let mut stage = recorded(&script().message(7 * SECOND), &format!("hangup_saves={switch}"), 60);
            stage.run(30 * SECOND);
            let story = stage.story();
            assert_eq!((story.len(), story.last().unwrap().as_str()), (4, last), "{switch}");
            let payload = stage.payload(SAVED);
            assert_eq!((&payload["channels"], &payload["format"]), (&json!("single"), &json!("mp3")));
            assert!(payload["recording_urls"]["mp3"].as_str().unwrap().starts_with("https://"));
            let outcome = stage.outcome();
            assert_eq!((outcome.end, outcome.silences.len()), (Some(End::GaveUp), 1), "until he is recorded");
        }
    }

    #[test]
    fn a_recording_ends_by_its_length_or_by_a_stop_and_the_caller_stays() {
        let mut stage = recorded(&script().message(50 * SECOND), "hangup_saves=after", 10);
        stage.run(30 * SECOND);
        assert!(stage.story().contains(&SAVED.to_owned()) && stage.alive(&stage.a()));
        let mut stage = recorded(&script(), "hangup_saves=after", 0);
        stage.run(30 * SECOND);
        stage.ok(&stage.a(), "record_stop", json!({}));
        stage.run(10 * SECOND);
        assert!(stage.story().contains(&SAVED.to_owned()) && stage.alive(&stage.a()));
    }

    #[test]
    fn a_recording_may_fail() {
        let mut stage = Stage::with(&script().message(5 * SECOND), |settings| settings.recordings_fail = true);
        stage.answer();
        stage.ok(&stage.a(), "record_start", tape(60));
        stage.run(30 * SECOND);
        assert_eq!(stage.payload("A call.recording.error")["reason"], "Internal server error");
    }

    #[test]
    fn an_end_that_names_a_recording_ends_no_other() {
        let mut stage = Stage::switched(&script(), "recording_id_in_answer=there");
        stage.answer();
        let (_, answer) = stage.act(&stage.a(), "record_start", tape(60));
        let ours = &answer["data"]["recording_id"];
        stage.run(5 * SECOND);
        stage.ok(&stage.a(), "record_stop", json!({"recording_id": "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"}));
        stage.run(10 * SECOND);
        assert!(!stage.story().contains(&SAVED.to_owned()));
        stage.ok(&stage.a(), "record_stop", json!({"recording_id": ours}));
        stage.run(10 * SECOND);
        assert_eq!(&stage.payload(SAVED)["recording_id"], ours);
        let mut silent = Stage::switched(&script(), "recording_id_in_answer=missing");
        silent.answer();
        assert_eq!(silent.act(&silent.a(), "record_start", tape(60)).1["data"], json!({"result": "ok"}));
    }

    #[test]
    fn an_account_may_record_every_call_by_itself() {
        let mut stage = Stage::with(&script().message(5 * SECOND), |settings| settings.records_calls = true);
        stage.answer();
        stage.run(5 * SECOND);
        stage.ok(&stage.a(), "record_start", tape(60));
        stage.run(30 * SECOND);
        assert_eq!(stage.story().iter().filter(|line| *line == SAVED).count(), 2);
        assert_eq!(stage.outcome().recorded.len(), 1, "what was asked for");
    }

    #[test]
    fn what_is_wrong_with_a_recording_is_told() {
        let mut stage = Stage::new(&script());
        let cases = [
            (json!({"format": "mp3"}), "10004"),
            (json!({"channels": "single"}), "10004"),
            (json!({"channels": "stereo", "format": "mp3"}), "10032"),
            (json!({"channels": "single", "format": "mp3", "max_length": 14_401}), "10033"),
            (tape(60), "90020"),
        ];
        for (body, code) in cases {
            assert_eq!(stage.code(&stage.a(), "record_start", body.clone()), code, "{body}");
        }
        for (switch, code) in [("ok", ""), ("refused", "10015"), ("replaces", "")] {
            let mut stage = recorded(&script(), &format!("second_recording={switch}"), 60);
            stage.run(5 * SECOND);
            if code.is_empty() {
                stage.ok(&stage.a(), "record_start", tape(60));
            } else {
                assert_eq!(stage.code(&stage.a(), "record_start", tape(60)), code);
            }
            stage.run(10 * SECOND);
            assert_eq!(stage.story().contains(&SAVED.to_owned()), switch == "replaces", "{switch}");
        }
        let mut stage = Stage::switched(&script(), "stop_of_no_recording=refused");
        stage.answer();
        assert_eq!(stage.code(&stage.a(), "record_stop", json!({})), "10015");
    }
}
