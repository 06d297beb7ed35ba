//! `switchhook serve`

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};
use uuid::Uuid;

use super::common::Common;
use super::failure::Failure;
use crate::app::{Admin, App, Files, Parts, Recorder, gate_of, load_rules, open};
use crate::clock::Clock;
use crate::config::{Server, Settings};
use crate::engine::Sending;
use crate::http::{self, Limits, Token};
use crate::phone::masked;
use crate::routing::{Loaded, Sources};
use crate::telnyx::client::Client;

/// The exit code after a fault of our own: whatever watches over the process starts it again.
const BROKEN: u8 = 70;

/// Run the server
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The routing file
    #[arg(long, value_name = "FILE")]
    routes: Option<PathBuf>,
    /// Where to listen for webhooks; port 0 picks a free one, and the log says which
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where to listen for /readyz, /metrics and /-/reload: an address like the other, or `off`
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
    /// Write down what goes to Telnyx and what comes from there, a file each, without numbers, ids or keys: to learn
    /// what docs/telnyx-unknowns.md asks
    #[arg(long, value_name = "DIR")]
    record_contract: Option<PathBuf>,
}

impl Serve {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let flags = [
            ("routes.file", self.routes.map(|path| path.display().to_string())),
            ("server.listen", self.listen.map(|address| address.to_string())),
            ("server.admin_listen", self.admin_listen),
        ];
        let origin = common.origin(&flags);
        let settings = origin.settings().map_err(Failure::config)?;
        let Prepared { server, client, sources, loaded, sending } = prepare(&settings, &origin.env)?;
        for warning in &loaded.warnings {
            warn!("{}", masked(&warning.to_string()));
        }
        // Whoever asks it to stop while it starts is heard as well.
        let signals = signals().map_err(|why| Failure::unavailable(format!("signals cannot be heard: {why}")))?;
        let listener = bind(server.listen, "server.listen")?;
        let admin = match server.admin {
            Some(admin) => Some(Admin {
                listener: bind(admin.listen, "server.admin_listen")?,
                token: admin.token.as_ref().map(Token::new),
            }),
            None => None,
        };
        let opened = open(&server.database, true).await.map_err(|why| Failure::unavailable(format!("{why:#}")))?;
        let (clock, node) = (Clock::system(), new_node());
        let recorder = self.record_contract.map(|folder| Recorder::start(&folder, node, clock.clone())).transpose();
        let recorder = recorder.map_err(|why| Failure::config(format!("--record-contract: {why:#}")))?;
        let limits = Limits::of(server.connections);
        let connections_per_source = server.connections_per_source.unwrap_or(limits.connections_per_source);
        let parts = Parts {
            listener,
            limits: Limits { connections_per_source, ..limits },
            alone: opened.lock.is_some(),
            store: opened.store,
            rules: (sources, loaded.rules),
            client,
            keys: server.telnyx.keys,
            connection: server.telnyx.connection,
            clock,
            node,
            recorder,
            sending,
            files: Some(Files { routes: settings.routes(), origin, began: settings }),
            admin,
        };
        let app = App::start(parts).await.map_err(|why| Failure::unavailable(format!("{why:#}")))?;
        let code = attend(app, signals).await;
        drop(opened.lock);
        Ok(code)
    }
}

/// From the first call to the end.
async fn attend(mut app: App, [mut interrupt, mut terminate, mut hangup]: [Signal; 3]) -> ExitCode {
    if let Some(address) = app.admin_address {
        info!(%address, "listening for /readyz, /metrics and /-/reload");
    }
    info!(address = %app.address, "listening for webhooks at /webhooks/telnyx");
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = hangup.recv() => {
                info!("SIGHUP: the files are read again");
                app.reload();
            }
            part = app.failed() => {
                error!(part, "a part of the server has died, and this process ends; the next one goes on where it was");
                return ExitCode::from(BROKEN);
            }
        }
    }
    info!("stopping: what is under way is finished first");
    app.stop().await;
    ExitCode::SUCCESS
}

fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    let taken =
        |why: io::Error| format!("cannot listen on {address} ({setting}): {why}; is another program using the port?");
    http::listen(address).map_err(|why| Failure::unavailable(taken(why)))
}

/// What there is before anything is opened.
struct Prepared {
    server: Server,
    client: Client,
    sources: Sources,
    loaded: Loaded,
    sending: Sending,
}

/// Checks settings and rules, and tells everything that is wrong with both at once.
fn prepare(settings: &Settings, env: &BTreeMap<String, String>) -> Result<Prepared, Failure> {
    let mut bad = Vec::new();
    let server = settings.server().map_err(|why| bad.push(why.to_string())).ok();
    let client = server.as_ref().and_then(|server| {
        Client::new(&server.telnyx.base_url, &server.telnyx.api_key).map_err(|why| bad.push(why.to_string())).ok()
    });
    let rules = load_rules(&settings.routes(), env).map_err(|why| bad.push(why.to_string())).ok();
    let gate = server.as_ref().and_then(|server| gate_of(&server.limits).map_err(|why| bad.extend(why)).ok());
    match (server, client, rules, gate) {
        (Some(server), Some(client), Some((sources, loaded)), Some(gate)) => {
            let sending = Sending { rate: server.telnyx.rate, gate };
            Ok(Prepared { server, client, sources, loaded, sending })
        }
        _ => Err(Failure::config(bad.join("\n"))),
    }
}

/// Names this process among all that may share the database.
#[expect(clippy::disallowed_methods, reason = "two processes must never have the same name")]
fn new_node() -> Uuid {
    Uuid::new_v4()
}

/// SIGINT, SIGTERM and SIGHUP, from now on.
fn signals() -> io::Result<[Signal; 3]> {
    Ok([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?])
}
