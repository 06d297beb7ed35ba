//! Asking files, database, Telnyx and the webhook address. Nothing is changed by it.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;

use super::own::{Base, NoRoutes, Routes};
use super::telnyx::Asked;
use super::webhook::{Answer, Probe};
use crate::app::{BadRules, load_rules};
use crate::cli::common::environment;
use crate::clock::Clock;
use crate::config::Database;
use crate::http::NOT_GENUINE;
use crate::prove::PickedUp;
use crate::routing::Action;
use crate::store::{examine_postgres, examine_sqlite};
use crate::telnyx::application::{self, Application};
use crate::telnyx::client::{Client, Looked, provide_tls};

/// How long anybody may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads the routing file, as `check` does.
pub fn routes(file: &Path) -> Result<Routes, NoRoutes> {
    let loaded = match load_rules(file, &environment()) {
        Ok((_, loaded)) => loaded,
        Err(BadRules::Wrong(problems)) => {
            return Err(NoRoutes::Wrong(problems.0.iter().map(ToString::to_string).collect()));
        }
        Err(unreadable @ BadRules::Unreadable(..)) => return Err(NoRoutes::Unreadable(unreadable.to_string())),
    };
    let rings = |action: &Action| matches!(action, Action::Ring(_) | Action::Transfer(_));
    let entries = loaded.rules.numbers.values().chain(&loaded.rules.rest);
    let rung = entries.map(|entry| PickedUp::of(&loaded.rules, entry.first).rung);
    Ok(Routes {
        numbers: loaded.rules.numbers.len(),
        rest: loaded.rules.rest.is_some(),
        dials: loaded.rules.steps.iter().any(|step| rings(&step.action)),
        unanswered: rung.max().unwrap_or_default(),
        warnings: loaded.warnings.iter().map(ToString::to_string).collect(),
    })
}

/// Looks at the database.
pub async fn database(database: &Database) -> Base {
    let seen = match database {
        Database::Postgres { url, .. } => examine_postgres(url.expose_secret()).await,
        Database::Sqlite { path } if !path.exists() => {
            let why_not = can_be_made(path).err().map(|why| format!("{why:#}"));
            return Base::NotYet { path: path.display().to_string(), why_not };
        }
        Database::Sqlite { path } => examine_sqlite(&path.to_string_lossy()).await,
    };
    seen.map_or_else(|why| Base::Unusable(why.to_string()), Base::There)
}

/// Whether a file can be made there, by making another one beside it.
fn can_be_made(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::tempfile_in(folder).with_context(|| format!("in {}", folder.display()))?;
    Ok(())
}

/// Asks Telnyx for the application.
pub async fn telnyx(client: &Client, connection: &str, clock: &Clock) -> Asked {
    let before = clock.now();
    let looked = client.look(&application::path(connection), PATIENCE).await;
    let after = clock.now();
    match looked {
        Err(why) => Asked::Unreached(why),
        Ok(Looked { status, date, body }) => {
            // It was somewhere between question and answer.
            let then = before.saturating_add(after.duration_since(before) / 2).unwrap_or(after);
            let ahead = date.map(|date| then.duration_since(date));
            let application = Application::read(&body).filter(|_| status == 200);
            Asked::Answered { status, ahead, application }
        }
    }
}

/// Posts something that is not signed to where webhooks go, and asks the same host how it is.
pub async fn webhook(url: &reqwest::Url) -> anyhow::Result<Probe> {
    provide_tls();
    let redirect = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().redirect(redirect).build()?;
    let mut health = url.clone();
    health.set_path("/healthz");
    health.set_query(None);
    let post = client.post(url.clone()).header("content-type", "application/json").body("{}");
    let door = match post.send().await {
        Err(why) => Err(reasons(why)),
        Ok(response) => {
            let status = response.status().as_u16();
            // A body that does not come is not ours.
            let body = response.bytes().await.unwrap_or_default();
            Ok(Answer { status, ours: body.as_ref() == NOT_GENUINE.as_bytes() })
        }
    };
    let health = client.get(health).send().await.map(|response| response.status().as_u16()).map_err(reasons);
    Ok(Probe { url: url.to_string(), door, health })
}

/// An error with all that caused it; the address stands beside it already.
fn reasons(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::from(error.without_url()))
}
