//! `switchhook doctor`

use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use reqwest::Url;
use serde_json::json;

use super::finding::{Finding, State, exit_code};
use super::look;
use super::own::{Base, Routes, of_database, of_routes, of_settings};
use super::telnyx::{Asked, of_telnyx};
use super::webhook::{Probe, of_webhook};
use crate::app::gate_of;
use crate::cli::common::{Common, Format};
use crate::cli::failure::Failure;
use crate::clock::Clock;
use crate::config::Settings;
use crate::telnyx::client::Client;

/// See whether everything around the server is as calls need it, and say what to do
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// The routing file
    #[arg(long, value_name = "FILE")]
    routes: Option<PathBuf>,
    /// Where webhooks are to arrive; it is what the application at Telnyx says unless it is given
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// How the result is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

impl Doctor {
    pub(in crate::cli) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let flags = [("routes.file", self.routes.map(|path| path.display().to_string()))];
        let found = match common.collected(&flags) {
            Ok(settings) => examine(&settings, self.url.as_ref()).await?,
            Err(bad) => of_settings(&bad.0, false),
        };
        match self.format {
            Format::Json => {
                let good = exit_code(&found) == 0;
                anstream::println!("{:#}", json!({ "good": good, "checks": found }));
            }
            Format::Text => print(&found),
        }
        Ok(ExitCode::from(exit_code(&found)))
    }
}

/// Looks at everything, one after the other.
async fn examine(settings: &Settings, url: Option<&Url>) -> Result<Vec<Finding>, Failure> {
    let file = settings.routes();
    let routes = look::routes(&file);
    let base = match settings.database() {
        Ok(database) => look::database(&database).await,
        Err(_) => Base::Unknown,
    };
    let mut bad = Vec::new();
    let server = settings.server().map_err(|why| bad.extend(why.0)).ok();
    let client = server.as_ref().and_then(|server| {
        Client::new(&server.telnyx.base_url, &server.telnyx.api_key).map_err(|why| bad.push(why.to_string())).ok()
    });
    if let Some(limits) = server.as_ref().map(|server| &server.limits) {
        bad.extend(gate_of(limits).err().into_iter().flatten());
    }
    let connection = server.as_ref().map_or("", |server| &server.telnyx.connection);
    let asked = match &client {
        Some(client) => look::telnyx(client, connection, &Clock::system()).await,
        None => Asked::Not,
    };
    let probe = probe(url, &asked).await?;
    let stopped = server.as_ref().is_some_and(|server| server.limits.stopped);
    let mut found = of_settings(&bad, stopped);
    found.extend(of_routes(&file.display().to_string(), &routes));
    found.extend(of_database(&base));
    let routes: Option<&Routes> = routes.as_ref().ok();
    found.extend(of_telnyx(&asked, connection, url.map(Url::as_str), routes));
    found.extend(of_webhook(probe.as_ref()));
    Ok(found)
}

/// Tries the URL that was given, else the one that Telnyx has.
async fn probe(url: Option<&Url>, asked: &Asked) -> Result<Option<Probe>, Failure> {
    let at_telnyx = match asked {
        Asked::Answered { application: Some(application), .. } => Url::parse(&application.webhook_url).ok(),
        Asked::Answered { application: None, .. } | Asked::Not | Asked::Unreached(_) => None,
    };
    let Some(url) = url.cloned().or(at_telnyx) else { return Ok(None) };
    let probe = look::webhook(&url).await;
    probe.map(Some).map_err(|why| Failure::unavailable(format!("no web address can be asked from here: {why:#}")))
}

const DIM: Style = Style::new().dimmed();

fn print(found: &[Finding]) {
    for Finding { check, state, says, remedy, .. } in found {
        let (word, style) = shown(*state);
        anstream::println!("{style}{word:<8}{style:#} {check}: {says}");
        if let Some(remedy) = remedy {
            anstream::println!("         {DIM}-> {remedy}{DIM:#}");
        }
    }
    let count = |state| found.iter().filter(|one| one.state == state).count();
    let [wrong, warnings, skipped] = [State::Wrong, State::Warning, State::Skipped].map(count);
    anstream::println!("{wrong} wrong, {warnings} to look at, {skipped} skipped, {} good", count(State::Good));
}

fn shown(state: State) -> (&'static str, Style) {
    match state {
        State::Good => ("good", AnsiColor::Green.on_default()),
        State::Warning => ("warning", AnsiColor::Yellow.on_default()),
        State::Wrong => ("WRONG", AnsiColor::Red.on_default().bold()),
        State::Skipped => ("skipped", DIM),
    }
}
