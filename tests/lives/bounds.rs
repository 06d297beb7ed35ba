//! Where a life may dial to: its list of countries, people of its file who are outside of that, and a judge of its own.

use fastrand::Rng;
use switchhook::play::Played;
use switchhook::sim::{Header, Script};

use super::draw::{LINE, OTHER_LINE, one_in, pick};

/// What a routing file says of it before it is changed.
pub const LIMITS: &str = "limits: {outbound: {countries: [US, DE]}}";

/// Where a life may dial to, as a list and as beginnings of numbers.
pub struct Bounds {
    name: &'static str,
    limits: &'static str,
    starts: &'static [&'static str],
    /// Who is in the file, who is to be refused in his place, and who is taken instead.
    people: Vec<(&'static str, &'static str, &'static str)>,
    /// It was refused.
    pub refused: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { name: "both", limits: LIMITS, starts: &["+1", "+49"], people: Vec::new(), refused: false }
    }
}

impl Bounds {
    pub fn draw(rng: &mut Rng) -> Self {
        const ANNA: &str = "+12025550111";
        const CLEO: &str = "+12025550113";
        const DORA: &str = "+493023125010";
        let dora = if rng.bool() { "sip:dora@example.net" } else { "+12025550114" };
        let usa = |name, limits| {
            let people = vec![(DORA, DORA, dora)];
            Self { name, limits, starts: &["+1"], people, refused: false }
        };
        let instead = |name, people| Self { name, people, ..Self::default() };
        match rng.u32(0..6) {
            0 => usa("US", "limits: {outbound: {countries: [US]}}"),
            1 => usa("ours", ""),
            2 => Self {
                name: "DE",
                limits: "limits: {outbound: {countries: DE}}",
                starts: &["+49"],
                people: vec![(ANNA, ANNA, "+493023125011"), (CLEO, CLEO, "+493023125013")],
                refused: false,
            },
            3 => instead("own number", vec![(ANNA, LINE, ANNA)]),
            4 => instead("own numbers", vec![(CLEO, OTHER_LINE, CLEO), (DORA, LINE, DORA)]),
            _ => instead("premium", vec![(CLEO, "+19005550100", CLEO)]),
        }
    }

    /// A file as it is to be refused: its limits say less than its people need, or one of them may never be dialled.
    pub fn forbidden(&self, text: &str) -> String {
        let text = text.replace(LIMITS, self.limits);
        self.people.iter().fold(text, |text, (who, bad, _)| text.replace(who, bad))
    }

    /// The same file with people who may be dialled.
    pub fn allowed(&self, text: &str) -> String {
        let text = text.replace(LIMITS, self.limits);
        self.people.iter().fold(text, |text, (who, _, good)| text.replace(who, good))
    }

    /// They do what those did in whose place they are.
    pub fn recast(&self, scripts: &mut [Script]) {
        for script in scripts {
            for (who, _, good) in &self.people {
                let does = script.callees.remove(*who).into_iter();
                script.callees.extend(does.map(|does| ((*good).to_owned(), does)));
            }
        }
    }

    /// Whether a leg may be made to somebody.
    fn allows(&self, target: &str) -> bool {
        let ours = target == LINE || target == OTHER_LINE || target.starts_with("+1900");
        target.starts_with("sip:") || (!ours && self.starts.iter().any(|start| target.starts_with(start)))
    }

    /// Adds what a life broke of it, and how often what came about.
    pub fn judge(&self, played: &mut Played) {
        let outside = |target: &&String| !self.allows(target);
        let rings = played.calls.iter().flat_map(|call| &call.outcome.rings).map(|ring| &ring.target);
        let broken: Vec<String> =
            rings.filter(outside).map(|target| format!("{target} is rung, where nobody may be dialled")).collect();
        played.broken.extend(broken);
        if self.name != "both" && !self.refused {
            played.broken.push(format!("the file is taken, and names somebody who may not be dialled: {}", self.name));
        }
        *played.counts.entry(format!("outbound.{}", self.name)).or_default() += 1;
        if self.refused {
            *played.counts.entry(format!("outbound.{} refused", self.name)).or_default() += 1;
        }
    }
}

/// Some calls were passed on to us, as often as a header of theirs says.
pub fn passed_on(script: &mut Script, rng: &mut Rng) {
    if one_in(6, rng) {
        let name = (*pick(&["X-Switchhook-Hops", "x-switchhook-hops", "X-Other"], rng)).to_owned();
        let value = (*pick(&["1", "2", "3", "3", "4", "9", "many", "300", ""], rng)).to_owned();
        script.headers.push(Header { name, value });
    }
}
