//! What the demo plays: who calls, what everybody does, and what must come of it.

use std::time::Duration;

use crate::sim::{Callee, Script, Side};

/// One call of the demo.
#[derive(Clone, Debug)]
pub struct Act {
    /// What everybody does.
    pub script: Script,
    /// What must come of it, read off the simulator's ledger.
    pub expect: Expect,
}

/// What must come of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// How the caller's leg ends.
    pub end: Ending,
    /// Whom he talks with, in order.
    pub talks_with: Vec<String>,
    /// Words that each text he hears must hold, in order.
    pub hears: Vec<String>,
    /// Whose phones ring, in any order.
    pub rings: Vec<String>,
    /// What the hook of the rules is told of it, in order, by the notices' `type`.
    pub told: Vec<String>,
}

/// How a caller's leg ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Turned away, never answered.
    Rejected,
    /// He hangs up before he talks with anybody.
    GivesUp,
    /// He hangs up after a talk.
    Leaves,
    /// The other one hangs up after a talk.
    IsLeft,
    /// We hang up.
    HungUp,
}

impl Ending {
    /// As a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::GivesUp => "gave up",
            Self::Leaves => "caller hung up",
            Self::IsLeft => "party hung up",
            Self::HungUp => "hung up by us",
        }
    }
}

/// The longest a webhook is delayed on its way.
pub const LONGEST_DELAY: Duration = Duration::from_secs(1);

const DESK: &str = "+12025550100";
const ANNAS_LINE: &str = "+12025550101";
const ON_THE_ROAD: &str = "+12025550102";
const OLD_NUMBER: &str = "+12025550103";
const OFFICE: &str = "+12025550104";
const WEEKEND: &str = "+12025550105";
const MESSAGES: &str = "+12025550106";

const ANNA: &str = "+12025550111";
const BEN: &str = "+12025550112";
const CLEO: &str = "+12025550113";
const MOBILE: &str = "+12025550121";

/// The acts, by the lines of `config/routes.yaml`.
pub fn acts() -> Vec<Act> {
    let mut acts = at_the_desk();
    acts.extend(elsewhere());
    acts
}

fn at_the_desk() -> Vec<Act> {
    vec![
        act("answered and joined", "+12025550131", ANNAS_LINE).with(ANNA, Callee::answers(secs(4))).expect(
            Ending::Leaves,
            &[ANNA],
            &[],
            &[ANNA],
        ),
        act("first one busy, second takes it", "+12025550132", ANNAS_LINE)
            .with(ANNA, Callee::Busy { after: secs(1) })
            .with(BEN, Callee::answers(secs(5)))
            .expect(Ending::Leaves, &[BEN], &[], &[ANNA, BEN]),
        act("three ring at once, one answers", "+12025550133", DESK)
            .with(BEN, Callee::answers(secs(6)))
            .talks(secs(15), Side::Callee)
            .expect(Ending::IsLeft, &[BEN], &[], &[ANNA, BEN, CLEO]),
        act("nobody answers", "+12025550134", DESK).expect(
            Ending::HungUp,
            &[],
            &["Nobody can take your call"],
            &[ANNA, BEN, CLEO],
        ),
        act("the caller gives up", "+12025550135", DESK).patience(secs(8)).expect(
            Ending::GivesUp,
            &[],
            &[],
            &[ANNA, BEN, CLEO],
        ),
    ]
}

fn elsewhere() -> Vec<Act> {
    vec![
        act("given away", "+12025550136", ON_THE_ROAD).with(MOBILE, Callee::answers(secs(7))).expect(
            Ending::Leaves,
            &[MOBILE],
            &[],
            &[MOBILE],
        ),
        act("given away to a busy phone", "+12025550137", ON_THE_ROAD)
            .with(MOBILE, Callee::Busy { after: secs(2) })
            .with(BEN, Callee::answers(secs(3)))
            .expect(Ending::Leaves, &[BEN], &[], &[MOBILE, BEN]),
        act("a blocked caller", "+12025550190", DESK).expect(Ending::Rejected, &[], &[], &[]),
        act("a dial that is refused", "+12025550138", ANNAS_LINE)
            .with(ANNA, Callee::Refused { status: 422, code: "90041".to_owned() })
            .expect(Ending::HungUp, &[], &["Anna cannot take your call"], &[]),
        act("one declines, the next takes it", "+12025550139", ANNAS_LINE)
            .with(ANNA, Callee::Busy { after: secs(1) })
            .with(BEN, Callee::Declines { after: secs(3) })
            .with(CLEO, Callee::answers(secs(4)))
            .expect(Ending::Leaves, &[CLEO], &[], &[ANNA, BEN, CLEO]),
        act("an old number", "+12025550140", OLD_NUMBER).expect(Ending::HungUp, &[], &["Our number has changed"], &[]),
        // It is Monday morning: the office is open, and the weekend is over.
        act("a key pressed in a menu", "+12025550142", OFFICE)
            .presses(secs(2), '1')
            .with(ANNA, Callee::answers(secs(5)))
            .expect(Ending::Leaves, &[ANNA], &["For Anna press 1", "ringback.mp3"], &[ANNA]),
        act("closed by schedule", "+12025550143", WEEKEND).expect(
            Ending::HungUp,
            &[],
            &["This line is open at weekends"],
            &[],
        ),
        act("a message, and who is told of it", "+12025550144", MESSAGES)
            .says(secs(12))
            .expect(Ending::GivesUp, &[], &["Please leave a message"], &[])
            .tells("call.voicemail"),
        act("a number nobody told us of", "+12025550141", "+12025550177").expect(Ending::Rejected, &[], &[], &[]),
    ]
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

struct Draft(Script);

fn act(name: &str, from: &str, to: &str) -> Draft {
    Draft(Script::call(name, from, to).talk(secs(20), Side::Caller))
}

impl Draft {
    fn with(self, target: &str, does: Callee) -> Self {
        Self(self.0.callee(target, does))
    }

    fn presses(self, after: Duration, key: char) -> Self {
        Self(self.0.press(after, key))
    }

    fn says(self, lasts: Duration) -> Self {
        Self(self.0.message(lasts))
    }

    fn patience(self, patience: Duration) -> Self {
        Self(self.0.patience(patience))
    }

    fn talks(self, lasts: Duration, ends: Side) -> Self {
        Self(self.0.talk(lasts, ends))
    }

    fn expect(self, end: Ending, talks_with: &[&str], hears: &[&str], rings: &[&str]) -> Act {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (talks_with, hears, rings) = (owned(talks_with), owned(hears), owned(rings));
        Act { script: self.0, expect: Expect { end, talks_with, hears, rings, told: Vec::new() } }
    }
}

impl Act {
    fn tells(mut self, kind: &str) -> Self {
        self.expect.told.push(kind.to_owned());
        self
    }
}
