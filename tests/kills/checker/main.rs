//! Looks at what a run left behind: what the one who posted was answered, what is in the database, and what truly
//! happened at the simulated Telnyx and at whoever is told of missed calls and of messages. It knows nothing of the server
//! but its tables, and nothing of who drove the run but the rules of it and the files it wrote.
//!
//!     switchhook-check --client client.jsonl --ledger ledger.json --notices notices.jsonl --database URL
//!         [--ended-within SECONDS] [--calm-since MOMENT]
//!
//! It says what it counted, one line of JSON, and then what is broken, a line each. It ends with 1 if anything is.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the check")]

mod calls;
mod commands;
mod events;
mod notices;
mod report;
mod sources;

use std::process::ExitCode;

use report::Report;
use sources::{Orders, Sources};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(orders) = Orders::read(std::env::args().skip(1)) else {
        eprintln!(
            "usage: switchhook-check --client FILE --ledger FILE --notices FILE --database URL [--ended-within SECONDS] \
             [--calm-since MOMENT]"
        );
        return ExitCode::from(64);
    };
    let sources = Sources::read(&orders).await;
    let mut report = Report::default();
    events::check(&sources, &mut report);
    commands::check(&sources, &mut report);
    calls::check(&sources, &orders, &mut report);
    notices::check(&sources, &mut report);
    println!("{}", serde_json::to_string(&report.counts).unwrap());
    for breach in &report.breaches {
        println!("{breach}");
    }
    if report.breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
