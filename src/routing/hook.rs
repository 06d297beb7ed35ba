//! Where somebody outside is told of what became of a call.

use std::fmt;

/// An address that notices are posted to. It may hold a secret, so nothing that is shown has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hook {
    /// The http or https address.
    pub url: String,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_shown() {
        let hook = Hook { url: "https://example.com/secret".into() };
        assert_eq!(format!("{hook:?}"), "Hook(..)");
    }
}
