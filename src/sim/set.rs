//! A switch, as it is set by hand.

use super::chance::BadSetting;
use super::switches::Switches;

impl Switches {
    /// Sets one switch by `name=value`.
    ///
    /// # Errors
    /// No such switch or value; the message lists what there is.
    pub fn set(&mut self, text: &str) -> Result<(), BadSetting> {
        let (name, word) = text
            .split_once('=')
            .ok_or_else(|| BadSetting(format!("`{text}` is not a switch: write NAME=VALUE, like rebridge=refused")))?;
        if self.put(name, word) {
            return Ok(());
        }
        let known = Self::ALL.iter().find(|(switch, _)| *switch == name);
        Err(BadSetting(match known {
            Some((_, words)) => format!("the switch {name} has no value `{word}`: it may be {}", words.join(", ")),
            None => {
                let names: Vec<_> = Self::ALL.iter().map(|(switch, _)| *switch).collect();
                format!("there is no switch `{name}`: there are {}", names.join(", "))
            }
        }))
    }
}
