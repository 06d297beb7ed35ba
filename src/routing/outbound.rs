//! Where we may dial. It is asked of every number of a file as that is read, of everybody a step is to ring, and once more
//! before a command leaves, then by the rules of that moment: the narrower counts.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::phone::{Country, Number, Target, Tariff};

/// Where we may dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Countries whose ordinary numbers may be dialled.
    pub countries: Vec<Country>,
    /// Our own numbers: never dialled, for we would call ourselves.
    pub ours: BTreeSet<Number>,
    /// How often a call may have been passed on before nobody is rung for it any more.
    pub hops: u8,
}

/// Why somebody is not rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forbidden {
    /// It is one of our own numbers.
    OurNumber,
    /// It is a premium-rate number.
    Premium,
    /// It is a shared-cost number.
    SharedCost,
    /// It is a personal number: dear, and nobody knows where it leads.
    Personal,
    /// It is a pager.
    Pager,
    /// It belongs to no country.
    NoCountry,
    /// It is in a country that is not allowed.
    Country(Country),
    /// The call was passed on too often: it goes round in circles.
    Hops,
}

impl Outbound {
    /// Why somebody may not be rung, by what is dialled. SIP addresses may: an operator has written each of them down.
    pub fn forbids(&self, to: &Target) -> Option<Forbidden> {
        match to {
            Target::Number(number) => self.forbids_number(number),
            Target::Sip(_) => None,
        }
    }

    /// The same of a destination as a request has it. One that cannot be read is nowhere.
    pub fn forbids_text(&self, to: &str) -> Option<Forbidden> {
        Target::parse(to).map_or(Some(Forbidden::NoCountry), |to| self.forbids(&to))
    }

    fn forbids_number(&self, number: &Number) -> Option<Forbidden> {
        if self.ours.contains(number) {
            return Some(Forbidden::OurNumber);
        }
        match number.tariff() {
            Tariff::Ordinary => {}
            Tariff::Premium => return Some(Forbidden::Premium),
            Tariff::Shared => return Some(Forbidden::SharedCost),
            Tariff::Personal => return Some(Forbidden::Personal),
            Tariff::Pager => return Some(Forbidden::Pager),
        }
        match number.country() {
            None => Some(Forbidden::NoCountry),
            Some(country) if self.countries.contains(&country) => None,
            Some(_) if self.countries.iter().any(|country| number.is_of(*country)) => None,
            Some(country) => Some(Forbidden::Country(country)),
        }
    }
}

impl Forbidden {
    /// The code that people find it under, like that of a refusal by Telnyx.
    pub fn code(self) -> &'static str {
        match self {
            Self::OurNumber => "limits.outbound.our_number",
            Self::Premium => "limits.outbound.premium",
            Self::SharedCost => "limits.outbound.shared_cost",
            Self::Personal => "limits.outbound.personal",
            Self::Pager => "limits.outbound.pager",
            Self::NoCountry | Self::Country(_) => "limits.outbound.countries",
            Self::Hops => "limits.outbound.hops",
        }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OurNumber => f.write_str("this is one of our own numbers: we would call ourselves"),
            Self::Premium => f.write_str("this is a premium-rate number"),
            Self::SharedCost => f.write_str("this is a shared-cost number"),
            Self::Personal => f.write_str("this is a personal number, which costs more than others"),
            Self::Pager => f.write_str("this is a pager, which costs more than others"),
            Self::NoCountry => f.write_str("this number belongs to no country"),
            Self::Country(country) => write!(f, "this number is in {country}"),
            Self::Hops => f.write_str("the call was passed on too often, and goes round in circles"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(countries: &[&str]) -> Outbound {
        let countries = countries.iter().map(|country| Country::parse(country).unwrap()).collect();
        Outbound { countries, ours: [Number::parse("+12025550100").unwrap()].into(), hops: 3 }
    }

    #[test]
    fn what_may_not_be_dialled_is_told_by_its_code() {
        let policy = policy(&["US", "GB"]);
        let germany = Forbidden::Country(Country::parse("DE").unwrap());
        let cases = [
            ("+12025550142", None),
            ("+442079460000", None),
            ("sip:ben@example.com", None),
            ("+12025550100", Some(Forbidden::OurNumber)),
            ("+19005550100", Some(Forbidden::Premium)),
            ("+12129765555", Some(Forbidden::Premium)),
            ("+491805123456", Some(Forbidden::SharedCost)),
            ("+447012345678", Some(Forbidden::Personal)),
            ("+447640123456", Some(Forbidden::Pager)),
            ("+80012345678", Some(Forbidden::NoCountry)),
            ("+493023125010", Some(germany)),
            ("911", Some(Forbidden::NoCountry)),
            ("", Some(Forbidden::NoCountry)),
        ];
        for (to, why) in cases {
            assert_eq!(policy.forbids_text(to), why, "{to}");
        }
        let mut codes: Vec<_> = cases.iter().filter_map(|(_, why)| Some(why.as_ref()?.code())).collect();
        codes.push(Forbidden::Hops.code());
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), 7);
        assert!(codes.iter().all(|code| code.starts_with("limits.outbound.")));
    }

    #[test]
    fn a_costly_number_is_none_of_an_allowed_country() {
        assert_eq!(policy(&[]).forbids_text("+19005550100"), Some(Forbidden::Premium));
        assert_eq!(policy(&["US"]).forbids_text("+18765550123"), Country::parse("JM").ok().map(Forbidden::Country));
    }
}
