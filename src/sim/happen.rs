//! Time passes in the world: what is due happens.

use jiff::Timestamp;

use super::agenda::Due;
use super::world::World;

impl World {
    /// Lets everything happen that is due by `now`, each at its own moment. Time that runs back stands still.
    pub(super) fn run(&mut self, now: Timestamp) {
        while let Some((at, due)) = self.agenda.take(now) {
            self.now = self.now.max(at);
            self.happen(due);
        }
        self.now = self.now.max(now);
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Arrive(call) => self.arrive(call),
            Due::Impatient(call, wait) => self.impatient(call, wait),
            Due::Unattended(leg) => self.unattended(leg),
            Due::PickUp(leg, command) => self.pick_up(leg, command),
            Due::TurnAway(leg, end, command) => self.turn_away(leg, end, command),
            Due::LetGo(leg, command) => self.let_go(leg, command),
            Due::Ring(leg) => self.ring(leg),
            Due::EarlyMedia(leg) => self.early_media(leg),
            Due::CalleeActs(leg) => self.callee_acts(leg),
            Due::RangTooLong(leg) => self.rang_too_long(leg),
            Due::TalkedTooLong(leg) => self.talked_too_long(leg),
            Due::PersonLeaves(leg) => self.person_leaves(leg),
            Due::Join { leg, with, parks, command } => self.join_by_command(leg, with, parks, command),
            Due::TalkOver { leg, talk } => self.talk_over(leg, talk),
            Due::PeerLeft { leg, source } => self.peer_left(leg, source),
            Due::OriginLeft(leg) => self.origin_left(leg),
            Due::GoneThrough(leg) => self.gone_through(leg),
            Due::HalfIsOver(leg, end) => self.other_half_is_over(leg, end),
            Due::Play { leg, item, stop, command } => self.queue_media(leg, item, stop, command),
            Due::MediaOver { leg, begun } => self.media_over(leg, begun),
            Due::Gather { leg, gather, command } => self.gather(leg, *gather, command),
            Due::GatherOver { leg, gather, tries } => self.gather_over(leg, gather, tries),
            Due::Press { leg, key } => self.press(leg, key),
            Due::StopMedia { leg, stop, command } => self.stop_by_command(leg, stop, command),
            Due::Record { leg, plan, command } => self.record(leg, plan, command),
            Due::StopRecording { leg, only, command } => self.stop_recording(leg, only, command),
            Due::TapeFull { leg, tape } => self.tape_full(leg, tape),
            Due::HasSpoken { leg, tape } => self.has_spoken(leg, tape),
            Due::Saved { leg, tape, ended } => self.saved(leg, &tape, ended),
        }
    }
}
