//! What of a call tells two states of the explorer apart: moments by how long ago they were, and no counters, no ids.

use jiff::Timestamp;

use super::leg::{Leg, LegState};
use super::phase::{Chair, Joining, PickUp, Stage};
use super::*;

/// What tells a state apart, as it is put together.
pub(super) struct Key {
    pub bytes: Vec<u8>,
    pub now: Timestamp,
}

impl Key {
    pub(super) fn moment(&mut self, at: Timestamp) {
        let ago = i32::try_from(self.now.as_millisecond() - at.as_millisecond()).unwrap();
        self.bytes.extend(ago.to_le_bytes());
    }

    pub(super) fn leg(&mut self, leg: &Leg, dialling: bool) {
        let state = match leg.state {
            LegState::Ended { .. } => return self.bytes.push(0),
            LegState::Dialled => 1,
            LegState::Ringing => 2,
            LegState::Answered { .. } => 3,
        };
        let flags = [leg.lost, leg.handle.is_some(), dialling, leg.stop.is_some(), leg.supposed];
        self.bytes.push(flags.iter().fold(state, |bits, flag| bits << 1 | u8::from(*flag)));
        self.bytes.push(leg.doubts);
        if let Some((_, asked)) = leg.stop.as_ref().and_then(|stop| stop.asked.as_ref()) {
            self.bytes.push(leg.stop.as_ref().map_or(0, |stop| stop.tries));
            self.moment(*asked);
        }
    }

    /// Since when he rings tells something only while he does and nobody hangs him up.
    pub(super) fn chair(&mut self, chair: &Chair, leg: Option<&Leg>) {
        self.bytes.push(u8::from(chair.leg.is_some()) + 2 * u8::from(chair.out.is_some()));
        let Some(leg) = leg.filter(|leg| chair.out.is_none() && leg.stop.is_none()) else { return };
        match leg.state {
            LegState::Dialled => self.moment(leg.began),
            LegState::Ringing => {
                self.bytes.push(u8::from(leg.heard));
                self.moment(chair.rings_since.unwrap_or(leg.began));
            }
            LegState::Answered { .. } | LegState::Ended { .. } => {}
        }
    }

    pub(super) fn pickup(&mut self, pickup: &PickUp) {
        self.bytes.extend([1, pickup.tries]);
        self.moment(pickup.asked);
    }

    pub(super) fn joining(&mut self, joining: &Joining) {
        self.bytes.push(no(joining.leg));
        match &joining.stage {
            Stage::PickingUp(pickup) => self.pickup(pickup),
            Stage::Bridging { asked, tries, silent, accepted, open, .. } => {
                self.bytes.extend([2, *tries, *silent, u8::from(*accepted), u8::from(open.is_empty())]);
                self.moment(*asked);
            }
            Stage::TooEarly { again, tries, silent, accepted, open } => {
                self.bytes.extend([3, *tries, *silent, u8::from(*accepted), u8::from(open.is_empty())]);
                self.moment(*again);
            }
        }
    }
}

/// A leg's number.
pub(super) fn no(leg: LegNo) -> u8 {
    u8::try_from(leg.0).unwrap()
}
