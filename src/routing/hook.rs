//! Where somebody outside is told of what became of a call.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An address that notices are posted to. It may hold a secret, so nothing that is shown has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hook {
    /// The http or https address.
    pub url: String,
}

impl Hook {
    /// Its host, with the port if it has one: all of it that may be shown.
    pub fn host(&self) -> &str {
        Self::host_of(&self.url)
    }

    /// The same of an address alone.
    pub fn host_of(url: &str) -> &str {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
        host.rsplit('@').next().unwrap_or_default()
    }

    /// The address without what may be secret in it.
    pub fn shown(&self) -> String {
        let scheme = self.url.split_once("://").map_or("?", |(scheme, _)| scheme);
        format!("{scheme}://{}/…", self.host())
    }
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

    #[test]
    fn its_host_is_all_that_is_shown() {
        for (url, host) in [
            ("https://example.com/secret", "example.com"),
            ("http://127.0.0.1:8090?token=secret", "127.0.0.1:8090"),
            ("https://anna:secret@example.com#secret", "example.com"),
            ("https://example.com\\secret@example.org", "example.com"),
            ("https://[::1]:8090/secret", "[::1]:8090"),
        ] {
            let hook = Hook { url: url.into() };
            assert_eq!(hook.host(), host);
            let shown = hook.shown();
            assert!(shown.ends_with(&format!("://{host}/…")) && !shown.contains("secret"), "{shown}");
        }
    }
}
