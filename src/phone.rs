//! Phone numbers and SIP addresses. A value of these types exists only if its text was a good one.

use std::fmt;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, enums::PhoneNumberType};
use serde::{Deserialize, Serialize};

/// A number in E.164 form: `+`, then 7 to 15 digits, the first of them not zero.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Number(String);

/// A SIP address: `sip:` or `sips:`, a user, `@`, a host, optional parameters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SipUri(String);

/// Somebody who can be rung.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// By phone number.
    Number(Number),
    /// By SIP address.
    Sip(SipUri),
}

/// A party of a call as the network told it: never refused, only classed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Party {
    /// A number in E.164 form.
    Number(Number),
    /// A SIP address, with or without its scheme.
    Sip(String),
    /// Withheld, anonymous or empty.
    Withheld,
    /// Anything else: short codes, national forms, names.
    Other(String),
}

/// Why a text is not a number or an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadParty(String);

/// What a call to a number costs its caller, as far as the numbering plan tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tariff {
    /// An ordinary subscriber number.
    Ordinary,
    /// Premium rate: part of the price goes to the party called.
    Premium,
    /// Shared cost.
    Shared,
    /// A number that leads to its owner wherever he is, at a price of its own.
    Personal,
    /// A pager.
    Pager,
}

/// A country or territory, by its two letters (ISO 3166-1 alpha-2), upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

impl Number {
    /// Reads `+` and 7 to 15 digits.
    ///
    /// # Errors
    /// The text is not in E.164 form; the message says what was expected.
    pub fn parse(text: &str) -> Result<Self, BadParty> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        let good =
            (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if good {
            return Ok(Self(text.to_owned()));
        }
        let plain: String = text.chars().filter(|c| !" ()-./".contains(*c)).collect();
        let meant = if plain != text && plain.starts_with('+') { Self::parse(&plain).ok() } else { None };
        let write = meant.map_or("write + and 7 to 15 digits, like +12025550100".to_owned(), |number| {
            format!("write {number}, with nothing between its digits")
        });
        Err(BadParty(format!("`{}` is not a phone number: {write}", printable(text))))
    }

    /// The number as text, with its `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The country the number belongs to by the numbering plans; `None` for numbers of no country.
    pub fn country(&self) -> Option<Country> {
        let region = self.plan()?.get_region_code()?;
        Country::parse(&region.to_string()).ok()
    }

    /// Whether it is a number of this country. Some countries share some of their numbers: one of several is named by
    /// [`Number::country`].
    pub fn is_of(&self, country: Country) -> bool {
        let region =
            || PHONE_NUMBER_UTIL.get_supported_regions().find(|region| region.to_string() == country.to_string());
        let Some((plan, region)) = self.plan().and_then(|plan| Some((plan, region()?))) else { return false };
        // Whether the plan of a region has a number is asked of its digits alone.
        PHONE_NUMBER_UTIL.get_country_code_for_region(region) == Some(plan.country_code)
            && PHONE_NUMBER_UTIL.is_valid_number_for_region(&plan, region)
    }

    /// What the numbering plans say of the price of a call to it.
    pub fn tariff(&self) -> Tariff {
        match self.plan().map(|plan| plan.get_type()) {
            Some(PhoneNumberType::PremiumRate) => Tariff::Premium,
            Some(PhoneNumberType::SharedCost) => Tariff::Shared,
            Some(PhoneNumberType::PersonalNumber) => Tariff::Personal,
            Some(PhoneNumberType::Pager) => Tariff::Pager,
            _ if self.is_in_exchange_976() => Tariff::Premium,
            _ => Tariff::Ordinary,
        }
    }

    /// In North America the exchange 976 is premium rate in whatever area code, which the plans do not say.
    fn is_in_exchange_976(&self) -> bool {
        self.0.len() == "+12125550100".len() && self.0.starts_with("+1") && self.0.get(5..8) == Some("976")
    }

    fn plan(&self) -> Option<PhoneNumber> {
        PhoneNumber::parse(&self.0, None).ok()
    }
}

impl SipUri {
    /// Reads `sip:USER@HOST` or `sips:USER@HOST`, with parameters after `;` if wanted.
    ///
    /// # Errors
    /// No scheme, user or host, or characters that no SIP address has.
    pub fn parse(text: &str) -> Result<Self, BadParty> {
        let rest = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:"));
        let good = rest.and_then(|r| r.split_once('@')).is_some_and(|(user, host)| {
            !user.is_empty()
                && !host.is_empty()
                && text.len() <= 255
                && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
                && !host.contains('@')
        });
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(BadParty(format!("`{}` is not a SIP address: write it like sip:ben@example.com", printable(text))))
    }

    /// The address as text, with its scheme.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Target {
    /// Reads a number in E.164 form or a SIP address.
    ///
    /// # Errors
    /// The text is neither; the message says what was expected.
    pub fn parse(text: &str) -> Result<Self, BadParty> {
        if text.starts_with('+') {
            return Number::parse(text).map(Self::Number);
        }
        if text.starts_with("sip:") || text.starts_with("sips:") {
            return SipUri::parse(text).map(Self::Sip);
        }
        if (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadParty(format!(
                "`{text}` is a short number, of an emergency service or of one network: those are never dialled"
            )));
        }
        Err(BadParty(format!(
            "`{}` is neither a phone number (+12025550100) nor a SIP address (sip:ben@example.com)",
            printable(text)
        )))
    }

    /// The number or address as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(number) => number.as_str(),
            Self::Sip(uri) => uri.as_str(),
        }
    }
}

impl Party {
    /// Classes what the network told. Never fails: an unknown form is kept as it is.
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        if let Ok(number) = Number::parse(text) {
            return Self::Number(number);
        }
        let bare = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:")).unwrap_or(text);
        let user = bare.split('@').next().unwrap_or_default().to_ascii_lowercase();
        if matches!(user.as_str(), "" | "anonymous" | "restricted" | "unavailable" | "unknown" | "private") {
            return Self::Withheld;
        }
        if bare.contains('@') {
            return Self::Sip(text.to_owned());
        }
        Self::Other(text.to_owned())
    }

    /// The number, if the party has one in E.164 form.
    pub fn number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Sip(_) | Self::Withheld | Self::Other(_) => None,
        }
    }

    /// What the network told, as text; empty if it was withheld.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(number) => number.as_str(),
            Self::Sip(text) | Self::Other(text) => text,
            Self::Withheld => "",
        }
    }
}

impl Country {
    /// Reads two letters.
    ///
    /// # Errors
    /// The text is not two upper-case letters.
    pub fn parse(text: &str) -> Result<Self, BadParty> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Self([*a, *b])),
            _ => Err(BadParty(format!("`{}` is not a country: write its two letters, like US or DE", printable(text)))),
        }
    }

    /// Whether the numbering plans know it: `GB` is one, `UK` is none.
    pub fn has_numbers(&self) -> bool {
        let name = self.to_string();
        PHONE_NUMBER_UTIL.get_supported_regions().any(|region| region.to_string() == name)
    }
}

/// For logs: all but the last four digits of each number hidden. Seven digits in a row are a number, fewer are not.
pub fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(from) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(from);
        let (run, after) = digits.split_at(digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
        let hidden = if run.len() < 7 { 0 } else { run.len() - 4 };
        let (hide, show) = run.split_at(hidden);
        masked.push_str(before);
        masked.extend(hide.chars().map(|_| 'x'));
        masked.push_str(show);
        rest = after;
    }
    masked + rest
}

/// A text for a message: cut to a length one can read, nothing unprintable.
fn printable(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '?' } else { c }).collect()
}

macro_rules! text_type {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = BadParty;
            fn try_from(text: String) -> Result<Self, BadParty> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}
text_type!(Number, SipUri, Target, Country);

impl From<String> for Party {
    fn from(text: String) -> Self {
        Self::read(&text)
    }
}

impl From<Party> for String {
    fn from(party: Party) -> Self {
        party.as_str().to_owned()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Withheld => f.write_str("withheld"),
            Self::Number(_) | Self::Sip(_) | Self::Other(_) => f.write_str(self.as_str()),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{}", char::from(*b)))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key of a phone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(char);

impl Key {
    /// Every key of a phone. The one that ends an input elsewhere comes first.
    pub const ALL: [Self; 12] = [
        Self('#'),
        Self('*'),
        Self('0'),
        Self('1'),
        Self('2'),
        Self('3'),
        Self('4'),
        Self('5'),
        Self('6'),
        Self('7'),
        Self('8'),
        Self('9'),
    ];

    /// The key that sends this tone: `0` to `9`, `*`, `#`.
    pub fn of(tone: char) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.0 == tone)
    }

    /// Reads a key as a routing file has it: `0` to `9`, `star`, `pound`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.to_string() == word)
    }

    /// The tone it sends.
    pub fn tone(self) -> char {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            '*' => f.write_str("star"),
            '#' => f.write_str("pound"),
            digit => write!(f, "{digit}"),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_e164_or_nothing() {
        for good in ["+12025550100", "+493023125010", "+1234567"] {
            assert_eq!(Number::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "+", "12025550100", "+0123456789", "+1202555010a", "+1 202 555 0100", "+1234567890123456"] {
            assert!(Number::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_the_network_tells_is_classed_never_refused() {
        assert_eq!(Party::read("anonymous"), Party::Withheld);
        assert_eq!(Party::read("sip:anonymous@anonymous.invalid"), Party::Withheld);
        assert_eq!(Party::read(""), Party::Withheld);
        assert_eq!(Party::read("911"), Party::Other("911".into()));
        assert_eq!(Party::read("ben@example.com"), Party::Sip("ben@example.com".into()));
        assert!(Party::read("+12025550100").number().is_some());
    }

    #[test]
    fn country_and_tariff_come_from_the_numbering_plans() {
        let number = |text| Number::parse(text).unwrap();
        assert_eq!(number("+12025550100").country(), Country::parse("US").ok());
        assert_eq!(number("+493023125010").country(), Country::parse("DE").ok());
        assert_eq!(number("+19005550100").tariff(), Tariff::Premium);
        assert_eq!(number("+12025550100").tariff(), Tariff::Ordinary);
        assert!(Country::parse("GB").unwrap().has_numbers() && !Country::parse("UK").unwrap().has_numbers());
    }

    #[test]
    fn some_countries_share_numbers() {
        let is_of = |number: &str, country| Number::parse(number).unwrap().is_of(Country::parse(country).unwrap());
        assert!(is_of("+4741234567", "NO") && is_of("+4741234567", "SJ") && !is_of("+4741234567", "SE"));
        assert!(is_of("+12025550100", "US") && !is_of("+12025550100", "CA") && !is_of("+18765550123", "US"));
        assert!(is_of("+18005550100", "US") && is_of("+18005550100", "CA"));
        assert!(!is_of("+442025550100", "US") && !is_of("+12025550100", "UK") && !is_of("+80012345678", "US"));
    }

    #[test]
    fn logs_see_the_last_four_digits_only() {
        assert_eq!(masked("+12025550142"), "+xxxxxxx0142");
        let log = r#"{"route":"night-2","line":4123,"from":"+12025550142","to":"sip:12025550199@b1.example"}"#;
        let hidden = log.replace("1202555", "xxxxxxx");
        assert_eq!(masked(log), hidden, "each number by itself, and nothing that is none");
        assert_eq!(format!("{:?}", Number::parse("+12025550142").unwrap()), "+xxxxxxx0142");
    }
}
