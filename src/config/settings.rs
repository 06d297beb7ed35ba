//! The settings as texts, collected from everywhere.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::bad::BadSettings;
use super::known::{KNOWN, in_environment, known, unknown};
use crate::yaml::{self, Node};

/// The settings as texts, with where each was said.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: BTreeMap<&'static str, Said>,
    api_key: Option<SecretString>,
    admin_token: Option<SecretString>,
}

/// Where settings come from, so that they can be read again.
#[derive(Clone)]
pub struct Origin {
    /// The settings file.
    pub file: PathBuf,
    /// It was asked for by name: then it must be there.
    pub asked: bool,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// What the command line says.
    pub flags: Vec<(&'static str, Option<String>)>,
}

impl Origin {
    /// Collects the settings, as they are now.
    ///
    /// # Errors
    /// The file cannot be read, or something in it or in the environment is no setting.
    pub fn settings(&self) -> Result<Settings, BadSettings> {
        Settings::collect(&self.file, self.asked, &self.env, &self.flags)
    }

    /// If the file is there now, it must be from now on: that it is gone later does not take back what it said.
    pub fn is_there(&mut self) {
        self.asked |= self.file.exists();
    }
}

#[derive(Clone)]
struct Said {
    text: String,
    by: String,
    rank: Rank,
}

/// Who is believed, the last before all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Default,
    File,
    Environment,
    Line,
}

/// Without what was said: it may hold a password.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said").field("by", &self.by).field("rank", &self.rank).finish_non_exhaustive()
    }
}

impl Settings {
    /// Collects the settings. `file`: the settings file, whether it was `asked` for by name (then it must be there);
    /// `env`: the environment; `flags`: what the command line says.
    ///
    /// # Errors
    /// The file cannot be read, or something in it or in the environment is no setting.
    pub fn collect(
        file: &Path,
        asked: bool,
        env: &BTreeMap<String, String>,
        flags: &[(&'static str, Option<String>)],
    ) -> Result<Self, BadSettings> {
        let mut settings = Self::default();
        let mut bad = Vec::new();
        for (key, _, default) in KNOWN {
            settings.say(key, default.map(str::to_owned), "the default", Rank::Default);
        }
        match fs::read_to_string(file) {
            Ok(text) => settings.read_file(&file.display().to_string(), &text, &mut bad),
            Err(why) if !asked && why.kind() == ErrorKind::NotFound => {}
            Err(why) => bad.push(format!("{}: the settings file cannot be read: {why}", file.display())),
        }
        settings.read_env(env, &mut bad);
        for (key, value) in flags {
            settings.say(key, value.clone(), "the command line", Rank::Line);
        }
        if bad.is_empty() { Ok(settings) } else { Err(BadSettings(bad)) }
    }

    fn say(&mut self, key: &'static str, text: Option<String>, by: &str, rank: Rank) {
        if let Some(text) = text {
            self.values.insert(key, Said { text, by: by.to_owned(), rank });
        }
    }

    fn read_file(&mut self, name: &str, text: &str, bad: &mut Vec<String>) {
        // A file of nothing but comments says nothing.
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return;
        }
        let tree = match yaml::parse(text, 0) {
            Ok(tree) => tree,
            Err(flaw) => return bad.push(format!("{name}:{}:{}: {flaw}", flaw.at.line, flaw.at.column)),
        };
        bad.extend(tree.flaws.iter().map(|flaw| format!("{name}:{}:{}: {flaw}", flaw.at.line, flaw.at.column)));
        let Some(sections) = tree.root.as_map() else {
            return bad
                .push(format!("{name}:1:1: expected sections, like `server:` with `listen: 0.0.0.0:8080` under it"));
        };
        for section in &sections.entries {
            let Some(keys) = section.value.as_map() else {
                let at = section.at;
                bad.push(format!("{name}:{}:{}: expected settings under `{}:`", at.line, at.column, section.key));
                continue;
            };
            for entry in &keys.entries {
                let place = format!("{name}:{}:{}", entry.at.line, entry.at.column);
                match (known(&format!("{}.{}", section.key, entry.key)), as_said(&entry.value)) {
                    (Some(key), Some(text)) => self.say(key, Some(text), &place, Rank::File),
                    (Some(key), None) => bad.push(format!("{place}: `{key}` wants a text or a number")),
                    (None, _) => bad.push(format!("{place}: {}", unknown(&format!("{}.{}", section.key, entry.key)))),
                }
            }
        }
    }

    fn read_env(&mut self, env: &BTreeMap<String, String>, bad: &mut Vec<String>) {
        let (said, wrong) = in_environment(env);
        for (key, name, value) in said {
            self.say(key, Some(value.to_owned()), name, Rank::Environment);
        }
        bad.extend(wrong);
        let secret = |name: &str| env.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        self.api_key = secret("TELNYX_API_KEY").map(Into::into);
        self.admin_token = secret("SWITCHHOOK_ADMIN_TOKEN").map(Into::into);
    }

    /// The token of the admin listener, if it was said itself.
    pub(super) fn admin_token(&self) -> Option<SecretString> {
        self.admin_token.clone()
    }

    /// The settings that are others than there, but for these.
    pub fn others(&self, there: &Self, but: &[&str]) -> Vec<&'static str> {
        let keys = KNOWN.iter().map(|(key, ..)| *key).filter(|key| !but.contains(key));
        keys.filter(|key| self.text(key) != there.text(key)).collect()
    }

    /// The API key, if it was said itself.
    pub(super) fn api_key(&self) -> Option<SecretString> {
        self.api_key.clone()
    }

    /// Who said it.
    pub(super) fn by(&self, key: &str) -> &str {
        self.values.get(key).map_or("nobody", |said| &said.by)
    }

    /// Whether one setting is believed before another that says the same in its own way; the latter at equal rank.
    pub(super) fn outranks(&self, one: &str, other: &str) -> bool {
        let rank = |key: &str| self.values.get(key).filter(|said| !said.text.trim().is_empty()).map(|said| said.rank);
        rank(one) > rank(other)
    }

    /// What it says; empty if it says nothing.
    pub(super) fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", |said| said.text.trim())
    }

    /// What it says, if anything.
    pub(super) fn some(&self, key: &str) -> Option<String> {
        Some(self.text(key).to_owned()).filter(|text| !text.is_empty())
    }

    /// What is in the file that a setting names.
    pub(super) fn read_of(&self, key: &str, bad: &mut Vec<String>) -> Option<String> {
        let path = self.some(key)?;
        match fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => {
                bad.push(format!("{key}: {path} is empty"));
                None
            }
            Ok(text) => Some(text.trim().to_owned()),
            Err(why) => {
                bad.push(format!("{key}: {path} cannot be read: {why}"));
                None
            }
        }
    }

    /// What it says, as the type of `expected`.
    pub(super) fn parsed<T: std::str::FromStr>(&self, key: &str, expected: &str, bad: &mut Vec<String>) -> Option<T> {
        let said = self.values.get(key)?;
        let parsed = said.text.trim().parse().ok();
        if parsed.is_none() {
            bad.push(format!("{key} ({}): `{}` is not {expected}", said.by, said.text));
        }
        parsed
    }
}

/// A text, or a list of texts as it would stand in a variable.
fn as_said(node: &Node) -> Option<String> {
    let list = |items: &[Node]| Some(items.iter().map(Node::as_text).collect::<Option<Vec<_>>>()?.join(","));
    node.as_text().map(str::to_owned).or_else(|| node.as_list().and_then(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(env: &[(&str, &str)]) -> Settings {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::collect(Path::new("/no/such.yaml"), false, &env, &[]).unwrap()
    }

    #[test]
    fn no_secret_is_shown() {
        let settings = collected(&[
            ("DATABASE_URL", "postgres://me:canary@localhost/calls"),
            ("TELNYX_API_KEY", "KEY_canary"),
            ("TELNYX_PUBLIC_KEY", "KEY_canary_in_the_wrong_place"),
        ]);
        let shown = format!("{settings:?} {:?}", settings.database().unwrap());
        assert!(shown.contains("DATABASE_URL") && !shown.contains("canary"), "{shown}");
    }

    #[test]
    fn a_list_may_stand_in_the_file_or_in_a_variable() {
        let mut settings = collected(&[("SWITCHHOOK_LIMITS__STOP", "+1900*, sip:a@example.com")]);
        assert_eq!(settings.text("limits.stop"), "+1900*, sip:a@example.com");
        let mut bad = Vec::new();
        settings.read_file("settings.yaml", "limits:\n  stop: [\"+1900*\", \"+1976*\"]\n  stopped: true\n", &mut bad);
        assert_eq!((settings.text("limits.stop"), settings.text("limits.stopped")), ("+1900*,+1976*", "true"));
        settings.read_file("settings.yaml", "limits:\n  stop: {a: b}\n", &mut bad);
        assert!(bad.len() == 1 && bad[0].contains("`limits.stop` wants"), "{bad:?}");
    }

    #[test]
    fn a_value_is_believed_before_the_file_that_holds_one_but_the_environment_before_both() {
        let of = |env: &[(&str, &str)]| collected(env).outranks("telnyx.public_key_file", "telnyx.public_key");
        assert!(!of(&[("TELNYX_PUBLIC_KEY", "x"), ("TELNYX_PUBLIC_KEY_FILE", "y")]));
        assert!(of(&[("TELNYX_PUBLIC_KEY_FILE", "y")]));
        let mut settings = collected(&[("TELNYX_PUBLIC_KEY_FILE", "y")]);
        settings.read_file("settings.yaml", "telnyx:\n  public_key: x\n", &mut Vec::new());
        assert!(settings.outranks("telnyx.public_key_file", "telnyx.public_key"));
    }
}
