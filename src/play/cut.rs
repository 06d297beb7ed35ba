//! A command that is sent, and of which no word comes back for some time: the line is cut, or the node ends.

use super::agenda::later;
use super::stage::Play;
use super::trouble::{Cut, Cutting, Mute};
use crate::call::{CommandId, Event, Kind, News, What};
use crate::hall::courier::LEASE;

impl Play {
    /// A command was sent: if it is the one that is to be cut off, it is now.
    pub(super) fn cut_off(&mut self, id: CommandId) {
        let Some(cut) = self.trouble.cut.filter(|_| self.cutting.is_none()) else { return };
        let Some(row) = self.memory.row(id).filter(|row| row.kind == cut.kind) else { return };
        let until = later(self.now, cut.lasts);
        self.cutting = Some(Cutting { id, call: row.call, first: self.tries, until });
        self.diary.count("us.cut");
        self.diary.upset(Some(row.call), self.now, until);
        if cut.dies {
            // Held for so long by a node that is slow to be missed.
            self.memory.renew(id, later(self.now, cut.lasts.max(LEASE)));
            self.die(cut.lasts);
        }
    }

    /// Whether a try of a command never reaches Telnyx.
    pub(super) fn is_swallowed(&self, id: CommandId, one: u64) -> bool {
        let Some((cut, cutting)) = self.cut_of(id) else { return false };
        if one == cutting.first { !cut.done } else { self.now < cutting.until }
    }

    /// Whether the answer to a try never reaches us.
    pub(super) fn is_unheard(&self, id: CommandId, one: u64) -> bool {
        self.cut_of(id).is_some_and(|(_, cutting)| one == cutting.first)
    }

    fn cut_of(&self, id: CommandId) -> Option<(Cut, Cutting)> {
        Some((self.trouble.cut?, self.cutting.filter(|cutting| cutting.id == id)?))
    }

    /// Whether a webhook is one of those that are lost while a command is cut off.
    pub(super) fn is_mute(&self, event: &Event) -> bool {
        let (Some(cut), Some(cutting)) = (self.trouble.cut, self.cutting) else { return false };
        let What::Leg { who, news } = &event.what else { return false };
        let handle = who.handle.as_ref().map(|handle| handle.0.as_str());
        let of_caller = handle == self.memory.caller(cutting.call);
        let ours = who.tag.is_some_and(|tag| tag.call == cutting.call) || of_caller;
        self.now < cutting.until
            && ours
            && match cut.mute {
                Mute::Nothing => false,
                Mute::Begin => begins(cut.kind, news, of_caller),
                Mute::All => begins(cut.kind, news, of_caller) || ends(cut.kind, news, of_caller),
            }
    }
}

/// Whether news tells that a command of a kind begins to take effect.
fn begins(kind: Kind, news: &News, of_caller: bool) -> bool {
    match kind {
        Kind::Dial | Kind::Transfer => *news == News::Placed && !of_caller,
        Kind::Answer => *news == News::Answered && of_caller,
        Kind::Bridge => *news == News::Bridged,
        Kind::Speak => *news == News::SpeechStarted,
        Kind::Play | Kind::Gather | Kind::StopPlay => matches!(news, News::PlaybackStarted { .. }),
        // Nothing tells of it.
        Kind::Record | Kind::StopRecord => false,
        Kind::Hangup | Kind::Reject | Kind::Look | Kind::Find | Kind::Recordings | Kind::Notify => false,
    }
}

/// Whether news tells what becomes of that later on.
fn ends(kind: Kind, news: &News, of_caller: bool) -> bool {
    let over = matches!(news, News::HungUp { .. });
    match kind {
        Kind::Dial | Kind::Transfer => !of_caller && (over || matches!(news, News::Answered | News::Bridged)),
        Kind::Speak => *news == News::SpeechEnded,
        Kind::Play | Kind::StopPlay => matches!(news, News::PlaybackEnded { .. }),
        Kind::Gather => {
            matches!(news, News::Gathered { .. } | News::Pressed { .. } | News::PlaybackEnded { .. })
        }
        Kind::Record | Kind::StopRecord => matches!(news, News::Recorded(_) | News::RecordingFailed),
        Kind::Hangup | Kind::Reject => over,
        Kind::Answer | Kind::Bridge | Kind::Look | Kind::Find | Kind::Recordings | Kind::Notify => false,
    }
}
