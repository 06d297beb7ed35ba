//! `switchhook serve`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};
use uuid::Uuid;

use super::common::Common;
use super::failure::Failure;
use crate::app::{App, Parts, load_rules, open};
use crate::clock::Clock;
use crate::http::Limits;
use crate::telnyx::client::Client;

/// Run the server
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The routing file
    #[arg(long, value_name = "FILE")]
    routes: Option<PathBuf>,
    /// Where to listen for webhooks; port 0 picks a free one, and the log says which
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let flags = [
            ("routes.file", self.routes.map(|path| path.display().to_string())),
            ("server.listen", self.listen.map(|address| address.to_string())),
        ];
        let settings = common.settings(&flags)?;
        let server = settings.server().map_err(Failure::config)?;
        let env = std::env::vars().collect();
        let (sources, loaded) = load_rules(&server.routes, &env).map_err(Failure::config)?;
        for warning in &loaded.warnings {
            warn!("{warning}");
        }
        let client = Client::new(&server.telnyx.base_url, &server.telnyx.api_key).map_err(Failure::config)?;
        let listener = TcpListener::bind(server.listen).await.map_err(|why| {
            Failure::unavailable(format!(
                "cannot listen on {}: {why}; is another program using the port?",
                server.listen
            ))
        })?;
        let opened = open(&server.database, true).await.map_err(|why| Failure::unavailable(format!("{why:#}")))?;
        let parts = Parts {
            listener,
            limits: Limits { connections: server.connections, ..Limits::default() },
            alone: opened.lock.is_some(),
            store: opened.store,
            rules: (sources, loaded.rules),
            client,
            keys: server.telnyx.keys,
            line: server.telnyx.line,
            clock: Clock::system(),
            node: new_node(),
        };
        let app = App::start(parts).await.map_err(|why| Failure::unavailable(format!("{why:#}")))?;
        info!(address = %app.address, "listening for webhooks at /webhooks/telnyx");
        stopped().await;
        info!("stopping: what is under way is finished first");
        app.stop().await;
        drop(opened.lock);
        Ok(ExitCode::SUCCESS)
    }
}

/// Names this process among all that may share the database.
#[expect(clippy::disallowed_methods, reason = "two processes must never have the same name")]
fn new_node() -> Uuid {
    Uuid::new_v4()
}

/// Waits for SIGINT or SIGTERM.
async fn stopped() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
