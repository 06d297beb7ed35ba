//! What is not dialled, for whatever call and by whatever rules it began with, from the moment it is in force: what the
//! operator has stopped, and where the rules of now do not let us dial.

use std::fmt;

use crate::call::Kind;
use crate::routing::{Forbidden, Outbound};

/// Where nothing is dialled to for now. Whoever sends asks it before a command leaves for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    stopped: bool,
    list: Vec<Stop>,
}

/// A number or an address, or how those begin that are meant.
#[derive(Clone, PartialEq, Eq)]
struct Stop {
    text: String,
    begins: bool,
}

/// Numbers do not belong in logs.
impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("begins", &self.begins).finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate that is shut for everybody, or for these: numbers like `+12025550100`, SIP addresses, or how one of them
    /// begins, with a star at its end: `+1900*`.
    ///
    /// # Errors
    /// Those that are neither; all others could be read.
    pub fn new<'a>(stopped: bool, list: impl IntoIterator<Item = &'a str>) -> Result<Self, Vec<String>> {
        let (mut gate, mut bad) = (Self { stopped, list: Vec::new() }, Vec::new());
        for text in list {
            match Stop::parse(text) {
                Some(stop) => gate.list.push(stop),
                None => bad.push(text.to_owned()),
            }
        }
        if bad.is_empty() { Ok(gate) } else { Err(bad) }
    }

    /// Whether a command to that destination must not leave: what forbids it. Only what rings somebody is ever stopped.
    /// `now` is where we may dial by the rules that new calls begin with: those of the call were asked as it was decided.
    pub fn shuts(&self, kind: Kind, to: &str, now: &Outbound) -> Option<&'static str> {
        match kind {
            Kind::Dial | Kind::Transfer if self.stopped => Some("limits.stopped"),
            Kind::Dial | Kind::Transfer if self.list.iter().any(|stop| stop.meets(to)) => Some("limits.stop"),
            Kind::Dial | Kind::Transfer => now.forbids_text(to).map(Forbidden::code),
            Kind::Answer | Kind::Reject | Kind::Hangup | Kind::Bridge => None,
            Kind::Speak | Kind::Play | Kind::Gather | Kind::StopPlay | Kind::Look | Kind::Find => None,
            Kind::Record | Kind::StopRecord => None,
            Kind::Recordings | Kind::Notify => None,
        }
    }
}

impl Stop {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let (start, begins) = text.strip_suffix('*').map_or((text.as_str(), false), |start| (start, true));
        let digits = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
        let number = start.strip_prefix('+').is_some_and(digits);
        let address = start.strip_prefix("sip:").is_some_and(|rest| !rest.is_empty() && !rest.contains(['*', ' ']));
        (number || address).then(|| Self { text: start.to_owned(), begins })
    }

    fn meets(&self, to: &str) -> bool {
        let to = to.to_ascii_lowercase();
        if self.begins { to.starts_with(&self.text) } else { to == self.text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::Country;

    fn usa() -> Outbound {
        Outbound { countries: vec![Country::parse("US").unwrap()], ours: [].into(), hops: 3 }
    }

    #[test]
    fn where_nobody_may_be_dialled_by_now_nobody_is() {
        let (gate, now) = (Gate::default(), usa());
        for kind in Kind::ALL {
            let rings = matches!(kind, Kind::Dial | Kind::Transfer);
            for (to, code) in [("+493023125010", "countries"), ("+19005550100", "premium"), ("", "countries")] {
                let code = format!("limits.outbound.{code}");
                assert_eq!(gate.shuts(kind, to, &now), Some(code.as_str()).filter(|_| rings), "{kind} {to}");
            }
            assert_eq!(gate.shuts(kind, "+12025550142", &now), None);
            assert_eq!(gate.shuts(kind, "sip:eve@example.com", &now), None);
        }
    }

    #[test]
    fn numbers_beginnings_and_addresses_are_stopped_and_nothing_else() {
        let gate = Gate::new(false, ["+12025550142", " +1900* ", "sip:Eve@Example.com", "sip:sales*"]).unwrap();
        let now = usa();
        for to in ["+12025550142", "+19005550100", "+1900", "sip:eve@EXAMPLE.com", "sip:sales2@example.com"] {
            assert_eq!(gate.shuts(Kind::Dial, to, &now), Some("limits.stop"), "{to}");
            assert_eq!(gate.shuts(Kind::Transfer, to, &now), Some("limits.stop"), "{to}");
            assert_eq!(gate.shuts(Kind::Hangup, to, &now), None);
        }
        for to in ["+12025550141", "+12025550143", "+18005550100", "sip:eve@example.com.au"] {
            assert_eq!(gate.shuts(Kind::Dial, to, &now), None, "{to}");
        }
    }

    #[test]
    fn the_switch_stops_whatever_rings_somebody() {
        let gate = Gate::new(true, []).unwrap();
        for kind in Kind::ALL {
            let rings = matches!(kind, Kind::Dial | Kind::Transfer);
            assert_eq!(gate.shuts(kind, "+12025550142", &usa()), rings.then_some("limits.stopped"), "{kind}");
            assert_eq!(Gate::default().shuts(kind, "+12025550142", &usa()), None);
        }
    }

    #[test]
    fn what_is_no_number_is_told() {
        let bad = ["1900*", "+", "*", "+1-900", "+1*900", "sip:", "sip:a b", ""];
        let told = Gate::new(false, bad.into_iter().chain(["+1900*"])).unwrap_err();
        assert_eq!(told, bad);
        let shown = format!("{:?}", Gate::new(true, ["+12025550142"]).unwrap());
        assert!(!shown.contains("2025550142"), "{shown}");
    }
}
