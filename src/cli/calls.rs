//! `switchhook calls`: what the database knows of calls.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

use super::common::{Common, Format};
use super::failure::Failure;
use crate::app::{NotTold, Told, open, tell_call};
use crate::call::{self, Came, Chapter, Kind, Link, News, Tape, told};
use crate::config::Database;
use crate::routing::{Hook, Rules};
use crate::store::{CallRow, OutboxRow, Store};

/// List the latest calls, or show one
#[derive(Debug, clap::Args)]
pub struct Calls {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The latest calls, the newest first
    List(List),
    /// One call: its legs, events and commands as they are stored
    Show(Show),
}

#[derive(Debug, clap::Args)]
struct List {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// How the result is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The call's id, or how it begins
    #[arg(value_name = "CALL")]
    call: String,
}

impl Calls {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let store = store(common).await?;
        match self.what {
            What::List(List { limit, format }) => {
                let rows = store.calls(limit).await.map_err(Failure::unavailable)?;
                match format {
                    Format::Json => anstream::println!("{}", Value::from_iter(rows.iter().map(state))),
                    Format::Text if rows.is_empty() => anstream::println!("there is no call yet"),
                    Format::Text => rows.iter().for_each(|row| anstream::println!("{}", line(row))),
                }
            }
            What::Show(Show { call }) => {
                let told = tell(store.as_ref(), &call).await?;
                let events: Vec<Value> = told.chapters.iter().map(|chapter| event(chapter, &told.rules)).collect();
                let commands: Vec<Value> = told.commands.iter().map(command).collect();
                let all = json!({ "call": state(&told.row), "events": events, "commands": commands });
                anstream::println!("{all:#}");
            }
        }
        store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// The database of the settings, also while a server uses it: nothing is written.
pub(super) async fn store(common: &Common) -> Result<Arc<dyn Store>, Failure> {
    let database = common.settings(&[])?.database().map_err(Failure::config)?;
    if let Database::Sqlite { path } = &database
        && !path.exists()
    {
        let path = path.display();
        let why = format!("there is no database {path} yet; if a server has another, name that in DATABASE_URL");
        return Err(Failure::unavailable(why));
    }
    let opened = open(&database, false).await.map_err(|why| Failure::unavailable(format!("{why:#}")))?;
    Ok(opened.store)
}

pub(super) async fn tell(store: &dyn Store, call: &str) -> Result<Told, Failure> {
    tell_call(store, call).await.map_err(|why| match why {
        NotTold::Unknown(_) | NotTold::Several(_) => Failure::usage(why),
        NotTold::Store(_) | NotTold::Rules(_) => Failure::unavailable(why),
    })
}

fn line(row: &CallRow) -> String {
    let call = &row.state;
    let id: String = call.id.to_string().chars().take(8).collect();
    let route = call.route.as_deref().unwrap_or("-");
    format!("{id}  {:.0}  {} to {}, route {route}: {}", call.began, call.from, call.to, call.in_short())
}

/// A call without what may be secret in it.
fn state(row: &CallRow) -> Value {
    let mut call = row.state.clone();
    for message in &mut call.messages {
        if let Came::Recorded(tape) = &mut message.came {
            hide(tape);
        }
    }
    json!(call)
}

/// Whoever has the address of a recording can listen to it.
fn hide(tape: &mut Tape) {
    tape.link = tape.link.as_ref().map(Link::shown);
}

pub(super) fn event(chapter: &Chapter, rules: &Rules) -> Value {
    let remarks = &chapter.decision.remarks;
    let why: Vec<String> = remarks.iter().filter_map(|remark| told(remark, chapter, rules)).collect();
    let mut event = chapter.event.clone();
    if let call::What::Leg { news: News::Recorded(tape), .. } = &mut event.what {
        hide(tape);
    }
    if let call::What::Settled(settled) = &mut event.what
        && let call::Verdict::Recordings { tapes } = &mut settled.verdict
    {
        tapes.iter_mut().for_each(hide);
    }
    json!({ "decided_at": chapter.at, "event": event, "remarks": remarks, "why": why })
}

pub(super) fn command(row: &OutboxRow) -> Value {
    let body = body(row);
    let path = hook(row).unwrap_or_else(|| row.path.clone());
    json!({
        "id": row.id, "kind": row.kind, "leg": row.leg, "path": path, "body": body, "status": row.status,
        "code": row.code,
    })
}

/// What a command says; of a notice without the address of the recording, which is for whoever is told.
fn body(row: &OutboxRow) -> String {
    let told = (row.kind == Kind::Notify).then(|| serde_json::from_slice::<Value>(&row.body).ok()).flatten();
    if let Some(mut told) = told
        && let Some(url) = told.pointer_mut("/recording/url")
        && let Some(text) = url.as_str()
    {
        *url = json!(Link(text.to_owned()).shown());
        return told.to_string();
    }
    String::from_utf8_lossy(&row.body).into_owned()
}

pub(super) fn outcome(row: &OutboxRow) -> String {
    let code = row.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    let whom = hook(row).unwrap_or_else(|| format!("for leg {}", row.leg.0));
    format!("{:>4}  {} {whom}: {}{code}", row.seq, row.kind, row.status)
}

/// Whom a notice is for: the whole address may hold a secret.
fn hook(row: &OutboxRow) -> Option<String> {
    (row.kind == Kind::Notify).then(|| Hook { url: row.path.clone() }.shown())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::call::{CallId, CommandId, Event, EventId, LegNo, Settled, Verdict, What, replay};
    use crate::routing::{Sources, load};

    #[test]
    fn nothing_that_is_shown_of_a_look_up_leads_to_a_recording() {
        let text = "version: 1\nnumbers: { '+12025550100': main }\nroutes: { main: [hangup] }\n";
        let sources = Sources { name: "routes.yaml".into(), text: text.to_owned(), ..Sources::default() };
        let rules = load(&sources).unwrap().rules;
        let tape = Tape { link: Some(Link("https://example.com/canary".into())), ..Tape::default() };
        let (command, kind, verdict) =
            (CommandId(Uuid::nil()), Kind::Recordings, Verdict::Recordings { tapes: vec![tape] });
        let what = What::Settled(Settled { command, kind, leg: LegNo::CALLER, verdict });
        let looked = Event { id: EventId("e".into()), at: None, what };
        let chapters = replay(CallId::of("leg"), &rules, [(Timestamp::UNIX_EPOCH, &looked)].into_iter());
        let shown = event(&chapters[0], &rules).to_string();
        assert!(shown.contains("https://example.com/") && !shown.contains("canary"), "{shown}");
    }
}
