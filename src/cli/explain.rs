//! `switchhook explain`: why a call went as it did, or what one would meet.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::calls::{command, event, outcome, store, tell};
use super::common::{Common, Format, environment};
use super::failure::Failure;
use crate::app::{Told, load_rules};
use crate::call::{gist, story};
use crate::clock::Clock;
use crate::phone::{Number, Party};
use crate::prove::Ahead;
use crate::routing::Loaded;

/// Tell why a call went as it did: who got it and why, then all that happened. Or, with `--to`, what a call would meet:
/// which steps, and why
#[derive(Debug, clap::Args)]
#[command(override_usage = "switchhook explain [OPTIONS] <CALL>\n       switchhook explain [OPTIONS] --to <NUMBER>")]
pub struct Explain {
    /// The call's id, or how it begins
    #[arg(value_name = "CALL", required_unless_present = "to")]
    call: Option<String>,
    /// Tell what a call to this number of ours would meet; no call is made, and no database needed
    #[arg(long, value_name = "NUMBER", conflicts_with = "call")]
    to: Option<String>,
    /// Who would call: a number or a SIP address; his number is withheld (`anonymous`), unless it is said
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// When, by the clock of the file's `timezone`: "2026-12-24 12:00"; or in RFC 3339. Now, unless it is said
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The routing file; that of the settings, unless it is said
    #[arg(long, value_name = "FILE")]
    routes: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

impl Explain {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        match (&self.to, &self.call) {
            (Some(to), _) => self.ahead(to, common),
            (None, Some(_)) if self.from.is_some() || self.at.is_some() || self.routes.is_some() => {
                Err(Failure::usage("--from, --at and --routes go with --to: a call that was is told as it was"))
            }
            (None, Some(call)) => self.told(call, common).await,
            (None, None) => Err(Failure::usage("name a call, or say what one would be with --to")),
        }
    }

    fn ahead(&self, to: &str, common: &Common) -> Result<ExitCode, Failure> {
        let to = Number::parse(to).map_err(Failure::usage)?;
        let from = Party::read(self.from.as_deref().unwrap_or("anonymous"));
        if let Party::Other(text) = &from
            && text.starts_with('+')
        {
            Number::parse(text).map_err(Failure::usage)?;
        }
        let path = match &self.routes {
            Some(path) => path.clone(),
            None => common.settings(&[])?.routes(),
        };
        let (_, Loaded { rules, timezone, .. }) = load_rules(&path, &environment()).map_err(Failure::config)?;
        let at = match &self.at {
            Some(at) => moment(at, &timezone)?,
            None => Clock::system().now(),
        };
        let ahead = Ahead::of(&rules, &from, &Party::Number(to), at, &timezone);
        match self.format {
            Format::Json => anstream::println!("{:#}", json!(ahead)),
            Format::Text => anstream::print!("{ahead}"),
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn told(&self, call: &str, common: &Common) -> Result<ExitCode, Failure> {
        let store = store(common).await?;
        let Told { row, rules, chapters, commands } = tell(store.as_ref(), call).await?;
        store.close().await;
        let gist = gist(&chapters, &rules);
        match self.format {
            Format::Json => {
                let events: Vec<Value> = chapters.iter().map(|chapter| event(chapter, &rules)).collect();
                let commands: Vec<Value> = commands.iter().map(command).collect();
                let all = json!({ "call": row.state.id, "gist": gist, "events": events, "commands": commands });
                anstream::println!("{all:#}");
            }
            Format::Text => {
                anstream::println!("{gist}\n\ncall {}, {} UTC\n", row.state.id, row.state.began);
                anstream::print!("{}", story(&chapters, &rules));
                anstream::println!("\ncommands, and what became of them:");
                commands.iter().for_each(|row| anstream::println!("{}", outcome(row)));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A moment in RFC 3339, or by the clock on the wall.
fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let wall = || text.parse::<DateTime>().ok().and_then(|wall| wall.to_zoned(zone.clone()).ok());
    let at = text.parse::<Timestamp>().ok().or_else(|| wall().map(|zoned| zoned.timestamp()));
    at.ok_or_else(|| {
        let forms = "\"2026-12-24 12:00\" by the clock of the file's `timezone`, or 2026-12-24T12:00:00-05:00";
        Failure::usage(format!("`{text}` is no time: write {forms}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_by_the_clock_of_the_file() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let read = |text| moment(text, &zone).map(|at| at.to_string()).unwrap_or_default();
        assert_eq!(read("2026-12-24 12:00"), "2026-12-24T17:00:00Z");
        assert_eq!(read("2026-07-24T12:00:30"), "2026-07-24T16:00:30Z");
        assert_eq!(read("2026-12-24T12:00:00+01:00"), "2026-12-24T11:00:00Z");
        assert_eq!(read("2026-12-24"), "2026-12-24T05:00:00Z", "its midnight");
        assert_eq!([read("noon"), read("")], ["", ""]);
    }
}
