//! What a leg hears: texts and audio, one after the other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::agenda::{Due, Stop};
use super::ledger::{CommandNo, LegNo, What};
use super::leg::{Item, Leg, Playing, State};
use super::switches::MediaOverPlayback;
use super::wire::News;
use super::world::World;

impl World {
    /// Accepted media is queued, and begun if nothing else is heard.
    pub(super) fn queue_media(&mut self, no: LegNo, item: Item, stop: Option<Stop>, command: CommandNo) {
        let replaces = self.settings.switches.media_over_playback == MediaOverPlayback::Replaces;
        let Some(leg) = self.leg(no).filter(|leg| leg.state == State::Answered) else { return };
        let audio = leg.media.current.as_ref().is_some_and(|playing| playing.item.is_audio());
        self.ledger.took(command, self.now);
        if let Some(leg) = self.leg_mut(no) {
            if stop == Some(Stop::All) {
                leg.media.waiting.clear();
            }
            if replaces && audio {
                leg.media.waiting.push_front(item);
            } else {
                leg.media.waiting.push_back(item);
            }
        }
        if stop.is_some() || (replaces && audio) {
            self.end_current(no, "cancelled");
        }
        self.begin_next(no);
    }

    /// A playback_stop takes effect, if there is anything to stop.
    pub(super) fn stop_by_command(&mut self, no: LegNo, stop: Stop, command: CommandNo) {
        let heard = |leg: &Leg| leg.media.current.is_some() || !leg.media.waiting.is_empty();
        if self.leg(no).is_some_and(|leg| leg.state == State::Answered && heard(leg)) {
            self.ledger.took(command, self.now);
            self.stop_media(no, stop);
        }
    }

    /// Stops what is heard; with [`Stop::All`] what waits too.
    pub(super) fn stop_media(&mut self, no: LegNo, stop: Stop) {
        if let Some(leg) = self.leg_mut(no).filter(|_| stop == Stop::All) {
            leg.media.waiting.clear();
        }
        self.end_current(no, "cancelled");
        self.begin_next(no);
    }

    /// Media that was begun comes to its end.
    pub(super) fn media_over(&mut self, no: LegNo, begun: u32) {
        if self.live(no).is_some_and(|leg| leg.media.begun == begun && leg.media.current.is_some()) {
            self.end_current(no, "completed");
            self.begin_next(no);
        }
    }

    /// The leg ends: nothing is heard any more.
    pub(super) fn drop_media(&mut self, no: LegNo) {
        if let Some(leg) = self.leg_mut(no) {
            leg.media.waiting.clear();
        }
        self.end_current(no, "call_hangup");
    }

    pub(super) fn begin_next(&mut self, no: LegNo) {
        let mut random = [0; 8];
        self.rng.fill(&mut random);
        let id = URL_SAFE_NO_PAD.encode(random);
        let Some(leg) = self.leg_mut(no).filter(|leg| leg.media.current.is_none()) else { return };
        let Some(item) = leg.media.waiting.pop_front() else { return };
        leg.media.begun += 1;
        leg.media.current = Some(Playing { item: item.clone(), id: id.clone() });
        let begun = leg.media.begun;
        self.is_heard(no, &item, &id, true);
        if let Some(lasts) = item.lasts() {
            self.while_live(no, lasts, Due::MediaOver { leg: no, begun });
        }
    }

    /// Something begins to be heard. That a text does is not told where it belongs to a gather.
    fn is_heard(&mut self, no: LegNo, item: &Item, id: &str, told: bool) {
        match item {
            Item::Speech { text, .. } => {
                self.enter(no, What::Spoke { text: text.clone() });
                if told {
                    self.tell(no, &News::SpeakStarted { id });
                }
            }
            Item::Audio { source, .. } => {
                self.enter(no, What::Played { audio: source.text().to_owned() });
                self.tell(no, &News::PlaybackStarted { id, source });
            }
            Item::Prompt { heard, .. } => self.is_heard(no, heard, id, false),
        }
    }

    pub(super) fn end_current(&mut self, no: LegNo, status: &'static str) {
        let Some(playing) = self.leg_mut(no).and_then(|leg| leg.media.current.take()) else { return };
        self.enter(no, What::MediaEnded);
        let id = &playing.id;
        let (item, gather) = match &playing.item {
            Item::Prompt { of, heard } => (heard.as_ref(), Some(*of)),
            item @ (Item::Speech { .. } | Item::Audio { .. }) => (item, None),
        };
        match item {
            Item::Prompt { .. } => {}
            Item::Speech { .. } if gather.is_some() => {}
            // A spoken text has no status for being stopped.
            Item::Speech { .. } if status == "cancelled" => {
                self.tell(no, &News::SpeakEnded { id, status: "completed" });
            }
            Item::Speech { .. } => self.tell(no, &News::SpeakEnded { id, status }),
            Item::Audio { source, .. } => self.tell(no, &News::PlaybackEnded { id, source, status }),
        }
        if let Some(of) = gather {
            self.prompt_over(no, of);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stage::{ANNA, SECOND, Stage, answers, script};

    const MUSIC: &str = "https://example.com/music.mp3";

    fn say(text: &str) -> Value {
        json!({"payload": text, "voice": "female"})
    }

    fn answered(switch: &str) -> Stage {
        let mut stage = Stage::switched(&script().callee(ANNA, answers(1)), switch);
        stage.answer();
        stage
    }

    /// The story without what came before the media.
    fn media(stage: &Stage) -> Vec<String> {
        stage.story().into_iter().filter(|line| line.contains("speak") || line.contains("playback")).collect()
    }

    #[test]
    fn texts_wait_for_each_other() {
        let mut stage = answered("media_over_playback=replaces");
        stage.ok(&stage.a(), "speak", say("One."));
        stage.ok(&stage.a(), "speak", say("Two."));
        stage.run(5 * SECOND);
        let (started, ended) = ("A call.speak.started", "A call.speak.ended");
        assert_eq!(media(&stage), [started, ended, started, ended]);
        assert_eq!(stage.outcome().heard, ["One.", "Two."]);
        assert_eq!(stage.payload(ended)["status"], "completed");
        assert_eq!(stage.payload(ended)["speak_id"], stage.payload(started)["speak_id"]);
    }

    #[test]
    fn a_loop_is_heard_until_it_is_stopped() {
        let mut stage = answered("media_over_playback=queues");
        stage.ok(&stage.a(), "playback_start", json!({"audio_url": MUSIC, "loop": "infinity"}));
        stage.ok(&stage.a(), "speak", say("Never heard."));
        stage.run(60 * SECOND);
        assert_eq!(media(&stage), ["A call.playback.started"]);
        stage.ok(&stage.a(), "playback_stop", json!({}));
        stage.run(SECOND);
        assert_eq!(media(&stage), ["A call.playback.started", "A call.playback.ended"]);
        let ended = stage.payload("A call.playback.ended");
        assert_eq!((&ended["status"], &ended["media_url"]), (&json!("cancelled"), &json!(MUSIC)));
        assert_eq!(stage.outcome().heard, [MUSIC]);
    }

    #[test]
    fn a_stop_of_what_is_current_lets_the_next_begin() {
        let mut stage = answered("media_over_playback=queues");
        stage.ok(&stage.a(), "playback_start", json!({"audio_url": MUSIC, "loop": 3}));
        stage.ok(&stage.a(), "speak", say("Next."));
        stage.run(2 * SECOND);
        stage.ok(&stage.a(), "playback_stop", json!({"stop": "current"}));
        stage.run(SECOND);
        assert_eq!(stage.outcome().heard, [MUSIC, "Next."]);
    }

    #[test]
    fn media_may_take_the_place_of_a_file() {
        let mut stage = answered("media_over_playback=replaces");
        stage.ok(&stage.a(), "playback_start", json!({"audio_url": MUSIC, "loop": "infinity"}));
        stage.run(SECOND);
        stage.ok(&stage.a(), "speak", say("Now."));
        stage.run(SECOND);
        assert_eq!(media(&stage), ["A call.playback.started", "A call.playback.ended", "A call.speak.started"]);
    }

    #[test]
    fn a_hangup_ends_what_is_heard() {
        let mut stage = answered("media_over_playback=queues");
        stage.ok(&stage.a(), "speak", say(&"long ".repeat(100)));
        stage.run(SECOND);
        stage.ok(&stage.a(), "hangup", json!({}));
        stage.run(60 * SECOND);
        assert_eq!(stage.payload("A call.speak.ended")["status"], "call_hangup");
        assert_eq!(stage.story().last().unwrap(), "A call.hangup");
    }

    #[test]
    fn a_bridge_ends_the_music_or_not() {
        for (switch, expected) in [("stops", true), ("goes_on", false)] {
            let mut stage = answered(&format!("media_at_bridge={switch}"));
            stage.ok(&stage.a(), "playback_start", json!({"audio_url": MUSIC, "loop": "infinity"}));
            let b = stage.dial(ANNA);
            stage.run_to("B call.answered");
            stage.ok(&stage.a(), "bridge", json!({"call_control_id": b}));
            stage.run(SECOND);
            assert_eq!(stage.story().contains(&"A call.playback.ended".to_owned()), expected, "{switch}");
        }
    }
}
